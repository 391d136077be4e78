import { describe, expect, test } from 'vitest';
import { readOnnx } from '../../src/import/index.js';
import { mapToLoihi } from '../../src/loihi/map.js';
import { dataFile, describeWithData } from '../support/data.js';
import { GraphBuilder } from '../support/graphs.js';

const network = () => new GraphBuilder([3, 12, 12]).conv(8, { kernel: [3, 3] }).relu();

describe('mapToLoihi', () => {
  test('lays a graph out, with average pooling wherever it takes fewer cores', async () => {
    const graph = network()
      .averagePool({ kernel: [2, 2], strides: [2, 2] })
      .reshape([200])
      .dense(10)
      .build();
    const shares: number[] = [];
    const map = await mapToLoihi(graph, { onProgress: (share) => shares.push(share) });
    expect(map.cores).toBeGreaterThanOrEqual(map.lowerBound.cores);
    expect(map.layers.reduce((sum, { compartments }) => sum + compartments, 0)).toBeGreaterThanOrEqual(432 + 800 + 10);
    expect(shares.at(-1)).toBe(1);
    const words = map.layout.cores.reduce((sum, { use }) => sum + use.synapseWords, 0);
    expect(map.layers.reduce((sum, { synapseWords }) => sum + synapseWords, 0)).toBe(words);
    const entries = map.layout.cores.reduce((sum, { use }) => sum + use.outputEntries, 0);
    expect(map.layers.reduce((sum, { outputEntries }) => sum + outputEntries, 0)).toBe(entries);
  });

  test('pools in compartments of their own where synapses would be too many for one', async () => {
    const graph = new GraphBuilder([20, 30, 30])
      .conv(20)
      .relu()
      .averagePool({ kernel: [3, 3], strides: [3, 3] })
      .reshape([2000])
      .dense(2)
      .build();
    const { layers } = await mapToLoihi(graph);
    expect(layers.map(({ compartments }) => compartments)).toEqual([18000, 18000, 2000, 2]);
  });

  test('refuses all that compartments cannot do at once, with what would help', async () => {
    const graph = network()
      .maxPool({ kernel: [2, 2], strides: [2, 2] })
      .conv(4)
      .add({ op: 'Activation', fn: 'silu' })
      .conv(4, {}, 3)
      .conv(4, {}, 4)
      .relu()
      .build();
    const error = await mapToLoihi(graph).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'CODE_UNSUPPORTED' });
    expect(error.problems.map(({ op }: { op: string }) => op)).toEqual(['MaxPool', 'silu', 'Identity']);
    for (const { remedy } of error.problems) expect(remedy).not.toBe('');
  });

  test('refuses a board that is too small, and names those that are not', async () => {
    const wide = new GraphBuilder([8, 128, 128])
      .conv(16, { kernel: [3, 3] })
      .relu()
      .build();
    const error = await mapToLoihi(wide, { board: 'kapoho-bay', verified: false }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'CHIP_UNSUPPORTED' });
    expect(error.remedy).toContain('wolf-mountain');
  });

  test('stops when it is told to, with the reason', async () => {
    const graph = network().build();
    await expect(mapToLoihi(graph, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('later')), 5);
    const wide = new GraphBuilder([8, 64, 64])
      .conv(64, { kernel: [3, 3] })
      .relu()
      .build();
    await expect(mapToLoihi(wide, { signal: abort.signal })).rejects.toThrow('later');
  });

  test('lays groups that speak to each other near each other', async () => {
    const graph = network()
      .conv(8, { kernel: [3, 3] }, 5)
      .relu()
      .conv(8, { kernel: [3, 3] }, 6)
      .relu()
      .build();
    const { layout, traffic } = await mapToLoihi(graph);
    expect(layout.chips).toBe(1);
    expect(traffic.betweenChips).toBe(0);
    // On few cores, most messages go no further than to the next tile.
    expect(traffic.hops).toBeLessThanOrEqual(traffic.messages);
  });
});

describeWithData('networks that others have mapped', () => {
  // Cores that Intel's NxTF takes under the same rules, and cores that this compiler may take.
  test.each([
    ['dvs-gesture-32', 49, 25],
    ['mnist-tutorial', 16, 9],
    ['quartz-mnist', 13, 7],
    ['kws-390-256-256-29', 6, 3],
    ['mlp-784-256-10', 6, 3],
    ['pseudo-mobilenet', 82, 78],
  ])(
    '%s takes fewer than %i cores',
    async (name, published, most) => {
      const map = await mapToLoihi(await readOnnx(dataFile('models', 'loihi', `${name}.onnx`)));
      expect(map.cores).toBeLessThanOrEqual(most);
      expect(map.cores).toBeLessThan(published);
      expect(map.cores).toBeGreaterThanOrEqual(map.lowerBound.cores);
    },
    60_000,
  );
});
