/** Simplification of graphs: each pass keeps the function that a graph computes and records its name if it did anything. */

import type { Graph } from '../graph.js';
import { dropRepeatedRelu } from './drop-repeated-relu.js';
import { foldAffineBackward } from './fold-affine-backward.js';
import { foldAffineForward } from './fold-affine-forward.js';
import { foldPad } from './fold-pad.js';
import { fuseActivations } from './fuse-activations.js';
import { mergeAffines } from './merge-affines.js';
import { mergeClips } from './merge-clips.js';
import { moveAffineDown } from './move-affine-down.js';
import { moveAffineUp } from './move-affine-up.js';
import { reluBeforePool } from './relu-before-pool.js';
import { resolveShapes } from './resolve-shapes.js';

/** A function from a graph to one that computes the same; the graph itself where there is nothing to do. */
export type Pass = (graph: Graph) => Graph;

/** All passes, in the order in which they are applied: what moves up is folded before anything moves down. */
export const PASSES: readonly Pass[] = [
  resolveShapes,
  foldPad,
  mergeAffines,
  mergeClips,
  fuseActivations,
  moveAffineUp,
  foldAffineBackward,
  dropRepeatedRelu,
  reluBeforePool,
  moveAffineDown,
  foldAffineForward,
];

/** The simplest graph that the passes reach: they are applied again until none has anything to do. */
export function simplify(graph: Graph): Graph {
  for (let current = graph; ; ) {
    const next = PASSES.reduce((simpler, pass) => pass(simpler), current);
    if (next === current) return current;
    current = next;
  }
}
