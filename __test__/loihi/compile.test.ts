import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { neurons } from '../../src/codes/topology.js';
import { LayoutError } from '../../src/errors.js';
import { lowerBound } from '../../src/loihi/bound.js';
import { compile } from '../../src/loihi/compile.js';
import type { CoreLayout, Layout } from '../../src/loihi/layout.js';
import type { ChipNetwork } from '../../src/loihi/network.js';
import { pauses } from '../../src/loihi/pause.js';
import { verify, violations } from '../../src/loihi/verify.js';
import { chipNetworks, SMALL_CHIP } from './chip-networks.js';

const spikesOf = ({ groups }: ChipNetwork) => groups.map(({ extent }) => neurons(extent));

describe('compile', () => {
  test('what it lays out passes the verifier, on cores so small that everything is cut', async () => {
    let laidOut = 0;
    let cores = 0;
    await fc.assert(
      fc.asyncProperty(chipNetworks, async (network) => {
        try {
          const layout = await compile(network, SMALL_CHIP, spikesOf(network), pauses());
          expect(await violations(layout)).toEqual([]);
          expect(layout.cores.length).toBeGreaterThanOrEqual(lowerBound(network, SMALL_CHIP).cores);
          laidOut++;
          cores = Math.max(cores, layout.cores.length);
        } catch (error) {
          if (!(error instanceof LayoutError)) throw error;
          expect(error.code).toBe('CHIP_UNSUPPORTED');
        }
      }),
      { numRuns: 150 },
    );
    expect(laidOut).toBeGreaterThan(100);
    expect(cores).toBeGreaterThan(8);
  });

  test('the same network always has the same layout', async () => {
    const [network] = fc.sample(chipNetworks, { seed: 4, numRuns: 1 });
    const layouts = [0, 1].map(() => compile(network, SMALL_CHIP, spikesOf(network), pauses()));
    expect(await layouts[0]).toEqual(await layouts[1]);
  });
});

/** Arrays whose elements may be changed. */
type Mutable = { [i: number]: number };

const lessOf = (array: Mutable, by: number) => {
  array[0] -= by;
};

/** Ways to spoil a layout, and what the verifier must say. */
const SPOILED: [string, RegExp, (layout: Layout) => Layout][] = [
  ['a weight', /synapses/, (l) => memory(l, 'mantissa', (a) => lessOf(a, a[0] > 1 ? 1 : -1))],
  ['an index', /synapses|gap|target/, (l) => memory(l, 'index', (a) => lessOf(a, a[0] === 0 ? -1 : a[0]))],
  ['the words of a list', /words/, (l) => memory(l, 'words', (a) => lessOf(a, 1))],
  ['a format', /structure: format/, (l) => memory(l, 'format', (a) => lessOf(a, -99))],
  ['a delay', /delay/, (l) => memory(l, 'delay', (a) => lessOf(a, -9))],
  [
    'an axon',
    /structure|synapses/,
    (l) => sender(l, (o) => ({ ...o, axon: o.axon.map((n, i) => (i === 0 ? n + 1 : n)) })),
  ],
  ['the number of axons', /senders/, (l) => sender(l, withoutFirst)],
  ['a base', /synapses|target/, (l) => receiver(l, moveBases)],
  ['the number of cores', /structure/, (l) => ({ ...l, cores: l.cores.slice(0, -1) })],
  [
    'a core doubled and all that is on it',
    /structure|compartments/,
    (l) => ({ ...l, cores: [...l.cores, l.cores[0]] }),
  ],
  [
    'the place of a core',
    /mesh/,
    (l) => ({ ...l, cores: l.cores.map((c) => ({ ...c, position: l.cores[0].position })) }),
  ],
  ['a limit of compartments', /compartments/, (l) => limited(l, 'compartments')],
  ['a limit of input axons', /input axons/, (l) => limited(l, 'inputAxons')],
  ['a limit of output entries', /output entries/, (l) => limited(l, 'outputEntries')],
  ['a limit of words', /synapse words/, (l) => limited(l, 'synapseWords')],
  ['a limit of formats', /synapse formats/, (l) => limited(l, 'synapseFormats')],
  ['a limit of thresholds', /thresholds/, (l) => limited(l, 'thresholds')],
];

