/** Operators on constants, computed at import. */

import { BYTES_PER_ELEMENT, type Constant } from '../../../graph/constant.js';
import { elements, type Shape } from '../../../graph/graph.js';
import { isPossibleShape } from '../../../graph/limits.js';
import { transposedOrder } from '../../../graph/transpose.js';
import { invalid } from '../problems.js';
import type { OnnxNode } from './operator.js';
import { checkPermutation, normalizeAxis, resolveShape } from './shape.js';

/** Computes the constant that a node of constant inputs stands for. */
export type Fold = (node: OnnxNode) => Constant;

/** Folds by operator of the default domain. */
export const CONSTANT_FOLDS: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['Identity', (node) => node.constant(0).constant],
  ['Reshape', reshape],
  ['Transpose', transpose],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
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
  const width = BYTES_PER_ELEMENT[constant.dataType];
  const bytes = new Uint8Array(constant.bytes.length);
  order.forEach((from, to) => {
    for (let i = 0; i < width; i++) bytes[to * width + i] = constant.bytes[from * width + i];
  });
  return { ...constant, shape: permutation.map((axis) => constant.shape[axis]), bytes };
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
  const rest = [...constant.shape];
  return withShape(
    constant,
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 1))),
  );
}

/** The axes of Squeeze and Unsqueeze: an attribute before opset 13, an input from then on. */
function axesOf(node: OnnxNode): readonly number[] | undefined {
  if (node.opset < 13) return node.attributes.ints('axes');
  return node.has(1) ? node.integers(1) : undefined;
}

function withShape(constant: Constant, shape: Shape): Constant {
  if (isPossibleShape(shape, 0) && elements(shape) === elements(constant.shape)) return { ...constant, shape };
  throw invalid(`gives a constant of shape [${constant.shape}] the shape [${shape}].`);
}
