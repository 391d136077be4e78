import { GraphEdit } from '../edit.js';
import type { Graph, GraphNode } from '../graph.js';

/** What makes nothing negative of what is not. */
const KEEPS_SIGN: ReadonlySet<GraphNode['op']> = new Set(['MaxPool', 'AveragePool', 'Pad', 'Reshape', 'Transpose']);

/** Drops a ReLU of what is not negative already: what another ReLU or a sigmoid made, perhaps pooled or rearranged. */
export function dropRepeatedRelu(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Activation' || node.fn !== 'relu') continue;
    let source = edit.producer(node.inputs[0]);
    while (source && KEEPS_SIGN.has(source.op)) source = edit.producer(source.inputs[0]);
    if (source?.op === 'Activation' && source.fn !== 'silu') edit.bypass(node, 'rectifies what is not negative');
  }
  return edit.finish('drop-repeated-relu');
}
