/** A graph computed by plain loops in double precision: slow, but easy to believe. */

import type {
  ActivationFunction,
  AffineNode,
  AveragePoolNode,
  ConcatNode,
  ConvNode,
  DenseNode,
  Graph,
  GraphNode,
  MaxPoolNode,
  Shape,
  Weights,
} from '../../src/graph/graph.js';
import { elements, shapeOf } from '../../src/graph/graph.js';
import { readElements } from '../../src/graph/weights.js';

const ACTIVATIONS: Record<ActivationFunction, (v: number, ...parameters: number[]) => number> = {
  relu: (v) => Math.max(v, 0),
  'clipped-relu': (v, ceiling) => Math.min(Math.max(v, 0), ceiling),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  silu: (v) => v / (1 + Math.exp(-v)),
  'hard-swish': (v) => (v * Math.min(Math.max(v + 3, 0), 6)) / 6,
  tanh: Math.tanh,
  gelu: (v) => (v / 2) * (1 + erf(v / Math.SQRT2)),
  'gelu-tanh': (v) => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  erf,
  elu: (v, slope) => (v > 0 ? v : slope * Math.expm1(v)),
  softplus: (v) => Math.log1p(Math.exp(v)),
  softsign: (v) => v / (1 + Math.abs(v)),
  mish: (v) => v * Math.tanh(Math.log1p(Math.exp(v))),
  quantize: (v, scale, low, high) => Math.min(Math.max(nearestEven(Math.fround(v / scale)), low), high) * scale,
};

/** A series of positive terms; beyond 6 nothing is left of the rest. */
function erf(v: number): number {
  if (Math.abs(v) > 6) return Math.sign(v);
  let sum = 0;
  for (let n = 0, term = v; n < 200; n++, term *= (2 * v * v) / (2 * n + 1)) sum += term;
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-v * v) * sum;
}

function nearestEven(v: number): number {
  const down = Math.floor(v);
  if (v - down !== 0.5) return Math.round(v);
  return down % 2 === 0 ? down : down + 1;
}

/** All tensors of a graph by name, for one image (row major). */
export function evaluate(graph: Graph, image: Float64Array): Map<string, Float64Array> {
  if (image.length !== elements(shapeOf(graph, graph.input))) throw new Error('the image has another size');
  const tensors = new Map([[graph.input, image]]);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`node ${node.name} reads ${name} before it is written`);
      return tensor;
    });
    const shapes = node.inputs.map((name) => shapeOf(graph, name));
    const output = compute(node, inputs, shapes, shapeOf(graph, node.output));
    if (output.length !== elements(shapeOf(graph, node.output))) throw new Error(`node ${node.name} has another shape`);
    tensors.set(node.output, output);
  }
  return tensors;
}

/** The output of a graph for one image (row major). */
export function run(graph: Graph, image: Float64Array): Float64Array {
  const output = evaluate(graph, image).get(graph.output);
  if (!output) throw new Error(`nothing writes ${graph.output}`);
  return output;
}

function compute(node: GraphNode, inputs: Float64Array[], shapes: Shape[], shape: Shape): Float64Array {
  const [x] = inputs;
  switch (node.op) {
    case 'Conv':
      return conv(node, x, shapes[0], shape);
    case 'Dense':
      return dense(node, x, shape[0]);
    case 'Affine':
      return affine(node, x, shape);
    case 'Add':
      return x.map((_, i) => inputs.reduce((sum, input) => sum + input[i], 0));
    case 'Mul':
      return indices(shape).reduce(
        (out, index, i) => {
          out[i] = inputs.reduce((product, input, k) => product * input[broadcastIndex(index, shapes[k])], 1);
          return out;
        },
        new Float64Array(elements(shape)),
      );
    case 'Activation':
      return x.map((v) => ACTIVATIONS[node.fn](v, ...(node.parameters ?? [])));
    case 'MaxPool':
      return maxPool(node, x, shapes[0], shape);
    case 'AveragePool':
      return averagePool(node, x, shapes[0], shape);
    case 'Pad':
      return pixels(shape, (c, y, xx) => at(x, shapes[0], c, y - node.pads[0], xx - node.pads[1]));
    case 'Concat':
      return concat(node, inputs, shapes, shape);
    case 'Select':
      return Float64Array.from(indices(shape), (index) => {
        return x[offset(index.with(node.axis, node.indices[index[node.axis]]), shapes[0])];
      });
    case 'Reshape':
      return x;
    case 'Transpose': {
      const out = new Float64Array(x.length);
      indices(shapes[0]).forEach((index, i) => {
        out[
          offset(
            node.permutation.map((axis) => index[axis]),
            shape,
          )
        ] = x[i];
      });
      return out;
    }
  }
}

