/** The synapses that a source neuron has in a part: the content of one list. */

import type { Segment } from './encoding.js';
import type { Part, Span } from './layout.js';
import type { Kind, Wiring } from './wiring.js';

/** A box of a group's compartments. */
export type Box = Pick<Part, 'rows' | 'columns' | 'channels'>;

/** How compartments of a part follow each other: the pixels of one channel, or the channels of one pixel. */
export type Order = 'pixels' | 'channels';

/** Distances on the core of neighbouring rows, columns and channels. */
export function stridesOf({ rows, columns, channels }: Box, order: Order): Part['strides'] {
  const width = columns[1] - columns[0];
  const depth = channels[1] - channels[0];
  return order === 'pixels' ? [width, 1, width * (rows[1] - rows[0])] : [width * depth, depth, 1];
}

/** Distances from the anchor of all pixels of a part that a strand's taps lead to, and where their weights begin. */
function pixelsOf(wiring: Wiring, strand: number, row: Kind, column: Kind, channel: number, strides: Part['strides']) {
  const pixels: { readonly distance: number; readonly weights: number }[] = [];
  const { offset } = wiring.strands[strand];
  for (const y of row.taps[strand]) {
    for (const x of column.taps[strand]) {
      const there = { tap: y.tap, target: y.target + row.anchor };
      const across = { tap: x.tap, target: x.target + column.anchor };
      pixels.push({
        distance: y.target * strides[0] + x.target * strides[1],
        weights: offset(there, across, channel),
      });
    }
  }
  return pixels;
}

/** Target channels that a source channel reaches in a part. */
function reachIn(wiring: Wiring, strand: number, channel: number, { channels }: Box): Span {
  const [from, to] = wiring.strands[strand].reach(channel);
  return [Math.max(from, channels[0]), Math.min(to, channels[1])];
}

/**
 * Visits the synapses of a strand from one source channel of a pixel of some kinds into a part, as segments: all at once,
 * with indices from the anchor; or with a factor, pixel by pixel, with indices of channels.
 *
 * @param segment is filled for each visit.
 * @param visit is given the offset of the segment's format.
 */
export function eachSegment(
  wiring: Wiring,
  strand: number,
  [row, column]: readonly [Kind, Kind],
  channel: number,
  box: Box,
  strides: Part['strides'],
  factor: number,
  segment: Segment,
  visit: (offset: number) => void,
): void {
  const [from, to] = reachIn(wiring, strand, channel, box);
  if (from >= to) return;
  const pixels = pixelsOf(wiring, strand, row, column, channel, strides);
  const { mantissas } = wiring.strands[strand].synapses;
  const [first] = box.channels;
  const { index, mantissa } = segment;
  if (factor > 1) {
    for (const { distance, weights } of pixels) {
      for (let c = from; c < to; c++) {
        index[c - from] = c - first;
        mantissa[c - from] = mantissas[weights + c];
      }
      segment.length = to - from;
      visit(distance);
    }
    return;
  }
  let at = 0;
  if (strides[2] > 1) {
    for (let c = from; c < to; c++) {
      for (const { distance, weights } of pixels) {
        index[at] = distance + (c - first) * strides[2];
        mantissa[at++] = mantissas[weights + c];
      }
    }
  } else {
    for (const { distance, weights } of pixels) {
      for (let c = from; c < to; c++) {
        index[at] = distance + c - first;
        mantissa[at++] = mantissas[weights + c];
      }
    }
  }
  segment.length = at;
  visit(0);
}
