import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json'));

test('one version everywhere', () => {
  const cargo = /^\[workspace\.package\]\nversion = "(.*)"/m.exec(read('Cargo.toml'))?.[1];
  const crates = [...read('Cargo.lock').matchAll(/^name = "firstspike-.*"\nversion = "(.*)"/gm)].map(([, v]) => v);
  const lock = JSON.parse(read('package-lock.json'));
  expect({ cargo, crates: [...new Set(crates)], lock: [lock.version, lock.packages[''].version] }).toEqual({
    cargo: manifest.version,
    crates: [manifest.version],
    lock: [manifest.version, manifest.version],
  });
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## \\[?${manifest.version.replaceAll('.', '\\.')}`, 'm'));
});

test('every target of package.json can be built and is released', () => {
  const build = read('scripts/build-addons.sh');
  const release = read('.github/workflows/release.yml');
  for (const target of manifest.napi.targets as string[]) {
    expect(build).toContain(`${target})`);
    if (!target.includes('-linux-')) expect(release).toContain(target);
  }
});
