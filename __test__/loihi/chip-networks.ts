/** Networks in the terms of a chip, made by chance, and a chip with little room. */

import fc from 'fast-check';
import { type Extent, neurons } from '../../src/codes/topology.js';
import { type ChipDescription, chips } from '../../src/loihi/chip.js';
import type { ChipNetwork, CompartmentGroup, Synapses } from '../../src/loihi/network.js';
import { numbers } from '../support/graphs.js';

/** Loihi with cores so small that nothing fits on one. */
export const SMALL_CHIP: ChipDescription = {
  ...chips.loihi1,
  mesh: { tiles: [2, 2], coresPerTile: 2 },
  core: {
    ...chips.loihi1.core,
    ...{ compartments: 64, synapseWords: 400, inputAxons: 160, outputEntries: 220 },
    ...{ indexBase: 31, wordsPerList: 40, accumulators: 512 },
  },
};

const small = (min: number, max: number) => fc.integer({ min, max });

/** What decides over the synapses onto a group. */
const joints = fc.record({
  kind: fc.constantFrom('conv', 'conv', 'conv', 'depthwise', 'grouped', 'dense', 'dense', 'pairwise'),
  outputs: small(1, 4),
  kernel: fc.tuple(small(1, 3), small(1, 3)),
  stride: fc.tuple(small(1, 2), small(1, 2)),
  dilation: fc.tuple(small(1, 2), small(1, 2)),
  pad: fc.tuple(small(0, 1), small(0, 1)),
  seed: small(0, 1000),
  signs: fc.constantFrom('shared', 'shared', 'mixed'),
  bits: fc.constantFrom(8, 8, 8, 4),
  delay: fc.constantFrom(0, 0, 0, 3, 13),
  exponent: fc.constantFrom(0, 0, 3),
  sparse: small(1, 3),
  /** How many groups back it reads, and what else is joined. */
  back: small(1, 3),
  self: fc.boolean(),
  helper: fc.boolean(),
  twice: fc.boolean(),
});

type Joint = typeof joints extends fc.Arbitrary<infer T> ? T : never;

/** Random networks: kernels, matrices and one-to-one synapses, self-synapses, helpers, and several synapses side by side. */
export const chipNetworks: fc.Arbitrary<ChipNetwork> = fc
  .record({
    extent: fc.record({ height: small(1, 9), width: small(1, 9), channels: small(1, 6) }),
    joints: fc.array(joints, { minLength: 1, maxLength: 4 }),
  })
  .map(({ extent, joints: all }) => {
    const groups: CompartmentGroup[] = [group('input', extent, 'input')];
    const synapses: Synapses[] = [];
    for (const joint of all) grow(groups, synapses, joint);
    return { groups, synapses, output: groups.length - 1 };
  });

function group(name: string, extent: Extent, role: CompartmentGroup['role'] = 'neuron'): CompartmentGroup {
  const profile = { currentDecay: 4096, voltageDecay: 0, threshold: 100 + name.length, biasExponent: 0 };
  return { name, layer: name, role, extent, profile: { ...profile, refractory: 1, axonDelay: 0 } };
}

function grow(groups: CompartmentGroup[], synapses: Synapses[], joint: Joint): void {
  const source = Math.max(0, groups.length - joint.back);
  const from = groups[source].extent;
  const target = groups.length;
  const made = joined(joint, from);
  if (!made) return;
  const { extent, connectivity, weights } = made;
  groups.push(group(`layer ${target}`, extent));
  const own = { bits: joint.bits, signs: joint.signs, exponent: joint.exponent, delay: joint.delay } as const;
  synapses.push({ source, target, connectivity, mantissas: mantissas(weights, joint), ...own });
  if (joint.twice) {
    const other = mantissas(weights, { ...joint, seed: joint.seed + 7 });
    synapses.push({ source, target, connectivity, mantissas: other, ...own, exponent: 6 });
  }
  if (joint.self) {
    const pairs = mantissas(neurons(extent), joint);
    synapses.push({ source: target, target, connectivity: { kind: 'pairwise' }, mantissas: pairs, ...own });
  }
  if (joint.helper) {
    const helper = groups.push({ ...group(`helper ${target}`, { height: 1, width: 1, channels: 1 }, 'helper') }) - 1;
    const all = mantissas(neurons(extent), { ...joint, sparse: 1 });
    synapses.push({ source: helper, target, connectivity: { kind: 'dense' }, mantissas: all, ...own });
  }
}

function joined({ kind, outputs, kernel, stride, dilation, pad, seed }: Joint, from: Extent) {
  if (kind === 'pairwise') return { extent: from, connectivity: { kind: 'pairwise' } as const, weights: neurons(from) };
  if (kind === 'dense') {
    const channels = outputs * 5;
    const order = Uint32Array.from({ length: neurons(from) }, (_, i) => neurons(from) - 1 - i);
    const connectivity = { kind: 'dense' as const, ...(seed % 2 === 0 && { order }) };
    return { extent: { height: 1, width: 1, channels }, connectivity, weights: neurons(from) * channels };
  }
  const groups = kind === 'depthwise' ? from.channels : kind === 'grouped' && from.channels % 2 === 0 ? 2 : 1;
  const channels = groups * outputs;
  const along = (axis: 0 | 1, size: number) =>
    Math.floor((size + 2 * pad[axis] - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis]) + 1;
  const extent = { height: along(0, from.height), width: along(1, from.width), channels };
  if (extent.height < 1 || extent.width < 1) return undefined;
  const geometry = { input: from, output: extent, kernel, stride, dilation, pad };
  const weights = kernel[0] * kernel[1] * (from.channels / groups) * channels;
  return { extent, connectivity: { kind: 'conv' as const, geometry, groups }, weights };
}

/** Mantissas that the format can say, some of them 0. */
function mantissas(count: number, { seed, signs, bits, sparse }: Joint): Int16Array {
  const step = 2 ** (8 - bits + (signs === 'mixed' ? 1 : 0));
  return Int16Array.from(numbers(count, seed), (value, i) =>
    i % sparse === 0 ? Math.trunc((value * 127) / step) * step : 0,
  );
}
