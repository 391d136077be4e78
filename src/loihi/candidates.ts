/** Ways to cut a group into parts: tiles of one size over rows, columns and channels, the last ones smaller. */

import { type Extent, neurons } from '../codes/topology.js';
import type { ChipDescription } from './chip.js';
import type { Costs, Look } from './cost.js';
import type { Candidate, Piece } from './cut.js';
import { leastInputs } from './edges.js';
import { fieldFor } from './encoding.js';
import { spansOf } from './fan-out.js';
import { compartments } from './layout.js';
import { type Box, type Order, stridesOf } from './lists.js';
import type { Pause } from './pause.js';
import type { Wiring } from './wiring.js';

/** A group, and the synapses that end in it and begin there. */
export interface Node {
  readonly index: number;
  readonly extent: Extent;
  /** Accumulators that each compartment takes: long delays take more. */
  readonly slots: number;
  /** Most compartments of it on a core. */
  readonly most: number;
  /** Parts that its compartments send to at least, since the synapses of one target fill so many cores. */
  readonly destinations: number;
  /** Indices of wirings. */
  readonly incoming: readonly number[];
  readonly outgoing: readonly number[];
}

/** Most candidates of a group that are kept, for each of two guesses of its axons. */
const KEPT = 24;

/** Most candidates of a group whose synapses are looked at. */
const LOOKED_AT = 96;

/** Sizes of tiles that give different numbers of them. */
function sizesOf(size: number): number[] {
  const sizes = new Set<number>();
  for (let count = 1; count <= size; count++) sizes.add(Math.ceil(size / count));
  return [...sizes];
}

/** All boxes of a candidate, rows slowest. */
function boxesOf([rows, columns, channels]: Candidate['spans']): Box[] {
  return rows.flatMap((r) => columns.flatMap((x) => channels.map((c) => ({ rows: r, columns: x, channels: c }))));
}

/**
 * Candidates of a group that may fit on cores by their own compartments and synapses, those with the least use of cores
 * first. What they need of axons depends on their neighbours.
 */
export async function candidatesOf(
  node: Node,
  wirings: readonly Wiring[],
  costs: Costs,
  chip: ChipDescription,
  pause: Pause,
): Promise<Candidate[]> {
  const { extent, most, incoming } = node;
  const { core, synapses } = chip;
  const least = Math.ceil(neurons(extent) / most);
  const stored = incoming.reduce(
    (sum, w) => sum + wirings[w].strands.reduce((all, { synapses: s }) => all + s.mantissas.length, 0),
    0,
  );
  const byWords = Math.ceil((stored * 12) / synapses.word / core.synapseWords);
  // At least so many axons end in the group if it is whole, and so many begin there if every target is.
  const whole = [extent.height, extent.width, extent.channels];
  const inputs = incoming.reduce((sum, w) => sum + leastInputs(costs.fanOut(w, whole), wirings[w].shared, 1)[0], 0);
  const outputs = neurons(extent) * Math.max(node.destinations, node.outgoing.length);
  const byAxons = Math.ceil(Math.max(inputs / core.inputAxons, outputs / core.outputEntries));
  const limit = 2 * Math.max(least, byWords, byAxons) + 10;
  const tiles: { readonly tile: Candidate['tile']; readonly count: number; readonly waste: number }[] = [];
  const known = new Set<string>();
  for (const height of sizesOf(extent.height)) {
    for (const width of sizesOf(extent.width)) {
      const room = Math.floor(most / (height * width));
      if (room === 0) continue;
      for (const depth of new Set([...sizesOf(extent.channels), Math.min(room, extent.channels)])) {
        if (depth > room) continue;
        const tile = [height, width, depth] as const;
        const count =
          Math.ceil(extent.height / height) * Math.ceil(extent.width / width) * Math.ceil(extent.channels / depth);
        const entries = height * width * depth * node.destinations;
        if (count > limit || entries > core.outputEntries || known.has(String(tile))) continue;
        known.add(String(tile));
        tiles.push({ tile, count, waste: height + width });
      }
    }
  }
  tiles.sort((a, b) => a.count - b.count || a.waste - b.waste);
  const found: Candidate[] = [];
  for (const { tile } of spread(tiles, LOOKED_AT)) {
    const candidate = await cut(node, tile, wirings, costs, chip, false, pause);
    if (candidate) found.push(candidate);
  }
  // How many axons each compartment will need is not known: those that suit few, and those that suit one for each target.
  const best = [node.destinations, node.outgoing.length].flatMap((destinations) => {
    const scored = found.map((candidate) => ({ candidate, score: scoreOf(candidate, destinations, chip) }));
    scored.sort((a, b) => a.score - b.score);
    return scored.slice(0, KEPT).map(({ candidate }) => candidate);
  });
  return [...new Set(best)];
}

/** The first of a list, and then ever sparser ones. */
function spread<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all];
  const half = Math.floor(count / 2);
  const rest = all.length - half;
  const picked = Array.from({ length: count - half }, (_, i) => half + Math.floor((rest * i) / (count - half)));
  return [...all.slice(0, half), ...picked.map((i) => all[i])];
}

