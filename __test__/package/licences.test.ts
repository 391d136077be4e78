import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { linkedCrates } from '../../scripts/third-party.mjs';

// What is linked into the addon or installed with the package must be free to use wherever the package is.
const allowed = new Set(['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC']);

/** Whether an SPDX expression such as `(MIT OR Apache-2.0) AND ISC` can be met with the allowed licences. */
function acceptable(expression: string): boolean {
  const terms = expression.replace(/[()]/g, '').split(' AND ');
  return terms.every((term) => term.split(/ OR |\//).some((licence) => allowed.has(licence)));
}

test('crates linked into the addon', () => {
  const crates = linkedCrates();
  expect(crates.map(({ name }) => name)).toContain('napi');
  expect(crates.filter(({ license }) => !acceptable(license ?? 'none'))).toEqual([]);
});

test('packages installed with firstspike', () => {
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'));
  const installed = Object.entries<{ dev?: boolean; license?: string }>(lock.packages).filter(([, { dev }]) => !dev);
  expect(installed.filter(([, { license }]) => !acceptable(license ?? 'none'))).toEqual([]);
});
