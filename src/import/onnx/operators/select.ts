/** Operators that choose elements by their places. */

import type { Shape } from '../../../graph/graph.js';
import { invalid, unsupported } from '../problems.js';
import type { OnnxNode, OperatorTable, Tensor } from './operator.js';
import { normalizeAxis } from './shape.js';

/** Operators that choose elements, by name. */
export const SELECT: OperatorTable = {
  Slice: { build: slice },
  Split: { build: split, severalOutputs: true },
  Gather: { build: gather },
};

/** Bounds and step along an axis, as Slice gives them. */
export interface AxisRange {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** What a Slice takes from a tensor with a number of axes, those of the batch included. */
export function sliceRanges(node: OnnxNode, rank: number): readonly AxisRange[] {
  const asInputs = node.opset >= 10;
  const list = (name: string, input: number) =>
    asInputs ? (node.has(input) ? node.integers(input) : undefined) : node.attributes.ints(name);
  const [starts, ends, axes] = [list('starts', 1), list('ends', 2), list('axes', 3)];
  const steps = asInputs && node.has(4) ? node.integers(4) : undefined;
  if (!starts || !ends) throw invalid('does not say where it starts and ends.');
  const lengths = [ends, axes ?? starts, steps ?? starts].map(({ length }) => length);
  if (lengths.some((length) => length !== starts.length)) throw invalid('its bounds are of different lengths.');
  return starts.map((start, i) => ({
    axis: normalizeAxis(axes?.[i] ?? i, rank),
    start,
    end: ends[i],
    step: steps?.[i] ?? 1,
  }));
}

/** Indices that a range takes from an axis, in its order. */
export function indicesOf({ start, end, step }: AxisRange, length: number): readonly number[] {
  if (step === 0) throw invalid('has a step of 0.');
  const from = (n: number) => (n < 0 ? n + length : n);
  const clamp = (n: number, least: number, most: number) => Math.min(Math.max(n, least), most);
  const first = step > 0 ? clamp(from(start), 0, length) : clamp(from(start), -1, length - 1);
  const last = step > 0 ? clamp(from(end), 0, length) : clamp(from(end), -1, length - 1);
  const count = Math.max(0, Math.ceil((last - first) / step));
  return Array.from({ length: count }, (_, i) => first + i * step);
}

function slice(node: OnnxNode): Tensor {
  const x = node.tensor(0);
  const ranges = sliceRanges(node, x.shape.length + 1).flatMap((range) => {
    const whole = range.axis === 0 && range.start === 0 && range.step === 1 && range.end >= (node.batch ?? 2 ** 31 - 1);
    return whole ? [] : [range];
  });
  const kept = ranges.flatMap((range) => {
    const axis = imageAxis(range.axis);
    const indices = indicesOf(range, x.shape[axis]);
    return isWhole(indices, x.shape[axis]) ? [] : [{ axis, indices }];
  });
  if (kept.length === 0) return node.leaveOut(x, 'takes everything');
  return kept.reduce((from, { axis, indices }, i) => {
    const inner = i < kept.length - 1 ? 'slice' : undefined;
    return select(node, from, axis, indices, inner);
  }, x);
}

function split(node: OnnxNode): readonly Tensor[] {
  const declaredAxis = node.attributes.int('axis') ?? 0;
  const declared = node.opset < 13 ? node.attributes.ints('split') : node.has(1) ? node.integers(1) : undefined;
  const parts = (node.opset >= 18 ? node.attributes.int('num_outputs') : undefined) ?? node.outputCount;
  const x = node.tensor(0);
  const axis = imageAxis(normalizeAxis(declaredAxis, x.shape.length + 1));
  const length = x.shape[axis];
  const even = Math.ceil(length / parts);
  const lengths = declared ?? Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(even, length - i * even)));
  if (lengths.reduce((a, b) => a + b, 0) !== length || lengths.some((n) => n < 1)) {
    throw invalid(`splits ${length} elements into [${lengths}].`);
  }
  if (lengths.length === 1) return [node.leaveOut(x, 'splits nothing')];
  let start = 0;
  return lengths.map((count, i) => {
    const first = start;
    start += count;
    const indices = Array.from({ length: count }, (_, k) => first + k);
    if (!node.isUsed(i)) return x;
    return select(node, x, axis, indices, i === 0 ? undefined : i);
  });
}

function gather(node: OnnxNode): Tensor {
  const declaredAxis = node.attributes.int('axis') ?? 0;
  const { constant } = node.constant(1);
  const declared = node.integers(1);
  const x = node.tensor(0);
  const axis = imageAxis(normalizeAxis(declaredAxis, x.shape.length + 1));
  if (constant.shape.length > 1) {
    throw unsupported(`its indices have the shape [${constant.shape}].`, 'Take elements by a list of indices.');
  }
  const indices = declared.map((index) => (index < 0 ? index + x.shape[axis] : index));
  if (indices.some((index) => index < 0 || index >= x.shape[axis])) {
    throw invalid(`takes elements [${declared}] of ${x.shape[axis]}.`);
  }
  if (constant.shape.length === 1) return select(node, x, axis, indices);
  // A single index takes its axis away.
  const single = select(node, x, axis, indices, 'element');
  const rest = x.shape.filter((_, i) => i !== axis);
  if (rest.length === 0) throw unsupported('takes a single number from each image.', 'Take at least one axis.');
  return node.emit({ op: 'Reshape', inputs: [single.name] }, rest);
}

/** An axis without the batch. */
function imageAxis(axis: number): number {
  if (axis > 0) return axis - 1;
  throw unsupported('chooses among images.', 'Keep the batch axis whole, and each image to itself.');
}

function isWhole(indices: readonly number[], length: number): boolean {
  return indices.length === length && indices.every((index, i) => index === i);
}

function select(node: OnnxNode, x: Tensor, axis: number, indices: readonly number[], step?: string | number): Tensor {
  if (indices.length === 0) throw invalid(`takes nothing of axis ${axis + 1}.`);
  if (new Set(indices).size < indices.length) {
    throw unsupported(`takes elements [${indices}], some of them twice.`, 'Take each element once.');
  }
  const shape: Shape = x.shape.with(axis, indices.length);
  return node.emit({ op: 'Select', inputs: [x.name], axis, indices }, shape, step);
}
