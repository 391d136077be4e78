/** Integer traces of the published emulators: every step and every spike, under the rules of each. */

import { expect, it } from 'vitest';
import type { NpyArray } from '../../src/data/npy.js';
import { effectiveWeights, type Rules, traceCompartment } from '../../src/loihi/arithmetic.js';
import type { ChipNetwork, CompartmentProfile, Synapses } from '../../src/loihi/network.js';
import { simulateChip } from '../../src/loihi/simulate.js';
import { dataFile, describeWithData } from '../support/data.js';
import { readNpz } from '../support/npz.js';

const EMULATORS = ['nengo', 'brian2', 'lava'] as const;

const golden = (kind: string, emulator: string) => readNpz(dataFile('golden', `loihi-${kind}-${emulator}.npz`));

/** Row of a matrix. */
function row({ data, shape }: NpyArray, index: number): number[] {
  return Array.from(data.subarray(index * shape[1], (index + 1) * shape[1]) as ArrayLike<number>);
}

/** Elements of a vector; `missing` everywhere where there is none. */
function vector(array: NpyArray | undefined, missing: number): (index: number) => number {
  return array ? (index) => Number(array.data[index]) : () => missing;
}

describeWithData('golden traces of compartments', () => {
  it.each(EMULATORS)('%s', (rules) => {
    const all = golden('compartment', rules);
    const of = (name: string, missing = 0) => vector(all[name], missing);
    // brian2-loihi takes effective decays, the others registers, to which the chip adds 1 for the current.
    const offset = rules === 'brian2' ? 0 : 1;
    const rows = all.input.shape[0];
    expect(rows).toBeGreaterThan(100);
    for (let index = 0; index < rows; index++) {
      const profile: CompartmentProfile = {
        currentDecay: of('du')(index) + offset,
        voltageDecay: of('dv')(index),
        threshold: of('vth_mant')(index),
        biasExponent: of('bias_exp')(index),
        refractory: of('refractory', 1)(index),
        axonDelay: 0,
      };
      const limits: [number, number] = [
        1 - 2 ** of('vmin_exp', 23)(index),
        2 ** (9 + 2 * of('vmax_exp', 7)(index)) - 1,
      ];
      const input = Int32Array.from(row(all.input, index));
      const trace = traceCompartment(profile, input, { bias: of('bias_mant')(index), limits, rules });
      expect(Array.from(trace.current), `u of row ${index}`).toEqual(row(all.u, index));
      expect(Array.from(trace.voltage), `v of row ${index}`).toEqual(row(all.v, index));
      const spikes = row(all.spike, index).flatMap((spike, step) => (spike ? [step] : []));
      expect(Array.from(trace.spikes), `spikes of row ${index}`).toEqual(spikes);
    }
  });
});

