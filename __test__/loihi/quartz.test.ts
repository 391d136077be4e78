/** Quartz circuits in the chip's integers: one spike each, at the time of the value. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { openDataset } from '../../src/data/dataset.js';
import { ConvertError } from '../../src/errors.js';
import { evaluate } from '../../src/evaluate/evaluate.js';
import { elements } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { sumsOnto } from '../../src/loihi/circuit.js';
import { evaluateChip } from '../../src/loihi/evaluate.js';
import { encodeImages } from '../../src/loihi/program.js';
import { discretiseQuartz } from '../../src/loihi/quartz.js';
import { firstCompartments, simulateChip } from '../../src/loihi/simulate.js';
import { sums } from '../support/connectivity.js';
import { dataFile, describeWithData } from '../support/data.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

const IMAGES = 5;

/** A network of three layers, discretised, and the spikes of some images of both signs. */
async function discretised(builder: GraphBuilder, steps: number, seed: number) {
  const graph = builder.build();
  const shape = builder.shape('input');
  const data = Float32Array.from(numbers(IMAGES * elements(shape), seed));
  const batch = { data, shape: [IMAGES, ...shape] };
  const calibration = await calibrate(graph, [batch]);
  const network = await convert(graph, { code: 'quartz', calibration, steps, percentile: 100 });
  const range = calibration.layers.get('input');
  const inputRange = [range?.min ?? 0, range?.max ?? 1] as const;
  const program = discretiseQuartz(network, { inputRange });
  const input = encodeImages(program, { data, count: IMAGES });
  const run = await simulateChip(program.network, input, { steps: program.steps, record: { spikes: true } });
  return { program, run };
}

type Discretised = Awaited<ReturnType<typeof discretised>>;

/** Step of the first spike of each compartment of an image, -1 for none; fails where one spikes twice. */
function stepsOf({ program, run }: Discretised, image: number): number[][] {
  const first = firstCompartments(program.network);
  const steps = program.network.groups.map(({ extent }) =>
    new Array<number>(extent.height * extent.width * extent.channels).fill(-1),
  );
  const raster = run.rasters?.[image];
  raster?.compartments.forEach((compartment, i) => {
    const group = first.findLastIndex((start) => start <= compartment);
    const of = steps[group];
    expect(of[compartment - first[group]], `${program.network.groups[group].name} spikes twice`).toBe(-1);
    of[compartment - first[group]] = raster.steps[i];
  });
  return steps;
}

const builders = fc
  .record({
    seed: fc.integer({ min: 1, max: 1e6 }),
    steps: fc.constantFrom(4, 16, 40),
    pool: fc.boolean(),
    pad: fc.nat(1),
  })
  .map(({ seed, steps, pool, pad }) => {
    const builder = new GraphBuilder([2, 6, 6]).conv(3, { kernel: [3, 3], pads: [pad, pad, pad, pad] }, seed).relu();
    if (pool) builder.maxPool({ kernel: [2, 2], strides: [2, 2] });
    builder.conv(4, { kernel: [2, 2] }, seed + 7).relu();
    builder.reshape([elements(builder.shape())]).dense(5, 'out-in', seed + 9);
    return { builder, steps, seed };
  });

/** What the spikes of a group are worth by their steps, 1 for the best; NaN for none. */
function worthOf({ program }: Discretised, steps: readonly number[], group: number): Float64Array {
  const times = program.times?.find((one) => one.group === group);
  if (!times) throw new Error('no times');
  const { start, levels } = times;
  return Float64Array.from(steps, (step) => (step < 0 ? Number.NaN : 1 - (step - start) / levels));
}

