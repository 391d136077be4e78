/**
 * Fits that were found before, in memory and in the user's cache folder. The key is a digest of all that was asked for,
 * so that nothing is ever out of date. A file that is missing, damaged or cannot be written costs time, nothing else.
 */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { FitRequest, FitResult } from '../codes/fitting.js';
import { type FitRun, runFit } from './run.js';

/** Of the fitter: fits of others are not used. */
const VERSION = 2;
/** Most fits that are held in memory. */
const MOST = 1024;

const held = new Map<string, FitResult>();

/** Folder of the cache: FIRSTSPIKE_CACHE, or that of the platform; nothing if FIRSTSPIKE_CACHE is empty. */
export function cacheFolder(): string | undefined {
  const { FIRSTSPIKE_CACHE: named, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (named !== undefined) return named === '' ? undefined : named;
  if (process.platform === 'win32' && local) return join(local, 'firstspike');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'firstspike');
  return join(xdg || join(homedir(), '.cache'), 'firstspike');
}

/** Finds what {@link runFit} would, faster if it was asked for before. */
export async function cachedFit(request: FitRequest, run: FitRun = {}): Promise<FitResult> {
  const key = digest(request);
  const file = fileOf(key);
  const known = held.get(key) ?? (file ? await read(file, request) : undefined);
  if (known) run.onProgress?.(1);
  const found = known ?? (await runFit(request, run));
  if (!known && file) await write(file, found);
  held.delete(key);
  held.set(key, found);
  for (const oldest of held.keys()) {
    if (held.size <= MOST) break;
    held.delete(oldest);
  }
  return found;
}

/** Forgets what is held in memory; files stay. */
export function forgetFits(): void {
  held.clear();
}

function digest({ target, weight, ...settings }: FitRequest): string {
  const hash = createHash('sha256');
  const entries = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify([VERSION, entries, target.length]));
  for (const numbers of [target, weight]) {
    hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  }
  return hash.digest('hex');
}

function fileOf(key: string): string | undefined {
  const folder = cacheFolder();
  return folder && join(folder, 'fits', `${key}.json`);
}

async function read(file: string, request: FitRequest): Promise<FitResult | undefined> {
  try {
    const { fit, digest: expected } = JSON.parse(await readFile(file, 'utf8'));
    return digestOf(fit) === expected && isFit(fit, request) ? fit : undefined;
  } catch {
    return undefined;
  }
}

async function write(file: string, fit: FitResult): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await mkdir(join(file, '..'), { recursive: true });
    // A reader sees the whole file or none.
    await writeFile(draft, JSON.stringify({ digest: digestOf(fit), fit }));
    await rename(draft, file);
  } catch {
    await rm(draft, { force: true }).catch(() => {});
  }
}

function digestOf(fit: unknown): string {
  return createHash('sha256').update(JSON.stringify(fit)).digest('hex');
}

/** Whether something has the form of what was asked for. */
function isFit(fit: FitResult, { code, steps, secondRange }: FitRequest): boolean {
  const lengths = {
    threshold: steps,
    output: steps,
    reset: code === 'fs' ? steps : 0,
    input: code === 'amos' ? steps : 0,
    second: secondRange ? steps : 0,
    inhibition: code === 'amos' ? (steps * (steps - 1)) / 2 : 0,
  };
  const arrays = Object.entries(lengths).every(([name, length]) => {
    const numbers: readonly unknown[] = fit[name as keyof typeof lengths];
    return numbers.length === length && numbers.every(Number.isFinite);
  });
  return arrays && [fit.weightedMse, fit.mse, fit.maxError, fit.spikes].every(Number.isFinite);
}