describeWithData('golden weights', () => {
  const signs = { 1: 'mixed', 2: 'excitatory', 3: 'inhibitory' } as const;

  it.each(EMULATORS)('%s', (rules) => {
    const { bits, mode, exp, mantissa, weight } = golden('synapse', rules);
    const expected = new Map<string, { mantissas: number[]; weights: number[] }>();
    weight.data.forEach((value, index) => {
      const key = [bits, mode, exp].map(({ data }) => data[index]).join();
      const list = expected.get(key) ?? { mantissas: [], weights: [] };
      expected.set(key, list);
      list.mantissas.push(Number(mantissa.data[index]));
      list.weights.push(Number(value));
    });
    expect(expected.size).toBeGreaterThan(300);
    for (const [key, { mantissas, weights }] of expected) {
      const [bitsOf, modeOf, exponent] = key.split(',').map(Number);
      const format = { bits: bitsOf, signs: signs[modeOf as 1 | 2 | 3], exponent };
      expect(Array.from(effectiveWeights(Int16Array.from(mantissas), format, rules)), key).toEqual(weights);
    }
  });

  it.each(EMULATORS)('two spikes at once: %s', async (rules) => {
    const { pair_mantissa: pairs, pair_exp: exponents, pair_sum: sums } = golden('synapse', rules);
    for (let index = 0; index < sums.data.length; index++) {
      const network = joined(Int16Array.from(row(pairs, index)), [2, 1], Number(exponents.data[index]));
      const input = {
        count: 1,
        offsets: Uint32Array.of(0, 2),
        steps: Uint32Array.of(0, 0),
        compartments: Uint32Array.of(0, 1),
      };
      const { states } = await simulateChip(network, input, { steps: 1, rules, record: { states: true } });
      expect(states?.currents[2], `pair ${index}`).toBe(Number(sums.data[index]));
    }
  });

  it.each(['brian2', 'lava'] as const)('delays: %s', async (rules) => {
    const { delay_spikes: spikes, delay_mantissa: mantissas, delay_input: inputs } = golden('synapse', rules);
    const raster = Array.from(spikes.data, Number).flatMap((spike, step) => (spike ? [step] : []));
    const steps = inputs.shape[1];
    // What lava's source emits in a step arrives in the next one at the earliest.
    const latency = rules === 'lava' ? 1 : 0;
    const delays = inputs.shape[0];
    for (let delay = 0; delay < delays; delay++) {
      const network = joined(Int16Array.of(Number(mantissas.data[delay])), [1, 1], 0, { delay, signs: 'shared' });
      const counted = await Promise.all(
        [steps - 1, steps].map((steps) => {
          const arrivals = raster.map((step) => step + latency).filter((step) => step < steps);
          const input = {
            count: 1,
            offsets: Uint32Array.of(0, arrivals.length),
            steps: Uint32Array.from(arrivals),
            compartments: new Uint32Array(arrivals.length),
          };
          return simulateChip(network, input, { steps, rules, record: { states: true } });
        }),
      );
      // The target adds up and never spikes: its current is the sum of all inputs so far.
      const sum = (until: number) =>
        row(inputs, delay)
          .slice(0, until)
          .reduce((a, b) => a + b, 0);
      expect(counted.map(({ states }) => states?.currents[1])).toEqual([sum(steps - 1), sum(steps)]);
    }
  });
});

/** Two groups, of which the second only adds up what arrives. */
function joined(
  mantissas: Int16Array,
  sizes: readonly [number, number],
  exponent: number,
  synapses: Partial<Synapses> = {},
): ChipNetwork {
  const profile = {
    currentDecay: 0,
    voltageDecay: 4096,
    threshold: 131071,
    biasExponent: 0,
    refractory: 1,
    axonDelay: 0,
  };
  const groups = sizes.map((channels, index) => ({
    name: `g${index}`,
    layer: `g${index}`,
    role: 'neuron' as const,
    extent: { height: 1, width: 1, channels },
    profile,
  }));
  const connectivity = { kind: 'dense' } as const;
  const plain: Synapses = {
    source: 0,
    target: 1,
    connectivity,
    mantissas,
    exponent,
    bits: 8,
    signs: 'mixed',
    delay: 0,
  };
  return { groups, synapses: [{ ...plain, ...synapses }], output: 1 };
}

