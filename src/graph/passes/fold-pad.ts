import { GraphEdit } from '../edit.js';
import type { Graph, Pads } from '../graph.js';

/**
 * Folds zero padding into the padding of the convolutions and average poolings that read it; their averages count the
 * zeros, as they did before. Padding before a max pooling stays, since there a zero may be the maximum, and so does
 * cropping.
 */
export function foldPad(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Conv' && node.op !== 'AveragePool') continue;
    const pad = edit.producer(node.inputs[0]);
    if (pad?.op !== 'Pad' || pad.pads.some((n) => n < 0)) continue;
    const folded = { inputs: pad.inputs, pads: add(node.pads, pad.pads), origin: [...pad.origin, ...node.origin] };
    edit.put(
      node.op === 'Conv' ? { ...node, ...folded } : { ...node, ...folded, counted: add(node.counted, pad.pads) },
    );
  }
  return edit.finish('fold-pad');
}

function add(a: Pads, b: Pads): Pads {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]];
}
