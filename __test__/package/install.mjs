// Installs packed packages in an empty folder, as a user's `npm install firstspike` would, and runs smoke.mjs there.
//
//   node __test__/package/install.mjs [DIR]      DIR as scripts/pack.mjs wrote it; default: target/packages
//
// The platform packages stand in for those of the registry (`overrides`), so that npm itself picks, by its own rules, the
// one that fits this machine.

import { execSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packages = resolve(process.argv[2] ?? fileURLToPath(new URL('../../target/packages', import.meta.url)));
const tarballs = readdirSync(packages).filter((name) => name.endsWith('.tgz'));
const main = tarballs.filter((name) => /^firstspike-\d/.test(name));
if (main.length !== 1) throw new Error(`${packages} holds ${main.length} main packages, not one`);

const url = (name) => pathToFileURL(join(packages, name)).href;
const folder = mkdtempSync(join(tmpdir(), 'firstspike-install-'));
try {
  const overrides = {};
  for (const name of tarballs) {
    if (name !== main[0]) overrides[name.replace(/-\d+\.\d+\.\d+.*$/, '')] = url(name);
  }
  const manifest = { private: true, type: 'module', dependencies: { firstspike: url(main[0]) }, overrides };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  const options = { cwd: folder, stdio: 'inherit' };
  execSync('npm install --no-audit --no-fund --prefer-offline --loglevel error', options);
  for (const file of ['smoke.mjs', '../../demo/digits-bn.onnx']) {
    cpSync(fileURLToPath(new URL(file, import.meta.url)), join(folder, basename(file)));
  }
  execSync(`"${process.execPath}" smoke.mjs`, options);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