function conv(node: ConvNode, x: Float64Array, from: Shape, to: Shape): Float64Array {
  const perGroup = from[0] / node.groups;
  const outputsPerGroup = to[0] / node.groups;
  const weights = readElements(node.weights.values);
  return pixels(to, (o, y, xx) => {
    let sum = 0;
    for (let i = 0; i < perGroup; i++) {
      const channel = Math.floor(o / outputsPerGroup) * perGroup + i;
      for (let ky = 0; ky < node.kernel[0]; ky++) {
        for (let kx = 0; kx < node.kernel[1]; kx++) {
          const weight = weights[((o * perGroup + i) * node.kernel[0] + ky) * node.kernel[1] + kx];
          sum += weight * factor(node.weights, channel, o) * at(x, from, channel, ...tap(node, y, xx, ky, kx));
        }
      }
    }
    const { values, classes } = node.bias;
    return sum + values[(classes ? classes[y * to[2] + xx] : 0) * to[0] + o];
  });
}

function dense({ weights, layout, bias }: DenseNode, x: Float64Array, outputs: number): Float64Array {
  const values = readElements(weights.values);
  return Float64Array.from({ length: outputs }, (_, o) =>
    x.reduce((sum, v, i) => {
      const weight = values[layout === 'out-in' ? o * x.length + i : i * outputs + o];
      return sum + weight * factor(weights, i, o) * v;
    }, bias.values[o]),
  );
}

function factor({ inputScale, outputScale }: Weights, input: number, output: number): number {
  return (inputScale ? inputScale[input] : 1) * (outputScale ? outputScale[output] : 1);
}

function affine({ per, scale, shift }: AffineNode, x: Float64Array, shape: Shape): Float64Array {
  const plane = x.length / shape[0];
  return x.map((v, i) => {
    const k = per === 'element' ? i : Math.floor(i / plane);
    return scale[k] * v + shift[k];
  });
}

function maxPool(node: MaxPoolNode, x: Float64Array, from: Shape, to: Shape): Float64Array {
  return pixels(to, (c, y, xx) => {
    const seen = window(node, y, xx).filter(([py, px]) => isInside(from, py, px));
    const values = seen.map(([py, px]) => at(x, from, c, py, px));
    return node.minimum?.[c] ? Math.min(...values) : Math.max(...values);
  });
}

function averagePool(node: AveragePoolNode, x: Float64Array, from: Shape, to: Shape): Float64Array {
  const [top, left, bottom, right] = node.counted;
  return pixels(to, (c, y, xx) => {
    const places = window(node, y, xx);
    const counted = places.filter(
      ([py, px]) => py >= -top && py < from[1] + bottom && px >= -left && px < from[2] + right,
    );
    return places.reduce((sum, [py, px]) => sum + at(x, from, c, py, px), 0) / counted.length;
  });
}

function concat({ axis }: ConcatNode, inputs: Float64Array[], shapes: Shape[], shape: Shape): Float64Array {
  const out = new Float64Array(elements(shape));
  let start = 0;
  inputs.forEach((input, k) => {
    indices(shapes[k]).forEach((index, i) => {
      out[offset(index.with(axis, index[axis] + start), shape)] = input[i];
    });
    start += shapes[k][axis];
  });
  return out;
}

type Windowed = Pick<ConvNode, 'kernel' | 'strides' | 'dilations' | 'pads'>;

/** Row and column that a tap of the window at an output pixel sees; outside the image in the padding. */
function tap({ strides, dilations, pads }: Windowed, y: number, x: number, ky: number, kx: number): [number, number] {
  return [y * strides[0] - pads[0] + ky * dilations[0], x * strides[1] - pads[1] + kx * dilations[1]];
}

function window(node: Windowed, y: number, x: number): [number, number][] {
  return indices(node.kernel).map(([ky, kx]) => tap(node, y, x, ky, kx));
}

function isInside([, height, width]: Shape, y: number, x: number): boolean {
  return y >= 0 && y < height && x >= 0 && x < width;
}

/** A pixel of an image, zero outside. */
function at(image: Float64Array, shape: Shape, channel: number, y: number, x: number): number {
  return isInside(shape, y, x) ? image[(channel * shape[1] + y) * shape[2] + x] : 0;
}

function pixels(shape: Shape, value: (channel: number, y: number, x: number) => number): Float64Array {
  const [channels, height, width] = shape;
  const out = new Float64Array(channels * height * width);
  let i = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[i++] = value(c, y, x);
  }
  return out;
}

/** All indices of a tensor, in row-major order. */
function indices(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (prefixes, n) => prefixes.flatMap((prefix) => Array.from({ length: n }, (_, i) => [...prefix, i])),
    [[]],
  );
}

function offset(index: readonly number[], shape: Shape): number {
  return index.reduce((sum, i, axis) => sum * shape[axis] + i, 0);
}

function broadcastIndex(index: readonly number[], shape: Shape): number {
  return offset(
    index.map((i, axis) => (shape[axis] === 1 ? 0 : i)),
    shape,
  );
}
