/** Axons between the parts of two groups, as they are cut: in closed form, axis by axis. */

import type { AxonCosts } from './chip.js';
import type { Candidate } from './cut.js';
import type { AxisFanOut, FanOut } from './fan-out.js';
import type { Span } from './layout.js';

/** What the axons of a wiring take. */
export interface Axons {
  /** Input axons of each part of the target. */
  readonly inputs: Float64Array;
  /** Output entries of each part of the source. */
  readonly outputs: Float64Array;
}

/** Fewest atoms that make a population worth its entries. */
export const LEAST_ATOMS = 2;

/**
 * Counts the axons of a wiring: one for each source neuron and part that it reaches; but where neurons reach one part
 * only, one for those of a pixel (or, where pixels share no lists, of a whole part) together.
 *
 * @param pixels whether pixels share lists.
 * @param crossing whether the axons leave the chip.
 */
export function axonsOf(
  fanOut: FanOut,
  pixels: boolean,
  source: Candidate,
  target: Candidate,
  crossing: boolean,
  costs: AxonCosts,
): Axons {
  const discrete = costs.discrete[crossing ? 1 : 0];
  const shared = costs.population[crossing ? 1 : 0];
  const { rows, columns, shares } = fanOut;
  const channels = channelCounts(fanOut, source.spans[2], target.spans[2].length);
  const depth = target.spans[2].length;
  const sourceDepth = source.spans[2].length;
  const inputs = new Float64Array(target.pieces.length);
  const outputs = new Float64Array(source.pieces.length);
  let at = 0;
  for (let y = 0; y < target.spans[0].length; y++) {
    for (let x = 0; x < target.spans[1].length; x++) {
      for (let c = 0; c < depth; c++) {
        const all = rows.reaching[y] * columns.reaching[x] * channels.reaching[c];
        const places = rows.alone[y] * columns.alone[x];
        const alone = shares ? places * channels.alone[c] : 0;
        const axons = pixels ? places * channels.axonsInto[c] : source.pieces.length;
        inputs[at++] = alone === 0 ? all : all - alone + axons;
      }
    }
  }
  at = 0;
  for (const row of source.spans[0]) {
    for (const column of source.spans[1]) {
      for (let s = 0; s < sourceDepth; s++) {
        const all = within(rows, row).destinations * within(columns, column).destinations * channels.destinations[s];
        const places = within(rows, row).single * within(columns, column).single;
        const alone = shares ? places * channels.single[s] : 0;
        const single = channels.singlesFrom[s] * discrete + channels.populationsFrom[s] * shared;
        const whole = alone >= LEAST_ATOMS ? shared : alone * discrete;
        outputs[at++] = alone === 0 ? all * discrete : (all - alone) * discrete + (pixels ? places * single : whole);
      }
    }
  }
  return { inputs, outputs };
}

/**
 * Fewest input axons that each part of a target needs, however its source is cut: neurons that send to several parts need
 * one each, and the others one for each pixel (or, where pixels share no lists, one for all).
 *
 * @param pixels whether pixels share lists.
 */
export function leastInputs({ rows, columns, channels, shares }: FanOut, pixels: boolean, tiles: number): Float64Array {
  const reaching = new Float64Array(tiles);
  const alone = new Float64Array(tiles);
  for (const {
    channels: [from, to],
    tiles: reached,
  } of channels) {
    for (const tile of reached) reaching[tile] += to - from;
    if (reached.length === 1) alone[reached[0]] += to - from;
  }
  const inputs: number[] = [];
  for (let y = 0; y < rows.reaching.length; y++) {
    for (let x = 0; x < columns.reaching.length; x++) {
      const places = rows.alone[y] * columns.alone[x];
      for (let c = 0; c < tiles; c++) {
        const all = rows.reaching[y] * columns.reaching[x] * reaching[c];
        const single = shares ? places * alone[c] : 0;
        inputs.push(single === 0 ? all : all - single + (pixels ? places : 1));
      }
    }
  }
  return Float64Array.from(inputs);
}

function within({ destinations, single }: AxisFanOut, [from, to]: Span) {
  return { destinations: destinations[to] - destinations[from], single: single[to] - single[from] };
}

/** Counts over channels: of each tile of the target, and of each of the source. */
function channelCounts({ channels: runs }: FanOut, sources: readonly Span[], tiles: number) {
  const counts = () => new Float64Array(tiles);
  const sums = () => new Float64Array(sources.length);
  const [reaching, alone, axonsInto] = [counts(), counts(), counts()];
  const [destinations, single, singlesFrom, populationsFrom] = [sums(), sums(), sums(), sums()];
  const tile = sources[0][1];
  // Channels of a source tile that reach one target tile only are side by side, run by run.
  const atoms = new Map<number, number>();
  for (const { channels, tiles: reached } of runs) {
    for (let s = Math.floor(channels[0] / tile); s < sources.length && sources[s][0] < channels[1]; s++) {
      const count = Math.min(channels[1], sources[s][1]) - Math.max(channels[0], sources[s][0]);
      destinations[s] += count * reached.length;
      for (const one of reached) reaching[one] += count;
      if (reached.length !== 1) continue;
      single[s] += count;
      alone[reached[0]] += count;
      const key = s * tiles + reached[0];
      atoms.set(key, (atoms.get(key) ?? 0) + count);
    }
  }
  for (const [key, count] of atoms) {
    const s = Math.floor(key / tiles);
    const isPopulation = count >= LEAST_ATOMS;
    axonsInto[key % tiles] += isPopulation ? 1 : count;
    if (isPopulation) populationsFrom[s]++;
    else singlesFrom[s] += count;
  }
  return { reaching, alone, axonsInto, destinations, single, singlesFrom, populationsFrom };
}
