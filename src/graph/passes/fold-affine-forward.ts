import { compact } from '../affine.js';
import { GraphEdit } from '../edit.js';
import { foldInputAffine } from '../fold-input.js';
import type { ConvNode, DenseNode, Graph } from '../graph.js';

/** Folds an affine map that only convolutions and dense layers read into all of them. */
export function foldAffineForward(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Affine' || edit.isOutput(node.output)) continue;
    const shape = edit.shape(node.output);
    const { per, scale, shift } = compact(node, shape);
    const readers = edit.readers(node.output);
    if (per !== 'channel') continue;
    const folded: (ConvNode | DenseNode)[] = [];
    for (const reader of readers) {
      if (reader.op !== 'Conv' && reader.op !== 'Dense') break;
      const next = foldInputAffine(reader, shape, scale, shift);
      if (next) folded.push({ ...next, inputs: node.inputs, origin: [...node.origin, ...reader.origin] });
    }
    if (folded.length < readers.length) continue;
    for (const reader of folded) edit.put(reader);
    edit.remove(node);
  }
  return edit.finish('fold-affine-forward');
}
