// Packs what npm publishes: the main package, and beside it one package per platform whose addon is at hand.
//
//   node scripts/pack.mjs [--addons DIR] [--out DIR] [--all]
//
// --addons  folder of the firstspike.<platform>.node files; default: this folder, which holds the host's own
// --out     folder for the tarballs; default: target/packages
// --all     fail unless every platform's addon is there
//
// The main package names the platform packages as optional dependencies of its own version, so npm installs the one
// that fits. Nothing in the working tree is changed.

import { execSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { thirdPartyLicences } from './third-party.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    addons: { type: 'string', default: root },
    out: { type: 'string', default: join(root, 'target', 'packages') },
    all: { type: 'boolean', default: false },
  },
});
const addons = resolve(values.addons);
const out = resolve(values.out);

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
const pack = (folder) =>
  execSync(`npm pack --loglevel error --pack-destination "${out}"`, {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });

const main = readJson(join(root, 'package.json'));
// Provenance wants the repository that built the package, which only the release knows for certain.
const { GITHUB_REPOSITORY } = process.env;
if (GITHUB_REPOSITORY) main.repository = { type: 'git', url: `git+https://github.com/${GITHUB_REPOSITORY}.git` };

const stage = mkdtempSync(join(tmpdir(), 'firstspike-pack-'));
try {
  for (const name of [...main.files, 'README.md']) {
    if (!existsSync(join(root, name))) throw new Error(`${name} is missing: \`npm run build\` first?`);
    cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  writeJson(join(stage, 'package.json'), main);
  const napi = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
  execSync(`"${process.execPath}" "${napi}" create-npm-dirs --cwd "${stage}"`, { stdio: 'ignore' });

  const licences = main.files.filter((name) => name.startsWith('LICENSE'));
  const thirdParty = thirdPartyLicences();
  mkdirSync(out, { recursive: true });
  main.optionalDependencies = {};
  for (const platform of readdirSync(join(stage, 'npm'))) {
    const folder = join(stage, 'npm', platform);
    const manifest = readJson(join(folder, 'package.json'));
    main.optionalDependencies[manifest.name] = manifest.version;
    const addon = join(addons, manifest.main);
    if (!existsSync(addon)) {
      if (values.all) throw new Error(`${manifest.main} is missing in ${addons}`);
      continue;
    }
    cpSync(addon, join(folder, manifest.main));
    for (const name of licences) cpSync(join(root, name), join(folder, name));
    writeFileSync(join(folder, 'THIRD-PARTY-LICENSES'), thirdParty);
    const files = [...manifest.files, ...licences, 'THIRD-PARTY-LICENSES'];
    writeJson(join(folder, 'package.json'), { ...manifest, files });
    pack(folder);
  }
  writeJson(join(stage, 'package.json'), main);
  pack(stage);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
