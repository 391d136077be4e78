/** Random networks of everything that a graph may hold, in odd places and with odd geometry. */

import fc from 'fast-check';
import type { Constant } from '../../src/graph/constant.js';
import { visibleTaps, windowAxes, windowCount } from '../../src/graph/geometry.js';
import {
  type Bias,
  elements,
  type Graph,
  type Pads,
  type Pair,
  type Shape,
  type Weights,
} from '../../src/graph/graph.js';
import { GraphBuilder } from '../support/graphs.js';

/** A network and images for it. */
export interface Sample {
  readonly graph: Graph;
  readonly images: readonly Float64Array[];
}

/** Numbers between -1 and 1 that look random, and zeros among them; the same for the same seed. */
export function uniform(count: number, seed: number): Float64Array {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return (state & 7) === 0 ? 0 : state / 2 ** 31 - 1;
  });
}

/** What only some networks may have. */
export interface Kinds {
  /** Smooth functions and products; without them only ReLU remains. */
  readonly smooth: boolean;
  /** Clipped ReLUs; if absent, where smooth functions are. */
  readonly clipped?: boolean;
}

const natural = fc.nat({ max: 9999 });
const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const margin = fc.integer({ min: -1, max: 2 });

/** One node to add: what it is, and numbers that decide the rest. */
const steps = fc.record({
  kind: natural,
  /** Which tensor it reads: mostly the one written last. */
  back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, natural),
  seed: natural,
  choice: natural,
  kernel: pair(1, 3),
  strides: fc.oneof(fc.constant<Pair>([1, 1]), pair(1, 3)),
  dilations: fc.oneof(fc.constant<Pair>([1, 1]), pair(1, 2)),
  /** Below zero it crops. */
  pads: fc.tuple(margin, margin, margin, margin),
});

type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

const shapes: fc.Arbitrary<Shape> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(...[4, 6, 6].map((max) => fc.integer({ min: 1, max }))) },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 8 })) },
);

/** Networks with a few images each. */
export function samples({ smooth, clipped = smooth }: Kinds): fc.Arbitrary<Sample> {
  // Windows often do not fit, and are tried more often.
  const often = Object.keys(GROW).flatMap((kind) => (WINDOWED.includes(kind) ? [kind, kind, kind] : [kind]));
  const kinds = often.filter((kind) => (smooth || !SMOOTH.includes(kind)) && (clipped || kind !== 'clippedRelu'));
  return fc
    .record({ shape: shapes, steps: fc.array(steps, { minLength: 1, maxLength: 10 }), seed: natural })
    .map(({ shape, steps, seed }) => {
      const builder = new GraphBuilder(shape);
      const tensors = ['input'];
      for (const step of steps) {
        const from = tensors[tensors.length - 1 - (step.back % tensors.length)];
        GROW[kinds[step.kind % kinds.length]](builder, from, step, tensors);
        if (builder.last !== tensors.at(-1)) tensors.push(builder.last);
      }
      // An output that nothing computes is no network.
      if (tensors.length === 1) builder.relu();
      const graph = builder.build();
      const images = [0, 1, 2].map((i) => uniform(elements(shape), seed + i).map(Math.fround));
      return { graph, images };
    });
}

const WINDOWED = ['conv', 'maxPool', 'averagePool'];
const SMOOTH = ['sigmoid', 'curve', 'product', 'gate'];
const CURVES = ['silu', 'hard-swish', 'tanh', 'gelu', 'gelu-tanh', 'erf', 'softplus', 'softsign', 'mish'] as const;

type Grow = (builder: GraphBuilder, from: string, step: Step, tensors: readonly string[]) => void;

