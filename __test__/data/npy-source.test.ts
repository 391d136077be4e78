import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';
import { encodeNpy } from '../../src/data/npy.js';
import type { TensorLike } from '../../src/tensor.js';
import { collect, encodeIdx, expectError, temporaryFolder, values } from './support.js';

const folder = temporaryFolder();
const npy = (tensor: TensorLike): string => `npy:${folder.write('data.npy', encodeNpy(tensor))}`;
/** Two RGB images of 1 x 2 pixels. */
const planar = { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), shape: [2, 3, 1, 2] };
const packed = { data: planar.data, shape: [2, 1, 2, 3] };

describe('npy', () => {
  it('leaves values as they are, and streams in parts', async () => {
    const data = Float32Array.from({ length: 35 }, (_, i) => i / 7);
    const batches = await collect(await openDataset(npy({ data, shape: [7, 5] })), { size: 3 });
    expect(batches.map(({ shape }) => shape)).toEqual([
      [3, 5],
      [3, 5],
      [1, 5],
    ]);
    expect(batches.flatMap((batch) => [...batch.data])).toEqual([...data]);
    expect(await values(await openDataset(npy(planar)))).toEqual([...planar.data]);
  });

  it('takes labels of both formats', async () => {
    const spec = npy({ data: new Float32Array(6), shape: [3, 2] });
    const inIdx = folder.write('labels.idx', encodeIdx([3], [1, 2, 3]));
    const inNpy = folder.write('labels.npy', encodeNpy({ data: Uint8Array.of(4, 5, 6), shape: [3] }));
    expect((await openDataset(`${spec},${inIdx}`)).labels).toEqual(Int32Array.of(1, 2, 3));
    expect((await openDataset(`${spec},${inNpy}`)).labels).toEqual(Int32Array.of(4, 5, 6));
    const short = folder.write('short.npy', encodeNpy({ data: Uint8Array.of(4), shape: [1] }));
    const error = await expectError('DATA_INVALID', () => openDataset(`${spec},${short}`));
    expect(error.message).toMatch(/1 labels.*3 images/);
  });

  it('preprocesses if asked, in the layout of the file', async () => {
    const preprocess = { mean: [1, 2, 3], channels: 'BGR' };
    expect(await values(await openDataset(npy(planar), { preprocess }))).toEqual([
      4, 5, 1, 2, -2, -1, 10, 11, 7, 8, 4, 5,
    ]);
    expect(await values(await openDataset(npy(packed), { preprocess: { ...preprocess, layout: 'NHWC' } }))).toEqual([
      2, 0, -2, 5, 3, 1, 8, 6, 4, 11, 9, 7,
    ]);
    const tall = { data: packed.data, shape: [2, 2, 1, 3] };
    expect((await values(await openDataset(npy(tall), { preprocess }))).slice(0, 3)).toEqual([2, 0, -2]);
  });

  it('regroups axes for the model, but never swaps them', async () => {
    expect((await openDataset(npy(planar), { shape: [6] })).shape).toEqual([6]);
    expect((await openDataset(npy(planar), { preprocess: { shape: [2, 3] } })).shape).toEqual([2, 3]);
    await expectError('DATA_INVALID', () => openDataset(npy(packed), { shape: [3, 1, 2] }));
    await expectError('DATA_INVALID', () => openDataset(npy(planar), { shape: [3, 2, 2] }));
  });

  it.each([
    ['NaN', [0, Number.NaN]],
    ['infinity', [0, Number.NEGATIVE_INFINITY]],
    ['more than 32-bit floats hold', [0, 1e39]],
  ])('refuses %s, and says in which image', async (_, tail) => {
    const dataset = await openDataset(npy({ data: [1, 2, 3, 4, ...tail], shape: [3, 2] }));
    const error = await expectError('DATA_INVALID', () => collect(dataset, { size: 2 }));
    expect(error.message).toContain('image 2 ');
  });

  it('refuses arrays that are no list of images', async () => {
    await expectError('DATA_INVALID', () => openDataset(npy({ data: [1, 2], shape: [2] })));
    await expectError('DATA_INVALID', () => openDataset(npy({ data: [], shape: [2, 0] })));
    await expectError('DATA_INVALID', () => openDataset(npy({ data: [], shape: [0, 2] })));
  });

  it('refuses preprocessing that makes no sense here', async () => {
    await expectError('OPTION_INVALID', () => openDataset(npy(planar), { preprocess: { size: [2, 2] } }));
    await expectError('OPTION_INVALID', () =>
      openDataset(npy({ data: [1, 2, 3], shape: [1, 3] }), { preprocess: 'caffe' }),
    );
  });
});
