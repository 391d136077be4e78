import { GraphEdit } from '../edit.js';
import type { Graph } from '../graph.js';

/** Drops a ReLU of what is not negative already: the output of another ReLU or of a sigmoid. */
export function dropRepeatedRelu(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Activation' || node.fn !== 'relu') continue;
    if (edit.producer(node.inputs[0])?.op === 'Activation') edit.bypass(node, 'rectifies what is not negative');
  }
  return edit.finish('drop-repeated-relu');
}
