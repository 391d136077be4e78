import { GraphEdit } from '../edit.js';
import type { AffineNode, Graph } from '../graph.js';
import { mergeWithProducer } from './merge-affines.js';
import { throughPool } from './through-pool.js';

/**
 * Moves an affine map (batch normalisation) that follows a pooling before it, where that brings it to a convolution
 * that it can be folded into. What it meets on its way it is merged with.
 */
export function moveAffineUp(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  const foldable = madeByConvolution(graph, edit);
  for (const { output } of [...graph.nodes].reverse()) {
    let affine = edit.producer(output);
    if (affine?.op !== 'Affine' || !foldable.has(affine.inputs[0])) continue;
    while (affine) affine = mergeWithProducer(edit, affine) ?? moveBeforePool(edit, affine);
  }
  return edit.finish('move-affine-up');
}

/** The map in its new place; nothing where it does not change places with what it reads. */
function moveBeforePool(edit: GraphEdit, affine: AffineNode): AffineNode | undefined {
  const pool = edit.producer(affine.inputs[0]);
  const moved = pool?.op === 'MaxPool' || pool?.op === 'AveragePool' ? throughPool(pool, affine) : undefined;
  if (!pool || !moved) return undefined;
  const mapped = edit.newTensor(pool.inputs[0], edit.shape(pool.inputs[0]));
  const before: AffineNode = { ...affine, inputs: pool.inputs, output: mapped };
  edit.remove(pool);
  edit.put({ ...moved, inputs: [mapped], output: affine.output });
  edit.put(before);
  return before;
}

/**
 * Tensors made by a convolution and nodes that any map per channel may be moved before, where nothing else reads what
 * is between. A map that could not go all the way would be moved down again.
 */
function madeByConvolution(graph: Graph, edit: GraphEdit): ReadonlySet<string> {
  const tensors = new Set<string>();
  for (const node of graph.nodes) {
    const exact = node.op === 'AveragePool' && node.counted.every((n) => n === 0);
    const passable = exact || node.op === 'MaxPool' || node.op === 'Affine';
    const made = node.op === 'Conv' || (passable && tensors.has(node.inputs[0]));
    if (made && edit.soleReader(node.output)) tensors.add(node.output);
  }
  return tensors;
}
