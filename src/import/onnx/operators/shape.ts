/** Operators that arrange elements without computing anything. */

import { elements, type Pads, type Shape } from '../../../graph/graph.js';
import { invalid, unsupported } from '../problems.js';
import { ANY_BATCH, type NamedConstant, type OnnxNode, type OperatorTable, type Tensor } from './operator.js';

/** Operators that arrange elements, by name. */
export const SHAPE: OperatorTable = {
  Flatten: { build: flatten },
  Reshape: { build: reshape },
  Transpose: { build: transpose },
  Squeeze: { build: squeeze },
  Unsqueeze: { build: unsqueeze },
  Shape: { build: shapeOf },
  Concat: { build: concat },
  Pad: { build: pad },
};

const KEEP_BATCH = 'Keep the batch axis first, and each image to itself (torch.nn.Flatten, or view(x.size(0), -1)).';

function flatten(node: OnnxNode): Tensor {
  const declared = node.attributes.int('axis') ?? 1;
  const x = node.tensor(0);
  const axis = normalizeAxis(declared, x.shape.length + 1);
  // Axes before the flattened ones would be merged into the batch, unless they are of length 1.
  const keepsBatch = axis === 0 ? node.batch === 1 : elements(x.shape.slice(0, axis - 1)) === 1;
  if (!keepsBatch) {
    throw unsupported(`flattens [N,${x.shape}] from axis ${declared} on, across images.`, KEEP_BATCH);
  }
  return node.emit({ op: 'Reshape', inputs: [x.name] }, [elements(x.shape)]);
}

function reshape(node: OnnxNode): Tensor {
  const allowZero = node.opset >= 14 && (node.attributes.int('allowzero') ?? 0) !== 0;
  const target = node.integers(1);
  const x = node.tensor(0);
  const [batch, ...rest] = target;
  const isBatch = batch === node.batch || (batch === ANY_BATCH && node.batch === undefined);
  const firstIsBatch = batch === -1 || batch === 1 || isBatch || (batch === 0 && !allowZero);
  const shape = firstIsBatch && rest.length > 0 ? resolveShape([1, ...rest], [1, ...x.shape], allowZero).slice(1) : [];
  if (shape.length === 0 || elements(shape) !== elements(x.shape) || (batch === -1 && rest.includes(-1))) {
    const named = target.map((n) => (n === ANY_BATCH ? 'N' : n));
    throw unsupported(`gives [N,${x.shape}] the shape [${named}], which does not keep images apart.`, KEEP_BATCH);
  }
  return node.emit({ op: 'Reshape', inputs: [x.name] }, shape);
}

/**
 * The shape that a target of Reshape stands for: 0 keeps the axis unless zeros are allowed, -1 takes what is left.
 *
 * @throws {Refusal} MODEL_INVALID where no such shape exists.
 */
export function resolveShape(target: readonly number[], shape: Shape, allowZero: boolean): Shape {
  const kept = target.map((n, axis) => (n === 0 && !allowZero ? shape[axis] : n));
  const known = elements(kept.filter((n) => n !== -1));
  const resolved = kept.map((n) => (n === -1 ? elements(shape) / known : n));
  if (kept.filter((n) => n === -1).length > 1 || !resolved.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw invalid(`gives [${shape}] the shape [${target}].`);
  }
  return resolved;
}

function transpose(node: OnnxNode): Tensor {
  const declared = node.attributes.ints('perm');
  const x = node.tensor(0);
  const permutation = checkPermutation(declared, x.shape.length + 1);
  if (permutation[0] !== 0) {
    throw unsupported(`its permutation [${permutation}] moves the batch axis.`, 'Keep the batch axis first.');
  }
  const axes = permutation.slice(1).map((axis) => axis - 1);
  return node.emit(
    { op: 'Transpose', inputs: [x.name], permutation: axes },
    axes.map((axis) => x.shape[axis]),
  );
}

/** The permutation of a Transpose, which reverses the axes if it has none. */
export function checkPermutation(permutation: readonly number[] | undefined, rank: number): readonly number[] {
  const reversed = Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  if (!permutation) return reversed;
  if (permutation.length === rank && reversed.every((axis) => permutation.includes(axis))) return permutation;
  throw invalid(`its attribute perm [${permutation}] is no permutation of ${rank} axes.`);
}

function squeeze(node: OnnxNode): Tensor {
  const declared = axesOf(node);
  const x = node.tensor(0);
  const axes = declared?.map((axis) => normalizeAxis(axis, x.shape.length + 1) - 1);
  if (axes?.includes(-1)) throw unsupported('takes away the batch axis.', KEEP_BATCH);
  const long = axes?.find((axis) => x.shape[axis] !== 1);
  if (long !== undefined) throw invalid(`takes away axis ${long + 1} of [N,${x.shape}].`);
  const shape = x.shape.filter((n, axis) => (axes ? !axes.includes(axis) : n !== 1));
  if (shape.length === 0) throw unsupported('leaves no axis but that of the batch.', KEEP_BATCH);
  return node.emit({ op: 'Reshape', inputs: [x.name] }, shape);
}

function unsqueeze(node: OnnxNode): Tensor {
  const declared = axesOf(node) ?? [];
  const x = node.tensor(0);
  const rank = x.shape.length + 1 + declared.length;
  const axes = declared.map((axis) => normalizeAxis(axis, rank));
  if (axes.includes(0)) throw unsupported('puts an axis before that of the batch.', KEEP_BATCH);
  return node.emit({ op: 'Reshape', inputs: [x.name] }, withOnes(x.shape, axes, 1, rank));
}

