/**
 * What a list of synapses takes in the encodings that the chip has. NxTF's packing: an entry holds up to 60 synapses; a
 * list is as many entries as its encoding needs, for each sign apart where signs are shared.
 */

import type { SynapseCosts } from './chip.js';

/** An encoding of lists. */
export interface Encoding {
  readonly compression: 'sparse' | 'runlength' | 'dense';
  /** Bits of a gap, in `runlength`. */
  readonly skipBits: number;
  /** Whether gaps are filled with zeros (`dense` only), instead of beginning another entry. */
  readonly fills: boolean;
}

/** The encodings among which the compiler chooses. */
export function encodingsOf({ skipBits }: SynapseCosts): readonly Encoding[] {
  return [
    { compression: 'sparse', skipBits: 0, fills: false },
    ...skipBits.map((bits): Encoding => ({ compression: 'runlength', skipBits: bits, fills: false })),
    { compression: 'dense', skipBits: 0, fills: false },
    { compression: 'dense', skipBits: 0, fills: true },
  ];
}

/** Synapses of one list, or of those of its targets that one format reaches, by increasing index. */
export interface Segment {
  readonly index: Int32Array;
  readonly mantissa: Int16Array;
  /** How many of the two arrays' elements there are. */
  length: number;
}

/** Room for the longest segments that a core may have. */
export function segmentFor(synapses: number): Segment {
  return { index: new Int32Array(synapses), mantissa: new Int16Array(synapses), length: 0 };
}

/** Counts what segments take in each of some encodings. */
export class BitCounter {
  readonly #encodings: readonly Encoding[];
  readonly #costs: SynapseCosts;
  /** The shortest gap that begins an entry, in each encoding. */
  readonly #limits: readonly number[];
  /** Gaps before the synapses of one sign. */
  readonly #gaps: Int32Array;

  /**
   * @param synapses of the longest segment.
   */
  constructor(encodings: readonly Encoding[], costs: SynapseCosts, synapses: number) {
    this.#encodings = encodings;
    this.#costs = costs;
    this.#limits = encodings.map(gapLimit);
    this.#gaps = new Int32Array(synapses);
  }

  /**
   * Adds the bits that the synapses of one sign (of both, if 0) take to `bits`, in each encoding.
   *
   * @param indexBits bits of an index.
   * @param body bits of a weight and its delay.
   */
  add(
    { index, mantissa, length }: Segment,
    sign: -1 | 0 | 1,
    indexBits: number,
    body: number,
    bits: Float64Array,
  ): void {
    const { prefix, perEntry } = this.#costs;
    const gaps = this.#gaps;
    let count = 0;
    let next = 0;
    for (let i = 0; i < length; i++) {
      const weight = mantissa[i];
      if (sign > 0 ? weight <= 0 : sign < 0 ? weight >= 0 : weight === 0) continue;
      gaps[count++] = index[i] - next;
      next = index[i] + 1;
    }
    if (count === 0) return;
    for (let e = 0; e < this.#encodings.length; e++) {
      const { compression, skipBits, fills } = this.#encodings[e];
      if (compression === 'sparse') {
        bits[e] += count * (body + indexBits) + Math.ceil(count / perEntry) * prefix;
      } else if (fills) {
        const [entries, slots] = filledEntries(gaps, count, perEntry);
        bits[e] += slots * body + entries * (prefix + indexBits);
      } else {
        const entries = entriesBetween(gaps, count, this.#limits[e], perEntry);
        bits[e] += count * (body + skipBits) + entries * (prefix + indexBits);
      }
    }
  }
}

/** Entries where a gap of `limit` or more begins another. */
function entriesBetween(gaps: Int32Array, count: number, limit: number, perEntry: number): number {
  let entries = 1;
  let held = 1;
  for (let i = 1; i < count; i++) {
    if (gaps[i] >= limit || held === perEntry) {
      entries++;
      held = 1;
    } else held++;
  }
  return entries;
}

/** Entries, and what they hold with gaps filled. */
function filledEntries(gaps: Int32Array, count: number, perEntry: number): [entries: number, slots: number] {
  let entries = 1;
  let slots = 1;
  let held = 1;
  for (let i = 1; i < count; i++) {
    if (held + gaps[i] >= perEntry) {
      entries++;
      slots++;
      held = 1;
    } else {
      held += 1 + gaps[i];
      slots += 1 + gaps[i];
    }
  }
  return [entries, slots];
}

/** The shortest gap that begins another entry. */
function gapLimit({ compression, skipBits, fills }: Encoding): number {
  if (compression === 'sparse' || fills) return Number.POSITIVE_INFINITY;
  return compression === 'runlength' ? 2 ** skipBits : 1;
}

/** Takes entries as they are stored. */
export interface EntrySink {
  /** An entry begins. */
  begin(): void;
  /** Another synapse of it; of a gap that is filled, with a mantissa of 0. */
  push(index: number, mantissa: number): void;
}

/** Writes the entries of the synapses of one sign (of both, if 0). */
export function writeEntries(
  { index, mantissa, length }: Segment,
  sign: -1 | 0 | 1,
  encoding: Encoding,
  { perEntry }: SynapseCosts,
  sink: EntrySink,
): void {
  const limit = gapLimit(encoding);
  const { fills } = encoding;
  let held = 0;
  let next = 0;
  for (let i = 0; i < length; i++) {
    const weight = mantissa[i];
    if (sign > 0 ? weight <= 0 : sign < 0 ? weight >= 0 : weight === 0) continue;
    const gap = index[i] - next;
    if (held === 0 || gap >= limit || held + (fills ? gap : 0) >= perEntry) {
      sink.begin();
      held = 0;
    } else if (fills) {
      for (let at = next; at < index[i]; at++) sink.push(at, 0);
      held += gap;
    }
    sink.push(index[i], weight);
    held++;
    next = index[i] + 1;
  }
}

/** Words of a list of so many bits. */
export function wordsOf(bits: number, { word, spareFrom }: SynapseCosts): number {
  if (bits === 0) return 0;
  const rest = bits % word;
  return Math.ceil(bits / word) + (rest === 0 || rest >= spareFrom ? 1 : 0);
}

/** Bits of the smallest field that holds a number. */
export function fieldFor(value: number, fields: readonly number[]): number {
  const bits = fields.find((field) => value < 2 ** field);
  if (bits === undefined) throw new Error(`no field holds ${value}`);
  return bits;
}
