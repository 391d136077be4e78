import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';
import { encodeCifar, expectError, temporaryFolder, values } from './support.js';

const folder = temporaryFolder();
const flat = (value: number): number[] => new Array(3072).fill(value);

describe('cifar', () => {
  it('reads the images of all files in order', async () => {
    const image = fc.record({ label: fc.nat(9), value: fc.nat(255) });
    const file = fc.array(image, { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 3 }), async (files) => {
        fc.pre(files.flat().length > 0);
        const paths = files.map((images, i) =>
          folder.write(`${i}.bin`, encodeCifar(images.map((x) => ({ labels: [x.label], pixels: flat(x.value) })))),
        );
        const dataset = await openDataset(`cifar:${paths}`, { preprocess: 'raw' });
        expect(dataset).toMatchObject({ length: files.flat().length, shape: [3, 32, 32] });
        expect([...(dataset.labels ?? [])]).toEqual(files.flat().map(({ label }) => label));
        const all = await values(dataset, { size: 2 });
        expect(all.filter((_, i) => i % 3072 === 0)).toEqual(files.flat().map(({ value }) => value));
      }),
      { numRuns: 20 },
    );
  });

  it('takes the fine labels of CIFAR-100', async () => {
    const path = folder.write('fine.bin', encodeCifar([{ labels: [3, 99], pixels: flat(1) }]));
    const dataset = await openDataset(`cifar100:${path}`);
    expect(dataset.labels).toEqual(Int32Array.of(99));
    expect(dataset.shape).toEqual([3, 32, 32]);
  });

  it.each([
    ['cifar', 'FILE_MALFORMED', Buffer.alloc(3072)],
    ['cifar', 'FILE_MALFORMED', Buffer.alloc(3074)],
    ['cifar100', 'FILE_MALFORMED', Buffer.alloc(3073)],
    ['cifar', 'DATA_INVALID', encodeCifar([{ labels: [10], pixels: flat(0) }])],
    ['cifar100', 'DATA_INVALID', encodeCifar([{ labels: [20, 0], pixels: flat(0) }])],
    ['cifar100', 'DATA_INVALID', encodeCifar([{ labels: [0, 100], pixels: flat(0) }])],
    ['cifar', 'DATA_INVALID', Buffer.alloc(0)],
  ] as const)('%s: refuses with %s', async (kind, code, bytes) => {
    const path = folder.write('wrong.bin', bytes);
    const error = await expectError(code, () => openDataset(`${kind}:${path}`));
    expect(error.problems[0].file).toBe(path);
  });

  it('refuses files that are not there', async () => {
    await expectError('FILE_UNREADABLE', () => openDataset(`cifar:${folder.path('missing.bin')}`));
  });
});
