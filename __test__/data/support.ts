import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { Batch, BatchOptions, Dataset } from '../../src/data/dataset.js';
import { type ErrorCode, FirstspikeError } from '../../src/errors.js';

/** A folder for the files of one test file, removed at its end. */
export function temporaryFolder(): {
  path(name: string): string;
  write(name: string, bytes: Uint8Array | string): string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'firstspike-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write(name, bytes) {
      writeFileSync(path(name), bytes);
      return path(name);
    },
  };
}

/** An IDX file of unsigned bytes. */
export function encodeIdx(shape: readonly number[], data: ArrayLike<number>): Buffer {
  const header = Buffer.from([0, 0, 0x08, shape.length, ...new Array(4 * shape.length).fill(0)]);
  shape.forEach((n, axis) => {
    header.writeUInt32BE(n, 4 + 4 * axis);
  });
  return Buffer.concat([header, Uint8Array.from(data)]);
}

/** A CIFAR file: the bytes of the labels, then 3,072 bytes of pixels, for each image. */
export function encodeCifar(images: readonly { labels: readonly number[]; pixels: ArrayLike<number> }[]): Buffer {
  return Buffer.concat(images.flatMap(({ labels, pixels }) => [Uint8Array.from(labels), Uint8Array.from(pixels)]));
}

/** Expects a typed error whose every problem says what to do, and gives it back. */
export async function expectError(code: ErrorCode, action: () => unknown): Promise<FirstspikeError> {
  let error: unknown;
  try {
    await action();
  } catch (thrown) {
    error = thrown;
  }
  expect(error, `should have failed with ${code}`).toBeInstanceOf(FirstspikeError);
  const failure = error as FirstspikeError;
  expect(failure.code, failure.message).toBe(code);
  for (const { message, remedy } of failure.problems)
    expect([message, remedy].every((text) => text.length > 5)).toBe(true);
  return failure;
}

export async function collect(dataset: Dataset, options: BatchOptions = { size: 100 }): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of dataset.batches(options)) batches.push(batch);
  return batches;
}

/** All values of all images. */
export async function values(dataset: Dataset, options?: BatchOptions): Promise<number[]> {
  return (await collect(dataset, options)).flatMap(({ data }) => [...data]);
}
