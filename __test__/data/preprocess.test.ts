import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';
import { parsePreprocess } from '../../src/data/preprocess.js';
import { collect, encodeCifar, encodeIdx, expectError, temporaryFolder, values } from './support.js';

const folder = temporaryFolder();

/** One CIFAR image: red 10, green 20, blue 30 everywhere, but 255, 0, 100 in the first pixel. */
const PIXELS = [10, 20, 30].flatMap((value, c) => [[255, 0, 100][c], ...new Array(1023).fill(value)]);
const colour = `cifar:${folder.write('one.bin', encodeCifar([{ labels: [7], pixels: PIXELS }]))}`;
const grey = `idx:${folder.write('grey.idx', encodeIdx([2, 2, 3], [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]))}`;

/** First and second pixel of each channel, of a [3, 32, 32] image. */
async function corners(preprocess: string | object | undefined): Promise<number[]> {
  const all = await values(await openDataset(colour, { preprocess }));
  return [0, 1, 2].flatMap((c) => [all[c * 1024], all[c * 1024 + 1]]);
}

const f32 = (...numbers: number[]): number[] => numbers.map(Math.fround);

describe('values', () => {
  it('are x / 255 by default and as unit', async () => {
    const expected = f32(1, 10 / 255, 0, 20 / 255, 100 / 255, 30 / 255);
    expect(await corners(undefined)).toEqual(expected);
    expect(await corners('unit')).toEqual(expected);
  });

  it('are 0..255 as raw', async () => {
    expect(await corners('raw')).toEqual([255, 10, 0, 20, 100, 30]);
  });

  it('are -1..1 as tf', async () => {
    expect(await corners('tf')).toEqual(f32(1, 10 / 127.5 - 1, -1, 20 / 127.5 - 1, 100 / 127.5 - 1, 30 / 127.5 - 1));
  });

  it('are normalised for each channel as torchvision', async () => {
    expect((await corners('torchvision')).map((x) => x.toFixed(4))).toEqual(
      // (255/255 - .485)/.229, (10/255 - .485)/.229, (0 - .456)/.224, ...
      ['2.2489', '-1.9467', '-2.0357', '-1.6856', '-0.0615', '-1.2816'],
    );
  });

  it('are BGR without the mean as caffe', async () => {
    expect(await corners('caffe')).toEqual([100 - 104, 30 - 104, 0 - 117, 20 - 117, 255 - 123, 10 - 123]);
  });

  it('take means and deviations in the order of the channels', async () => {
    const text = JSON.stringify({ scale: 2, mean: [1, 2, 3], std: [4, 5, 8], channels: 'BGR' });
    expect(await corners(text)).toEqual(f32(199 / 4, 59 / 4, -2 / 5, 38 / 5, 507 / 8, 17 / 8));
  });

  it('take one number for all channels', async () => {
    expect(await corners({ mean: 5, std: [2] })).toEqual([125, 2.5, -2.5, 7.5, 47.5, 12.5]);
  });

  it('are rounded once, from doubles', async () => {
    const { scale, mean, std } = { scale: 1 / 255, mean: 0.1307, std: 0.3081 };
    const expected = [0, 51, 102, 153, 204, 255].map((x) => Math.fround((x * scale - mean) / std));
    expect((await values(await openDataset(grey, { preprocess: { scale, mean, std } }))).slice(0, 6)).toEqual(expected);
  });
});

