/** Windows of convolutions and poolings, as attributes describe them. */

import { extent } from '../../../graph/geometry.js';
import type { Pads, Pair } from '../../../graph/graph.js';
import { MAX_WINDOW } from '../../../graph/limits.js';
import { invalid, type Refusal, unsupported } from '../problems.js';
import type { OnnxNode } from './operator.js';

/** Where the windows of a node lie. */
export interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
}

/** The attributes that describe a window: as yet without the size of what it moves over. */
export interface WindowAttributes extends Omit<Window, 'pads'> {
  readonly padding: Pads | 'SAME_UPPER' | 'SAME_LOWER';
}

/**
 * Reads `kernel_shape`, `strides`, `dilations`, `pads` and `auto_pad`.
 *
 * @param kernel size of the kernel where it is known otherwise; an attribute must agree.
 */
export function readWindow({ attributes }: OnnxNode, kernel?: readonly number[]): WindowAttributes {
  const declared = attributes.ints('kernel_shape');
  const size = kernel ?? declared;
  if (!size) throw invalid('has no attribute kernel_shape.');
  if (size.length !== 2) {
    throw unsupported(`its kernel [${size}] has not two axes.`, 'Only 2-d convolution and pooling are supported.');
  }
  if (declared && declared.join() !== size.join()) {
    throw invalid(`its attribute kernel_shape is [${declared}], but its weights are for [${size}].`);
  }
  const pair = (name: string, values: readonly number[] = [1, 1]): Pair => {
    if (values.length === 2 && values.every((n) => n >= 1 && n <= MAX_WINDOW)) return [values[0], values[1]];
    throw invalid(`its ${name} are [${values}], which are not two numbers from 1 to ${MAX_WINDOW}.`);
  };
  return {
    kernel: pair('kernel sizes', size),
    strides: pair('strides', attributes.ints('strides')),
    dilations: pair('dilations', attributes.ints('dilations')),
    padding: readPadding(attributes.string('auto_pad') ?? 'NOTSET', attributes.ints('pads')),
  };
}

function readPadding(autoPad: string, pads: readonly number[] = [0, 0, 0, 0]): WindowAttributes['padding'] {
  if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') return autoPad;
  if (autoPad === 'VALID') return [0, 0, 0, 0];
  if (autoPad !== 'NOTSET' && autoPad !== '') throw invalid(`its attribute auto_pad is ${autoPad}.`);
  const isPadding = pads.length === 4 && pads.every((n) => n >= 0 && n <= MAX_WINDOW);
  if (isPadding) return [pads[0], pads[1], pads[2], pads[3]];
  throw invalid(`its attribute pads is [${pads}], which are not four numbers from 0 to ${MAX_WINDOW}.`);
}

/**
 * Places the windows on an image.
 *
 * @param ceil whether the last window may begin before it would fit (ONNX's `ceil_mode`).
 * @returns the window, whose padding includes what ceil mode adds; `declared`, the padding without that; and the
 * number of windows along both axes.
 */
export function placeWindow(
  attributes: WindowAttributes,
  [, height, width]: readonly number[],
  ceil = false,
): Window & { readonly declared: Pads; readonly count: Pair } {
  const vertical = placeAxis(attributes, 0, height, ceil);
  const horizontal = placeAxis(attributes, 1, width, ceil);
  return {
    kernel: attributes.kernel,
    strides: attributes.strides,
    dilations: attributes.dilations,
    pads: [vertical.before, horizontal.before, vertical.reach, horizontal.reach],
    declared: [vertical.before, horizontal.before, vertical.after, horizontal.after],
    count: [vertical.count, horizontal.count],
  };
}

/** Refusal of padding that runtimes compute differently from `auto_pad`, ONNX Runtime even between opsets. */
export function disagreement(padding: string): Refusal {
  return unsupported(
    `has auto_pad ${padding} together with strides or dilations for which runtimes disagree.`,
    'Export the model with explicit pads.',
  );
}

/** Padding and number of windows along one axis; `reach` is `after` with what ceil mode adds. */
function placeAxis(
  { kernel, strides, dilations, padding }: WindowAttributes,
  axis: 0 | 1,
  size: number,
  ceil: boolean,
): { before: number; after: number; reach: number; count: number } {
  const stride = strides[axis];
  const length = extent(kernel[axis], dilations[axis]);
  if (padding === 'SAME_UPPER' || padding === 'SAME_LOWER') {
    if (stride > length + 1) throw disagreement(padding);
    const count = Math.ceil(size / stride);
    const total = Math.max(0, (count - 1) * stride + length - size);
    const less = Math.floor(total / 2);
    const [before, after] = padding === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
    return { before, after, reach: after, count };
  }
  const [before, after] = [padding[axis], padding[axis + 2]];
  const free = size + before + after - length;
  let count = (ceil ? Math.ceil(free / stride) : Math.floor(free / stride)) + 1;
  // A window that ceil mode adds must begin inside the image or the padding before it.
  if (ceil && (count - 1) * stride >= size + before) count--;
  if (count < 1) throw invalid(`its kernel reaches over ${length} elements, more than the padded input has.`);
  return { before, after, reach: Math.max(after, (count - 1) * stride + length - size - before), count };
}
