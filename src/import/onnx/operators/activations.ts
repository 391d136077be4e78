/** Activation functions. */

import type { ActivationFunction } from '../../../graph/graph.js';
import { invalid, unsupported } from '../problems.js';
import { spread } from './broadcast.js';
import { affine } from './elementwise.js';
import type { OnnxNode, OperatorTable, Step, Tensor } from './operator.js';

/** Activation functions, by name. */
export const ACTIVATIONS: OperatorTable = {
  Relu: simple('relu'),
  Sigmoid: simple('sigmoid'),
  Tanh: simple('tanh'),
  Erf: simple('erf'),
  Softplus: simple('softplus'),
  Softsign: simple('softsign'),
  Mish: simple('mish'),
  HardSwish: simple('hard-swish'),
  HardSigmoid: { build: hardSigmoid },
  Clip: { build: clip },
  Max: { build: (node) => extremum(node, 'Max') },
  Min: { build: (node) => extremum(node, 'Min') },
  Elu: { build: (node) => node.chain(node.tensor(0), [elu(node.attributes.float('alpha') ?? 1)]) },
  Selu: { build: selu },
  Celu: { build: celu },
  Gelu: { build: gelu },
  Swish: { build: swish },
  LeakyRelu: { build: leakyRelu },
  PRelu: { build: pRelu },
  Abs: { build: (node) => leaky(node, node.tensor(0), new Float64Array(node.tensor(0).shape[0]).fill(-1)) },
  LRN: { build: localResponseNormalization },
};

function simple(fn: ActivationFunction) {
  return { build: (node: OnnxNode) => node.chain(node.tensor(0), [activation(fn)]) };
}

function activation(fn: ActivationFunction, ...parameters: number[]): Step {
  return { op: 'Activation', fn, ...(parameters.length > 0 && { parameters }) };
}

function elu(slope: number): Step {
  return slope === 0 ? activation('relu') : activation('elu', slope);
}

/** `min(max(x, low), high)`, either of which may be infinite: a ReLU, clipped or not, and what moves it there. */
export function clipped(node: OnnxNode, x: Tensor, low: number, high: number): Tensor {
  if (Number.isNaN(low) || Number.isNaN(high) || low >= high) {
    throw invalid(`clips to a range from ${low} to ${high}, which is none.`);
  }
  if (Number.isFinite(low)) {
    const rectified = Number.isFinite(high) ? activation('clipped-relu', high - low) : activation('relu');
    return node.chain(x, [affine(x, 1, -low), rectified, affine(x, 1, low)]);
  }
  if (!Number.isFinite(high)) return node.leaveOut(x, 'clips nothing');
  return node.chain(x, [affine(x, -1, high), activation('relu'), affine(x, -1, high)]);
}

/** Largest numbers of the floating-point types: exporters write them for no limit. */
const HUGE = 3e38;

function clip(node: OnnxNode): Tensor {
  const { attributes } = node;
  const given = (name: string, input: number) =>
    node.opset < 11 ? attributes.float(name) : node.has(input) ? node.number(input) : undefined;
  const low = given('min', 1) ?? Number.NEGATIVE_INFINITY;
  const high = given('max', 2) ?? Number.POSITIVE_INFINITY;
  const limit = (value: number) => (Math.abs(value) > HUGE ? Math.sign(value) * Number.POSITIVE_INFINITY : value);
  return clipped(node, node.tensor(0), limit(low), limit(high));
}

/** The larger or the smaller of a tensor and a number. */
function extremum(node: OnnxNode, which: 'Max' | 'Min'): Tensor {
  const remedy = `Take the ${which === 'Max' ? 'larger' : 'smaller'} of a tensor and one number.`;
  if (node.inputCount !== 2) throw unsupported(`has ${node.inputCount} inputs.`, remedy);
  const [tensor, constant] = node.isConstant(0) ? [1, 0] : [0, 1];
  if (!node.isConstant(constant)) throw unsupported('compares two tensors.', remedy);
  const x = node.tensor(tensor);
  const [limit, ...others] = node.values(constant);
  if (others.length > 0) throw unsupported(`compares with ${others.length + 1} numbers.`, remedy);
  const range = which === 'Max' ? [limit, Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, limit];
  return clipped(node, x, range[0], range[1]);
}

