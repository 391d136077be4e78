import { uniform } from '../affine.js';
import { GraphEdit } from '../edit.js';
import type { ActivationNode, AffineNode, Graph } from '../graph.js';

/**
 * Makes one clipped ReLU of a ReLU whose result is limited by another: `max(c - s max(x, 0), 0)`, with s and c above
 * zero, is `c - s min(max(x, 0), c / s)`. Minima with a number arrive in this form.
 */
export function mergeClips(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const limit of edit.nodes()) {
    if (limit.op !== 'Activation' || limit.fn !== 'relu') continue;
    const mirrored = soleProducer(edit, limit);
    const rectified = mirrored?.op === 'Affine' ? soleProducer(edit, mirrored) : undefined;
    if (mirrored?.op !== 'Affine' || rectified?.op !== 'Activation' || rectified.fn !== 'relu') continue;
    const map = uniform(mirrored);
    if (map && map.scale < 0 && map.shift > 0) merge(edit, rectified, mirrored, limit, -map.shift / map.scale);
  }
  return edit.finish('merge-clips');
}

/** The node that a node reads, if nothing else reads it. */
function soleProducer(edit: GraphEdit, { inputs: [input] }: ActivationNode | AffineNode) {
  return edit.soleReader(input) && !edit.isOutput(input) ? edit.producer(input) : undefined;
}

function merge(
  edit: GraphEdit,
  rectified: ActivationNode,
  mirrored: AffineNode,
  limit: ActivationNode,
  ceiling: number,
): void {
  const clipped = edit.newTensor(rectified.output, edit.shape(rectified.output));
  edit.remove(rectified);
  edit.remove(mirrored);
  edit.put({ ...rectified, fn: 'clipped-relu', parameters: [ceiling], output: clipped });
  const origin = [...mirrored.origin, ...limit.origin];
  edit.put({ ...mirrored, name: limit.name, inputs: [clipped], output: limit.output, origin });
}
