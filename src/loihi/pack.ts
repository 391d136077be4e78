/** Puts parts together on cores: layers share cores where all limits allow. */

import type { ChipDescription, CoreLimits } from './chip.js';
import type { CompartmentProfile } from './network.js';
import type { Pause } from './pause.js';
import { type Need, shareOf } from './search.js';

/** A part that is to lie on some core. */
export interface Item {
  readonly group: number;
  /** Index of the part among those of its group. */
  readonly part: number;
  readonly need: Need;
  readonly profile: CompartmentProfile;
  /** Accumulators that each compartment takes. */
  readonly slots: number;
}

/** Items of one core. */
export interface Bin {
  readonly items: readonly Item[];
}

/** Cores that are tried to be emptied: those that hold least. */
const TRIED = 12;

/** Packs items on few cores: the largest first, each where it leaves least room; then cores are emptied where others have room. */
export async function pack(items: readonly Item[], { core }: ChipDescription, pause: Pause): Promise<Bin[]> {
  const sorted = [...items].sort(
    (a, b) => shareOf(b.need, core) - shareOf(a.need, core) || a.group - b.group || a.part - b.part,
  );
  let bins: Load[] = [];
  for (const item of sorted) {
    await pause();
    let best: Load | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const bin of bins) {
      if (!bin.fits(item)) continue;
      const left = bin.roomWith(item);
      if (left < least) {
        least = left;
        best = bin;
      }
    }
    if (!best) {
      best = new Load(core);
      bins.push(best);
    }
    best.add(item);
  }
  for (;;) {
    const fewer = await withoutOne(bins, core, pause);
    if (!fewer) break;
    bins = fewer;
  }
  return bins
    .map(({ items: own }) => ({ items: [...own].sort((a, b) => a.group - b.group || a.part - b.part) }))
    .sort((a, b) => a.items[0].group - b.items[0].group || a.items[0].part - b.items[0].part);
}

/** What the items of a core need together. */
class Load {
  readonly items: Item[] = [];
  readonly #core: CoreLimits;
  readonly #used = { compartments: 0, words: 0, inputs: 0, outputs: 0 };
  /** Items that need each format. */
  readonly #formats = new Map<string, number>();

  constructor(core: CoreLimits, items: readonly Item[] = []) {
    this.#core = core;
    for (const item of items) this.add(item);
  }

  get compartments(): number {
    return this.#used.compartments;
  }

  add(item: Item): void {
    this.items.push(item);
    this.#count(item, 1);
  }

  remove(item: Item): void {
    this.items.splice(this.items.indexOf(item), 1);
    this.#count(item, -1);
  }

  #count({ need }: Item, sign: 1 | -1): void {
    for (const key of KEYS) this.#used[key] += sign * need[key];
    for (const format of need.formats) {
      const count = (this.#formats.get(format) ?? 0) + sign;
      if (count > 0) this.#formats.set(format, count);
      else this.#formats.delete(format);
    }
  }

  /** Whether an item fits beside the others, under all limits. */
  fits({ need, slots, profile }: Item): boolean {
    const used = this.#used;
    const core = this.#core;
    if (
      used.compartments + need.compartments > core.compartments ||
      used.words + need.words > core.synapseWords ||
      used.inputs + need.inputs > core.inputAxons ||
      used.outputs + need.outputs > core.outputEntries
    ) {
      return false;
    }
    const added = need.formats.filter((format) => !this.#formats.has(format)).length;
    if (this.#formats.size + added > core.synapseFormats) return false;
    const most = this.items.reduce((all, item) => Math.max(all, item.slots), slots);
    const profiles = [profile, ...this.items.map((item) => item.profile)];
    return (
      (used.compartments + need.compartments) * most <= core.accumulators &&
      new Set(profiles.map(profileKey)).size <= core.profiles &&
      new Set(profiles.map(({ threshold }) => threshold)).size <= core.thresholds
    );
  }

  /** What is left of everything with an item more. */
  roomWith({ need }: Item): number {
    const used = this.#used;
    const core = this.#core;
    const left = [
      1 - (used.compartments + need.compartments) / core.compartments,
      1 - (used.words + need.words) / core.synapseWords,
      1 - (used.inputs + need.inputs) / core.inputAxons,
      1 - (used.outputs + need.outputs) / core.outputEntries,
    ];
    return left.reduce((sum, share) => sum + share ** 2, 0);
  }
}

const KEYS = ['compartments', 'words', 'inputs', 'outputs'] as const;

/** The same items on a core less, if there is a way. */
async function withoutOne(bins: readonly Load[], core: CoreLimits, pause: Pause): Promise<Load[] | undefined> {
  const fill = ({ items }: Load) => items.reduce((sum, { need }) => sum + shareOf(need, core), 0);
  const order = [...bins].sort((a, b) => fill(a) - fill(b));
  // Cores that are full to the last compartment take nothing.
  const open = order.filter(({ compartments }) => compartments < core.compartments);
  for (const bin of order.slice(0, TRIED)) {
    await pause();
    const others = open.filter((other) => other !== bin).map(({ items }) => new Load(core, items));
    const items = [...bin.items].sort((a, b) => shareOf(b.need, core) - shareOf(a.need, core));
    if (items.every((item) => place(item, others))) {
      const closed = order.filter((other) => other !== bin && !open.includes(other));
      return [...others, ...closed];
    }
  }
  return undefined;
}

/** Puts an item on some core, or in the place of a smaller one that fits on another. */
function place(item: Item, bins: readonly Load[]): boolean {
  const free = bins.find((bin) => bin.fits(item));
  if (free) {
    free.add(item);
    return true;
  }
  for (const bin of bins) {
    for (const smaller of [...bin.items]) {
      bin.remove(smaller);
      const other = bin.fits(item) && bins.find((one) => one !== bin && one.fits(smaller));
      if (other) {
        bin.add(item);
        other.add(smaller);
        return true;
      }
      bin.add(smaller);
    }
  }
  return false;
}

/** Names the kind of a compartment; thresholds have a table of their own. */
export function profileKey({ threshold: _, ...rest }: CompartmentProfile): string {
  return Object.values(rest).join();
}