describeWithData('golden networks', () => {
  const VARIANTS: Readonly<Record<(typeof EMULATORS)[number], readonly string[]>> = {
    nengo: ['plain', 'refractory', 'rounding'],
    brian2: ['plain', 'refractory', 'delay', 'delayrefractory', 'rounding'],
    lava: ['plain', 'delay', 'rounding'],
  };
  const cases = EMULATORS.flatMap((rules) =>
    [0, 1].flatMap((index) => VARIANTS[rules].map((variant) => ({ rules, index, variant }))),
  );

  it.each(cases)('$rules, network $index, $variant', async ({ rules, index, variant }) => {
    const all = golden('network', rules);
    const of = (name: string) => all[`n${index}_${name}`];
    const { network, input } = build(of, variant, rules);
    const steps = of('ext').shape[1];
    const record = { spikes: true, states: true };
    const { rasters, states } = await simulateChip(network, input, { steps, rules, record });
    const raster = rasters?.[0];
    const found = Array.from(raster?.steps ?? [], (step, i) => `${raster?.compartments[i]} ${step}`);
    // The inputs come first; behind the three layers is what stands for brian2's biases.
    let first = 12;
    const expected = [0, 1, 2].flatMap((layer) => {
      const { data, shape } = of(`${variant}_spike${layer}`);
      const start = first;
      first += shape[0];
      return Array.from(data, Number).flatMap((spike, at) => {
        return spike ? [`${start + Math.floor(at / steps)} ${at % steps}`] : [];
      });
    });
    const ofLayers = found.filter((spike) => {
      const compartment = Number(spike.split(' ')[0]);
      return compartment >= 12 && compartment < 72;
    });
    expect(expected.length).toBeGreaterThan(100);
    expect(ofLayers.sort()).toEqual(expected.sort());
    expect(Array.from(states?.voltages.subarray(12, 72) ?? [])).toEqual(Array.from(of(`${variant}_v_end`).data));
    const currents = of(`${variant}_u_end`);
    if (currents) expect(Array.from(states?.currents.subarray(12, 72) ?? [])).toEqual(Array.from(currents.data));
  });

  /** 12 inputs, and 20, 30 and 10 compartments in a row. */
  function build(of: (name: string) => NpyArray, variant: string, rules: Rules) {
    const sizes = [12, 20, 30, 10];
    const layer = (name: string) => (index: number) => Number(of(name).data[index]);
    const refractory = variant.endsWith('refractory');
    // brian2-loihi has no biases: a compartment that always spikes stands for them.
    const source = rules === 'brian2';
    const groups = sizes.map((channels, index) => ({
      name: `g${index}`,
      layer: `g${index}`,
      role: index === 0 ? ('input' as const) : ('neuron' as const),
      extent: { height: 1, width: 1, channels },
      profile: {
        currentDecay: index === 0 ? 0 : layer('du_eff')(index - 1),
        voltageDecay: index === 0 ? 0 : layer('dv_eff')(index - 1),
        threshold: index === 0 ? 0 : layer('vth_mant')(index - 1),
        biasExponent: 6,
        refractory: refractory && index > 0 ? layer('refractory')(index - 1) : 1,
        axonDelay: 0,
      },
      ...(index === 1 && !source && { bias: Int16Array.from(of('bias_mant').data as Uint8Array) }),
    }));
    const synapses = ['in', '01', '12'].flatMap((name, index): Synapses[] => {
      const rounding = variant === 'rounding';
      const weights = of(rounding ? `r_w_${name}` : `w_${name}`);
      const delays = variant.startsWith('delay') ? of(`d_w_${name}`).data : new Uint8Array(weights.data.length);
      const [targets, sources] = weights.shape;
      // One set of synapses for each delay.
      return [...new Set(Array.from(delays, Number))].map((delay): Synapses => {
        const mantissas = new Int16Array(weights.data.length);
        for (let target = 0; target < targets; target++) {
          for (let from = 0; from < sources; from++) {
            const at = target * sources + from;
            if (Number(delays[at]) === delay) mantissas[from * targets + target] = Number(weights.data[at]);
          }
        }
        const exponent = Number(of(rounding ? 'r_exp' : 'exp').data[index]);
        const ends = { source: index, target: index + 1 };
        return { ...ends, connectivity: { kind: 'dense' }, mantissas, exponent, bits: 8, signs: 'mixed', delay };
      });
    });
    const { data, shape } = of('ext');
    const steps: number[] = [];
    const compartments: number[] = [];
    data.forEach((spike, at) => {
      if (!spike) return;
      steps.push(at % shape[1]);
      compartments.push(Math.floor(at / shape[1]));
    });
    if (source) {
      const [, inputs] = groups;
      groups.push({ ...inputs, name: 'bias', extent: { height: 1, width: 1, channels: 1 } });
      const mantissas = Int16Array.from(of('bias_mant').data as Uint8Array);
      const format = { exponent: 0, bits: 8, signs: 'shared' as const, delay: 0 };
      synapses.push({ source: 4, target: 1, connectivity: { kind: 'dense' }, mantissas, ...format });
      for (let step = 0; step < shape[1]; step++) {
        steps.push(step);
        compartments.push(72);
      }
    }
    const offsets = Uint32Array.of(0, steps.length);
    const input = { count: 1, offsets, steps: Uint32Array.from(steps), compartments: Uint32Array.from(compartments) };
    return { network: { groups, synapses, output: 3 } as ChipNetwork, input };
  }
});
