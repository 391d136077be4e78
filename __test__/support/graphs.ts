/** Graphs made by hand and by chance. */

import fc from 'fast-check';
import { expect } from 'vitest';
import type { Constant } from '../../src/graph/constant.js';
import { visibleTaps, windowAxes, windowCount } from '../../src/graph/geometry.js';
import { elements, type Graph, type GraphNode, type Pads, type Pair, type Shape } from '../../src/graph/graph.js';

type FieldsOf<N> = N extends GraphNode ? Omit<N, 'name' | 'output' | 'origin' | 'inputs'> : never;

/** A float32 constant. */
export function constant(shape: readonly number[], values: ArrayLike<number>): Constant {
  return { dataType: 'float32', shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** Builds a graph node by node; without inputs named, each reads what the one before wrote. */
export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #shapes = new Map<string, Shape>();
  #last = 'input';

  constructor(shape: Shape) {
    this.#shapes.set('input', shape);
  }

  /** The tensor written last. */
  get last(): string {
    return this.#last;
  }

  /** Shape of a tensor, by default of the one written last. */
  shape(tensor = this.#last): Shape {
    return this.#shapes.get(tensor) ?? [];
  }

  /** Tensors of a shape. */
  tensors(shape: Shape): string[] {
    return [...this.#shapes].filter(([, other]) => other.join() === shape.join()).map(([name]) => name);
  }

  add(fields: FieldsOf<GraphNode>, shape: Shape = this.shape(), inputs: readonly string[] = [this.#last]): this {
    const name = `${fields.op}${this.#nodes.length}`;
    this.#last = `t${this.#nodes.length}`;
    this.#nodes.push({ ...fields, inputs, name, output: this.#last, origin: [name] } as GraphNode);
    this.#shapes.set(this.#last, shape);
    return this;
  }

  relu(): this {
    return this.add({ op: 'Activation', fn: 'relu' });
  }

  affine(scale: ArrayLike<number>, shift: ArrayLike<number>): this {
    const per = scale.length === this.shape()[0] ? 'channel' : 'element';
    return this.add({ op: 'Affine', per, scale: Float64Array.from(scale), shift: Float64Array.from(shift) });
  }

  /** A convolution of the window given, with the weights of {@link numbers}. */
  conv(outputs: number, window: Partial<Window> = {}, seed = 1, groups = 1): this {
    const { kernel, strides, dilations, pads } = { ...WINDOW, ...window };
    const [channels] = this.shape();
    const shape = [outputs, channels / groups, ...kernel];
    const values = constant(shape, numbers(elements(shape), seed));
    const bias = { values: numbers(outputs, seed + 1) };
    return this.add(
      { op: 'Conv', weights: { values }, bias, kernel, strides, dilations, pads, groups },
      windowed(outputs, this.shape(), { kernel, strides, dilations, pads }),
    );
  }

  dense(outputs: number, layout: 'in-out' | 'out-in' = 'out-in', seed = 1): this {
    const [inputs] = this.shape();
    const values = constant(
      layout === 'out-in' ? [outputs, inputs] : [inputs, outputs],
      numbers(inputs * outputs, seed),
    );
    return this.add({ op: 'Dense', weights: { values }, layout, bias: { values: numbers(outputs, seed + 1) } }, [
      outputs,
    ]);
  }

  maxPool(window: Partial<Window>, minimum?: Uint8Array): this {
    const full = { ...WINDOW, ...window };
    return this.add(
      { op: 'MaxPool', ...full, ...(minimum && { minimum }) },
      windowed(this.shape()[0], this.shape(), full),
    );
  }

  averagePool(window: Partial<Window>, counted: Pads = [0, 0, 0, 0]): this {
    const full = { ...WINDOW, ...window };
    return this.add({ op: 'AveragePool', ...full, counted }, windowed(this.shape()[0], this.shape(), full));
  }

  pad(pads: Pads): this {
    const [channels, height, width] = this.shape();
    return this.add({ op: 'Pad', pads }, [channels, height + pads[0] + pads[2], width + pads[1] + pads[3]]);
  }

  reshape(shape: Shape): this {
    return this.add({ op: 'Reshape' }, shape);
  }

  transpose(permutation: readonly number[]): this {
    return this.add(
      { op: 'Transpose', permutation },
      permutation.map((axis) => this.shape()[axis]),
    );
  }

  /** The graph whose output is the tensor written last. */
  build(): Graph {
    const byOutput = new Map(this.#nodes.map((node) => [node.output, node]));
    const needed = new Set([this.#last]);
    for (const tensor of needed) for (const input of byOutput.get(tensor)?.inputs ?? []) needed.add(input);
    return {
      name: 'test',
      input: 'input',
      output: this.#last,
      nodes: this.#nodes.filter(({ output }) => needed.has(output)),
      shapes: new Map([...this.#shapes].filter(([name]) => name === 'input' || needed.has(name))),
      dropped: [],
      passes: [],
    };
  }
}

interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
}

const WINDOW: Window = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

function windowed(channels: number, [, height, width]: Shape, window: Window): Shape {
  const [vertical, horizontal] = windowAxes(window);
  return [channels, windowCount(height, vertical), windowCount(width, horizontal)];
}

/** Whether every window exists and sees some of the image. */
function fits([, height, width]: Shape, window: Window): boolean {
  return windowAxes(window).every((axis, i) => {
    const size = [height, width][i];
    const count = windowCount(size, axis);
    const seen = Array.from({ length: Math.max(count, 0) }, (_, position) => visibleTaps(position, size, axis));
    return count > 0 && seen.every(([from, to]) => from < to);
  });
}

/** Numbers from -2 to 2 that look random; the same for the same seed. */
export function numbers(count: number, seed: number): Float64Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 33) / 8 - 2;
  });
}

/** A step in making a random graph: what to add, and numbers that decide how. */
interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly seed: number;
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
  readonly flag: boolean;
}

const KINDS = [
  'conv',
  'depthwise',
  'dense',
  'channel-affine',
  'element-affine',
  'identity-affine',
  'relu',
  'sigmoid',
  'silu',
  'clipped-relu',
  'limit',
  'select',
  'self-gate',
  'max-pool',
  'average-pool',
  'pad',
  'flatten',
  'reshape',
  'transpose',
  'add',
  'mul',
  'concat',
] as const;

const small = (min: number, max: number) => fc.integer({ min, max });

const steps: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  seed: small(0, 1000),
  kernel: fc.tuple(small(1, 3), small(1, 3)),
  strides: fc.tuple(small(1, 2), small(1, 2)),
  dilations: fc.tuple(small(1, 2), small(1, 2)),
  pads: fc.tuple(small(0, 2), small(0, 2), small(0, 2), small(0, 2)),
  flag: fc.boolean(),
});

