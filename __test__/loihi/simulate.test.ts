import { expect, it } from 'vitest';
import { FirstspikeError } from '../../src/errors.js';
import { effectiveWeights, traceCompartment } from '../../src/loihi/arithmetic.js';
import type { ChipNetwork, CompartmentGroup, CompartmentProfile } from '../../src/loihi/network.js';
import { type ChipInput, firstCompartments, simulateChip } from '../../src/loihi/simulate.js';

const PROFILE: CompartmentProfile = {
  currentDecay: 4096,
  voltageDecay: 0,
  threshold: 4,
  biasExponent: 6,
  refractory: 1,
  axonDelay: 0,
};

const group = (name: string, channels: number, more: Partial<CompartmentGroup> = {}): CompartmentGroup => {
  const extent = { height: 1, width: 1, channels };
  return { name, layer: name, role: 'neuron', extent, profile: PROFILE, ...more };
};

/** Inputs, of which each has a compartment of its own that integrates; two steps later than usual. */
const network: ChipNetwork = {
  groups: [group('in', 3, { role: 'input' }), group('out', 3)],
  synapses: [
    {
      source: 0,
      target: 1,
      connectivity: { kind: 'pairwise' },
      mantissas: Int16Array.of(1, 2, -3),
      exponent: 1,
      bits: 8,
      signs: 'shared',
      delay: 2,
    },
  ],
  output: 1,
};

const nothing: ChipInput = {
  count: 1,
  offsets: Uint32Array.of(0, 0),
  steps: new Uint32Array(),
  compartments: new Uint32Array(),
};

it('runs biases of an image, spike by spike', async () => {
  expect(firstCompartments(network)).toEqual([0, 3]);
  // Biases of 64, 128 and -64: the threshold of 256 is exceeded in every fifth step, in every third, and never.
  const biased = { group: 0, mantissas: Int16Array.of(1, 2, -1) };
  const record = { spikes: true, compartments: true };
  const { rasters, counts, compartmentSpikes, potentials, outputSpikes, firstSpikes, imageSpikes } = await simulateChip(
    network,
    { ...nothing, biased },
    { steps: 12, record },
  );
  const raster = Array.from(rasters?.[0].steps ?? [], (step, i) => [step, rasters?.[0].compartments[i]]);
  expect(raster).toEqual([
    [2, 1],
    [4, 0],
    [5, 1],
    [8, 1],
    // Spikes of the second, of which each adds 256, have arrived in steps 5 and 8.
    [8, 4],
    [9, 0],
    [11, 1],
  ]);
  expect(Array.from(compartmentSpikes ?? [])).toEqual([2, 4, 0, 0, 1, 0]);
  expect([...outputSpikes]).toEqual([0, 1, 0]);
  expect([...firstSpikes]).toEqual([-1, 8, -1]);
  expect([...imageSpikes]).toEqual([7]);
  // Spikes of steps 4, 2 and 5, 8 arrive three steps later; that of step 9 after the end.
  expect([...potentials]).toEqual([128, 256, 0]);
  expect(counts.map(({ name }) => name)).toEqual(['in', 'out']);
  expect([...counts[0].spikes]).toEqual([0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1]);
  // Events are of the step in which spikes are sent.
  expect([...counts[1].synapticEvents]).toEqual([0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0]);
  expect([...counts[0].updates]).toEqual(new Array(12).fill(3));
  expect([...counts[1].updates]).toEqual([0, 0, 0, 0, 0, 1, 1, 2, 2, 1, 1, 2]);
});

it('does not depend on the number of threads', async () => {
  const count = 64;
  const random = (seed: number) => (Math.imul(seed, 2654435761) >>> 16) % 12;
  const steps = Uint32Array.from({ length: count * 4 }, (_, i) => random(i + 1));
  const input: ChipInput = {
    count,
    offsets: Uint32Array.from({ length: count + 1 }, (_, i) => i * 4),
    steps,
    compartments: Uint32Array.from(steps, (step) => step % 3),
  };
  const record = { spikes: true, compartments: true, states: true };
  const runs = await Promise.all(
    [1, 2, 5].map(async (threads) => {
      const { seconds: _, ...rest } = await simulateChip(network, input, { steps: 20, threads, record });
      return rest;
    }),
  );
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
});

it('stops at an abort', async () => {
  const abort = new AbortController();
  const count = 20_000;
  const input = { ...nothing, count, offsets: new Uint32Array(count + 1) };
  const biased = { group: 0, mantissas: new Int16Array(count * 3).fill(3) };
  const run = simulateChip(network, { ...input, biased }, { steps: 100_000, signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(run).rejects.toThrow('enough');
});

const failure = async (run: () => unknown): Promise<FirstspikeError> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof FirstspikeError) return error;
    throw error;
  }
  throw new Error('did not fail');
};

it('refuses what the chip or the rules do not know', async () => {
  const options = { steps: 10 };
  const changed = (change: Partial<CompartmentProfile>): ChipNetwork => {
    return { ...network, groups: [network.groups[0], group('out', 3, { profile: { ...PROFILE, ...change } })] };
  };
  const refused = (refusing: ChipNetwork, rules?: 'brian2' | 'lava') =>
    failure(() => simulateChip(refusing, nothing, { ...options, rules }));
  expect(await refused(changed({ threshold: 131072 }))).toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(/^out: the mantissa of the threshold is 131072, outside of 0 to 131071\. /),
  });
  expect((await refused(changed({ refractory: 2 }), 'lava')).message).toMatch(
    /out: these rules know no refractory time/,
  );
  const biased = { ...network, groups: [group('in', 3, { bias: Int16Array.of(0, 1, 0) }), network.groups[1]] };
  expect((await refused(biased, 'brian2')).message).toMatch(/in: these rules know no biases/);
  const short = { ...network, synapses: [{ ...network.synapses[0], mantissas: Int16Array.of(1) }] };
  expect((await refused(short)).message).toMatch(/in to out: 1 weights, but 3 synapses/);
  const late = {
    ...nothing,
    offsets: Uint32Array.of(0, 1),
    steps: Uint32Array.of(10),
    compartments: Uint32Array.of(0),
  };
  expect(await failure(() => simulateChip(network, late, options))).toMatchObject({ code: 'INPUT_INVALID' });
  expect(await failure(() => simulateChip(network, nothing, { steps: 0 }))).toMatchObject({ code: 'OPTION_INVALID' });
  const format = { bits: 9, signs: 'mixed', exponent: 0 } as const;
  expect((await failure(() => effectiveWeights(Int16Array.of(1), format))).code).toBe('INPUT_INVALID');
  expect((await failure(() => traceCompartment(PROFILE, Int32Array.of(1), { bias: 4096 }))).code).toBe('INPUT_INVALID');
  expect((await failure(() => traceCompartment(PROFILE, Int32Array.of(1), { rules: 'x' as 'chip' }))).code).toBe(
    'OPTION_INVALID',
  );
});