function hardSigmoid(node: OnnxNode): Tensor {
  const alpha = node.attributes.float('alpha') ?? Math.fround(0.2);
  const beta = node.attributes.float('beta') ?? 0.5;
  const x = node.tensor(0);
  return node.chain(x, [affine(x, alpha, beta), activation('clipped-relu', 1)]);
}

function selu(node: OnnxNode): Tensor {
  const alpha = node.attributes.float('alpha') ?? Math.fround(1.6732632423543772);
  const gamma = node.attributes.float('gamma') ?? Math.fround(1.0507009873554805);
  const x = node.tensor(0);
  return node.chain(x, [elu(alpha), affine(x, gamma, 0)]);
}

/** `max(0, x) + min(0, alpha (e^(x / alpha) - 1))` */
function celu(node: OnnxNode): Tensor {
  const alpha = node.attributes.float('alpha') ?? 1;
  if (alpha === 0) throw invalid('divides by its attribute alpha, which is zero.');
  const x = node.tensor(0);
  return node.chain(x, [affine(x, 1 / alpha, 0), activation('elu', 1), affine(x, alpha, 0)]);
}

function gelu(node: OnnxNode): Tensor {
  const approximate = node.attributes.string('approximate') ?? 'none';
  if (approximate !== 'none' && approximate !== 'tanh') throw invalid(`its attribute approximate is ${approximate}.`);
  return node.chain(node.tensor(0), [activation(approximate === 'tanh' ? 'gelu-tanh' : 'gelu')]);
}

/** `x sigmoid(alpha x)` */
function swish(node: OnnxNode): Tensor {
  const alpha = node.attributes.float('alpha') ?? 1;
  const x = node.tensor(0);
  if (alpha === 0) return node.chain(x, [affine(x, 0.5, 0)]);
  return node.chain(x, [affine(x, alpha, 0), activation('silu'), affine(x, 1 / alpha, 0)]);
}

function leakyRelu(node: OnnxNode): Tensor {
  const slope = node.attributes.float('alpha') ?? Math.fround(0.01);
  const x = node.tensor(0);
  return leaky(node, x, new Float64Array(x.shape[0]).fill(slope));
}

function pRelu(node: OnnxNode): Tensor {
  const x = node.tensor(0);
  const { per, values } = spread(node, 1, x.shape);
  return leaky(node, x, values, per);
}

/**
 * A slope for what is negative: one ReLU for each sign, `relu(x) - slope relu(-x)`, which every code has.
 *
 * @param slopes one for each channel or element.
 */
function leaky(node: OnnxNode, x: Tensor, slopes: Float64Array, per: 'channel' | 'element' = 'channel'): Tensor {
  if (slopes.every((slope) => slope === 0)) return node.chain(x, [activation('relu')]);
  if (slopes.every((slope) => slope === 1)) return node.leaveOut(x, 'changes nothing');
  const step = (from: Tensor, fields: Step, name: string) =>
    node.emit({ ...fields, inputs: [from.name] }, x.shape, name);
  const all = (value: number) => slopes.map(() => value);
  const positive = step(x, activation('relu'), 'positive');
  const negated = step(x, { op: 'Affine', per, scale: all(-1), shift: all(0) }, 'negated');
  const negative = step(negated, activation('relu'), 'negative');
  const scaled = step(negative, { op: 'Affine', per, scale: slopes.map((slope) => -slope), shift: all(0) }, 'scaled');
  return node.emit({ op: 'Add', inputs: [positive.name, scaled.name] }, x.shape);
}

/** Division by a power of a sum of squares of neighbouring channels: what remains where they are silent is a factor. */
function localResponseNormalization(node: OnnxNode): Tensor {
  const { attributes } = node;
  const bias = attributes.float('bias') ?? 1;
  const beta = attributes.float('beta') ?? 0.75;
  attributes.float('alpha');
  attributes.int('size');
  if (!node.approximates('lrn')) {
    throw unsupported(
      'divides by the activity of neighbouring channels, which no code can express.',
      "Train with BatchNormalization; or leave neighbours out: option approximate 'lrn' (--approximate lrn).",
    );
  }
  const x = node.tensor(0);
  if (bias === 1) return node.leaveOut(x, 'normalises by neighbours, which was asked to be left out');
  return node.chain(x, [affine(x, bias ** -beta, 0)]);
}
