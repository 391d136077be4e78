// The crates of other authors that are linked into the addon, on any platform.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Crates with `name`, `version`, `license` (an SPDX expression) and `folder`, in the order of their names. */
export function linkedCrates() {
  const output = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { packages, resolve } = JSON.parse(output);
  const crates = new Map(packages.map((crate) => [crate.id, crate]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const linked = new Set();
  const visit = (id) => {
    // A procedural macro runs in the compiler: neither it nor what it uses is linked.
    if (linked.has(id) || crates.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))) return;
    linked.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id).deps) if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
  };
  visit(packages.find(({ name }) => name === 'firstspike-node').id);
  return [...linked]
    .map((id) => crates.get(id))
    .filter(({ source }) => source !== null) // without a source: our own
    .map(({ name, version, license, manifest_path }) => ({ name, version, license, folder: dirname(manifest_path) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Their licences, in full: what must travel with the binary. */
export function thirdPartyLicences() {
  const texts = new Map();
  for (const { name, version, license, folder } of linkedCrates()) {
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|unlicense)/i.test(file));
    for (const file of files.sort()) {
      const text = readFileSync(join(folder, file), 'utf8').trim();
      texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
    }
    if (files.length === 0) texts.set(`${name} ${version}: ${license}`, [`${name} ${version} (${license})`]);
  }
  const parts = [...texts].map(([text, crates]) => `${crates.join('\n')}\n\n${text}\n`);
  return `Crates linked into the addon, and their licences\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
