/** Folding an affine map of a linear node's input into its weights and bias. */

import { addBias, MAX_BIAS_CLASSES, scaleBias } from './bias.js';
import { visibleTaps, type WindowAxis, windowAxes, windowCount } from './geometry.js';
import type { Bias, ConvNode, DenseNode, Shape } from './graph.js';
import { readRange } from './weights.js';

/**
 * The node that computes from `x` what `node` computes from `scale x + shift`. Scales go into the weights' input
 * scale; the shift becomes bias. Padding is zero before and after the map, so near a border the shift of the taps
 * that overhang is missing: the bias gets a class for each set of visible rows and columns of the kernel.
 *
 * @param inputShape shape of the node's input: `[C, H, W]` or `[n]`.
 * @param scale one value per input channel (Conv) or input element (Dense).
 * @param shift as `scale`.
 * @returns nothing where the bias would need more than 65535 classes.
 */
export function foldInputAffine<T extends ConvNode | DenseNode>(
  node: T,
  inputShape: Shape,
  scale: Float64Array,
  shift: Float64Array,
): T | undefined {
  const { inputScale, outputScale } = node.weights;
  const rescale = inputScale ? scale.map((s, i) => s * inputScale[i]) : scale;
  if (shift.every((value) => value === 0)) return { ...node, weights: { ...node.weights, inputScale: rescale } };

  const input = inputScale ? shift.map((s, i) => s * inputScale[i]) : shift;
  const constant = node.op === 'Conv' ? convolveConstant(node, inputShape, input) : multiplyConstant(node, input);
  if (!constant) return undefined;
  const contribution = outputScale ? scaleBias(constant, outputScale) : constant;
  const bias = addBias(node.bias, contribution, constant.outputs);
  return bias && { ...node, weights: { ...node.weights, inputScale: rescale }, bias };
}

/** {@link foldInputAffine} with one scale and one shift for the whole input. */
export function foldInputScalar<T extends ConvNode | DenseNode>(
  node: T,
  inputShape: Shape,
  scale: number,
  shift: number,
): T | undefined {
  const fill = (value: number) => new Float64Array(inputShape[0]).fill(value);
  return foldInputAffine(node, inputShape, fill(scale), fill(shift));
}

/** What the stored weights make of a constant input, as a bias of so many outputs. */
interface ConstantOutput extends Bias {
  readonly outputs: number;
}

function multiplyConstant({ weights, layout }: DenseNode, input: Float64Array): ConstantOutput {
  const [rows, columns] = weights.values.shape;
  const outputs = layout === 'out-in' ? rows : columns;
  const values = new Float64Array(outputs);
  const row = new Float64Array(columns);
  for (let r = 0; r < rows; r++) {
    readRange(weights.values, r * columns, row);
    if (layout === 'out-in') for (let i = 0; i < columns; i++) values[r] += row[i] * input[i];
    else for (let o = 0; o < columns; o++) values[o] += row[o] * input[r];
  }
  return { values, outputs };
}

function convolveConstant(node: ConvNode, inputShape: Shape, input: Float64Array): ConstantOutput | undefined {
  const [vertical, horizontal] = windowAxes(node);
  const rows = borderCases(inputShape[1], vertical);
  const columns = borderCases(inputShape[2], horizontal);
  if (rows.taps.length * columns.taps.length > MAX_BIAS_CLASSES) return undefined;

  const outputs = node.weights.values.shape[0];
  const sums = tapSums(node, input);
  const [height, width] = node.kernel;
  const values = new Float64Array(rows.taps.length * columns.taps.length * outputs);
  let at = 0;
  for (const [top, bottom] of rows.taps) {
    for (const [left, right] of columns.taps) {
      for (let o = 0; o < outputs; o++, at++) {
        for (let ky = top; ky < bottom; ky++) {
          for (let kx = left; kx < right; kx++) values[at] += sums[(o * height + ky) * width + kx];
        }
      }
    }
  }
  if (values.length === outputs) return { values, outputs };
  const classes = new Uint16Array(rows.of.length * columns.of.length);
  rows.of.forEach((row, y) => {
    columns.of.forEach((column, x) => {
      classes[y * columns.of.length + x] = row * columns.taps.length + column;
    });
  });
  return { values, classes, outputs };
}

/** Contribution of each tap to each output channel, summed over the input channels: `[C_out, height, width]`. */
function tapSums({ weights, groups }: ConvNode, input: Float64Array): Float64Array {
  const [outputs, channels, height, width] = weights.values.shape;
  const taps = height * width;
  const sums = new Float64Array(outputs * taps);
  const filter = new Float64Array(channels * taps);
  for (let o = 0; o < outputs; o++) {
    readRange(weights.values, o * filter.length, filter);
    const first = Math.floor((o * groups) / outputs) * channels;
    for (let c = 0; c < channels; c++) {
      for (let t = 0; t < taps; t++) sums[o * taps + t] += filter[c * taps + t] * input[first + c];
    }
  }
  return sums;
}

/** The distinct ranges of visible taps along one axis, and which of them each position has. */
function borderCases(size: number, axis: WindowAxis) {
  const ids = new Map<string, number>();
  const taps: (readonly [number, number])[] = [];
  const of = Array.from({ length: windowCount(size, axis) }, (_, position) => {
    const range = visibleTaps(position, size, axis);
    let id = ids.get(range.join());
    if (id === undefined) {
      id = taps.push(range) - 1;
      ids.set(range.join(), id);
    }
    return id;
  });
  return { taps, of };
}
