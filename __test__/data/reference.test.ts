import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';

const DATA = process.env.FIRSTSPIKE_DATA ?? '';

/** Sum of all values for each of the given channels, in [channels, ...] images. */
async function sums(spec: string, channels: number, limit: number, shape?: number[]): Promise<number[]> {
  const dataset = await openDataset(spec, { preprocess: 'raw', shape });
  const totals = new Array<number>(channels).fill(0);
  for await (const { data, shape } of dataset.batches({ size: 16, limit })) {
    const plane = data.length / shape[0] / channels;
    for (let i = 0; i < data.length; i++) totals[Math.floor(i / plane) % channels] += data[i];
  }
  return totals;
}

/** Figures from NumPy and Pillow on the same files. */
describe.skipIf(!DATA)('published data sets', () => {
  it('MNIST', async () => {
    const mnist = join(DATA, 'mnist');
    const labels = join(mnist, 'train-labels-idx1-ubyte.gz');
    const spec = `idx:${join(mnist, 'train-images-idx3-ubyte.gz')},${labels}`;
    const dataset = await openDataset(spec);
    expect(dataset).toMatchObject({ length: 60_000, shape: [1, 28, 28] });
    expect([...(dataset.labels ?? [])].slice(0, 8)).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
    const [sum] = await sums(spec, 1, 60_000);
    expect(sum / (60_000 * 784 * 255)).toBeCloseTo(0.1306604762738429, 10);
  });

  it('CIFAR-10', async () => {
    const spec = `cifar:${join(DATA, 'cifar10', 'test-first1000.bin')}`;
    const { length, labels } = await openDataset(spec);
    expect(length).toBe(1000);
    expect([...(labels ?? [])].slice(0, 10)).toEqual([3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    expect(await sums(spec, 3, 1000)).toEqual([129_709_978, 127_077_761, 117_772_592]);
  });

  it('ImageNet, as decoded and as resized by Pillow', async () => {
    const spec = `images:${join(DATA, 'imagenet', 'val')}`;
    const { length, labels } = await openDataset(spec);
    expect(length).toBe(300);
    expect([...(labels ?? [])].slice(0, 4)).toEqual([831, 143, 982, 43]);
    expect(await sums(spec, 3, 1)).toEqual([5_410_965, 5_161_006, 5_241_674]);
    expect(await sums(spec, 3, 1, [3, 224, 224])).toEqual([5_268_990, 5_025_607, 5_104_164]);
  });
});
