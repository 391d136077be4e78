import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';
import { collect, encodeIdx, expectError, temporaryFolder } from './support.js';

const folder = temporaryFolder();
const COUNT = 10;
const images = folder.write(
  'images: 1',
  encodeIdx(
    [COUNT, 1, 1],
    Array.from({ length: COUNT }, (_, i) => i),
  ),
);
const labels = folder.write(
  'labels',
  encodeIdx(
    [COUNT],
    Array.from({ length: COUNT }, (_, i) => 100 + i),
  ),
);
const open = () => openDataset(`idx:${images},${labels}`, { preprocess: 'raw' });

describe('batches', () => {
  it.each([
    {
      size: 4,
      expected: [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
      ],
    },
    {
      size: 4,
      skip: 3,
      expected: [
        [3, 4, 5, 6],
        [7, 8, 9],
      ],
    },
    { size: 4, limit: 5, expected: [[0, 1, 2, 3], [4]] },
    { size: 2, skip: 7, limit: 2, expected: [[7, 8]] },
    { size: 3, skip: 8, limit: 100, expected: [[8, 9]] },
    { size: 1000, expected: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] },
    { size: 3, skip: 10, expected: [] },
    { size: 3, skip: 99, expected: [] },
    { size: 3, limit: 0, expected: [] },
    { size: 5, limit: Number.POSITIVE_INFINITY, skip: 9, expected: [[9]] },
  ])('of $size, skip $skip, limit $limit', async ({ expected, ...options }) => {
    const batches = await collect(await open(), options);
    expect(batches.map(({ data }) => [...data])).toEqual(expected);
    expect(batches.map(({ start }) => start)).toEqual(expected.map(([first]) => first));
    expect(batches.map((batch) => [...(batch.labels ?? [])])).toEqual(expected.map((b) => b.map((i) => 100 + i)));
    expect(batches.map(({ shape }) => shape)).toEqual(expected.map((b) => [b.length, 1, 1, 1]));
  });

  it('may be streamed twice, and at the same time', async () => {
    const dataset = await open();
    const [once, twice] = await Promise.all([collect(dataset, { size: 3 }), collect(dataset, { size: 3 })]);
    expect(once).toEqual(twice);
  });

  it('belong to the consumer', async () => {
    const dataset = await open();
    for (const batch of await collect(dataset)) {
      batch.data.fill(-1);
      batch.labels?.fill(-1);
    }
    const [batch] = await collect(dataset);
    expect([batch.data[3], batch.labels?.[3]]).toEqual([3, 103]);
  });

  it('end with the reason of the signal', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { start } of (await open()).batches({ size: 2, signal: controller.signal })) {
        seen.push(start);
        if (start === 2) controller.abort(new Error('enough'));
      }
    };
    await expect(run()).rejects.toThrow('enough');
    expect(seen).toEqual([0, 2]);
  });

  it.each([
    { size: 0 },
    { size: -1 },
    { size: 1.5 },
    { size: Number.NaN },
    { size: 1, skip: -1 },
    { size: 1, skip: 0.5 },
    { size: 1, limit: -1 },
    { size: 1, limit: Number.NaN },
    { size: '4' as unknown as number },
  ])('are refused at once: %j', async (options) => {
    const dataset = await open();
    await expectError('OPTION_INVALID', () => dataset.batches(options));
  });

  it('names all options that are wrong', async () => {
    const dataset = await open();
    const error = await expectError('OPTION_INVALID', () => dataset.batches({ size: 0, skip: -1, limit: -1 }));
    expect(error.problems).toHaveLength(3);
  });
});

describe('data sets', () => {
  it.each([
    '',
    'idx',
    'idx:',
    'idx:a,b,c',
    'cifar:a,,b',
    'images:a,b',
    'mnist:a',
    '/some/path',
    'idx :a',
    '__proto__:a',
  ])('that nothing names are refused: %j', async (spec) => {
    const error = await expectError('OPTION_INVALID', () => openDataset(spec));
    expect(error.remedy).toContain('images:FOLDER');
  });

  it.each([[[0, 3]], [[-1]], [[2.5]], [[Number.NaN]]])('for a model of %j are refused', async (shape) => {
    await expectError('OPTION_INVALID', () => openDataset(`idx:${images}`, { shape }));
  });
});
