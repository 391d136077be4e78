import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { energyModels, QUARTZ_MEASURED, STANDBY } from '../../src/loihi/energy.js';
import { type Activity, type CoreActivity, estimate, type PartActivity } from '../../src/loihi/estimate.js';
import type { Position } from '../../src/loihi/layout.js';
import { dataFile, describeWithData } from '../support/data.js';

const at = (row: number, column: number, core = 0): Position => ({ chip: 0, row, column, core });

interface Workload {
  readonly name: string;
  readonly simulated: {
    readonly steps: number;
    readonly energy_pJ: {
      readonly total: number;
      readonly synapse: number;
      readonly soma: number;
      readonly network: number;
    };
    readonly time_ns: number;
    readonly messages: number;
    readonly synaptic_events: number;
    readonly hops: number;
    readonly neurons_fired: number;
    readonly per_step: { readonly energy_pJ: number[]; readonly time_ns: number[] };
  };
}

describeWithData('workloads of SANA-FE', () => {
  // Read before the tests run, not while they are collected: those that are skipped are collected too.
  let workloads: readonly Workload[] = [];
  beforeAll(() => {
    workloads = JSON.parse(readFileSync(dataFile('golden', 'sanafe-loihi.json'), 'utf8')).workloads;
  });

  const source = (spikes: number[], flows: PartActivity['flows']): PartActivity => {
    return { compartments: 1, outside: true, spikes, updates: spikes.map(() => 0), flows };
  };
  const fires = [0, 1, 0, 0, 1, 0, 0, 0];
  const follows = [0, 0, 4, 0, 0, 4, 0, 0];

  /** What the descriptions of the workloads say, in words of the estimate. */
  const activities: Readonly<Record<string, Activity>> = {
    'one-core': {
      steps: 8,
      cores: [
        {
          position: at(0, 0),
          parts: [
            source(fires, [{ to: 0, messages: 1, synapses: 4, kind: 'dense' }]),
            { compartments: 4, spikes: follows, updates: follows, flows: [] },
          ],
        },
      ],
    },
    // Tile 9 is 2 columns and 1 row away.
    'two-tiles': {
      steps: 8,
      cores: [
        { position: at(0, 0), parts: [source(fires, [{ to: 1, messages: 1, synapses: 4, kind: 'dense' }])] },
        {
          position: at(0, 0, 1),
          parts: [
            {
              compartments: 4,
              spikes: follows,
              updates: follows,
              flows: [{ to: 2, messages: 1, synapses: 3, kind: 'dense' }],
            },
          ],
        },
        {
          position: at(1, 2, 1),
          parts: [{ compartments: 3, spikes: new Array(8).fill(0), updates: [0, 0, 0, 3, 3, 3, 3, 3], flows: [] }],
        },
      ],
    },
    // Tile 2 is two rows away, tile 12 three columns.
    'fan-out': {
      steps: 12,
      cores: [
        {
          position: at(0, 0),
          parts: [
            {
              compartments: 16,
              spikes: Array.from({ length: 12 }, (_, step) => (step % 4 === 3 ? 16 : 0)),
              updates: new Array(12).fill(16),
              flows: [
                { to: 1, messages: 1, synapses: 8, kind: 'sparse' },
                { to: 2, messages: 1, synapses: 8, kind: 'shared' },
              ],
            },
          ],
        },
        ...[at(2, 0), at(0, 3)].map((position): CoreActivity => {
          const updates = Array.from({ length: 12 }, (_, step) => (step > 3 ? 8 : 0));
          return { position, parts: [{ compartments: 8, spikes: new Array(12).fill(0), updates, flows: [] }] };
        }),
      ],
    },
  };

  it('are all there', () => {
    expect(workloads.map(({ name }) => name).sort()).toEqual(Object.keys(activities).sort());
  });

  it.each(Object.keys(activities))('%s', (name) => {
    const found = estimate(activities[name], energyModels['sana-fe']);
    const workload = workloads.find((workload) => workload.name === name);
    if (workload === undefined) throw new Error(`there is no workload "${name}"`);
    const { simulated } = workload;
    const { energy_pJ: energy, per_step: perStep } = simulated;
    // To the last digit given: tenths of a picojoule.
    const tenths = (value: number) => Math.round(value * 10) / 10;
    expect(tenths(found.dynamic.total)).toBe(energy.total);
    expect(tenths(found.dynamic.synapses)).toBe(energy.synapse);
    expect(tenths(found.dynamic.compartments)).toBe(energy.soma);
    expect(tenths(found.dynamic.network)).toBe(energy.network);
    expect(Array.from(found.perStep.energy, tenths)).toEqual(perStep.energy_pJ);
    expect(found.counts).toMatchObject({
      messages: simulated.messages,
      synapticEvents: simulated.synaptic_events,
      hops: simulated.hops,
    });
    expect(Math.abs(found.latency / simulated.time_ns - 1)).toBeLessThan(0.02);
    perStep.time_ns.forEach((time, step) => {
      expect(Math.abs(found.perStep.time[step] / time - 1), `step ${step}`).toBeLessThan(0.02);
    });
  });
});

