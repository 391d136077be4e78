import { GraphEdit } from '../edit.js';
import type { Graph } from '../graph.js';

/**
 * Puts a ReLU, clipped or not, that follows a max pooling before it, so that spikes are pooled. Both orders agree, since
 * a ReLU is monotone: it commutes with maximum and minimum.
 */
export function reluBeforePool(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const relu of edit.nodes()) {
    if (relu.op !== 'Activation' || (relu.fn !== 'relu' && relu.fn !== 'clipped-relu')) continue;
    const pool = edit.producer(relu.inputs[0]);
    if (pool?.op !== 'MaxPool' || !edit.soleReader(pool.output)) continue;
    const rectified = edit.newTensor(pool.inputs[0], edit.shape(pool.inputs[0]));
    edit.remove(pool);
    edit.put({ ...pool, inputs: [rectified], output: relu.output });
    edit.put({ ...relu, inputs: pool.inputs, output: rectified });
  }
  return edit.finish('relu-before-pool');
}
