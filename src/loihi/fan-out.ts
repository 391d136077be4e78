/** How many parts of a target each source neuron reaches, axis by axis, as the target is cut. */

import type { Span } from './layout.js';
import type { Wiring } from './wiring.js';

/** Tiles of a size over an axis. */
export function spansOf(size: number, tile: number): Span[] {
  return Array.from({ length: Math.ceil(size / tile) }, (_, i) => [i * tile, Math.min((i + 1) * tile, size)] as const);
}

/** How the rows (or columns) of a source reach the tiles of a target. */
export interface AxisFanOut {
  /** Tiles reached by all rows before each, and rows before each that reach one tile only. */
  readonly destinations: Uint32Array;
  readonly single: Uint32Array;
  /** Of each tile: rows that reach it, and those of them that reach no other. */
  readonly reaching: readonly number[];
  readonly alone: readonly number[];
}

/** Source channels side by side that reach the same tiles of the target's. */
export interface ChannelRun {
  readonly channels: Span;
  /** Indices of the tiles. */
  readonly tiles: readonly number[];
}

/** How a source reaches the parts of a target. */
export interface FanOut {
  readonly rows: AxisFanOut;
  readonly columns: AxisFanOut;
  readonly channels: readonly ChannelRun[];
  /** Whether some source neuron sends to one part only, and to no other group: it may belong to a population. */
  readonly shares: boolean;
}

/**
 * How the source of a wiring reaches its target, which is cut in tiles.
 *
 * @param only whether the source sends to this target alone.
 */
export function fanOutOf(wiring: Wiring, [height, width, depth]: readonly number[], only: boolean): FanOut {
  const { targetExtent } = wiring;
  const rows = alongAxis(wiring, 0, targetExtent.height, height);
  const columns = alongAxis(wiring, 1, targetExtent.width, width);
  const channels = channelRuns(wiring, depth);
  const isSingle = ({ single }: AxisFanOut) => single[single.length - 1] > 0;
  const shares = only && isSingle(rows) && isSingle(columns) && channels.some(({ tiles }) => tiles.length === 1);
  return { rows, columns, channels, shares };
}

function alongAxis({ strands }: Wiring, axis: 0 | 1, targets: number, tile: number): AxisFanOut {
  const size = strands[0].taps[axis].length;
  const tiles = Math.ceil(targets / tile);
  const reaching = new Array<number>(tiles).fill(0);
  const alone = new Array<number>(tiles).fill(0);
  const destinations = new Uint32Array(size + 1);
  const single = new Uint32Array(size + 1);
  for (let position = 0; position < size; position++) {
    const reached = new Set<number>();
    for (const { taps } of strands) {
      for (const { target } of taps[axis][position]) reached.add(Math.floor(target / tile));
    }
    destinations[position + 1] = destinations[position] + reached.size;
    single[position + 1] = single[position] + (reached.size === 1 ? 1 : 0);
    for (const one of reached) {
      reaching[one]++;
      if (reached.size === 1) alone[one]++;
    }
  }
  return { destinations, single, reaching, alone };
}

function channelRuns({ strands, sourceExtent }: Wiring, tile: number): ChannelRun[] {
  const runs: { channels: [number, number]; tiles: readonly number[] }[] = [];
  for (let channel = 0; channel < sourceExtent.channels; channel++) {
    const reached = new Set<number>();
    for (const strand of strands) {
      const [from, to] = strand.reach(channel);
      for (let one = Math.floor(from / tile); one * tile < to; one++) reached.add(one);
    }
    const last = runs[runs.length - 1];
    if (last && last.tiles.length === reached.size && last.tiles.every((one) => reached.has(one))) last.channels[1]++;
    else runs.push({ channels: [channel, channel + 1], tiles: [...reached].sort((a, b) => a - b) });
  }
  return runs;
}
