/** Fits that were found before. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { requestFit } from '../../src/codes/fitting.js';
import { cachedFit, cacheFolder, forgetFits } from '../../src/fit/cache.js';
import * as search from '../../src/fit/run.js';

const settings = { steps: 4, price: 0, restarts: 1, seed: 0 };
const request = requestFit('fs', Math.tanh, [-4, 4], 'uniform', settings);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'firstspike-cache-'));
  vi.stubEnv('FIRSTSPIKE_CACHE', folder);
  forgetFits();
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const files = () => readdirSync(join(folder, 'fits')).map((name) => join(folder, 'fits', name));

test('a fit is found once, in memory and on disk', async () => {
  const found = await cachedFit(request);
  const run = vi.spyOn(search, 'runFit');
  expect(await cachedFit(request)).toEqual(found);
  forgetFits();
  expect(await cachedFit(request)).toEqual(found);
  expect(run).not.toHaveBeenCalled();
  expect(files()).toHaveLength(1);
});

test('whatever is asked for differently is another fit', async () => {
  await cachedFit(request);
  await cachedFit({ ...request, seed: 1 });
  await cachedFit({ ...request, target: request.target.map((y) => y / 2) });
  await cachedFit({ ...request, range: [-4, 5] });
  expect(files()).toHaveLength(4);
});

test.each<[string, (text: string) => string]>([
  ['truncated', (text) => text.slice(0, text.length / 2)],
  ['empty', () => ''],
  ['of another form', () => '{"fit":{"threshold":[1]},"digest":"0"}'],
  ['changed', (text) => text.replace(/"threshold":\[[^,]*/, '"threshold":[0.5')],
])('a file that is %s is replaced', async (_, damage) => {
  const found = await cachedFit(request);
  const [file] = files();
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, damage(text));
  forgetFits();
  expect(await cachedFit(request)).toEqual(found);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

test('a folder that cannot be written costs time only', async () => {
  vi.stubEnv('FIRSTSPIKE_CACHE', join(folder, 'file'));
  writeFileSync(join(folder, 'file'), '');
  expect((await cachedFit(request)).threshold).toHaveLength(4);
});

test('the folder is that of the platform unless one is named', () => {
  expect(cacheFolder()).toBe(folder);
  vi.stubEnv('FIRSTSPIKE_CACHE', '');
  expect(cacheFolder()).toBeUndefined();
  vi.stubEnv('FIRSTSPIKE_CACHE', undefined);
  expect(cacheFolder()?.startsWith(process.env.XDG_CACHE_HOME ?? homedir())).toBe(true);
});
