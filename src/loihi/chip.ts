/**
 * Chips as data: what a core holds, what synapses and axons cost, what numbers may be. Every number has its source
 * beside it:
 *
 * - D18: Davies et al., IEEE Micro 38(1), 2018; D21: Davies et al., Proc. IEEE 109(5), 2021
 * - NxTF: Rueckauer et al., ACM JETC 18(3), 2022 (arXiv 2101.04261), and the sources that Intel published with it
 * - NL: nengo-loihi 1.1.0; B2L: Michaelis et al., Front. Neuroinform. 2022 (brian2-loihi); LAVA: lava-nc 0.10.0
 * - QoL: the sources of Quartz on Loihi (Lenz, Orchard, Sheik, arXiv 2309.16795)
 * - L2B: Intel's technical brief of Loihi 2, 2021; T26: Timcheck, Pierro, Shrestha, arXiv 2601.10035
 * - SFE: SANA-FE's description of Loihi (Boyle et al., IEEE TCAD 2025)
 *
 * Where sources disagree, the stricter number that a compiler for the chip enforced is taken, and the others are noted.
 */

import { FirstspikeError } from '../errors.js';

/** What one core holds. */
export interface CoreLimits {
  readonly compartments: number;
  /** 64-bit words of synaptic memory. */
  readonly synapseWords: number;
  readonly inputAxons: number;
  /** Entries of the table of output axons; what each axon takes is in {@link AxonCosts}. */
  readonly outputEntries: number;
  /** Destinations of one compartment. */
  readonly axonsPerCompartment: number;
  readonly synapseFormats: number;
  /** Words of the synapses of one source neuron. */
  readonly wordsPerList: number;
  /** Largest number that an input axon adds to the index of a target. */
  readonly indexBase: number;
  /** Different kinds of compartments (decays, refractory time, axonal delay, exponent of biases). */
  readonly profiles: number;
  readonly thresholds: number;
  /** Sums to come that are kept: compartments times steps that a synaptic delay may reach. */
  readonly accumulators: number;
}

/** Entries of the table of output axons that an axon takes. */
export interface AxonCosts {
  /** From one compartment: to a core of the same chip, and of another. */
  readonly discrete: readonly [onChip: number, offChip: number];
  /** From a population, whose spikes carry an atom: on the chip, and off. */
  readonly population: readonly [onChip: number, offChip: number];
}

/** What a list of synapses takes. */
export interface SynapseCosts {
  /** Bits of an entry before its synapses: format and count. */
  readonly prefix: number;
  /** Most synapses of an entry. */
  readonly perEntry: number;
  /** Bits that the index of a target may have. */
  readonly indexBits: readonly number[];
  /** Bits that a gap between targets may have. */
  readonly skipBits: readonly number[];
  /** Bits that a delay may have, where there is one. */
  readonly delayBits: readonly number[];
  readonly word: number;
  /** A last word with this many bits or more (or none left) needs another behind it. */
  readonly spareFrom: number;
  /** Largest `cIdxOffset` and `cIdxMult` of a format. */
  readonly indexField: number;
}

/** Where cores lie. */
export interface Mesh {
  /** Tiles `[rows, columns]`. */
  readonly tiles: readonly [number, number];
  readonly coresPerTile: number;
}

/** A chip. */
export interface ChipDescription {
  readonly name: ChipName;
  readonly title: string;
  readonly mesh: Mesh;
  readonly core: CoreLimits;
  readonly axons: AxonCosts;
  readonly synapses: SynapseCosts;
  /** What is not public of this chip and is taken from another. */
  readonly assumed: readonly string[];
  /** Boards, and how many chips each has. */
  readonly boards: Readonly<Record<string, number>>;
}

/** Chips that are described. */
export type ChipName = 'loihi1' | 'loihi2';

