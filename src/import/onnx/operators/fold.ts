/** Operators on constants, computed at import. */

import { roundToEven } from '../../../graph/activations.js';
import { BYTES_PER_ELEMENT, type Constant, type DataType } from '../../../graph/constant.js';
import { elements, type Shape } from '../../../graph/graph.js';
import { isPossibleShape } from '../../../graph/limits.js';
import { transposedOrder } from '../../../graph/transpose.js';
import { encodeElements, readElements } from '../../../graph/weights.js';
import { invalid, unsupported } from '../problems.js';
import { dataTypeOf, FLOAT_TYPES } from '../tensors.js';
import type { OnnxNode } from './operator.js';
import { INTEGER_RANGES } from './quantization.js';
import { indicesOf, sliceRanges } from './select.js';
import { axesOf, checkPermutation, normalizeAxis, resolveShape, withOnes } from './shape.js';

/** Computes the constant that a node of constant inputs stands for. */
export type Fold = (node: OnnxNode) => Constant;

/** Folds by operator of the default domain. */
export const CONSTANT_FOLDS: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['Identity', (node) => node.constant(0).constant],
  ['Reshape', reshape],
  ['Transpose', transpose],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Shape', shape],
  ['Size', (node) => integers([elements(node.constant(0).constant.shape)], [])],
  ['Cast', cast],
  ['Gather', gather],
  ['Slice', slice],
  ['Concat', concat],
  ['ConstantOfShape', constantOfShape],
  ['Expand', expand],
  ['Range', range],
  ['Where', where],
  ['DequantizeLinear', dequantize],
  ['QuantizeLinear', quantize],
  ['Add', (node) => binary(node, (a, b) => a + b)],
  ['Sub', (node) => binary(node, (a, b) => a - b)],
  ['Mul', (node) => binary(node, (a, b) => a * b)],
  ['Div', divide],
  ['Pow', (node) => binary(node, (a, b) => a ** b)],
  ['Equal', (node) => binary(node, (a, b) => Number(a === b), 'bool')],
  ['Less', (node) => binary(node, (a, b) => Number(a < b), 'bool')],
  ['Greater', (node) => binary(node, (a, b) => Number(a > b), 'bool')],
  ['Max', (node) => binary(node, Math.max)],
  ['Min', (node) => binary(node, Math.min)],
  ['Neg', (node) => unary(node, (a) => -a)],
  ['Abs', (node) => unary(node, Math.abs)],
  ['Sqrt', (node) => unary(node, Math.sqrt)],
  ['Exp', (node) => unary(node, Math.exp)],
  ['Floor', (node) => unary(node, Math.floor)],
  ['Ceil', (node) => unary(node, Math.ceil)],
  ['Reciprocal', (node) => unary(node, (a) => 1 / a)],
  ['ReduceProd', reduceProduct],
]);

function reshape(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const allowZero = node.opset >= 14 && (node.attributes.int('allowzero') ?? 0) !== 0;
  return withShape(constant, resolveShape(node.integers(1), constant.shape, allowZero));
}

function transpose(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const permutation = checkPermutation(node.attributes.ints('perm'), constant.shape.length);
  const order = transposedOrder(constant.shape, permutation);
  const moved = permutation.map((axis) => constant.shape[axis]);
  return taken(constant, order, moved);
}

function squeeze(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const { shape } = constant;
  const axes = axesOf(node)?.map((axis) => normalizeAxis(axis, shape.length));
  return withShape(
    constant,
    shape.filter((n, axis) => (axes ? !axes.includes(axis) : n !== 1)),
  );
}

function unsqueeze(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const declared = axesOf(node) ?? [];
  const rank = constant.shape.length + declared.length;
  const axes = declared.map((axis) => normalizeAxis(axis, rank));
  return withShape(constant, withOnes(constant.shape, axes, 0, rank));
}

function shape(node: OnnxNode): Constant {
  const [from, to] = [node.attributes.int('start') ?? 0, node.attributes.int('end')];
  const sizes = node.constant(0).constant.shape.slice(from, to);
  return integers(sizes, [sizes.length]);
}

function cast(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  node.attributes.int('saturate');
  node.attributes.string('round_mode');
  const type = node.attributes.int('to');
  const dataType = dataTypeOf(type);
  if (!dataType) throw unsupported(`turns a constant into ONNX type ${type}.`, 'Use float32 or integers.');
  if (dataType === constant.dataType) return constant;
  const values = readElements(constant);
  const whole = dataType === 'bool' ? values.map((n) => Number(n !== 0)) : values.map(Math.trunc);
  return encoded(FLOAT_TYPES.has(dataType) ? values : whole, dataType, constant.shape);
}

function gather(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const { shape } = constant;
  const axis = normalizeAxis(node.attributes.int('axis') ?? 0, shape.length);
  const indices = node.integers(1).map((index) => (index < 0 ? index + shape[axis] : index));
  if (indices.some((index) => index < 0 || index >= shape[axis])) throw invalid('takes elements that do not exist.');
  const own = node.constant(1).constant.shape;
  return along(constant, axis, indices, [...shape.slice(0, axis), ...own, ...shape.slice(axis + 1)]);
}

