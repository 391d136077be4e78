import { compact, compose, isIdentity } from '../affine.js';
import { GraphEdit } from '../edit.js';
import type { AffineNode, Graph } from '../graph.js';

/** Merges an affine map that only another one reads into that one, and drops those that change nothing. */
export function mergeAffines(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Affine') continue;
    if (isIdentity(node)) edit.bypass(node, 'scales by 1 and adds 0');
    else mergeWithProducer(edit, node);
  }
  return edit.finish('merge-affines');
}

/** Merges an affine map with the one that it reads, where nothing else reads that; returns what was merged. */
export function mergeWithProducer(edit: GraphEdit, node: AffineNode): AffineNode | undefined {
  const [input] = node.inputs;
  const before = edit.producer(input);
  if (before?.op !== 'Affine' || !edit.soleReader(input)) return undefined;
  const shape = edit.shape(input);
  const merged: AffineNode = {
    ...node,
    ...compact(compose(before, node, shape), shape),
    inputs: before.inputs,
    origin: [...before.origin, ...node.origin],
  };
  edit.remove(before);
  edit.put(merged);
  return merged;
}
