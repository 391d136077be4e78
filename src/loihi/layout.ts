/**
 * A network on the cores of chips: the finished layout, as it would be written to them. It says where each compartment
 * lies, which axons lead to which cores, and what is in the synaptic memories; all that happens in a step (messages,
 * hops, synapses read, compartments updated) can be counted from it.
 */

import type { ChipDescription } from './chip.js';
import type { ChipNetwork } from './network.js';

/** From the first to before the second. */
export type Span = readonly [from: number, to: number];

/** Compartments of a group on one core: a box of it. */
export interface Part {
  /** Index of the group in the network. */
  readonly group: number;
  readonly rows: Span;
  readonly columns: Span;
  readonly channels: Span;
  /** Index on the core of the first compartment. */
  readonly base: number;
  /** Distance on the core of neighbouring rows, columns and channels. */
  readonly strides: readonly [row: number, column: number, channel: number];
}

/** Number of compartments of a part. */
export function compartments({ rows, columns, channels }: Pick<Part, 'rows' | 'columns' | 'channels'>): number {
  return (rows[1] - rows[0]) * (columns[1] - columns[0]) * (channels[1] - channels[0]);
}

/** Index on the core of one compartment of a part. */
export function compartmentAt(part: Part, row: number, column: number, channel: number): number {
  const { rows, columns, channels, base, strides } = part;
  return (
    base + (row - rows[0]) * strides[0] + (column - columns[0]) * strides[1] + (channel - channels[0]) * strides[2]
  );
}

/** How the entries of synapse lists that name it are stored. */
export interface SynapseFormat {
  /** Index of each target, gaps between targets, or targets side by side. */
  readonly compression: 'sparse' | 'runlength' | 'dense';
  readonly indexBits: number;
  /** Of a gap, in `runlength`. */
  readonly skipBits: number;
  readonly weightBits: number;
  /** 0 if no synapse of the format has a delay. */
  readonly delayBits: number;
  readonly signs: 'excitatory' | 'inhibitory' | 'mixed';
  readonly exponent: number;
  /** A target is `indexOffset + index * indexFactor`, and the base of the axon. */
  readonly indexOffset: number;
  /** 1 to 16: `cIdxMult + 1`. */
  readonly indexFactor: number;
}

/** Lists of synapses: list `i` has the entries `entryStart[i]` on, entry `j` the synapses `synapseStart[j]` on. */
export interface SynapseMemory {
  readonly entryStart: Uint32Array;
  /** Words that each list takes; the lists of a population's atoms take as many as the longest. */
  readonly words: Uint16Array;
  readonly synapseStart: Uint32Array;
  /** Of each entry: index of its format. */
  readonly format: Uint8Array;
  /** Of each entry: steps that its spikes wait beyond one. */
  readonly delay: Uint8Array;
  /** Index of each synapse, before the format's factor and offset and the axon's base; increasing within an entry. */
  readonly index: Uint16Array;
  /** Signed mantissa of each synapse; 0 where a gap is filled. */
  readonly mantissa: Int16Array;
}

/** Axons that end on a core. */
export interface InputAxons {
  /** List of each axon; of the first atom, if it is that of a population. */
  readonly list: Uint32Array;
  /** Atoms of the population: each has a list, one behind the other. 0 for discrete axons. */
  readonly atoms: Uint16Array;
  /** Added to the indices of its targets. */
  readonly base: Uint8Array;
}

/** Axons that begin on a core. */
export interface OutputAxons {
  /** Compartment of a discrete axon, population of another; {@link isPopulation} says which. */
  readonly from: Uint32Array;
  readonly isPopulation: Uint8Array;
  /** Core where it ends: its index in the layout. */
  readonly core: Uint32Array;
  /** Input axon there. */
  readonly axon: Uint32Array;
}

/** What a core uses, and has limits for. */
export interface CoreUse {
  readonly compartments: number;
  readonly inputAxons: number;
  readonly outputEntries: number;
  readonly synapseWords: number;
  readonly synapseFormats: number;
  readonly profiles: number;
  readonly thresholds: number;
}

/** Where a core is. */
export interface Position {
  readonly chip: number;
  /** Tile of the chip's mesh. */
  readonly row: number;
  readonly column: number;
  /** Core of the tile. */
  readonly core: number;
}

/** One core. */
export interface CoreLayout {
  readonly position: Position;
  readonly parts: readonly Part[];
  readonly formats: readonly SynapseFormat[];
  readonly memory: SynapseMemory;
  readonly inputs: InputAxons;
  readonly outputs: OutputAxons;
  /** Population of each compartment; -1 for none. */
  readonly population: Int32Array;
  /** Atom of each compartment in its population. */
  readonly atom: Uint16Array;
  readonly use: CoreUse;
}

/** A network on chips. */
export interface Layout {
  readonly chip: ChipDescription;
  readonly network: ChipNetwork;
  /** Chips that are used. */
  readonly chips: number;
  readonly cores: readonly CoreLayout[];
}
