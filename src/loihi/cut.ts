/** What a way to cut a group into parts is. */

import type { Part, Span } from './layout.js';
import type { Box } from './lists.js';

/** A part of a candidate, and what of a core is known to go to it. */
export interface Piece {
  readonly box: Box;
  readonly strides: Part['strides'];
  readonly compartments: number;
  readonly words: number;
  /** Input axons that it needs at least, however its sources are cut. */
  readonly inputs: number;
  /** Names of the formats that its synapses need. */
  readonly formats: readonly string[];
  /** Whether everything is in one encoding, since the formats would be too many. */
  readonly plain: boolean;
}

/** A way to cut a group. */
export interface Candidate {
  readonly tile: readonly [rows: number, columns: number, channels: number];
  readonly spans: readonly [rows: readonly Span[], columns: readonly Span[], channels: readonly Span[]];
  /** Rows slowest, channels fastest. */
  readonly pieces: readonly Piece[];
  /** Whether its costs are measured, or estimates. */
  readonly exact: boolean;
}
