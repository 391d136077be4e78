// Installs and builds what is missing or out of date, so that `npm run demo` and `npm test` work in a fresh clone.

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** Time of the last change among files and all files below folders, in ms; 0 where nothing is there. */
function changed(...paths) {
  let last = 0;
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    const below = stat.isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [];
    last = Math.max(last, stat.mtimeMs, changed(...below));
  }
  return last;
}

/** Runs a command line, shows its output, and ends the process where it fails. */
function run(line, reason) {
  console.log(`> ${line}  (${reason})`);
  const { status } = spawnSync(line, { shell: true, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`setup: "${line}" failed`);
    process.exit(status ?? 1);
  }
}

if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  run('npm ci', 'node_modules is missing or older than package-lock.json');
}

const addon = readdirSync('.').filter((name) => name.endsWith('.node'));
if (addon.length === 0 || changed(...addon, 'native.js') < changed('crates', 'Cargo.toml', 'Cargo.lock')) {
  const { error } = spawnSync('cargo', ['--version']);
  if (error) {
    console.error('setup: cargo is missing. The simulation kernel is written in Rust: https://rustup.rs installs it.');
    process.exit(1);
  }
  run('npm run build:addon', 'the addon is missing or older than its sources');
}

if (changed('dist/index.js') < changed('src', 'native.d.ts', 'tsconfig.json')) {
  run('npm run build:ts', 'dist is missing or older than its sources');
}