/** Adds a node to a graph, or nothing where it does not fit. */
const GROW: Readonly<Record<string, Grow>> = {
  conv(builder, from, step) {
    const shape = builder.shape(from);
    const geometry = geometryOf(step, step.pads);
    if (!fits(shape, geometry, false)) return;
    const divisors = [1, 2, 3, 4].filter((n) => shape[0] % n === 0);
    const groups = divisors[step.choice % divisors.length];
    const outputs = groups * (1 + (step.seed % 3));
    const output = slide(outputs, shape, geometry);
    const weights = weightsOf([outputs, shape[0] / groups, ...step.kernel], shape[0], outputs, step);
    builder.add({ op: 'Conv', weights, bias: biasOf(output, step), ...geometry, groups }, output, [from]);
  },
  dense(builder, from, step) {
    const shape = builder.shape(from);
    if (shape.length !== 1) return;
    const outputs = 1 + (step.seed % 6);
    const layout = step.choice % 2 === 0 ? 'in-out' : 'out-in';
    const matrix = layout === 'in-out' ? [shape[0], outputs] : [outputs, shape[0]];
    const weights = weightsOf(matrix, shape[0], outputs, step);
    const bias = { values: uniform(outputs, step.seed + 2) };
    builder.add({ op: 'Dense', weights, layout, bias }, [outputs], [from]);
  },
  affine(builder, from, step) {
    const shape = builder.shape(from);
    const per = step.choice % 2 === 0 ? 'channel' : 'element';
    const count = per === 'channel' ? shape[0] : elements(shape);
    const shift = uniform(count, step.seed);
    // One factor for all elements and shifts of their own is a case of its own.
    const scale = step.choice % 3 === 0 ? new Float64Array(count).fill(-1.25) : uniform(count, step.seed + 1);
    builder.add({ op: 'Affine', per, scale, shift }, shape, [from]);
  },
  relu(builder, from) {
    builder.add({ op: 'Activation', fn: 'relu' }, builder.shape(from), [from]);
  },
  sigmoid(builder, from) {
    builder.add({ op: 'Activation', fn: 'sigmoid' }, builder.shape(from), [from]);
  },
  curve(builder, from, { seed, choice }) {
    const slope = { fn: 'elu', parameters: [1 + (choice % 3)] } as const;
    const fn = CURVES[seed % (CURVES.length + 1)];
    builder.add({ op: 'Activation', ...(fn ? { fn } : slope) }, builder.shape(from), [from]);
  },
  clippedRelu(builder, from, { choice }) {
    // No two are multiples of one step: codes with steps would have values half-way between two.
    const parameters = [Math.sqrt(1 + (choice % 89)) / 9];
    builder.add({ op: 'Activation', fn: 'clipped-relu', parameters }, builder.shape(from), [from]);
  },
  select(builder, from, { seed, choice }) {
    const shape = builder.shape(from);
    const axis = choice % shape.length;
    const chosen = Array.from({ length: shape[axis] }, (_, i) => i).filter((i) => (seed >> i) & 1);
    if (chosen.length === 0) return;
    const indices = choice & 16 ? chosen.reverse() : chosen;
    builder.add({ op: 'Select', axis, indices }, shape.with(axis, indices.length), [from]);
  },
  maxPool(builder, from, step) {
    const shape = builder.shape(from);
    const geometry = geometryOf(step, step.pads);
    if (!fits(shape, geometry)) return;
    const minimum = Uint8Array.from({ length: shape[0] }, (_, c) => (step.seed >> c) & 1);
    const all = { op: 'MaxPool' as const, ...geometry, ...(step.choice % 2 === 0 && { minimum }) };
    builder.add(all, slide(shape[0], shape, geometry), [from]);
  },
  averagePool(builder, from, step) {
    const shape = builder.shape(from);
    const geometry = geometryOf(step, step.pads);
    if (!fits(shape, geometry)) return;
    const counted = geometry.pads.map((n, side) => ((step.choice >> side) & 1 ? n : Math.min(n, 0))) as unknown as Pads;
    builder.add({ op: 'AveragePool', ...geometry, counted }, slide(shape[0], shape, geometry), [from]);
  },
  globalPool(builder, from) {
    const [channels, height, width] = builder.shape(from);
    if (width === undefined) return;
    const geometry = { kernel: [height, width], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] } as const;
    builder.add({ op: 'AveragePool', ...geometry, counted: [0, 0, 0, 0] }, [channels, 1, 1], [from]);
  },
  pad(builder, from, { pads }) {
    const [channels, height, width] = builder.shape(from);
    const padded = [channels, height + pads[0] + pads[2], width + pads[1] + pads[3]];
    if (!padded.every((n) => n > 0) || -pads[0] >= height || -pads[1] >= width) return;
    builder.add({ op: 'Pad', pads }, padded, [from]);
  },
  add(builder, from, { seed, choice }) {
    const others = builder.tensors(builder.shape(from));
    const terms = [from, ...[seed, choice].slice(choice % 2).map((n) => others[n % others.length])];
    builder.add({ op: 'Add' }, builder.shape(from), terms);
  },
  concat(builder, from, { seed, choice }, tensors) {
    const shape = builder.shape(from);
    const axis = choice % shape.length;
    const others = tensors.filter((name) => {
      const other = builder.shape(name);
      return other.length === shape.length && other.every((n, i) => i === axis || n === shape[i]);
    });
    const other = others[seed % others.length];
    const joined = shape.with(axis, shape[axis] + builder.shape(other)[axis]);
    if (elements(joined) > 300) return;
    builder.add({ op: 'Concat', axis }, joined, [from, other]);
  },
  reshape(builder, from, { choice }) {
    const shape = builder.shape(from);
    const size = elements(shape);
    const factor = [1, 2, 3, 4, 5, 6].filter((n) => size % n === 0).at(choice % 5) ?? 1;
    const targets = [[size], [factor, size / factor], [1, factor, size / factor], [size, 1, 1], [...shape].reverse()];
    builder.add({ op: 'Reshape' }, targets[choice % targets.length], [from]);
  },
  transpose(builder, from, { choice }) {
    const shape = builder.shape(from);
    const [a, b] = [choice % shape.length, (choice >> 4) % shape.length];
    const turned = shape.map((_, axis) => (axis + choice) % shape.length);
    const permutation = turned.with(a, turned[b]).with(b, turned[a]);
    builder.add(
      { op: 'Transpose', permutation },
      permutation.map((axis) => shape[axis]),
      [from],
    );
  },
  product(builder, from, { seed }) {
    const others = builder.tensors(builder.shape(from));
    builder.add({ op: 'Mul' }, builder.shape(from), [from, others[seed % others.length]]);
  },
  gate(builder, from, { seed, choice }, tensors) {
    const shape = builder.shape(from);
    if (shape.length !== 3) return;
    const gates = tensors.filter((name) => builder.shape(name).join() === [shape[0], 1, 1].join());
    if (gates.length === 0) return;
    const both = [from, gates[seed % gates.length]];
    builder.add({ op: 'Mul' }, shape, choice % 2 === 0 ? both : both.reverse());
  },
};