/** Use of cores: whole parts count, and how full they are. */
function scoreOf({ pieces }: Candidate, destinations: number, { core }: ChipDescription): number {
  return pieces.reduce((sum, { compartments: count, words, inputs }) => {
    const entries = (count * destinations) / core.outputEntries;
    const share = Math.max(count / core.compartments, words / core.synapseWords, inputs / core.inputAxons, entries);
    // What fits on no core comes last.
    return sum + 0.5 + 0.5 * share + (share > 1 ? 10 * share : 0);
  }, 0);
}

/** A candidate of tiles of that size; nothing if a part of it fits on no core. */
export async function cut(
  node: Node,
  tile: Candidate['tile'],
  wirings: readonly Wiring[],
  costs: Costs,
  chip: ChipDescription,
  exact: boolean,
  pause: Pause,
): Promise<Candidate | undefined> {
  const { extent } = node;
  const spans = [
    spansOf(extent.height, tile[0]),
    spansOf(extent.width, tile[1]),
    spansOf(extent.channels, tile[2]),
  ] as const;
  const shares = node.incoming.map((w) => costs.fanOut(w, tile).shares);
  const inputs = node.incoming.map((w) => leastInputs(costs.fanOut(w, tile), wirings[w].shared, spans[2].length));
  const pieces: Piece[] = [];
  for (const [index, box] of boxesOf(spans).entries()) {
    await pause();
    const least = inputs.reduce((sum, of) => sum + of[index], 0);
    if (least > chip.core.inputAxons) return undefined;
    const piece = pieceOf(node, box, shares, costs, chip, exact);
    if (!piece) return undefined;
    pieces.push({ ...piece, inputs: least });
  }
  return { tile, spans, pieces, exact };
}

/** A limit that something is beyond. */
export interface Excess {
  readonly limit: string;
  readonly count: number;
  readonly most: number;
}

/** What of the synapses onto a single compartment of a group is beyond the limits of a core; nothing if they fit. */
export function excessOf(node: Node, costs: Costs, chip: ChipDescription): Excess | undefined {
  const box: Box = { rows: [0, 1], columns: [0, 1], channels: [0, 1] };
  const { core } = chip;
  if (node.destinations > core.outputEntries) {
    return { limit: 'output entries', count: node.destinations, most: core.outputEntries };
  }
  const { words, formats, longest } = needOf(
    node,
    box,
    node.incoming.map(() => false),
    costs,
    {
      order: 'pixels',
      look: { exact: true, plain: true },
    },
  );
  const limits: Excess[] = [
    { limit: 'synapse formats', count: formats.length, most: core.synapseFormats },
    { limit: 'synapse words', count: words, most: core.synapseWords },
    { limit: 'words of a list', count: longest, most: core.wordsPerList },
  ];
  return limits.find(({ count, most }) => count > most);
}

/** What the synapses into a part need. */
function needOf(
  { incoming }: Node,
  box: Box,
  shares: readonly boolean[],
  costs: Costs,
  { order, look }: { readonly order: Order; readonly look: Look },
) {
  const strides = stridesOf(box, order);
  const parts = incoming.map((w) => costs.of(w, box, strides, look));
  return {
    strides,
    words: parts.reduce((sum, cost, i) => sum + (shares[i] ? cost.paddedWords : cost.words), 0),
    formats: [...new Set(parts.flatMap((cost) => cost.formats))],
    longest: parts.reduce((most, cost) => Math.max(most, cost.longest), 0),
  };
}

/** A part in the order that takes the fewest words; nothing if it fits on no core. */
function pieceOf(
  node: Node,
  box: Box,
  shares: readonly boolean[],
  costs: Costs,
  { core }: ChipDescription,
  exact: boolean,
): Omit<Piece, 'inputs'> | undefined {
  // One channel is like another, for an estimate.
  const seen: Box = exact ? box : { ...box, channels: [0, box.channels[1] - box.channels[0]] };
  let best: Omit<Piece, 'inputs'> | undefined;
  for (const plain of [false, true]) {
    for (const order of ['pixels', 'channels'] satisfies Order[]) {
      const { words, formats, longest, strides } = needOf(node, seen, shares, costs, { order, look: { exact, plain } });
      if (words > core.synapseWords || formats.length > core.synapseFormats || longest > core.wordsPerList) continue;
      if (!best || words < best.words) best = { box, strides, compartments: compartments(box), words, formats, plain };
    }
    if (best) break;
  }
  return best;
}

/** Accumulators that each compartment of a core takes, if the synapses onto it are there. */
export function slotsFor(incoming: readonly Wiring[], { synapses }: ChipDescription): number {
  const delays = incoming.flatMap(({ strands }) => strands.map(({ synapses: { delay } }) => delay));
  const longest = Math.max(0, ...delays);
  return 2 ** (longest > 0 ? fieldFor(longest, synapses.delayBits) : Math.min(...synapses.delayBits));
}

/** Parts that the synapses of a wiring fill at least: whatever the cut, each target pixel needs all weights of its kernel. */
export function leastParts({ strands }: Wiring, { core, synapses }: ChipDescription): number {
  const bits = strands.reduce((sum, { synapses: { mantissas, bits: own } }) => sum + mantissas.length * own, 0);
  return Math.ceil(bits / synapses.word / core.synapseWords);
}