/** Graphs of every kind of node in any order; steps that do not fit are passed over. */
export const randomGraphs: fc.Arbitrary<Graph> = fc
  .record({
    shape: fc.oneof(fc.tuple(small(1, 3), small(1, 6), small(1, 6)), fc.tuple(small(1, 6))),
    steps: fc.array(steps, { minLength: 1, maxLength: 9 }),
  })
  .map(({ shape, steps }) => {
    const builder = new GraphBuilder(shape);
    for (const step of steps) grow(builder, step);
    return builder.relu().build();
  });

/** Affine maps among poolings and arrangements, with linear nodes at both ends: what maps may be moved through. */
export const affineChains: fc.Arbitrary<Graph> = fc
  .record({
    size: fc.tuple(small(3, 8), small(3, 8)),
    start: steps,
    between: fc.array(
      steps.chain((step) =>
        fc
          .constantFrom('channel-affine', 'max-pool', 'average-pool', 'relu', 'element-affine', 'pad')
          .map((kind): Step => ({ ...step, kind: kind as Step['kind'] })),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    end: steps,
    groups: fc.boolean(),
    arrange: fc.boolean(),
  })
  .map(({ size, start, between, end, groups, arrange }) => {
    const builder = new GraphBuilder([2, ...size]);
    if (start.flag) grow(builder, { ...start, kind: 'conv' });
    else builder.relu();
    for (const step of between) grow(builder, step);
    if (arrange) {
      if (end.flag) builder.transpose([1, 2, 0]);
      return builder
        .reshape([elements(builder.shape())])
        .dense(3, start.flag ? 'in-out' : 'out-in', end.seed)
        .build();
    }
    grow(builder, { ...end, kind: groups ? 'depthwise' : 'conv' });
    return builder.relu().build();
  });

/** What a graph may be given as its image. */
export function imageFor(graph: Graph, seed = 3): Float64Array {
  return numbers(elements(graph.shapes.get(graph.input) ?? []), seed);
}

function grow(builder: GraphBuilder, { kind, seed, kernel, strides, dilations, pads, flag }: Step): void {
  const shape = builder.shape();
  const [channels] = shape;
  const isImage = shape.length === 3;
  const window = { kernel, strides, dilations, pads };
  const others = builder.tensors(shape);
  const other = others[seed % others.length];
  if (kind === 'conv' && isImage && fits(shape, window)) builder.conv(1 + (seed % 3), window, seed);
  else if (kind === 'depthwise' && isImage && fits(shape, window)) {
    builder.conv(channels * (1 + (seed % 2)), window, seed, channels);
  } else if (kind === 'dense' && shape.length === 1) builder.dense(1 + (seed % 5), flag ? 'in-out' : 'out-in', seed);
  else if (kind === 'channel-affine') builder.affine(numbers(channels, seed), numbers(channels, seed + 1));
  else if (kind === 'element-affine') {
    const scale = flag ? new Float64Array(elements(shape)).fill(1.5) : numbers(elements(shape), seed);
    builder.affine(scale, numbers(elements(shape), seed + 1));
  } else if (kind === 'identity-affine') builder.affine(new Float64Array(channels).fill(1), new Float64Array(channels));
  else if (kind === 'relu') builder.relu();
  else if (kind === 'sigmoid') builder.add({ op: 'Activation', fn: 'sigmoid' });
  else if (kind === 'silu') builder.add({ op: 'Activation', fn: 'silu' });
  else if (kind === 'clipped-relu') builder.add({ op: 'Activation', fn: 'clipped-relu', parameters: [1 + (seed % 3)] });
  else if (kind === 'limit') {
    const all = (value: number) => new Float64Array(channels).fill(value);
    builder
      .relu()
      .affine(all(flag ? -1 : -0.5), all(1.5))
      .relu();
  } else if (kind === 'select') {
    const indices = Array.from({ length: channels }, (_, i) => i).filter((i) => i === 0 || (seed >> i) & 1);
    builder.add({ op: 'Select', axis: 0, indices: flag ? indices : indices.reverse() }, shape.with(0, indices.length));
  } else if (kind === 'self-gate') {
    const x = builder.last;
    const gate = builder.add({ op: 'Activation', fn: 'sigmoid' }).last;
    builder.add({ op: 'Mul' }, shape, flag ? [x, gate] : [gate, x]);
  } else if (kind === 'max-pool' && isImage && fits(shape, window)) builder.maxPool(window);
  else if (kind === 'average-pool' && isImage && fits(shape, window)) {
    builder.averagePool(window, flag ? pads : [0, 0, 0, 0]);
  } else if (kind === 'pad' && isImage) {
    builder.pad(flag && shape[1] > 1 ? [-1, pads[1], pads[2], pads[3]] : pads);
  } else if (kind === 'flatten') builder.reshape([elements(shape)]);
  else if (kind === 'reshape') builder.reshape(isImage ? [shape[1], shape[2], channels] : [1, channels, 1]);
  else if (kind === 'transpose' && isImage) builder.transpose(flag ? [1, 2, 0] : [0, 2, 1]);
  else if (kind === 'add') builder.add({ op: 'Add' }, shape, [builder.last, other]);
  else if (kind === 'mul') builder.add({ op: 'Mul' }, shape, [other, builder.last]);
  else if (kind === 'concat' && channels < 8) {
    builder.add({ op: 'Concat', axis: 0 }, [2 * channels, ...shape.slice(1)], [builder.last, other]);
  }
}

/** Expects a graph to keep what the types promise: order, unique names, shapes of exactly its tensors. */
export function expectSound(graph: Graph): void {
  const written = new Set([graph.input]);
  const read = new Set([graph.output]);
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      expect(written, `${node.name} reads ${input}`).toContain(input);
      read.add(input);
    }
    expect(written).not.toContain(node.output);
    written.add(node.output);
  }
  expect(new Set(graph.nodes.map(({ name }) => name)).size).toBe(graph.nodes.length);
  expect([...graph.shapes.keys()].sort()).toEqual([...written].sort());
  for (const { output } of graph.nodes) expect(read, 'every node is needed').toContain(output);
}