const LOIHI1: ChipDescription = {
  name: 'loihi1',
  title: 'Loihi',
  // D18: 128 cores; 32 tiles of 4 (barriers are given for 1 to 32 tiles). 8 x 4 is SFE's arrangement; L2B and T26 give it for Loihi 2.
  mesh: { tiles: [4, 8], coresPerTile: 4 },
  core: {
    // D18, NL, NxTF.
    compartments: 1024,
    // D18: 16,384. NxTF refuses the last one.
    synapseWords: 16383,
    // D18, NL, NxTF: 4,096 of both.
    inputAxons: 4096,
    outputEntries: 4096,
    // Intel's RelNet application, which calls it undocumented.
    axonsPerCompartment: 511,
    // 16 in the table with index 0 unused; NL: 8. NxTF: 7, since it writes each twice.
    synapseFormats: 7,
    // NxTF.
    wordsPerList: 256,
    // NL; NxTF works around it by interleaving.
    indexBase: 255,
    // NL: 32 (its builder asserts fewer).
    profiles: 31,
    // NL: 8 (its builder asserts fewer), or 16 in its validator, under a question mark.
    thresholds: 7,
    // NL, QoL: 8 for each of 1,024 compartments.
    accumulators: 8192,
  },
  // NxTF: 1 and 2, and one more off the chip. NL: the same, on the chip. RelNet agrees for discrete axons.
  axons: { discrete: [1, 2], population: [2, 3] },
  synapses: {
    // NxTF: 4 bits of format, 6 of count; NL: 10.
    prefix: 10,
    // NxTF; the field would hold 63, NL writes 64.
    perEntry: 60,
    // NxTF: 0 and 6 to 10; 0 is for lists that start at the first compartment, which are not worth a format.
    indexBits: [6, 7, 8, 9, 10],
    skipBits: [2, 3, 4, 5],
    // NxTF. NL takes any code of 3 bits.
    delayBits: [3, 4, 5, 6],
    word: 64,
    // NxTF: a list whose last word is full, or has 59 bits or more, takes another. NL rounds each entry to a word instead.
    spareFrom: 59,
    indexField: 15,
  },
  assumed: [],
  // D21; NL. Nahuku carries 8 to 32 chips; Pohoiki Springs is 24 of the largest.
  boards: { 'kapoho-bay': 2, 'wolf-mountain': 4, 'nahuku-8': 8, 'nahuku-32': 32, 'pohoiki-springs': 768 },
};

const LOIHI2: ChipDescription = {
  ...LOIHI1,
  name: 'loihi2',
  title: 'Loihi 2',
  // L2B, T26: 8 x 4 routers with 4 cores each, 128 cores; papers also use 120, and Hala Point 122 of each chip.
  mesh: { tiles: [4, 8], coresPerTile: 4 },
  // L2B: 8,192 neurons (papers: 8,190); T26: up to 128 KB of the 192 KB of a core hold synapses.
  core: { ...LOIHI1.core, compartments: 8192, synapseWords: 16383, accumulators: 65536 },
  // Thirteen bits reach 8,192 compartments.
  synapses: { ...LOIHI1.synapses, indexBits: [6, 7, 8, 9, 10, 11, 12, 13] },
  assumed: [
    'tables of axons, formats of synapses and the packing of lists, which are not public, are those of Loihi',
    'all of the 128 KB that may hold synapses do',
  ],
  // Intel; Lava gives Kapoho Point 4 chips. VPX: Brehove et al., arXiv 2505.06417.
  boards: { 'oheo-gulch': 1, 'kapoho-point': 8, vpx: 16, 'hala-point': 1152 },
};

/** Chips by name. */
export const chips: Readonly<Record<ChipName, ChipDescription>> = { loihi1: LOIHI1, loihi2: LOIHI2 };

/** Cores of a chip. */
export function coresOf({ mesh }: ChipDescription): number {
  return mesh.tiles[0] * mesh.tiles[1] * mesh.coresPerTile;
}

/**
 * The chip of a name.
 *
 * @throws FirstspikeError `OPTION_INVALID` if there is none.
 */
export function chipNamed(name: string): ChipDescription {
  if (Object.hasOwn(chips, name)) return chips[name as ChipName];
  const message = `there is no chip "${name}".`;
  throw new FirstspikeError('OPTION_INVALID', { message, remedy: `Choose ${Object.keys(chips).join(' or ')}.` });
}

/**
 * Chips of a board of that chip.
 *
 * @throws FirstspikeError `OPTION_INVALID` if there is none of that name.
 */
export function chipsOnBoard(chip: ChipDescription, board: string): number {
  if (Object.hasOwn(chip.boards, board)) return chip.boards[board];
  const message = `there is no board "${board}" with ${chip.title}.`;
  throw new FirstspikeError('OPTION_INVALID', { message, remedy: `Choose ${Object.keys(chip.boards).join(', ')}.` });
}
