/** The analog twin is the graph: whatever lowering makes of shapes, sums and pooling, the numbers stay. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lower } from '../../src/codes/lower.js';
import { neurons } from '../../src/codes/topology.js';
import type { Graph } from '../../src/graph/graph.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { GraphBuilder } from '../support/graphs.js';
import { evaluate } from '../support/interpreter.js';
import { type Sample, samples } from './networks.js';
import { largest, largestDifference } from './spikes.js';

test('the twin of any graph computes what the graph says, in both engines', async () => {
  await fc.assert(
    fc.asyncProperty(samples({ smooth: true }), async ({ graph, images }: Sample) => {
      const twin = new SpikingNetwork(graph, 'ann', {});
      for (const image of images) {
        const tensors = evaluate(graph, image);
        const scale = Math.max(1, ...[...tensors.values()].map(largest));
        for (const engine of ['layered', 'event'] as const) {
          const tensor = { data: image, shape: twin.inputShape };
          const { logits } = await twin.run(tensor, { precision: 'f64', engine });
          expect(logits.shape.slice(1)).toEqual(graph.shapes.get(graph.output));
          const difference = largestDifference(logits.data, tensors.get(graph.output) ?? []);
          expect(difference / scale, engine).toBeLessThan(1e-12);
        }
      }
    }),
    { numRuns: 500 },
  );
});

describe('lowering takes no more neurons than the network has', () => {
  const image = () => new GraphBuilder([3, 6, 5]);
  const populations = (graph: Graph) =>
    lower(graph).populations.map(({ stage, extent }) => `${stage.kind} ${neurons(extent)}`);

  test('an activation takes in the convolution before it', () => {
    const convolved = image().conv(1, { kernel: [3, 3] });
    expect(populations(convolved.relu().build())).toEqual(['input 90', 'neurons 12']);
  });

  test('average pooling goes into the synapses behind it', () => {
    const pooled = () =>
      image()
        .relu()
        .averagePool({ kernel: [2, 2], strides: [2, 2] });
    const expected = ['input 90', 'neurons 90', 'neurons 6'];
    expect(populations(pooled().conv(1).build())).toEqual(expected);
    expect(populations(pooled().reshape([18]).dense(6).build())).toEqual(expected);
  });

  test('a sum goes into the neurons that receive it', () => {
    const block = image().conv(2).relu();
    const shortcut = block.last;
    block.conv(2, { kernel: [3, 3], pads: [1, 1, 1, 1] }).add({ op: 'Add' }, [2, 6, 5], [block.last, shortcut]);
    expect(populations(block.relu().conv(1).build())).toEqual(['input 90', 'neurons 60', 'neurons 60', 'neurons 30']);
  });

  test('a new order of axes goes into the order of the dense layer behind it', () => {
    const flat = image().relu().transpose([1, 2, 0]).reshape([90]);
    expect(populations(flat.dense(4).build())).toEqual(['input 90', 'neurons 90', 'neurons 4']);
  });

  test('a transposition that alone reads the input is the order of the input', () => {
    const { populations, inputShape } = lower(new GraphBuilder([6, 5, 3]).transpose([2, 0, 1]).conv(1).build());
    expect(inputShape).toEqual([6, 5, 3]);
    expect(populations.map(({ stage }) => stage.kind)).toEqual(['input', 'neurons']);
    // Channels last already: each element is its own neuron.
    expect(populations[0].stage).toEqual({ kind: 'input' });
  });

  test('concatenation and other new shapes are new addresses', () => {
    const doubled = image().relu();
    doubled.add({ op: 'Concat', axis: 0 }, [6, 6, 5], [doubled.last, doubled.last]);
    const spikes = ['input 90', 'neurons 90', 'concat 180', 'permute 180', 'neurons 36'];
    expect(populations(doubled.reshape([5, 6, 6]).conv(1).build())).toEqual(spikes);
  });

  test('an output without potentials is read by neurons', () => {
    const doubled = image().relu();
    doubled.add({ op: 'Concat', axis: 0 }, [6, 6, 5], [doubled.last, doubled.last]);
    const read = ['input 90', 'neurons 90', 'concat 180', 'neurons 180'];
    expect(populations(doubled.build()).slice(0, 4)).toEqual(read);
    expect(populations(image().reshape([90]).build())).toEqual(['input 90', 'neurons 90', 'permute 90']);
  });

  test('every population has a name of its own', () => {
    const doubled = image().relu();
    doubled.add({ op: 'Concat', axis: 1 }, [3, 12, 5], [doubled.last, doubled.last]);
    const names = lower(doubled.transpose([2, 1, 0]).build()).populations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

test('terms of a sum that lie on their neurons in one order but in different arrangements are added up', async () => {
  // A sum of an image of one channel and of a vector, which lie on the same neurons.
  const builder = new GraphBuilder([1, 1, 2]);
  builder.affine([0, 2], [1, 0]).add({ op: 'Add' }, [1, 1, 2], [builder.last, 'input']);
  const twin = new SpikingNetwork(builder.build(), 'ann', {});
  const { logits } = await twin.run({ data: [3, 5], shape: [1, 1, 2] });
  expect([...logits.data]).toEqual([4, 15]);
});