function slice(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  return sliceRanges(node, constant.shape.length).reduce((from, axisRange) => {
    const { axis } = axisRange;
    const indices = indicesOf(axisRange, from.shape[axis]);
    return along(from, axis, indices, from.shape.with(axis, indices.length));
  }, constant);
}

/** Elements at some indices of an axis. */
function along(constant: Constant, axis: number, indices: readonly number[], shape: Shape): Constant {
  const inner = elements(constant.shape.slice(axis + 1));
  const length = constant.shape[axis];
  checkShape(shape);
  const from = new Uint32Array(elements(shape));
  for (let i = 0; i < from.length; i++) {
    const block = Math.floor(i / (inner * indices.length));
    const index = indices[Math.floor(i / inner) % indices.length];
    from[i] = (block * length + index) * inner + (i % inner);
  }
  return taken(constant, from, shape);
}

function concat(node: OnnxNode): Constant {
  const parts = Array.from({ length: node.inputCount }, (_, i) => node.constant(i).constant);
  const [{ dataType, shape }] = parts;
  const axis = normalizeAxis(node.attributes.int('axis') ?? 0, shape.length);
  const fits = parts.every(
    (part) =>
      part.dataType === dataType &&
      part.shape.length === shape.length &&
      part.shape.every((n, i) => i === axis || n === shape[i]),
  );
  if (!fits) throw invalid('joins constants that do not fit together.');
  const joined = shape.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis], 0),
  );
  checkShape(joined);
  const width = BYTES_PER_ELEMENT[dataType];
  const bytes = new Uint8Array(elements(joined) * width);
  const blocks = elements(shape.slice(0, axis));
  let at = 0;
  for (let block = 0; block < blocks; block++) {
    for (const part of parts) {
      const length = part.bytes.length / blocks;
      bytes.set(part.bytes.subarray(block * length, (block + 1) * length), at);
      at += length;
    }
  }
  return { dataType, shape: joined, bytes };
}

function constantOfShape(node: OnnxNode): Constant {
  const value = node.tensorAttribute('value');
  const shape = node.integers(0);
  checkShape(shape);
  const { dataType } = value ?? { dataType: 'float32' };
  return encoded(new Float64Array(elements(shape)).fill(value ? readElements(value)[0] : 0), dataType, shape);
}

function expand(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  return broadcast(constant, broadcastShape([constant.shape, node.integers(1)]));
}

function range(node: OnnxNode): Constant {
  const [start, limit, step] = [0, 1, 2].map((i) => node.number(i));
  const count = Math.max(0, Math.ceil((limit - start) / step));
  checkShape([count]);
  const values = Float64Array.from({ length: count }, (_, i) => start + i * step);
  return encoded(values, node.constant(0).constant.dataType, [count]);
}

function where(node: OnnxNode): Constant {
  const parts = [0, 1, 2].map((i) => node.constant(i).constant);
  const shape = broadcastShape(parts.map((part) => part.shape));
  const [chosen, yes, no] = parts.map((part) => readElements(broadcast(part, shape)));
  return encoded(
    yes.map((value, i) => (chosen[i] ? value : no[i])),
    parts[1].dataType,
    shape,
  );
}

function unary(node: OnnxNode, of: (a: number) => number): Constant {
  const { constant } = node.constant(0);
  return encoded(readElements(constant).map(of), constant.dataType, constant.shape);
}

function binary(node: OnnxNode, of: (a: number, b: number) => number, type?: DataType): Constant {
  if (node.inputCount !== 2) throw unsupported(`has ${node.inputCount} constant inputs.`, 'Combine two constants.');
  const parts = [node.constant(0).constant, node.constant(1).constant];
  const shape = broadcastShape(parts.map((part) => part.shape));
  const [a, b] = parts.map((part) => readElements(broadcast(part, shape)));
  return encoded(
    a.map((value, i) => of(value, b[i])),
    type ?? parts[0].dataType,
    shape,
  );
}

function divide(node: OnnxNode): Constant {
  const whole = !FLOAT_TYPES.has(node.constant(0).constant.dataType);
  if (whole && readElements(node.constant(1).constant).includes(0)) throw invalid('divides whole numbers by zero.');
  return binary(node, (a, b) => (whole ? Math.trunc(a / b) : a / b));
}

function reduceProduct(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const { shape } = constant;
  const keeps = (node.attributes.int('keepdims') ?? 1) !== 0;
  const declared = node.opset < 18 ? node.attributes.ints('axes') : node.has(1) ? node.integers(1) : undefined;
  const axes = declared?.map((axis) => normalizeAxis(axis, shape.length)) ?? [...shape.keys()];
  if (axes.length !== shape.length) throw unsupported('multiplies along some axes only.', 'Multiply all elements.');
  const product = readElements(constant).reduce((a, b) => a * b, 1);
  return encoded(Float64Array.of(product), constant.dataType, keeps ? shape.map(() => 1) : []);
}

