import { compact, compose, isIdentity } from '../affine.js';
import { GraphEdit } from '../edit.js';
import type { Graph } from '../graph.js';

/** Merges an affine map that only another one reads into that one, and drops those that change nothing. */
export function mergeAffines(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Affine') continue;
    const [input] = node.inputs;
    const before = edit.producer(input);
    if (isIdentity(node)) edit.bypass(node, 'scales by 1 and adds 0');
    else if (before?.op === 'Affine' && edit.soleReader(input)) {
      const shape = edit.shape(input);
      edit.put({
        ...node,
        ...compact(compose(before, node, shape), shape),
        inputs: before.inputs,
        origin: [...before.origin, ...node.origin],
      });
      edit.remove(before);
    }
  }
  return edit.finish('merge-affines');
}
