import { mkdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';
import { encodeNpy } from '../../src/data/npy.js';
import { encodeIdx, expectError, temporaryFolder, values } from './support.js';

const folder = temporaryFolder();
const images = encodeIdx([3, 1, 2], [0, 1, 2, 3, 4, 5]);
const labels = encodeIdx([3], [9, 0, 255]);
const imagesPath = folder.write('images', images);
const open = (bytes: Uint8Array) => openDataset(`idx:${folder.write('tried', bytes)}`);

describe('idx', () => {
  it('reads any images and labels, plain or gzip', async () => {
    const side = fc.integer({ min: 1, max: 6 });
    await fc.assert(
      fc.asyncProperty(side, side, side, fc.boolean(), fc.infiniteStream(fc.nat(255)), async (n, h, w, zip, bytes) => {
        const pixels = [...bytes.take(n * h * w)];
        const classes = [...bytes.take(n)];
        const pack = (file: Buffer): Buffer => (zip ? gzipSync(file) : file);
        const [a, b] = [pack(encodeIdx([n, h, w], pixels)), pack(encodeIdx([n], classes))];
        const spec = `idx:${folder.write('a', a)},${folder.write('b', b)}`;
        const dataset = await openDataset(spec, { preprocess: 'raw' });
        expect(dataset).toMatchObject({ source: spec, length: n, shape: [1, h, w], labels: Int32Array.from(classes) });
        expect(await values(dataset)).toEqual(pixels);
      }),
      { numRuns: 40 },
    );
  });

  it('needs no labels', async () => {
    const dataset = await open(images);
    expect(dataset.labels).toBeUndefined();
    for await (const batch of dataset.batches({ size: 2 })) expect(batch.labels).toBeUndefined();
  });

  it('takes labels from .npy files', async () => {
    const npy = folder.write('labels.npy', encodeNpy({ data: Int32Array.of(5, 6, 1000), shape: [3, 1] }));
    expect((await openDataset(`idx:${imagesPath},${npy}`)).labels).toEqual(Int32Array.of(5, 6, 1000));
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['half a header', images.subarray(0, 10)],
    ['truncated pixels', images.subarray(0, -1)],
    ['more pixels than promised', Buffer.concat([images, Buffer.alloc(1)])],
    ['random bytes', Buffer.from('something else altogether')],
    ['floats', Buffer.concat([Buffer.from([0, 0, 0x0d, 3]), images.subarray(4)])],
    ['labels in place of images', labels],
    ['truncated gzip', gzipSync(images).subarray(0, -9)],
    ['damaged gzip', Buffer.concat([gzipSync(images).subarray(0, 12), Buffer.alloc(20, 0xff)])],
    ['less than promised in gzip', gzipSync(images.subarray(0, -1))],
    ['more than promised in gzip', gzipSync(Buffer.concat([images, Buffer.alloc(5_000_000)]))],
    ['a promise of 2^96 bytes', Buffer.concat([Buffer.from([0, 0, 8, 3]), Buffer.alloc(12, 0xff), Buffer.alloc(99)])],
    ['that promise in gzip', gzipSync(Buffer.concat([Buffer.from([0, 0, 8, 3]), Buffer.alloc(12, 0xff)]))],
  ])('refuses %s', async (_, bytes) => {
    const error = await expectError('FILE_MALFORMED', () => open(bytes));
    expect(error.problems[0].file).toBe(folder.path('tried'));
  });

  it('refuses images without pixels, and no images', async () => {
    await expectError('DATA_INVALID', () => open(encodeIdx([2, 0, 5], [])));
    await expectError('DATA_INVALID', () => open(encodeIdx([0, 5, 5], [])));
  });

  it('refuses labels of another number, and says both numbers', async () => {
    const two = folder.write('two', encodeIdx([2], [1, 2]));
    const error = await expectError('DATA_INVALID', () => openDataset(`idx:${imagesPath},${two}`));
    expect(error.problems[0].file).toBe(two);
    expect(error.message).toMatch(/2 labels.*3 images/);
  });

  it.each([
    ['fractions', { data: Float32Array.of(1, 2, 3), shape: [3] }],
    ['negative numbers', { data: Int32Array.of(1, -1, 3), shape: [3] }],
    ['a matrix', { data: new Int32Array(6), shape: [3, 2] }],
  ])('refuses labels that are %s', async (_, tensor) => {
    await expectError('DATA_INVALID', () =>
      openDataset(`idx:${imagesPath},${folder.write('wrong.npy', encodeNpy(tensor))}`),
    );
  });

  it('refuses files that are not there, and folders', async () => {
    mkdirSync(folder.path('folder'));
    for (const path of ['missing', 'folder']) {
      const error = await expectError('FILE_UNREADABLE', () => openDataset(`idx:${folder.path(path)}`));
      expect(error.problems[0].file).toBe(folder.path(path));
    }
    await expectError('FILE_UNREADABLE', () => openDataset(`idx:${imagesPath},${folder.path('missing')}`));
  });
});