/** `(x - zero point) * scale`, the scale being one number or one for each index of an axis. */
function dequantize(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const { scale, zero, at } = quantization(node, constant.shape);
  const values = readElements(constant);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] - zero[at(i)]) * scale[at(i)];
  const { dataType } = node.constant(1).constant;
  return encoded(values, FLOAT_TYPES.has(dataType) ? dataType : 'float32', constant.shape);
}

function quantize(node: OnnxNode): Constant {
  const { constant } = node.constant(0);
  const declared = dataTypeOf(node.attributes.int('output_dtype'));
  const dataType = node.has(2) ? node.constant(2).constant.dataType : (declared ?? 'uint8');
  const limits = INTEGER_RANGES[dataType];
  if (!limits) throw unsupported(`rounds to ${dataType}.`, 'Quantise the model to integers of 8 or 16 bits.');
  const { scale, zero, at } = quantization(node, constant.shape);
  const [low, high] = limits;
  const values = readElements(constant).map((value, i) => {
    const level = roundToEven(Math.fround(value / scale[at(i)])) + zero[at(i)];
    return Math.min(Math.max(level, low), high);
  });
  return encoded(values, dataType, constant.shape);
}

/** Scales and zero points, and which of them an element has. */
function quantization(node: OnnxNode, shape: Shape) {
  if ((node.attributes.int('block_size') ?? 0) !== 0) {
    throw unsupported('quantises in blocks.', 'Quantise weights with one scale for each channel.');
  }
  for (const name of ['saturate', 'precision']) node.attributes.int(name);
  node.attributes.int('output_dtype');
  const declared = node.attributes.int('axis') ?? 1;
  const scale = node.numbers(1);
  const zero = node.has(2) ? node.numbers(2) : new Float64Array(scale.length);
  if (scale.length === 1 && zero.length === 1) return { scale, zero, at: () => 0 };
  const axis = normalizeAxis(declared, shape.length);
  if (scale.length !== shape[axis] || zero.length !== shape[axis]) {
    throw invalid(`has ${scale.length} scales and ${zero.length} zero points for ${shape[axis]} channels.`);
  }
  const inner = elements(shape.slice(axis + 1));
  return { scale, zero, at: (i: number) => Math.floor(i / inner) % shape[axis] };
}

/** The shape that shapes are broadcast to by the rules of numpy. */
function broadcastShape(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const full = shapes.map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]);
  const joint = Array.from({ length: rank }, (_, axis) =>
    full.map((own) => own[axis]).reduce((a, b) => (a === 1 ? b : a)),
  );
  if (full.some((own) => own.some((n, axis) => n !== 1 && n !== joint[axis]))) {
    throw invalid(`combines constants of the shapes ${shapes.map((own) => `[${own}]`).join(' and ')}.`);
  }
  checkShape(joint);
  return joint;
}

function broadcast(constant: Constant, to: Shape): Constant {
  if (constant.shape.join() === to.join()) return constant;
  const own = [...new Array<number>(to.length - constant.shape.length).fill(1), ...constant.shape];
  const strides = own.map((n, axis) => (n === 1 ? 0 : elements(own.slice(axis + 1))));
  const from = new Uint32Array(elements(to));
  for (let i = 0; i < from.length; i++) {
    let rest = i;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      from[i] += (rest % to[axis]) * strides[axis];
      rest = Math.floor(rest / to[axis]);
    }
  }
  return taken(constant, from, to);
}

/** Elements of a constant by their indices. */
function taken({ dataType, bytes }: Constant, from: Uint32Array, shape: Shape): Constant {
  const width = BYTES_PER_ELEMENT[dataType];
  const moved = new Uint8Array(from.length * width);
  for (let to = 0; to < from.length; to++) {
    for (let i = 0; i < width; i++) moved[to * width + i] = bytes[from[to] * width + i];
  }
  return { dataType, shape, bytes: moved };
}

function integers(values: readonly number[], shape: Shape): Constant {
  return encoded(Float64Array.from(values), 'int64', shape);
}

function encoded(values: Float64Array, dataType: DataType, shape: Shape): Constant {
  if (!FLOAT_TYPES.has(dataType) && !values.every(Number.isSafeInteger)) {
    throw invalid('gives whole numbers beyond 2^53.');
  }
  // What is computed of 16-bit floats keeps its digits.
  const stored = dataType === 'float16' || dataType === 'bfloat16' ? 'float32' : dataType;
  return { dataType: stored, shape, bytes: encodeElements(values, stored) };
}

function checkShape(shape: Shape): void {
  if (!isPossibleShape(shape, 0)) throw invalid(`gives a constant of an impossible shape, [${shape}].`);
}

function withShape(constant: Constant, shape: Shape): Constant {
  if (isPossibleShape(shape, 0) && elements(shape) === elements(constant.shape)) return { ...constant, shape };
  throw invalid(`gives a constant of shape [${constant.shape}] the shape [${shape}].`);
}
