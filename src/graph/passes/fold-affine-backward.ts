import { GraphEdit } from '../edit.js';
import { foldOutputAffine } from '../fold-output.js';
import type { Graph } from '../graph.js';

/** Folds an affine map of the output of a convolution or dense layer that nothing else reads into that layer. */
export function foldAffineBackward(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Affine') continue;
    const [input] = node.inputs;
    const linear = edit.producer(input);
    if ((linear?.op !== 'Conv' && linear?.op !== 'Dense') || !edit.soleReader(input)) continue;
    const folded = foldOutputAffine(linear, edit.shape(input), node);
    if (!folded) continue;
    edit.remove(linear);
    edit.put({ ...folded, output: node.output, origin: [...linear.origin, ...node.origin] });
  }
  return edit.finish('fold-affine-backward');
}