function memory(layout: Layout, key: keyof CoreLayout['memory'], spoil: (array: Mutable) => void): Layout {
  return receiver(layout, (core) => {
    const array = core.memory[key].slice();
    spoil(array);
    return { ...core, memory: { ...core.memory, [key]: array } };
  });
}

function moveBases(core: CoreLayout): CoreLayout {
  return { ...core, inputs: { ...core.inputs, base: core.inputs.base.map((base) => base + 1) } };
}

function withoutFirst({ from, isPopulation, core, axon }: CoreLayout['outputs']): CoreLayout['outputs'] {
  return { from: from.slice(1), isPopulation: isPopulation.slice(1), core: core.slice(1), axon: axon.slice(1) };
}

/** Changes the first core that has synapses. */
function receiver(layout: Layout, change: (core: CoreLayout) => CoreLayout): Layout {
  const at = layout.cores.findIndex(({ memory: { mantissa } }) => mantissa.length > 0);
  return { ...layout, cores: layout.cores.map((core, i) => (i === at ? change(core) : core)) };
}

/** Changes the axons of the first core that has any. */
function sender(layout: Layout, change: (axons: CoreLayout['outputs']) => CoreLayout['outputs']): Layout {
  const at = layout.cores.findIndex(({ outputs }) => outputs.from.length > 1);
  return {
    ...layout,
    cores: layout.cores.map((core, i) => (i === at ? { ...core, outputs: change(core.outputs) } : core)),
  };
}

/** The same layout on a chip that has a bit less than its fullest core uses. */
function limited(
  layout: Layout,
  key: 'compartments' | 'inputAxons' | 'outputEntries' | 'synapseWords' | 'synapseFormats' | 'thresholds',
): Layout {
  const most = Math.max(...layout.cores.map(({ use }) => use[key]));
  const core = { ...layout.chip.core, [key]: most - 1 };
  return { ...layout, chip: { ...layout.chip, core } };
}

describe('verify', () => {
  const network: ChipNetwork = (() => {
    const profile = { currentDecay: 4096, voltageDecay: 0, threshold: 9, biasExponent: 0, refractory: 1, axonDelay: 0 };
    const [input, output] = [
      { height: 6, width: 6, channels: 3 },
      { height: 4, width: 4, channels: 8 },
    ];
    const one = [1, 1] as const;
    const geometry = { input, output, kernel: [3, 3] as const, stride: one, dilation: one, pad: [0, 0] as const };
    const kernel = { kind: 'conv' as const, geometry, groups: 1 };
    const numbers = (n: number) => Int16Array.from({ length: n }, (_, i) => ((i * 37) % 201) - 100);
    const own = { exponent: 0, bits: 8, signs: 'shared' as const, delay: 0 };
    return {
      groups: [
        { name: 'in', layer: 'in', role: 'input', extent: input, profile },
        { name: 'conv', layer: 'conv', role: 'neuron', extent: output, profile },
        { name: 'out', layer: 'out', role: 'neuron', extent: { height: 1, width: 1, channels: 10 }, profile },
      ],
      synapses: [
        { source: 0, target: 1, connectivity: kernel, mantissas: numbers(3 * 3 * 3 * 8), ...own },
        { source: 1, target: 2, connectivity: { kind: 'dense' }, mantissas: numbers(128 * 10), ...own },
      ],
      output: 2,
    };
  })();

  test.each(SPOILED)('refuses a layout with %s changed', async (_, limit, spoil) => {
    const layout = await compile(network, SMALL_CHIP, spikesOf(network), pauses());
    await verify(layout);
    const found = await violations(spoil(layout));
    expect(found.map((one) => one.limit).join()).toMatch(limit);
    await expect(verify(spoil(layout))).rejects.toMatchObject({ code: 'LAYOUT_INVALID' });
  });

  test('names limit, core, layer and number', async () => {
    const layout = await compile(network, SMALL_CHIP, spikesOf(network), pauses());
    const [found] = await violations(limited(layout, 'synapseWords'));
    expect(found).toMatchObject({
      limit: 'synapse words',
      layer: expect.stringContaining('out'),
      core: expect.any(Number),
    });
    expect(found.count).toBe(found.most + 1);
  });
});
