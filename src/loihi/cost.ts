/** What the synapses into a part take of a core's memory. */

import type { ChipDescription } from './chip.js';
import { BitCounter, type Encoding, encodingsOf, fieldFor, type Segment, segmentFor, wordsOf } from './encoding.js';
import { type FanOut, fanOutOf } from './fan-out.js';
import type { Part, Span } from './layout.js';
import { type Box, eachSegment } from './lists.js';
import { type Reach, reachOf, type Wiring } from './wiring.js';

/** How the lists of one strand are stored. */
export interface StrandEncoding {
  readonly encoding: Encoding;
  /** Distance of neighbouring indices: the pixels of the part, where each tap has a format of its own; or 1. */
  readonly factor: number;
}

/** What the synapses of one wiring take in a part. */
export interface WiringCost {
  readonly strands: readonly StrandEncoding[];
  /** Words, if each list takes what it needs. */
  readonly words: number;
  /** Words, if the lists of a population's atoms are as long as the longest. */
  readonly paddedWords: number;
  /** Words of the longest list. */
  readonly longest: number;
  /** Names of the formats that they need. */
  readonly formats: readonly string[];
}

/** How closely is looked. */
export interface Look {
  /** Whether at every list, or at some of many. */
  readonly exact: boolean;
  /** Whether everything is in the one encoding that needs the fewest formats. */
  readonly plain: boolean;
}

/** Most synapses that are looked at for an estimate. */
const SAMPLE = 1 << 12;

/** Costs of parts; what was found once is remembered. */
export class Costs {
  readonly #chip: ChipDescription;
  readonly #wirings: readonly Wiring[];
  readonly #encodings: readonly Encoding[];
  readonly #segment: Segment;
  readonly #counter: BitCounter;
  readonly #reaches = new Map<string, Reach>();
  readonly #known = new Map<string, WiringCost>();
  readonly #fanOuts = new Map<string, FanOut>();

  constructor(chip: ChipDescription, wirings: readonly Wiring[]) {
    this.#chip = chip;
    this.#wirings = wirings;
    this.#encodings = encodingsOf(chip.synapses);
    this.#segment = segmentFor(chip.core.compartments);
    this.#counter = new BitCounter(this.#encodings, chip.synapses, chip.core.compartments);
  }

