/** Row-major order of transposed tensors. */

import { elements, type Shape } from './graph.js';

/**
 * For each element of a transposed tensor, its index before; both row major.
 *
 * @param permutation output axis `i` is input axis `permutation[i]`.
 */
export function transposedOrder(shape: Shape, permutation: readonly number[]): Uint32Array {
  let order = Uint32Array.of(0);
  for (const axis of permutation) {
    const stride = elements(shape.slice(axis + 1));
    const length = shape[axis];
    const next = new Uint32Array(order.length * length);
    for (let i = 0, at = 0; i < order.length; i++) {
      for (let k = 0; k < length; k++) next[at++] = order[i] + k * stride;
    }
    order = next;
  }
  return order;
}
