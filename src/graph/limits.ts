/** Sizes beyond which a file is taken to be broken, so that a small file never claims much memory or time. */

import { elements, type Shape } from './graph.js';

/** Nodes that the output depends on. */
export const MAX_NODES = 2 ** 14;

/** Coefficients that one constant is spread over. */
export const MAX_COEFFICIENTS = 2 ** 25;

/** Kernel sizes, strides, dilations and padding. */
export const MAX_WINDOW = 2 ** 16;

const MAX_ELEMENTS = 2 ** 28;
const MAX_AXES = 16;

/** Whether a tensor may have a shape: at most 16 axes, of whole numbers from `least` on, and 2^28 elements. */
export function isPossibleShape(shape: Shape, least: 0 | 1): boolean {
  if (shape.length > MAX_AXES) return false;
  return shape.every((n) => Number.isSafeInteger(n) && n >= least) && elements(shape) <= MAX_ELEMENTS;
}