  /** How the sources of a wiring reach some rows (axis 0) or columns (axis 1) of the target. */
  reach(wiring: number, axis: 0 | 1, span: Span): Reach {
    const key = `${wiring} ${axis} ${span}`;
    let reach = this.#reaches.get(key);
    if (!reach) {
      reach = reachOf(this.#wirings[wiring], axis, span);
      this.#reaches.set(key, reach);
    }
    return reach;
  }

  /** How the source of a wiring reaches its target, if that is cut in tiles. */
  fanOut(wiring: number, tile: readonly number[]): FanOut {
    const key = `${wiring} ${tile}`;
    let fanOut = this.#fanOuts.get(key);
    if (!fanOut) {
      const { source } = this.#wirings[wiring];
      const only = this.#wirings.every((other, i) => i === wiring || other.source !== source);
      fanOut = fanOutOf(this.#wirings[wiring], tile, only);
      this.#fanOuts.set(key, fanOut);
    }
    return fanOut;
  }

  /** What a wiring's synapses take in a part of its target: exactly, or as some of its lists have it. */
  of(wiring: number, box: Box, strides: Part['strides'], { exact, plain }: Look): WiringCost {
    const rows = this.reach(wiring, 0, box.rows);
    const columns = this.reach(wiring, 1, box.columns);
    const { strands } = this.#wirings[wiring];
    const dense = strands.some(({ synapses }) => synapses.connectivity.kind === 'dense');
    const place = dense ? `${box.rows} ${box.columns}` : `${rows.key}/${columns.key}`;
    const banks = banksOf(rows, columns, strides, this.#chip);
    const size = [box.rows[1] - box.rows[0], box.columns[1] - box.columns[0]];
    const key = `${wiring} ${place} ${size} ${strides} ${box.channels} ${banks} ${exact} ${plain}`;
    let cost = this.#known.get(key);
    if (!cost) {
      cost = this.#measure(wiring, rows, columns, box, strides, banks, { exact, plain });
      this.#known.set(key, cost);
    }
    return cost;
  }

  #measure(
    wiring: number,
    rows: Reach,
    columns: Reach,
    box: Box,
    strides: Part['strides'],
    banks: number,
    { exact, plain }: Look,
  ): WiringCost {
    const { synapses: costs } = this.#chip;
    const { strands, shared, sourceExtent } = this.#wirings[wiring];
    const { channels } = sourceExtent;
    const pairs = rows.kinds.length * columns.kinds.length;
    const lists = pairs * channels;
    const step = exact ? 1 : stepOf(lists, pairs * channels * (box.channels[1] - box.channels[0]));
    const bits = new Float64Array(Math.ceil(lists / step));
    const formats: string[] = [];
    const chosen = strands.map((_, strand) => {
      const best = this.#best(wiring, strand, rows, columns, box, strides, step, plain);
      best.bits.forEach((own, i) => {
        bits[i] += own;
      });
      formats.push(...best.formats);
      return best.encoding;
    });
    let words = 0;
    let longest = 0;
    let padded = 0;
    // The atoms of a population are the channels of a pixel; or all neurons, where pixels share nothing.
    let group = { most: 0, members: 0, index: 0 };
    bits.forEach((sum, i) => {
      const own = wordsOf(sum, costs);
      words += own;
      longest = Math.max(longest, own);
      const index = shared ? Math.floor((i * step) / channels) : 0;
      if (index !== group.index) {
        padded += group.most * group.members;
        group = { most: 0, members: 0, index };
      }
      group.most = Math.max(group.most, own);
      group.members++;
    });
    padded += group.most * group.members;
    const scale = (banks * lists) / Math.max(bits.length, 1);
    return { strands: chosen, words: words * scale, paddedWords: padded * scale, longest, formats };
  }

  /** The encoding of a strand that takes least, and the bits of each list in it. */
  #best(
    wiring: number,
    strand: number,
    rows: Reach,
    columns: Reach,
    box: Box,
    strides: Part['strides'],
    step: number,
    plain: boolean,
  ): { readonly encoding: StrandEncoding; readonly bits: Float64Array; readonly formats: readonly string[] } {
    const { synapses: costs, core } = this.#chip;
    const { synapses, signs } = this.#wirings[wiring].strands[strand];
    const pixels = (box.rows[1] - box.rows[0]) * (box.columns[1] - box.columns[0]);
    const factors = [1];
    // Where the pixels of a channel are neighbours, a factor makes the channels of a pixel neighbours.
    const offsets = offsetsOf(rows, columns, strand, strides);
    const fits = pixels > 1 && pixels <= costs.indexField + 1 && Math.max(...offsets) <= costs.indexField;
    const few = offsets.size * signs.length <= core.synapseFormats;
    if (strides[2] === pixels && fits && few && !plain) factors.push(pixels);
    const count = this.#encodings.length;
    // The first encoding serves everything: whatever the gaps are, it begins no entries.
    const choices = plain ? 1 : count;
    let best = { factor: 1, encoding: 0, sum: Number.POSITIVE_INFINITY, all: new Float64Array(0) as Float64Array };
    for (const factor of factors) {
      const all = this.#bits(wiring, strand, rows, columns, box, strides, factor, step);
      for (let encoding = 0; encoding < choices; encoding++) {
        let sum = 0;
        for (let i = encoding; i < all.length; i += count) sum += all[i];
        if (sum < best.sum) best = { factor, encoding, sum, all };
      }
    }
    const { factor, encoding, all } = best;
    const { bits, exponent, delay } = synapses;
    const delayBits = delay > 0 ? fieldFor(delay, costs.delayBits) : 0;
    const common = [encoding, factor, bits, exponent, delayBits].join(' ');
    return {
      encoding: { encoding: this.#encodings[encoding], factor },
      bits: Float64Array.from({ length: all.length / count }, (_, i) => all[i * count + encoding]),
      formats: signs.flatMap((sign) =>
        [...(factor > 1 ? offsets : [0])].map((offset) => `${common} ${sign} ${offset}`),
      ),
    };
  }

  /** Bits of every so many lists of a strand, in each encoding. */
  #bits(
    wiring: number,
    strand: number,
    rows: Reach,
    columns: Reach,
    box: Box,
    strides: Part['strides'],
    factor: number,
    step: number,
  ): Float64Array {
    const { synapses: costs, core } = this.#chip;
    const { sourceExtent, strands } = this.#wirings[wiring];
    const { synapses, signs } = strands[strand];
    const { bits: weightBits, delay } = synapses;
    const body = weightBits + (delay > 0 ? fieldFor(delay, costs.delayBits) : 0);
    // Wherever on a core the part will lie.
    const indexBits = fieldFor(Math.ceil(core.compartments / factor) - 1, costs.indexBits);
    const lists = rows.kinds.length * columns.kinds.length * sourceExtent.channels;
    const count = this.#encodings.length;
    const bits = new Float64Array(Math.ceil(lists / step) * count);
    for (let list = 0, at = 0; list < lists; list += step, at += count) {
      const channel = list % sourceExtent.channels;
      const pair = Math.floor(list / sourceExtent.channels);
      const row = rows.kinds[Math.floor(pair / columns.kinds.length)];
      const column = columns.kinds[pair % columns.kinds.length];
      const own = bits.subarray(at, at + count);
      eachSegment(this.#wirings[wiring], strand, [row, column], channel, box, strides, factor, this.#segment, () => {
        for (const sign of signs) this.#counter.add(this.#segment, sign, indexBits, body, own);
      });
    }
    return bits;
  }
}

/** Copies of each list that the shifts within a part need: what an axon adds to indices is limited. */
export function banksOf(rows: Reach, columns: Reach, strides: Part['strides'], { core }: ChipDescription): number {
  const last = Math.max(0, ...rows.anchors) * strides[0] + Math.max(0, ...columns.anchors) * strides[1];
  return Math.floor(last / (core.indexBase + 1)) + 1;
}

/** Distances from the anchor of the pixels that taps lead to: with a factor, each has a format of its own. */
export function offsetsOf(rows: Reach, columns: Reach, strand: number, strides: Part['strides']): Set<number> {
  const offsets = new Set<number>();
  for (const row of rows.kinds) {
    for (const column of columns.kinds) {
      for (const y of row.taps[strand]) {
        for (const x of column.taps[strand]) offsets.add(y.target * strides[0] + x.target * strides[1]);
      }
    }
  }
  return offsets;
}

/** Every so many lists are looked at; an odd step, so that all channels have their turn. */
function stepOf(lists: number, synapses: number): number {
  const step = Math.min(Math.floor(synapses / SAMPLE), Math.floor(lists / 16));
  return step <= 1 ? 1 : step | 1;
}