describe('a layout like that of the gesture network: 49 cores on 13 tiles', () => {
  // Cores of each layer, neurons, and what a step of it is chosen to have.
  const layers = [
    { cores: 1, compartments: 1024, spikes: 200, synapses: 36 },
    { cores: 8, compartments: 450, spikes: 25, synapses: 72 },
    { cores: 8, compartments: 676, spikes: 20, synapses: 144 },
    { cores: 22, compartments: 352, spikes: 4, synapses: 99 },
    { cores: 9, compartments: 99, spikes: 2, synapses: 11 },
    { cores: 1, compartments: 11, spikes: 0, synapses: 0 },
  ];
  const first = layers.map((_, index) => layers.slice(0, index).reduce((sum, { cores }) => sum + cores, 0));
  const cores = layers.flatMap(({ cores: count, compartments, spikes, synapses }, layer) =>
    Array.from({ length: count }, (_, i): CoreActivity => {
      const core = first[layer] + i;
      const tile = Math.floor(core / 4);
      const next = layers[layer + 1]?.cores ?? 0;
      // Each spike goes to one core of the next layer.
      const flow = { to: first[layer + 1] + (i % next), messages: 1, synapses, kind: 'shared' as const };
      return {
        position: at(tile % 4, Math.floor(tile / 4), core % 4),
        parts: [{ compartments, spikes: [spikes], updates: [compartments / 2], flows: next ? [flow] : [] }],
      };
    }),
  );

  it('takes what counting by hand gives', () => {
    const { dynamic, latency, counts, perStep, product, ...others } = estimate(
      { steps: 1, cores },
      energyModels['sana-fe'],
    );
    // 1024 + 8 450 + 8 676 + 22 352 + 9 99 + 11 compartments, of which half have something to do.
    const compartments = 1024 + 3600 + 5408 + 7744 + 891 + 11;
    expect(compartments).toBe(18678);
    // 200 + 8 25 + 8 20 + 22 4 + 9 2
    const spikes = 666;
    const events = 200 * 36 + 200 * 72 + 160 * 144 + 88 * 99 + 18 * 11;
    expect(counts).toMatchObject({ spikes, messages: spikes, synapticEvents: events, chipCrossings: 0 });
    expect(dynamic.compartments).toBeCloseTo(51.2 * 18678 + 21.6 * 9339 + 69.3 * 666, 6);
    expect(dynamic.synapses).toBeCloseTo(24 * events, 6);
    const ways = cores.flatMap(({ position, parts: [{ flows, spikes }] }) =>
      flows.map(({ to }) => {
        const { row, column } = cores[to].position;
        return spikes[0] * (3.0 * Math.abs(column - position.column) + 4.2 * Math.abs(row - position.row));
      }),
    );
    expect(dynamic.network).toBeCloseTo(111 * 666 + ways.reduce((a, b) => a + b), 6);
    expect(dynamic.total).toBeCloseTo(dynamic.compartments + dynamic.synapses + dynamic.network, 6);
    expect(perStep.energy[0]).toBeCloseTo(dynamic.total, 6);
    // The step's length is that of the input's core and its messages, or of the core that they all go to: 200 messages
    // of 16 + 36 3.1 ns from the first on, which leaves when its share of the compartments is done.
    const own = 1024 * 6 + 512 * 3.7 + 200 * 30;
    const piled = own / 200 + 5.1 + 200 * (16 + 36 * 3.1);
    expect(latency).toBeCloseTo(Math.max(own + 200 * 5.1, piled) + 1400, 6);
    // In the range of one to four microjoules and ten to sixty microseconds that the paper shows for this network.
    expect(dynamic.total / 1e6).toBeGreaterThan(1);
    expect(dynamic.total / 1e6).toBeLessThan(4);
    expect(latency / 1e3).toBeGreaterThan(10);
    expect(latency / 1e3).toBeLessThan(60);
    expect(others.static).toBeCloseTo(((49 * 3.34) / 4096) * latency * 1000, 3);
    expect(others.reset).toBe(STANDBY.resetPerChip);
    expect(product).toBeCloseTo(((dynamic.total + others.static + others.reset) * latency) / 1e9, 9);
  });

  it('takes the published energies of operations in the other model', () => {
    const { dynamic, latency } = estimate({ steps: 1, cores }, energyModels.davies2018);
    expect(dynamic.compartments).toBeCloseTo(52 * 9339 + 81 * 9339, 6);
    expect(dynamic.synapses).toBeCloseTo(23.6 * (200 * 36 + 200 * 72 + 160 * 144 + 88 * 99 + 18 * 11), 6);
    expect(latency).toBeGreaterThan(512 * 5.3 + 512 * 8.4);
  });
});

it('has measurements whose figures agree with each other', () => {
  for (const { steps, stepTime, latency, power, energy, product } of QUARTZ_MEASURED) {
    expect(Math.abs((steps * stepTime) / 1000 / latency - 1)).toBeLessThan(0.01);
    expect(Math.abs((power * latency) / energy - 1)).toBeLessThan(0.01);
    expect(Math.abs((energy * latency) / 1000 / product - 1)).toBeLessThan(0.01);
  }
});