interface Geometry {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
}

function geometryOf({ kernel, strides, dilations }: Step, pads: Pads): Geometry {
  return { kernel, strides, dilations, pads };
}

/** Whether there is a window; and, for pooling, whether each sees some of the image. */
function fits([, height, width]: Shape, geometry: Geometry, pooling = true): boolean {
  if (width === undefined) return false;
  return windowAxes(geometry).every((axis, i) => {
    const size = [height, width][i];
    const places = Array.from({ length: Math.max(0, windowCount(size, axis)) }, (_, position) => position);
    const seen = places.map((position) => visibleTaps(position, size, axis));
    return places.length > 0 && (!pooling || seen.every(([first, end]) => first < end));
  });
}

function slide(channels: number, [, height, width]: Shape, geometry: Geometry): Shape {
  const [vertical, horizontal] = windowAxes(geometry);
  return [channels, windowCount(height, vertical), windowCount(width, horizontal)];
}

/** Weights that keep values near 1, with factors folded into some of them. */
function weightsOf(shape: Shape, inputs: number, outputs: number, { seed, choice }: Step): Weights {
  const gain = 1.5 / Math.sqrt(elements(shape) / outputs);
  const values = uniform(elements(shape), seed).map((value) => value * gain);
  const constant: Constant =
    choice % 3 === 0
      ? { dataType: 'float64', shape, bytes: new Uint8Array(values.buffer) }
      : { dataType: 'float32', shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
  return {
    values: constant,
    ...(choice & 4 && { inputScale: uniform(inputs, seed + 3) }),
    ...(choice & 8 && { outputScale: uniform(outputs, seed + 4) }),
  };
}

/** A bias, in some cases with classes of pixels. */
function biasOf([channels, height, width]: Shape, { seed, choice }: Step): Bias {
  const classes = choice & 16 ? 1 + (seed % 4) : 1;
  const values = uniform(classes * channels, seed + 5);
  if (classes === 1) return { values };
  return { values, classes: Uint16Array.from({ length: height * width }, (_, pixel) => (pixel * 7 + seed) % classes) };
}