it('spikes once for each neuron, in its window, at the time of the rounded value', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(builders, async ({ builder, steps: levels, seed }) => {
      const found = await discretised(builder, levels, seed);
      const { network, steps: end } = found.program;
      expect(end).toBe(4 * (levels + 2) + 1);
      for (let image = 0; image < IMAGES; image++) {
        const steps = stepsOf(found, image);
        network.groups.forEach(({ role, name }, target) => {
          if (role === 'helper' || role === 'input' || target === network.output) return;
          const values = worthOf(found, steps[target], target);
          if (role !== 'neuron') return;
          // The synapses in units of the slope, which the threshold tells.
          const times = found.program.times ?? [];
          const from = (source: number) => times.find(({ group }) => group === source);
          const incoming = network.synapses.filter((s) => s.target === target && s.source !== target);
          const start = Math.max(...incoming.map(({ source }) => from(source)?.start ?? 0));
          const waits = (from(target)?.start ?? 0) - start - levels - 1;
          const one = Math.round(network.groups[target].profile.threshold / (levels + waits + 0.5));
          const sum = new Float64Array(values.length);
          const positive = new Float64Array(values.length);
          for (const { source, connectivity, mantissas, exponent } of incoming) {
            const isBias = network.groups[source].name.endsWith('/bias');
            if (network.groups[source].role === 'helper' && !isBias) continue;
            const weights = Float64Array.from(mantissas, (mantissa) => (mantissa * 2 ** exponent) / one);
            const sent = isBias ? Float64Array.of(1) : worthOf(found, steps[source], source);
            sums({ connectivity, weights }, sent, sum.length).forEach((value, i) => {
              sum[i] += value;
            });
            sumsOnto(sum.length, { connectivity, weights: weights.map((w) => Math.max(w, 0)) }, positive);
          }
          values.forEach((value, i) => {
            if (Number.isNaN(sum[i])) return;
            // The rectifier reaches down to four times the range; what is below spikes later, or not at all.
            if (!(sum[i] < -4)) expect(value, `${name} ${i} is late`).toBeGreaterThanOrEqual(0);
            // Partial sums that reach the threshold spike early, as they do in the code.
            if (positive[i] > 1 || !(sum[i] >= -4)) return;
            compared++;
            expect(Math.abs(value - Math.max(0, sum[i])), `${name} ${i}`).toBeLessThanOrEqual(
              (0.5 + 0.51 / one) / levels,
            );
          });
        });
      }
    }),
    { numRuns: 25 },
  );
  expect(compared).toBeGreaterThan(100);
});

it('refuses what has no circuit, all at once', async () => {
  const builder = new GraphBuilder([2, 4, 4])
    .conv(2, {}, 3)
    .conv(2, {}, 5)
    .relu()
    .maxPool({ kernel: [2, 2] }, Uint8Array.of(0, 1));
  const graph = builder
    .reshape([elements(builder.shape())])
    .dense(3)
    .build();
  const batch = { data: Float32Array.from(numbers(64, 9)), shape: [2, 2, 4, 4] };
  const network = await convert(graph, { code: 'quartz', calibration: await calibrate(graph, [batch]) });
  const failure = (run: () => unknown): ConvertError => {
    try {
      run();
    } catch (error) {
      if (error instanceof ConvertError) return error;
    }
    throw new Error('did not fail');
  };
  expect(failure(() => discretiseQuartz(network, { inputRange: [1, 1] })).code).toBe('OPTION_INVALID');
  const { code, problems } = failure(() => discretiseQuartz(network));
  expect(code).toBe('CODE_UNSUPPORTED');
  expect(problems.map(({ layer, message }) => `${layer}: ${message}`)).toEqual([
    'Conv0: it has no circuit of first spikes on the chip: what is not rectified has no window of times.',
    'MaxPool3: it has no circuit of first spikes on the chip: it pools minima of some channels.',
  ]);
});

describeWithData('quartz-convnet on MNIST', () => {
  const digits = (part: string) =>
    openDataset(
      `idx:${dataFile('mnist', `${part}-images-idx3-ubyte.gz`)},${dataFile('mnist', `${part}-labels-idx1-ubyte.gz`)}`,
      { shape: [1, 28, 28] },
    );

  it('takes the 91 steps of the authors and is as right as the simulation in real numbers', async () => {
    const graph = await readOnnx(dataFile('models', 'mnist', 'quartz-convnet.onnx'));
    const calibration = await calibrate(graph, (await digits('train')).batches({ size: 100, limit: 1000 }));
    const network = await convert(graph, { code: 'quartz', steps: 16, calibration });
    const program = discretiseQuartz(network, { inputRange: [0, 1] });
    expect(program.steps).toBe(91);
    for (const { weights } of program.losses) expect(weights).toBeLessThan(0.02);
    const test = (await digits('t10k')).batches({ size: 250, limit: 1000 });
    const onChip = await evaluateChip(program, test);
    const batches = (await digits('t10k')).batches({ size: 250, limit: 1000 });
    const { accuracy = 0 } = await evaluate(network, batches, { throughputSeconds: 0 });
    expect(onChip.images).toBe(1000);
    expect(onChip.accuracy).toBeGreaterThanOrEqual(accuracy - 0.003);
    // One spike for each neuron, and of each pool; the outputs may be silent.
    const spikes = (name: string) => onChip.counts.find((group) => group.name === name)?.spikes.reduce((a, b) => a + b);
    expect(spikes('relu1')).toBe(3_456_000);
    expect(spikes('pool2')).toBe(192_000);
    expect(onChip.firstSpike).toBeGreaterThan(72);
    for (const { overflows } of onChip.counts) expect(overflows.every((n) => n === 0)).toBe(true);
  });
});
