/** Broadcasting of constants over tensors. */

import type { Affine } from '../../../graph/affine.js';
import { elements, type Shape } from '../../../graph/graph.js';
import { MAX_COEFFICIENTS } from '../../../graph/limits.js';
import { invalid, unsupported } from '../problems.js';
import type { OnnxNode } from './operator.js';

/** Values of a constant as they meet a tensor: one per channel where each channel has only one, else one per element. */
export interface Spread {
  readonly per: Affine['per'];
  readonly values: Float64Array;
}

/** Spreads a constant input of a node over a tensor's shape (without the batch axis) by the rules of numpy. */
export function spread(node: OnnxNode, index: number, shape: Shape): Spread {
  const { name, constant } = node.constant(index);
  const values = node.values(index);
  const full = [1, ...shape];
  const own = [...new Array<number>(Math.max(0, full.length - constant.shape.length)).fill(1), ...constant.shape];
  if (own.length > full.length || own.some((n, axis) => n !== 1 && n !== full[axis])) {
    const grows = own.length > full.length || own.every((n, axis) => n === 1 || full[axis] === 1 || n === full[axis]);
    if (!grows) throw invalid(`its input ${name} of shape [${constant.shape}] does not fit a tensor [N,${shape}].`);
    throw unsupported(
      `its input ${name} of shape [${constant.shape}] makes the tensor [N,${shape}] larger or depends on the image.`,
      'Use a constant that can be broadcast to the shape of the tensor.',
    );
  }
  const perElement = own.slice(2).some((n) => n !== 1);
  if ((perElement ? elements(shape) : shape[0]) > MAX_COEFFICIENTS) {
    throw invalid(`spreads its input ${name} over a tensor [N,${shape}], which is too large.`);
  }
  if (perElement) return { per: 'element', values: expand(values, own.slice(1), shape) };
  return { per: 'channel', values: own[1] === shape[0] ? values : new Float64Array(shape[0]).fill(values[0]) };
}

/** Repeats values along the axes where they have length 1. */
function expand(values: Float64Array, from: Shape, to: Shape): Float64Array {
  const expanded = new Float64Array(elements(to));
  const strides = from.map((n, axis) => (n === 1 ? 0 : elements(from.slice(axis + 1))));
  for (let i = 0; i < expanded.length; i++) {
    let rest = i;
    let source = 0;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      source += (rest % to[axis]) * strides[axis];
      rest = Math.floor(rest / to[axis]);
    }
    expanded[i] = values[source];
  }
  return expanded;
}
