import { describe, expect, test } from 'vitest';
import { readAhead } from '../../src/evaluate/read-ahead.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('reading ahead', () => {
  test('gives the same items in the same order', async () => {
    async function* stream() {
      yield* [1, 2, 3];
    }
    expect(await all(readAhead(stream()))).toEqual([1, 2, 3]);
    expect(await all(readAhead([4, 5]))).toEqual([4, 5]);
    expect(await all(readAhead([]))).toEqual([]);
  });

  test('asks for the next item before the one at hand is done with, and for no more', async () => {
    let asked = 0;
    async function* stream() {
      for (;;) yield ++asked;
    }
    for await (const item of readAhead(stream())) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(asked).toBe(item + 1);
      if (item === 4) break;
    }
  });

  test('ends the source when the consumer stops, and passes errors on in their place', async () => {
    let ended = false;
    async function* stream() {
      try {
        yield 1;
        yield 2;
        throw new Error('broken');
      } finally {
        ended = true;
      }
    }
    for await (const item of readAhead(stream())) if (item === 1) break;
    expect(ended).toBe(true);
    const seen: number[] = [];
    await expect(async () => {
      for await (const item of readAhead(stream())) seen.push(item);
    }).rejects.toThrow('broken');
    expect(seen).toEqual([1, 2]);
  });
});
