/**
 * What operations of the chip take, as data. Energies are in picojoules, times in nanoseconds, powers in watts.
 *
 * - D18: Davies et al., IEEE Micro 38(1), 2018, table 2: before silicon, by simulation of circuits at 0.75 V
 * - SFE: the description of Loihi that comes with SANA-FE 2.2.9 (Boyle et al., IEEE TCAD 2025), fitted to runs on Nahuku
 *   boards: against silicon its authors report errors of 12 % in energy and 25 % in latency
 * - F20: Frady et al., NICE 2020, measured on Pohoiki Springs
 * - Q: Lenz, Orchard and Sheik, arXiv 2309.16795, measured on Nahuku boards by the authors' notebooks
 */

import { FirstspikeError } from '../errors.js';

/** What an operation takes. */
export interface Cost {
  /** In pJ. */
  readonly energy: number;
  /** In ns. */
  readonly time: number;
}

/** How synapses are found: each target by its index, all targets side by side, or shared by a population. */
export type SynapseKind = 'sparse' | 'dense' | 'shared';

/** Costs of everything that happens in a step. */
export interface EnergyModel {
  readonly name: EnergyModelName;
  readonly title: string;
  /** A compartment that is looked at, in every step. */
  readonly access: Cost;
  /** What it takes beyond that if it has anything to do. */
  readonly update: Cost;
  /** What it takes beyond that if it spikes. */
  readonly spike: Cost;
  /** A message that leaves a core. */
  readonly send: Cost;
  /** A message that reaches a core. */
  readonly receive: Cost;
  /** A message on its way, whatever the distance. */
  readonly route: Cost;
  /** A tile further, along a row of the mesh and along a column. */
  readonly hop: { readonly row: Cost; readonly column: Cost };
  /** A synapse that a spike goes over. */
  readonly synapse: Readonly<Record<SynapseKind, Cost>>;
  /** Synchronisation of so many tiles at the end of a step, in ns. */
  barrier(tiles: number): number;
}

/** Sets of costs. */
export type EnergyModelName = 'davies2018' | 'sana-fe';

const FREE: Cost = { energy: 0, time: 0 };

/** D18: barriers are given for 1 and for 32 tiles; in between a line. */
const DAVIES: EnergyModel = {
  name: 'davies2018',
  title: 'Davies et al. 2018, table 2',
  // Inactive; an active compartment takes 81 pJ and 8.4 ns in all.
  access: { energy: 52, time: 5.3 },
  update: { energy: 81 - 52, time: 8.4 - 5.3 },
  spike: FREE,
  send: FREE,
  receive: FREE,
  // A spike within a tile.
  route: { energy: 1.7, time: 2.1 },
  hop: { row: { energy: 3.0, time: 4.1 }, column: { energy: 4.0, time: 6.5 } },
  // The least energy and the longest time, as the table has them.
  synapse: {
    sparse: { energy: 23.6, time: 3.5 },
    dense: { energy: 23.6, time: 3.5 },
    shared: { energy: 23.6, time: 3.5 },
  },
  barrier: (tiles) => 113 + ((465 - 113) * (Math.min(tiles, 32) - 1)) / 31,
};

/** SFE: synchronisation, which includes the work of processors, for at least so many tiles. */
const BARRIERS: readonly (readonly [tiles: number, time: number])[] = [
  [1, 600],
  [2, 1000],
  [4, 1400],
  [29, 1800],
];

const SANA_FE: EnergyModel = {
  name: 'sana-fe',
  title: 'SANA-FE 2.2.9, fitted to silicon',
  access: { energy: 51.2, time: 6.0 },
  update: { energy: 21.6, time: 3.7 },
  spike: { energy: 69.3, time: 30.0 },
  send: { energy: 111.0, time: 5.1 },
  receive: { energy: 0, time: 16.0 },
  route: FREE,
  hop: { row: { energy: 3.0, time: 4.1 }, column: { energy: 4.2, time: 6.5 } },
  synapse: {
    sparse: { energy: 33.6, time: 4.7 },
    dense: { energy: 35.5, time: 3.8 },
    shared: { energy: 24.0, time: 3.1 },
  },
  barrier: (tiles) => BARRIERS.findLast(([least]) => least <= tiles)?.[1] ?? 0,
};

/** Sets of costs by name. */
export const energyModels: Readonly<Record<EnergyModelName, EnergyModel>> = {
  davies2018: DAVIES,
  'sana-fe': SANA_FE,
};

/**
 * The costs of a name.
 *
 * @throws FirstspikeError `OPTION_INVALID` if there are none.
 */
export function energyModelNamed(name: string): EnergyModel {
  if (Object.hasOwn(energyModels, name)) return energyModels[name as EnergyModelName];
  const message = `there is no energy model "${name}".`;
  throw new FirstspikeError('OPTION_INVALID', { message, remedy: `Choose ${Object.keys(energyModels).join(' or ')}.` });
}

/** What a chip takes beside its operations. */
export const STANDBY = {
  /** F20: 3.34 W of 32 chips, for each of their 4,096 cores, in W. Q measured 0.46 to 0.72 mW. */
  powerPerCore: 3.34 / 4096,
  /** F20: state of 32 chips reset between two images: 0.19 mJ, for each chip in pJ. */
  resetPerChip: (0.19e9 / 32) as number,
} as const;

/** What the authors of Quartz measured for an image of MNIST on 11 cores: Q. */
export const QUARTZ_MEASURED: readonly {
  /** T, levels of time. */
  readonly levels: number;
  readonly steps: number;
  /** Time of a step, in microseconds. */
  readonly stepTime: number;
  /** In milliseconds, with the reset of the state by the chip's processors. */
  readonly latency: number;
  /** All of it, in mW. */
  readonly power: number;
  /** In microjoules. */
  readonly energy: number;
  /** Energy-delay product, in microjoule seconds. */
  readonly product: number;
  /** Share of wrong labels, 0 to 1. */
  readonly error: number;
}[] = [
  { levels: 8, steps: 51, stepTime: 96.04, latency: 4.9, power: 34.2, energy: 167, product: 0.82, error: 0.3486 },
  { levels: 16, steps: 91, stepTime: 53.93, latency: 4.91, power: 37.2, energy: 182.5, product: 0.895, error: 0.0077 },
  { levels: 32, steps: 171, stepTime: 28.81, latency: 4.93, power: 44.0, energy: 217, product: 1.069, error: 0.0075 },
  { levels: 64, steps: 331, stepTime: 17.44, latency: 5.77, power: 50.4, energy: 291, product: 1.68, error: 0.0074 },
  { levels: 128, steps: 651, stepTime: 13.3, latency: 8.66, power: 58.8, energy: 509, product: 4.41, error: 0.0072 },
];
