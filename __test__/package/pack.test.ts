import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

// Needs the build (`npm test` makes it) and the npm registry or its cache.

const root = fileURLToPath(new URL('../..', import.meta.url));
const node = (script: string, ...args: string[]) =>
  execFileSync(process.execPath, [join(root, script), ...args], { encoding: 'utf8' });
const packages = mkdtempSync(join(tmpdir(), 'firstspike-packages-'));

beforeAll(() => {
  node('scripts/pack.mjs', '--out', packages);
}, 120_000);

afterAll(() => {
  rmSync(packages, { recursive: true, force: true });
});

/** Sorted paths inside a tarball. */
function contents(tarball: string): string[] {
  const listing = execFileSync('tar', ['-tzf', tarball], { cwd: packages, encoding: 'utf8' });
  return listing
    .trim()
    .split(/\r?\n/)
    .map((path) => path.replace('package/', ''))
    .sort();
}

test('the main package holds the build, what the demo reads, and its papers, nothing else', () => {
  const [main] = readdirSync(packages).filter((name) => /^firstspike-\d/.test(name));
  const paths = contents(main ?? 'no main package');
  expect(paths.filter((path) => !path.startsWith('dist/'))).toEqual([
    'CHANGELOG.md',
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'demo/digits-bn.onnx',
    'demo/t10k-images-idx3-ubyte.gz',
    'demo/t10k-labels-idx1-ubyte.gz',
    'demo/train-first1000-images-idx3-ubyte.gz',
    'index.d.ts',
    'native.d.ts',
    'native.js',
    'package.json',
  ]);
  expect(paths).toContain('dist/index.js');
  expect(paths).toContain('dist/index.d.ts');
});

test('the platform package holds the addon', () => {
  const platforms = readdirSync(packages).filter((name) => !/^firstspike-\d/.test(name));
  expect(platforms).toHaveLength(1);
  const paths = contents(platforms[0] ?? '');
  expect(paths.filter((path) => path.endsWith('.node'))).toHaveLength(1);
  expect(paths).toContain('LICENSE-MIT');
  expect(paths).toContain('THIRD-PARTY-LICENSES');
});

test('both, installed in an empty folder, run', () => {
  expect(node('__test__/package/install.mjs', packages)).toMatch(/^firstspike \d.* runs on /m);
}, 120_000);
