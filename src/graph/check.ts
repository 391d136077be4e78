/** Whether a graph from a file is one: its parts fit together, and no number claims more memory or time than it needs. */

import { windowAxes, windowCount } from './geometry.js';
import {
  ACTIVATION_PARAMETERS,
  type Bias,
  elements,
  type Graph,
  type GraphNode,
  type Pads,
  type Pair,
  type Shape,
} from './graph.js';
import { isPossibleShape, MAX_WINDOW } from './limits.js';

/**
 * Checks a graph.
 *
 * @throws Error at the first part that does not fit.
 */
export function checkGraph({ input, output, nodes, shapes }: Graph): void {
  const known = new Map([[input, shapes.get(input)]]);
  for (const node of nodes) {
    known.set(node.output, shapes.get(node.output));
    const [own, ...read] = [node.output, ...node.inputs].map((tensor) => known.get(tensor));
    const all = [own, ...read];
    const sound = read.length > 0 && all.every((shape) => shape && isPossibleShape(shape, 1));
    if (!sound || !fits(node, read as Shape[], own as Shape)) throw new Error(`${node.name} does not fit its tensors`);
  }
  if (!known.has(output)) throw new Error('nothing computes the output');
}

function fits(node: GraphNode, inputs: readonly Shape[], output: Shape): boolean {
  const [input] = inputs;
  switch (node.op) {
    case 'Conv': {
      const { groups, weights, bias, kernel } = node;
      const filters = [output[0], input[0] / groups, ...kernel];
      return (
        slides(node, input, output) &&
        isCount(groups) &&
        output[0] % groups === 0 &&
        same(weights.values.shape, filters) &&
        biasFits(bias, output)
      );
    }
    case 'Dense': {
      const sizes = [...input, ...output];
      const { shape } = node.weights.values;
      return same(shape, node.layout === 'in-out' ? sizes : sizes.reverse()) && biasFits(node.bias, output);
    }
    case 'Affine': {
      const count = node.per === 'channel' ? input[0] : elements(input);
      return same(input, output) && node.scale.length === count && node.shift.length === count;
    }
    case 'Add':
      return inputs.every((shape) => same(shape, output));
    case 'Mul':
      return inputs.length === 2 && inputs.every((shape) => broadcasts(shape, output));
    case 'Activation': {
      const { fn, parameters = [] } = node;
      const count = ACTIVATION_PARAMETERS[fn]?.length ?? 0;
      return same(input, output) && parameters.length === count && parameters.every(Number.isFinite);
    }
    case 'MaxPool':
      return slides(node, input, output) && input[0] === output[0] && (node.minimum?.length ?? input[0]) === input[0];
    case 'AveragePool':
      return slides(node, input, output) && input[0] === output[0] && node.counted.length === 4;
    case 'Pad':
      return slides({ ...PIXEL, pads: node.pads }, input, output) && input[0] === output[0];
    case 'Concat': {
      const length = inputs.reduce((sum, shape) => sum + shape[node.axis], 0);
      return inputs.every((shape) => same(shape.with(node.axis, length), output));
    }
    case 'Select': {
      const { axis, indices } = node;
      const exist = indices.every((index) => Number.isInteger(index) && index >= 0 && index < input[axis]);
      return exist && new Set(indices).size === indices.length && same(input.with(axis, indices.length), output);
    }
    case 'Reshape':
      return elements(input) === elements(output);
    case 'Transpose': {
      const axes = [...node.permutation].sort((a, b) => a - b);
      return (
        same(axes, [...input.keys()]) &&
        same(
          node.permutation.map((axis) => input[axis]),
          output,
        )
      );
    }
  }
}

const PIXEL = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1] } as const;

interface Windowed {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
}

/** Whether a window slides over one image and gives another. */
function slides(node: Windowed, input: Shape, output: Shape): boolean {
  const { kernel, strides, dilations, pads } = node;
  const sizes = [kernel, strides, dilations].every((pair) => pair.length === 2 && pair.every(isCount));
  const margins = pads.length === 4 && pads.every((n) => Number.isInteger(n) && Math.abs(n) <= MAX_WINDOW);
  if (!sizes || !margins || input.length !== 3 || output.length !== 3) return false;
  return windowAxes(node).every((axis, i) => windowCount(input[i + 1], axis) === output[i + 1]);
}

function isCount(n: number): boolean {
  return Number.isInteger(n) && n >= 1 && n <= MAX_WINDOW;
}

/** Whether there is a value for each channel, and for each class of pixels. */
function biasFits({ values, classes }: Bias, [channels, ...sizes]: Shape): boolean {
  const count = classes ? classes.reduce((most, id) => Math.max(most, id), 0) + 1 : 1;
  return values.length >= count * channels && (classes?.length ?? elements(sizes)) === elements(sizes);
}

function broadcasts(shape: Shape, output: Shape): boolean {
  return shape.length === output.length && shape.every((n, axis) => n === output[axis] || (axis > 0 && n === 1));
}

function same(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}
