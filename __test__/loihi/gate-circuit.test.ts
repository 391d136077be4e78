/** Circuits of neurons that spike at most once, and few-spike neurons unrolled, in the chip's integers. */

import { expect, it } from 'vitest';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import { ConvertError } from '../../src/errors.js';
import { elements } from '../../src/graph/graph.js';
import { discretiseAmos } from '../../src/loihi/amos.js';
import { discretiseFewSpike } from '../../src/loihi/few-spike.js';
import { encodeImages, scores } from '../../src/loihi/program.js';
import { simulateChip } from '../../src/loihi/simulate.js';
import { correlation } from '../support/correlation.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

const COUNT = 8;

/** Images of both signs for a network of two convolutions, with something between them. */
async function network(between: (builder: GraphBuilder) => GraphBuilder, options: ConvertOptions) {
  const builder = between(new GraphBuilder([1, 6, 6]).conv(3, { kernel: [3, 3] }, 4));
  builder.conv(4, { kernel: [2, 2] }, 11).relu();
  const graph = builder
    .reshape([elements(builder.shape())])
    .dense(6, 'out-in', 5)
    .build();
  const data = Float32Array.from(numbers(COUNT * 36, 21));
  const batch = { data, shape: [COUNT, 1, 6, 6] };
  const calibration = await calibrate(graph, [batch]);
  return { batch, network: await convert(graph, { ...options, calibration } as ConvertOptions) };
}

const plain = (builder: GraphBuilder) => builder.relu();
const pooled = (builder: GraphBuilder) => builder.relu().maxPool({ kernel: [2, 2], strides: [1, 2] });
const sigmoid = (builder: GraphBuilder) => builder.add({ op: 'Activation', fn: 'sigmoid' });

const cases = [
  { code: 'amos', what: 'ReLU', between: plain, layers: 3 },
  // A maximum of four takes four layers more.
  { code: 'amos', what: 'maxima', between: pooled, layers: 7 },
  { code: 'amos', what: 'sigmoid', between: sigmoid, layers: 3 },
  { code: 'fs', what: 'ReLU', between: plain, layers: 3 },
  { code: 'fs', what: 'maxima', between: pooled, layers: 7 },
  { code: 'fs', what: 'sigmoid', between: sigmoid, layers: 3 },
] as const;

it.each(cases)('$code: $what', async ({ code, between, layers }) => {
  const steps = 6;
  const { network: spiking, batch } = await network(between, { code, steps, restarts: 2 } as ConvertOptions);
  const discretise = code === 'amos' ? discretiseAmos : discretiseFewSpike;
  const program = discretise(spiking, { inputRange: [-2, 2], digits: steps });
  expect(program.steps).toBe(layers * steps + 2);
  const input = encodeImages(program, { data: batch.data, count: COUNT });
  const run = await simulateChip(program.network, input, { steps: program.steps, record: { compartments: true } });
  const { logits } = await spiking.run(batch);
  expect(correlation(scores(program, run), logits.data)).toBeGreaterThan(0.99);
  for (const { overflows } of run.counts) expect(overflows.every((n) => n === 0)).toBe(true);
  // No compartment spikes twice: not more often than there are images.
  expect(Math.max(...(run.compartmentSpikes ?? []))).toBeLessThanOrEqual(COUNT);
});

it('sends images as binary digits', async () => {
  const { network: spiking } = await network(plain, { code: 'amos', steps: 4 });
  const program = discretiseAmos(spiking, { inputRange: [0, 1], digits: 3 });
  const data = new Float32Array(36);
  data.set([0, 1, 5 / 7, 2, -1]);
  const { steps, compartments } = encodeImages(program, { data, count: 1 });
  const ofImage = Array.from(compartments, (compartment, i) => [
    compartment % 36,
    Math.floor(compartment / 36),
    steps[i],
  ]);
  const digits = ofImage.filter(([, group]) => group < 3);
  // 1 is 111, 5/7 is 101, and what is beyond the range is clipped; a digit is sent in its step, and arrives in the next.
  expect(digits).toEqual([
    ...[0, 1, 2].map((t) => [1, t, t + 2]),
    ...[0, 2].map((t) => [2, t, t + 2]),
    ...[0, 1, 2].map((t) => [3, t, t + 2]),
  ]);
});

it('refuses what has no circuit', async () => {
  const builder = new GraphBuilder([1, 4, 4]).conv(2, {}, 3).relu();
  const a = builder.last;
  const b = builder.add({ op: 'Activation', fn: 'sigmoid' }).last;
  builder.add({ op: 'Mul' }, builder.shape(), [a, b]);
  const graph = builder
    .reshape([elements(builder.shape())])
    .dense(3)
    .build();
  const batch = { data: Float32Array.from(numbers(32, 9)), shape: [2, 1, 4, 4] };
  const calibration = await calibrate(graph, [batch]);
  const product = await convert(graph, { code: 'amos', calibration, steps: 4, restarts: 1 });
  try {
    discretiseAmos(product);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(ConvertError);
    const { code, message } = error as ConvertError;
    expect(code).toBe('CODE_UNSUPPORTED');
    expect(message).toMatch(
      /^Mul3: it has no circuit on the chip: compartments add, and the values that a product takes/,
    );
  }
});

it('refuses maxima of what may be negative, once for each layer', async () => {
  const negative = (builder: GraphBuilder) => sigmoid(builder).maxPool({ kernel: [2, 2], strides: [2, 2] });
  const { network: spiking } = await network(negative, { code: 'amos', steps: 4, restarts: 1 });
  expect(() => discretiseAmos(spiking)).toThrow(
    /MaxPool2\S*: it has no circuit on the chip: it pools what may be negative/,
  );
});
