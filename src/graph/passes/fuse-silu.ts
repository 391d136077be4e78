import { GraphEdit } from '../edit.js';
import type { Graph } from '../graph.js';

/** Makes one activation of a tensor that is multiplied by its own sigmoid: SiLU, also called swish. */
export function fuseSilu(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const product of edit.nodes()) {
    if (product.op !== 'Mul') continue;
    for (const [gate, x] of [product.inputs, [...product.inputs].reverse()]) {
      const sigmoid = edit.producer(gate);
      if (sigmoid?.op !== 'Activation' || sigmoid.fn !== 'sigmoid' || sigmoid.inputs[0] !== x) continue;
      const origin = [...sigmoid.origin, ...product.origin];
      edit.put({ ...product, op: 'Activation', fn: 'silu', inputs: [x], origin });
      break;
    }
  }
  return edit.finish('fuse-silu');
}
