import { GraphEdit } from '../edit.js';
import type { Graph } from '../graph.js';
import { throughPool } from './through-pool.js';

/**
 * Moves an affine map (batch normalisation) that follows a pooling before it, where that brings it to a convolution
 * that it can be folded into.
 */
export function moveAffineUp(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const affine of edit.nodes()) {
    if (affine.op !== 'Affine') continue;
    const pool = edit.producer(affine.inputs[0]);
    if (pool?.op !== 'MaxPool' && pool?.op !== 'AveragePool') continue;
    const moved = throughPool(pool, affine);
    if (!moved || !comesFromConvolution(edit, affine.inputs[0])) continue;
    const mapped = edit.newTensor(affine.output, edit.shape(pool.inputs[0]));
    edit.remove(pool);
    edit.put({ ...moved, inputs: [mapped], output: affine.output });
    edit.put({ ...affine, inputs: pool.inputs, output: mapped });
  }
  return edit.finish('move-affine-up');
}

/** Whether a tensor is made by a convolution and then poolings, and nothing else reads what is in between. */
function comesFromConvolution(edit: GraphEdit, tensor: string): boolean {
  let at = tensor;
  for (;;) {
    const node = edit.soleReader(at) && edit.producer(at);
    if (node?.op === 'Conv') return true;
    if (node?.op !== 'MaxPool' && node?.op !== 'AveragePool') return false;
    at = node.inputs[0];
  }
}