/** The axes of Squeeze and Unsqueeze: an attribute before opset 13, an input from then on. */
export function axesOf(node: OnnxNode): readonly number[] | undefined {
  if (node.opset < 13) return node.attributes.ints('axes');
  return node.has(1) ? node.integers(1) : undefined;
}

/** A shape with axes of length 1 put in: the axes from `first` to `rank` of the result. */
export function withOnes(shape: Shape, ones: readonly number[], first: number, rank: number): Shape {
  const rest = [...shape];
  const axes = Array.from({ length: rank - first }, (_, i) => i + first);
  return axes.map((axis) => (ones.includes(axis) ? 1 : (rest.shift() ?? 1)));
}

/** The sizes of a tensor's axes: a constant, but for that of the batch. */
function shapeOf(node: OnnxNode): NamedConstant {
  const [from, to] = [node.attributes.int('start') ?? 0, node.attributes.int('end')];
  const sizes = [node.batch ?? ANY_BATCH, ...node.tensor(0).shape].slice(from, to);
  const bytes = new Uint8Array(BigInt64Array.from(sizes, BigInt).buffer);
  return node.computed({ dataType: 'int64', shape: [sizes.length], bytes });
}

function concat(node: OnnxNode): Tensor {
  const declared = node.attributes.int('axis');
  if (declared === undefined) throw invalid('has no attribute axis.');
  const parts = Array.from({ length: node.inputCount }, (_, i) => node.tensor(i));
  if (parts.length === 0) throw invalid('has no inputs.');
  const [{ shape }] = parts;
  const axis = normalizeAxis(declared, shape.length + 1) - 1;
  if (axis < 0) throw unsupported('joins batches.', 'Join tensors along another axis, such as the channels.');
  const misfit = parts.find((part) => !sameBut(axis, part.shape, shape));
  if (misfit) throw invalid(`joins [N,${shape}] and [N,${misfit.shape}] along axis ${declared}.`);
  if (parts.length === 1) return node.leaveOut(parts[0], 'joins one tensor');
  const length = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  return node.emit(
    { op: 'Concat', inputs: parts.map(({ name }) => name), axis },
    shape.map((n, i) => (i === axis ? length : n)),
  );
}

function pad(node: OnnxNode): Tensor {
  const { attributes } = node;
  const mode = attributes.string('mode') ?? 'constant';
  const asInputs = node.opset >= 11;
  const widths = asInputs ? node.integers(1) : attributes.ints('pads');
  const value = asInputs ? (node.has(2) ? node.number(2) : 0) : (attributes.float('value') ?? 0);
  const axes = node.opset >= 18 && node.has(3) ? node.integers(3) : undefined;
  const x = node.tensor(0);
  const widthOf = padWidths(widths, axes, x.shape.length + 1);
  if (widthOf.every(([before, after]) => before === 0 && after === 0)) return node.leaveOut(x, 'pads nothing');
  if (mode !== 'constant' || value !== 0) {
    throw unsupported(
      `pads with ${mode === 'constant' ? value : `mode ${mode}`}.`,
      'Pad with zeros; before a max pooling, use the padding of the pooling itself.',
    );
  }
  const [ofBatch, ...ofAxes] = widthOf;
  const isPadded = ([before, after]: readonly [number, number]) => before !== 0 || after !== 0;
  const bare = ofAxes.findIndex((width) => !isPadded(width));
  if (ofAxes.length !== 3 || isPadded(ofBatch) || bare < 0) {
    throw unsupported(`pads [N,${x.shape}] by [${widths}].`, 'Pad two axes of [N,C,H,W] at most.');
  }
  // The axis that is not padded comes first, as if it were the channels.
  const order = [bare, ...[0, 1, 2].filter((axis) => axis !== bare)];
  const first = bare === 0 ? x : permuted(node, x, order, 'moved');
  const [vertical, horizontal] = order.slice(1).map((axis) => ofAxes[axis]);
  const pads: Pads = [vertical[0], horizontal[0], vertical[1], horizontal[1]];
  const [channels, rows, columns] = first.shape;
  const padded = [channels, rows + pads[0] + pads[2], columns + pads[1] + pads[3]];
  const result = node.emit({ op: 'Pad', inputs: [first.name], pads }, padded, bare === 0 ? undefined : 'padded');
  if (bare === 0) return result;
  const back = [0, 1, 2].map((axis) => order.indexOf(axis));
  return permuted(node, result, back);
}

function permuted(node: OnnxNode, x: Tensor, permutation: readonly number[], step?: string): Tensor {
  const shape = permutation.map((axis) => x.shape[axis]);
  return node.emit({ op: 'Transpose', inputs: [x.name], permutation }, shape, step);
}

/** Padding before and after each axis. */
function padWidths(
  widths: readonly number[] | undefined,
  axes: readonly number[] | undefined,
  rank: number,
): readonly (readonly [number, number])[] {
  const padded = axes?.map((axis) => normalizeAxis(axis, rank)) ?? Array.from({ length: rank }, (_, axis) => axis);
  if (widths?.length !== 2 * padded.length) throw invalid(`its pads [${widths}] do not fit ${padded.length} axes.`);
  return Array.from({ length: rank }, (_, axis) => {
    const i = padded.indexOf(axis);
    return i < 0 ? [0, 0] : [widths[i], widths[i + padded.length]];
  });
}

/** An axis counted from the front. */
export function normalizeAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive >= 0 && positive < rank) return positive;
  throw invalid(`its axis ${axis} is not one of a tensor of ${rank} axes.`);
}

function sameBut(axis: number, a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => i === axis || n === b[i]);
}
