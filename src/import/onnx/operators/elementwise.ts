/** Arithmetic and batch normalisation. */

import type { Shape } from '../../../graph/graph.js';
import { invalid, unsupported } from '../problems.js';
import { spread } from './broadcast.js';
import type { OnnxNode, OperatorTable, Step, Tensor } from './operator.js';

/** Arithmetic and batch normalisation, by name. */
export const ELEMENTWISE: OperatorTable = {
  Add: { build: add },
  Sum: { build: sum },
  Sub: { build: subtract },
  Mul: { build: multiply },
  Div: { build: divide },
  Pow: { build: power },
  Neg: { build: (node) => node.chain(node.tensor(0), [affine(node.tensor(0), -1, 0)]) },
  BatchNormalization: { ignores: ['momentum'], build: batchNormalization },
};

function add(node: OnnxNode): Tensor {
  if (node.isConstant(0)) return byConstant(node, 1, 0, (c) => [1, c]);
  if (node.isConstant(1)) return byConstant(node, 0, 1, (c) => [1, c]);
  return sum(node);
}

function sum(node: OnnxNode): Tensor {
  const terms = Array.from({ length: node.inputCount }, (_, i) => node.tensor(i));
  const [first] = terms;
  if (terms.length === 1) return node.leaveOut(first, 'sum of one tensor');
  const other = terms.find(({ shape }) => shape.join() !== first.shape.join());
  if (other) {
    throw unsupported(
      `adds tensors of the shapes [N,${first.shape}] and [N,${other.shape}].`,
      'Add tensors of one shape, or a constant.',
    );
  }
  return node.emit({ op: 'Add', inputs: terms.map(({ name }) => name) }, first.shape);
}

function subtract(node: OnnxNode): Tensor {
  if (node.isConstant(0)) return byConstant(node, 1, 0, (c) => [-1, c]);
  return byConstant(node, 0, 1, (c) => [1, -c]);
}

function multiply(node: OnnxNode): Tensor {
  if (node.isConstant(0)) return byConstant(node, 1, 0, (c) => [c, 0]);
  if (node.isConstant(1)) return byConstant(node, 0, 1, (c) => [c, 0]);
  const [a, b] = [node.tensor(0), node.tensor(1)];
  const shape = a.shape.map((n, axis) => Math.max(n, b.shape[axis]));
  const fits = (own: Shape) => own.every((n, axis) => n === shape[axis] || (axis > 0 && n === 1));
  if (a.shape.length !== b.shape.length || !fits(a.shape) || !fits(b.shape)) {
    throw unsupported(
      `multiplies tensors of the shapes [N,${a.shape}] and [N,${b.shape}].`,
      'Multiply tensors of one shape, or by one factor per channel ([N,C,1,1]).',
    );
  }
  return node.emit({ op: 'Mul', inputs: [a.name, b.name] }, shape);
}

/** Small powers are products. */
function power(node: OnnxNode): Tensor {
  const exponent = node.number(1);
  const x = node.tensor(0);
  const times = (a: Tensor, step?: string) => node.emit({ op: 'Mul', inputs: [a.name, x.name] }, x.shape, step);
  if (exponent === 1) return node.leaveOut(x, 'changes nothing');
  if (exponent === 2) return times(x);
  if (exponent === 3) return times(times(x, 'square'));
  throw unsupported(`has the exponent ${exponent}.`, 'Only squares and cubes are supported.');
}

function divide(node: OnnxNode): Tensor {
  if (node.isConstant(0)) {
    throw unsupported('divides a constant by a tensor.', 'Only division by a constant is supported.');
  }
  if (node.values(1).includes(0)) throw invalid(`divides by ${node.constant(1).name}, which has zeros.`);
  return byConstant(node, 0, 1, (c) => [1 / c, 0]);
}

/** Emits the affine map that a tensor and a constant make; `of` gives scale and shift for an element of the constant. */
function byConstant(
  node: OnnxNode,
  tensor: number,
  constant: number,
  of: (element: number) => readonly [scale: number, shift: number],
): Tensor {
  const x = node.tensor(tensor);
  const { per, values } = spread(node, constant, x.shape);
  const scale = values.map((value) => of(value)[0]);
  const shift = values.map((value) => of(value)[1]);
  return node.emit({ op: 'Affine', inputs: [x.name], per, scale, shift }, x.shape);
}

/** `scale x + shift` for all elements; nothing where it changes nothing. */
export function affine({ shape: [channels] }: Tensor, scale: number, shift: number): Step | undefined {
  if (scale === 1 && shift === 0) return undefined;
  const all = (value: number) => new Float64Array(channels).fill(value);
  return { op: 'Affine', per: 'channel', scale: all(scale), shift: all(shift) };
}

function batchNormalization(node: OnnxNode): Tensor {
  const { attributes } = node;
  const epsilon = attributes.float('epsilon') ?? Math.fround(1e-5);
  if (node.opset < 9 && attributes.int('spatial') === 0) {
    throw unsupported('normalises each element by itself (spatial = 0).', 'Export it with opset 9 or later.');
  }
  if ((node.opset >= 14 && attributes.int('training_mode')) || node.outputCount > 1) {
    throw unsupported('is in training mode.', 'Export the model for inference (model.eval() in PyTorch).');
  }
  const x = node.tensor(0);
  const [channels] = x.shape;
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((input) => node.channelValues(input, channels));
  if (variance.some((v) => v + epsilon <= 0)) throw invalid('its variance is not positive.');
  const scale = gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon));
  const shift = beta.map((b, c) => b - mean[c] * scale[c]);
  return node.emit({ op: 'Affine', inputs: [x.name], per: 'channel', scale, shift }, x.shape);
}
