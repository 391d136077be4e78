/** Integrate-and-fire networks in the chip's integers. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { openDataset } from '../../src/data/dataset.js';
import { evaluate } from '../../src/evaluate/evaluate.js';
import { elements } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { discretise } from '../../src/loihi/discretise.js';
import { evaluateChip } from '../../src/loihi/evaluate.js';
import { discretiseLif } from '../../src/loihi/lif.js';
import type { ChipNetwork } from '../../src/loihi/network.js';
import { encodeImages, scores } from '../../src/loihi/program.js';
import { discretiseIf } from '../../src/loihi/rate.js';
import { simulateChip } from '../../src/loihi/simulate.js';
import { withSoftResets } from '../../src/loihi/soft-reset.js';
import { correlation } from '../support/correlation.js';
import { dataFile, describeWithData } from '../support/data.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

it('takes the threshold from what has been summed up, and forgets nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: -255, max: 255 }),
      fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
      fc.integer({ min: -4000, max: 4000 }),
      fc.integer({ min: 1, max: 4 }),
      async (threshold, weight, sent, bias, period) => {
        const extent = { height: 1, width: 1, channels: 1 };
        const profile = {
          currentDecay: 4096,
          voltageDecay: 0,
          threshold,
          biasExponent: 0,
          refractory: 1,
          axonDelay: 0,
        };
        const group = (name: string, role: 'input' | 'neuron') => ({ name, layer: name, role, extent, profile });
        const pairwise = {
          connectivity: { kind: 'pairwise' },
          bits: 8,
          exponent: 0,
          signs: 'shared',
          delay: 0,
        } as const;
        const network: ChipNetwork = {
          groups: [
            group('in', 'input'),
            { ...group('one', 'neuron'), bias: Int16Array.of(bias) },
            group('out', 'neuron'),
          ],
          synapses: [
            { source: 0, target: 1, mantissas: Int16Array.of(weight), ...pairwise },
            { source: 1, target: 2, mantissas: Int16Array.of(1), ...pairwise },
          ],
          output: 2,
        };
        const start = 3;
        const { circuit, clock } = withSoftResets(network, { starts: [0, start, 0], initial: 0.5, period });
        const steps = sent.flatMap((spike, step) => (spike ? [step] : []));
        const triggers = clock.wind();
        const first = circuit.groups.map((_, i) => i);
        const input = {
          count: 1,
          offsets: Uint32Array.of(0, steps.length + triggers.length),
          steps: Uint32Array.from([...steps, ...triggers.map(({ step }) => step + 1)]),
          compartments: Uint32Array.from([...steps.map(() => 0), ...triggers.map(({ group: at }) => first[at])]),
        };
        const { rasters } = await simulateChip(circuit.network(2), input, { steps: 30, record: { spikes: true } });
        const found = Array.from(rasters?.[0].steps ?? []).filter((_, i) => rasters?.[0].compartments[i] === 1);
        // The same in plain arithmetic.
        const expected: number[] = [];
        let sum = 0;
        for (let step = 0; step < 30; step++) {
          if (sent[step]) sum += weight;
          if (step === start + 1) sum += Math.round(0.5 * threshold);
          if (step > start && (step - start - 1) % period === 0) sum += Math.round((bias * period) / 64);
          if (sum < threshold) continue;
          expected.push(step);
          sum -= threshold;
        }
        expect(found).toEqual(expected);
      },
    ),
  );
});

it.each(['subtract', 'zero', 'leaky'] as const)(
  'has potentials that are the outputs of the network: %s',
  async (kind) => {
    const builder = new GraphBuilder([2, 6, 6]).conv(3, { kernel: [3, 3] }, 4).relu();
    builder.maxPool({ kernel: [2, 2], strides: [2, 2] });
    builder.conv(5, { kernel: [2, 2] }, 11).relu();
    const graph = builder
      .reshape([elements(builder.shape())])
      .dense(6, 'out-in', 5)
      .build();
    const count = 8;
    const data = Float32Array.from(numbers(count * 72, 21));
    const batch = { data, shape: [count, 2, 6, 6] };
    const calibration = await calibrate(graph, [batch]);
    const code = kind === 'leaky' ? 'lif' : 'if';
    const network = await convert(graph, { code, calibration, steps: 192, percentile: 100 });
    const inputRange = [-2, 2] as const;
    const program =
      kind === 'leaky'
        ? await discretiseLif(network, { inputRange })
        : await discretiseIf(network, { inputRange, reset: kind });
    const run = await simulateChip(program.network, encodeImages(program, { data, count }), { steps: program.steps });
    const { logits } = await network.run(batch);
    expect(correlation(scores(program, run), logits.data)).toBeGreaterThan(kind === 'subtract' ? 0.995 : 0.85);
    // What is read only sums up.
    expect(run.outputSpikes.every((spikes) => spikes === 0)).toBe(true);
    for (const { overflows } of run.counts) expect(overflows.every((n) => n === 0)).toBe(true);
  },
);

it('says why a code is not on the chip', async () => {
  const graph = new GraphBuilder([3]).dense(2).build();
  const network = await convert(graph, { code: 'ann' });
  await expect(discretise(network)).rejects.toThrow(
    /the code ann is not on the chip: a compartment sends spikes, not numbers/,
  );
});

it('refuses what compartments do not do, all at once', async () => {
  const graph = new GraphBuilder([3]).dense(4).relu().dense(2).build();
  const calibration = await calibrate(graph, [{ data: Float32Array.from(numbers(12, 3)), shape: [4, 3] }]);
  const network = await convert(graph, { code: 'lif', calibration, synapse: 0.005, reset: 'never' });
  await expect(discretiseLif(network)).rejects.toMatchObject({
    code: 'CODE_UNSUPPORTED',
    problems: [
      { message: expect.stringContaining('alpha synapses') },
      { message: expect.stringContaining('each image begins at rest') },
    ],
  });
});

describeWithData('quartz-convnet on MNIST', () => {
  it('is as right as the code, but for quantisation', async () => {
    const digits = (part: string) => {
      const [images, labels] = ['images-idx3', 'labels-idx1'].map((kind) =>
        dataFile('mnist', `${part}-${kind}-ubyte.gz`),
      );
      return openDataset(`idx:${images},${labels}`, { shape: [1, 28, 28] });
    };
    const graph = await readOnnx(dataFile('models', 'mnist', 'quartz-convnet.onnx'));
    const calibration = await calibrate(graph, (await digits('train')).batches({ size: 100, limit: 1000 }));
    const network = await convert(graph, { code: 'if', steps: 16, calibration });
    const test = await digits('t10k');
    const onChip = await evaluateChip(await discretiseIf(network), test.batches({ size: 250, limit: 500 }));
    const { accuracy = 0 } = await evaluate(network, test.batches({ size: 250, limit: 500 }), { throughputSeconds: 0 });
    expect(onChip.accuracy).toBeGreaterThanOrEqual(accuracy - 0.01);
  });
});