describe('layout and shape', () => {
  it('follow the model', async () => {
    const dataset = await openDataset(colour, { preprocess: 'raw', shape: [32, 32, 3] });
    expect(dataset.shape).toEqual([32, 32, 3]);
    expect((await values(dataset)).slice(0, 6)).toEqual([255, 0, 100, 10, 20, 30]);
  });

  it('follow `layout`, and the channels with it', async () => {
    const preprocess = { layout: 'NHWC', channels: 'BGR' };
    const dataset = await openDataset(colour, { preprocess });
    expect(dataset.shape).toEqual([32, 32, 3]);
    expect((await values(dataset)).slice(0, 6)).toEqual([100, 0, 255, 30, 20, 10]);
  });

  it.each([{ shape: [6] }, { shape: [6, 1] }, { shape: [1, 2, 3] }, { shape: [2, 3, 1] }, { shape: [2, 3] }])(
    'regroup axes for a model of $shape',
    async ({ shape }) => {
      const dataset = await openDataset(grey, { preprocess: 'raw', shape });
      expect(dataset.shape).toEqual(shape);
      const [batch] = await collect(dataset);
      expect(batch.shape).toEqual([2, ...shape]);
      expect([...batch.data]).toEqual([0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]);
    },
  );

  it('follow `shape`', async () => {
    expect((await openDataset(grey, { preprocess: { shape: [6, 1] } })).shape).toEqual([6, 1]);
    expect((await openDataset(grey, { preprocess: { shape: [3, 2] } })).shape).toEqual([3, 2]);
    expect((await openDataset(grey, { preprocess: { shape: [6] }, shape: [1, 2, 3] })).shape).toEqual([1, 2, 3]);
    const flat = await openDataset(colour, { preprocess: { shape: [3072] }, shape: [32, 32, 3] });
    expect((await values(flat)).slice(0, 3)).toEqual([255, 0, 100]);
  });

  it.each([
    { why: 'another size', spec: grey, shape: [1, 3, 3] },
    { why: 'rows as columns', spec: grey, shape: [1, 3, 2] },
    { why: 'more channels', spec: grey, shape: [3, 2, 3] },
    { why: 'fewer channels', spec: colour, shape: [1, 32, 32] },
    { why: 'channels in the middle', spec: colour, shape: [32, 3, 32] },
    { why: 'the other layout', spec: colour, shape: [32, 32, 3], preprocess: { layout: 'NCHW' } },
    { why: 'a shape of other length', spec: grey, preprocess: { shape: [7] } },
    { why: 'a shape that the model does not have', spec: grey, preprocess: { shape: [6, 1] }, shape: [1, 3, 3] },
  ])('are refused for $why', async ({ spec, shape, preprocess }) => {
    const error = await expectError('DATA_INVALID', () => openDataset(spec, { shape, preprocess }));
    expect(error.remedy).toContain('shape');
  });
});

describe('size', () => {
  it('resizes', async () => {
    const preprocess = { size: [4, 4] };
    const dataset = await openDataset(colour, { preprocess, shape: [3, 4, 4] });
    const all = await values(dataset);
    expect([all[5], all[21], all[37]]).toEqual([10, 20, 30]);
    expect(all[0]).toBeGreaterThan(10);
  });

  it('is named where images do not fit the model', async () => {
    const error = await expectError('DATA_INVALID', () => openDataset(grey, { shape: [1, 4, 6] }));
    expect(error.message).toContain('[1,2,3]');
    expect(error.message).toContain('[1,4,6]');
    expect(error.remedy).toContain('"size"');
  });
});

describe('parsePreprocess', () => {
  it('takes JSON text with the defaults of raw', () => {
    expect(parsePreprocess(' {"scale": 0.5, "mean": 3, "shape": [784, 1]}')).toMatchObject({
      scale: 0.5,
      mean: [3],
      std: [1],
      channels: 'RGB',
      shape: [784, 1],
    });
  });

  it('lists everything that is wrong', async () => {
    const wrong = {
      scale: 0,
      mean: ['1'],
      std: [1, 0],
      channels: 'GBR',
      layout: 'CHW',
      size: [224],
      shape: [0],
      crop: true,
    };
    const error = await expectError('OPTION_INVALID', () => parsePreprocess(wrong));
    expect(error.problems).toHaveLength(8);
    for (const key of Object.keys(wrong)) expect(error.message).toContain(`"${key}"`);
  });

  it.each([
    'imagenet',
    '',
    'toString',
    '{"scale": 1',
    '{"scale": 1e999}',
    '{"mean": []}',
    '{"std": null}',
    '{"size": [1.5, 2]}',
    '{"size": [70000, 1]}',
    '{"mean": [1, 2], "std": [1, 2, 3]}',
    '{"__proto__": 1}',
    [1],
  ])('refuses %j', async (value) => {
    await expectError('OPTION_INVALID', () => parsePreprocess(value));
  });

  it('refuses what JSON does not have', async () => {
    const circular: { mean?: object } = {};
    circular.mean = circular;
    for (const value of [circular, { std: 0n }, { size: [Number.NaN, 1] }, { scale: () => 1 }]) {
      await expectError('OPTION_INVALID', () => parsePreprocess(value));
    }
  });

  it.each([null, 5] as unknown[])('refuses %j', async (value) => {
    await expectError('OPTION_INVALID', () => parsePreprocess(value as object));
  });
});

describe('what does not fit the images', () => {
  it.each([
    ['three means for grey images', grey, 'torchvision'],
    ['BGR for grey images', grey, { channels: 'BGR' }],
    ['two means for colour images', colour, { mean: [1, 2] }],
    ['values beyond 32-bit floats', grey, { scale: 1e300 }],
    ['values that overflow', grey, { scale: 1e200, std: 1e-200 }],
  ])('is refused: %s', async (_, spec, preprocess) => {
    await expectError('OPTION_INVALID', () => openDataset(spec, { preprocess }));
  });
});
