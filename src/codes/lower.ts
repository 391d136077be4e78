/** From a graph to populations and projections. */

import { addBias, biasOfElements } from '../graph/bias.js';
import {
  type AffineNode,
  type AveragePoolNode,
  type Bias,
  type ConvNode,
  consumers,
  elements,
  type Graph,
  type GraphNode,
  type MaxPoolNode,
  type PadNode,
  type Pads,
  type Shape,
  shapeOf,
} from '../graph/graph.js';
import { UniqueNames } from '../graph/unique-names.js';
import { depthwise } from './depthwise.js';
import {
  type Extent,
  type Geometry,
  NOWHERE,
  neurons,
  type Pooling,
  type Population,
  type Projection,
  type Stage,
  type Topology,
} from './topology.js';

/** A tensor that is the activity of a population. */
interface Activity {
  readonly kind: 'activity';
  /** Of the node that made it. */
  readonly name: string;
  readonly source: number;
  /** Average pooling on the way, not yet merged into synapses. */
  readonly pool?: Pooling;
  readonly layout: Layout;
}

/** A tensor that is a sum of synaptic inputs, not yet that of any neurons. */
interface Current {
  readonly kind: 'current';
  /** Of the node that made it. */
  readonly name: string;
  readonly projections: readonly Projection[];
  readonly bias: Bias;
  readonly layout: Layout;
}

type Value = Activity | Current;

/** How a tensor's elements, in row-major order, lie on neurons: channels first to channels last unless `order` says. */
interface Layout {
  readonly extent: Extent;
  readonly order?: Uint32Array;
}

/** Arrangement of the neurons of a tensor: an image where it has three axes, a vector otherwise. */
function extentOf(shape: Shape): Extent {
  if (shape.length === 3) return { height: shape[1], width: shape[2], channels: shape[0] };
  return { height: 1, width: 1, channels: elements(shape) };
}

function sameExtent(a: Extent, b: Extent): boolean {
  return a.height === b.height && a.width === b.width && a.channels === b.channels;
}

/** Neuron of each element of a `[channels, height, width]` tensor. */
function channelsLast({ height, width, channels }: Extent): Uint32Array {
  const order = new Uint32Array(height * width * channels);
  let element = 0;
  for (let c = 0; c < channels; c++) {
    for (let pixel = 0; pixel < height * width; pixel++) order[element++] = pixel * channels + c;
  }
  return order;
}

function orderOf({ extent, order }: Layout): Uint32Array {
  return order ?? channelsLast(extent);
}

function sameOrder(a: Layout, b: Layout): boolean {
  if (!a.order && !b.order && sameExtent(a.extent, b.extent)) return true;
  const other = orderOf(b);
  return orderOf(a).every((neuron, i) => neuron === other[i]);
}

/** Element that each element of a transposed tensor comes from. */
function transposed(shape: Shape, permutation: readonly number[]): Uint32Array {
  const strides = shape.map((_, axis) => elements(shape.slice(axis + 1)));
  const from = new Uint32Array(elements(shape));
  const outer = permutation.map((axis) => ({ length: shape[axis], stride: strides[axis] }));
  const index = outer.map(() => 0);
  for (let i = 0, at = 0; i < from.length; i++) {
    from[i] = at;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      at += outer[axis].stride;
      if (++index[axis] < outer[axis].length) break;
      at -= outer[axis].stride * outer[axis].length;
      index[axis] = 0;
    }
  }
  return from;
}

/** Element that each selected element comes from. */
function selected(shape: Shape, axis: number, indices: readonly number[]): Uint32Array {
  const inner = elements(shape.slice(axis + 1));
  const outer = elements(shape.slice(0, axis));
  const from = new Uint32Array(outer * indices.length * inner);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const index of indices) {
      const start = (block * shape[axis] + index) * inner;
      for (let i = 0; i < inner; i++) from[at++] = start + i;
    }
  }
  return from;
}

/**
 * Lowers a graph: linear nodes become projections, activations populations of neurons; average pooling is merged into
 * the synapses behind it, sums into the neurons that receive them, and changes of shape or axis order into the order
 * of a dense layer's inputs, or else into new addresses.
 */
export function lower(graph: Graph): Topology {
  return new Lowering(graph).run();
}

class Lowering {
  readonly #graph: Graph;
  readonly #readers: Map<string, GraphNode[]>;
  readonly #values = new Map<string, Value>();
  readonly #populations: Population[] = [];
  readonly #names = new UniqueNames([]);

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#readers = consumers(graph);
  }

  run(): Topology {
    const graph = this.#graph;
    this.#values.set(graph.input, this.#input());
    for (const node of graph.nodes) this.#values.set(node.output, this.#lower(node));
    const outputShape = shapeOf(graph, graph.output);
    const output = this.#activity(this.#value(graph.output), true);
    const last = this.#hasPotentials(output.source) ? output : this.#activity(this.#current(output));
    const order = orderOf(last.layout);
    if (!order.every((neuron, i) => neuron === i)) {
      const to = new Uint32Array(order.length);
      order.forEach((neuron, i) => {
        to[neuron] = i;
      });
      this.#add(`${last.name}/order`, extentOf([elements(outputShape)]), { kind: 'permute', source: last.source, to });
    }
    return { populations: this.#populations, inputShape: shapeOf(graph, graph.input), outputShape };
  }

  /** Whether a population is one of neurons, or follows from one alone: then it can be read without spikes. */
  #hasPotentials(index: number): boolean {
    const { stage } = this.#populations[index];
    if (stage.kind === 'maxpool' || stage.kind === 'permute') return this.#hasPotentials(stage.source);
    return stage.kind === 'neurons';
  }

  #value(tensor: string): Value {
    const value = this.#values.get(tensor);
    if (!value) throw new Error(`tensor ${tensor} is read before it is written`);
    return value;
  }

  #add(name: string, extent: Extent, stage: Stage): number {
    return this.#populations.push({ name: this.#names.take(name), extent, stage }) - 1;
  }

  /** The input, laid out as its first reader wants it: behind a transposition, if that is all that reads it. */
  #input(): Activity {
    const { input } = this.#graph;
    const shape = shapeOf(this.#graph, input);
    const readers = this.#readers.get(input) ?? [];
    let layout: Layout = { extent: extentOf(shape) };
    if (readers.length === 1 && readers[0].op === 'Transpose') {
      const from = transposed(shape, readers[0].permutation);
      const extent = extentOf(shapeOf(this.#graph, readers[0].output));
      const target = channelsLast(extent);
      const order = new Uint32Array(from.length);
      from.forEach((element, i) => {
        order[element] = target[i];
      });
      layout = { extent, order };
    }
    const order = orderOf(layout);
    const identity = order.every((neuron, i) => neuron === i);
    const source = this.#add(input, layout.extent, identity ? { kind: 'input' } : { kind: 'input', order });
    return { kind: 'activity', name: input, source, layout };
  }

  /** A tensor as the activity of neurons, which are made if it is a current; without pooling on the way if `settled`. */
  #activity(value: Value, settled = false): Activity {
    if (value.kind === 'activity' && !(settled && value.pool)) return value;
    const current = this.#current(value);
    const { name, projections, bias, layout } = current;
    const source = this.#add(name, layout.extent, { kind: 'neurons', projections, bias, activation: 'identity' });
    return { kind: 'activity', name, source, layout };
  }

  /** A tensor as input of neurons. */
  #current(value: Value): Current {
    if (value.kind === 'current') return value;
    const { extent } = value.layout;
    return {
      kind: 'current',
      name: value.name,
      projections: [{ source: value.source, pool: value.pool, synapse: { kind: 'identity', extent } }],
      bias: { values: new Float64Array(extent.channels) },
      layout: value.layout,
    };
  }

  /** A tensor as the activity of neurons in channels-last order; neurons get new addresses where they are not. */
  #image(value: Value, shape: Shape, settled = false): Activity {
    const extent = extentOf(shape);
    const activity = this.#activity(value, settled);
    if (!activity.layout.order && sameExtent(activity.layout.extent, extent)) return activity;
    const { name, source, layout } = this.#activity(activity, true);
    const target = channelsLast(extent);
    const to = new Uint32Array(target.length);
    orderOf(layout).forEach((neuron, i) => {
      to[neuron] = target[i];
    });
    const relabelled = this.#add(`${name}/order`, extent, { kind: 'permute', source, to });
    return { kind: 'activity', name, source: relabelled, layout: { extent } };
  }

  #lower(node: GraphNode): Value {
    const value = this.#translate(node);
    const shared = (this.#readers.get(node.output)?.length ?? 0) > 1;
    return shared && value.kind === 'current' ? this.#activity(value) : value;
  }

  #translate(node: GraphNode): Value {
    const inputs = node.inputs.map((tensor) => this.#value(tensor));
    const shapes = node.inputs.map((tensor) => shapeOf(this.#graph, tensor));
    const shape = shapeOf(this.#graph, node.output);
    switch (node.op) {
      case 'Conv': {
        const { source, pool } = this.#image(inputs[0], shapes[0]);
        const extent = extentOf(shape);
        const synapse = { kind: 'conv' as const, node, geometry: windowGeometry(node, extentOf(shapes[0]), extent) };
        const projections = [{ source, pool, synapse }];
        return { kind: 'current', name: node.name, projections, bias: node.bias, layout: { extent } };
      }
      case 'Dense': {
        const { source, pool, layout } = this.#activity(inputs[0]);
        const order = orderOf(layout);
        const synapse = {
          kind: 'dense' as const,
          node,
          input: layout.extent,
          outputs: elements(shape),
          ...(order.every((neuron, i) => neuron === i) ? {} : { order }),
        };
        const projections = [{ source, pool, synapse }];
        return { kind: 'current', name: node.name, projections, bias: node.bias, layout: { extent: extentOf(shape) } };
      }
      case 'Affine':
        return this.#affine(node, inputs[0], shapes[0]);
      case 'Pad':
        return this.#pad(node, inputs[0], shapes[0]);
      case 'Add':
        return this.#sum(node, inputs, shape);
      case 'Mul': {
        const [large, small] = elements(shapes[0]) >= elements(shapes[1]) ? [0, 1] : [1, 0];
        const sources = [large, small].map((i) => this.#image(inputs[i], shapes[i], true).source);
        const extent = extentOf(shape);
        const source = this.#add(node.name, extent, { kind: 'product', sources: [sources[0], sources[1]] });
        return { kind: 'activity', name: node.name, source, layout: { extent } };
      }
      case 'Activation': {
        const { projections, bias, layout } = this.#current(inputs[0]);
        const source = this.#add(node.name, layout.extent, {
          kind: 'neurons',
          projections,
          bias,
          activation: node.fn,
          ...(node.parameters && { parameters: node.parameters }),
        });
        return { kind: 'activity', name: node.name, source, layout };
      }
      case 'MaxPool': {
        const { source } = this.#image(inputs[0], shapes[0], true);
        const extent = extentOf(shape);
        const geometry = windowGeometry(node, extentOf(shapes[0]), extent);
        const pooled = this.#add(node.name, extent, { kind: 'maxpool', source, geometry, minimum: node.minimum });
        return { kind: 'activity', name: node.name, source: pooled, layout: { extent } };
      }
      case 'AveragePool': {
        const { source } = this.#image(inputs[0], shapes[0], true);
        const extent = extentOf(shape);
        const pool = { geometry: windowGeometry(node, extentOf(shapes[0]), extent), counted: node.counted };
        return { kind: 'activity', name: node.name, source, pool, layout: { extent } };
      }
      case 'Concat':
        return this.#concat(node.name, node.axis, inputs, shapes, shape);
      case 'Select': {
        const { name, source, layout } = this.#activity(inputs[0], true);
        const order = orderOf(layout);
        const extent = extentOf(shape);
        const target = channelsLast(extent);
        const to = new Uint32Array(order.length).fill(NOWHERE);
        selected(shapes[0], node.axis, node.indices).forEach((element, i) => {
          to[order[element]] = target[i];
        });
        const chosen = this.#add(node.name, extent, { kind: 'permute', source, to });
        return { kind: 'activity', name, source: chosen, layout: { extent } };
      }
      case 'Reshape':
        return inputs[0];
      case 'Transpose': {
        const activity = this.#activity(inputs[0], true);
        const order = orderOf(activity.layout);
        const moved = transposed(shapes[0], node.permutation).map((element) => order[element]);
        const { extent } = activity.layout;
        const standard = sameExtent(extent, extentOf(shape)) && sameOrder({ extent, order: moved }, { extent });
        return { ...activity, layout: standard ? { extent } : { extent, order: moved } };
      }
    }
  }

  /** One weight per channel, as a depthwise convolution of one pixel (or, with padding, of one pixel and a border). */
  #depthwise(node: GraphNode, value: Value, input: Extent, scale: Float64Array, bias: Bias, pads?: Pads): Current {
    const shape = input.height * input.width > 1 ? [input.channels, input.height, input.width] : [input.channels];
    const { source, pool } = this.#image(value, shape);
    const synapse = { kind: 'conv' as const, ...depthwise(node, input, scale, bias, pads) };
    const projections = [{ source, pool, synapse }];
    return { kind: 'current', name: node.name, projections, bias, layout: { extent: synapse.geometry.output } };
  }

  #affine(node: AffineNode, value: Value, shape: Shape): Current {
    const image = extentOf(shape);
    const { scale, shift } = node;
    if (node.per === 'channel') {
      // An axis of a tensor that is no image is spread over its elements.
      const spread = (values: Float64Array) =>
        image.channels === values.length
          ? values
          : Float64Array.from(
              { length: image.channels },
              (_, i) => values[Math.floor((i * shape[0]) / image.channels)],
            );
      return this.#depthwise(node, value, image, spread(scale), { values: spread(shift) });
    }
    const uniform = scale.every((factor) => factor === scale[0]);
    const bias = uniform && biasOfElements(shift, image.channels);
    if (bias) {
      const factors = new Float64Array(image.channels).fill(scale[0]);
      return this.#depthwise(node, value, image, factors, bias);
    }
    // Factors of single elements: a channel for each.
    const vector = extentOf([elements(shape)]);
    const flat = this.#depthwise(node, value, vector, scale, { values: shift });
    const layout = { extent: vector, order: Uint32Array.from({ length: vector.channels }, (_, i) => i) };
    return { ...flat, layout };
  }

  #pad(node: PadNode, value: Value, input: Shape): Current {
    const extent = extentOf(input);
    const ones = new Float64Array(extent.channels).fill(1);
    const zeros = { values: new Float64Array(extent.channels) };
    return this.#depthwise(node, value, extent, ones, zeros, node.pads);
  }

  #sum(node: GraphNode, values: readonly Value[], shape: Shape): Current {
    let terms = values.map((value) => this.#current(value));
    const alike = (a: Layout, b: Layout) => sameExtent(a.extent, b.extent) && sameOrder(a, b);
    if (!terms.every((term) => alike(term.layout, terms[0].layout))) {
      terms = values.map((value) => this.#current(this.#image(value, shape)));
    }
    const { layout } = terms[0];
    const bias = terms.map((term) => term.bias).reduce((a, b) => sumOfBiases(a, b, layout.extent));
    const projections = terms.flatMap((term) => term.projections);
    return { kind: 'current', name: node.name, projections, bias, layout };
  }

  #concat(name: string, axis: number, values: readonly Value[], shapes: readonly Shape[], shape: Shape): Activity {
    const channels = axis === 0;
    const sources = values.map((value, i) => {
      const own = channels ? shapes[i] : [elements(shapes[i])];
      return this.#image(value, own, true).source;
    });
    if (channels) {
      const extent = extentOf(shape);
      return {
        kind: 'activity',
        name,
        source: this.#add(name, extent, { kind: 'concat', sources }),
        layout: { extent },
      };
    }
    // Along another axis: side by side as vectors, and the elements' places remembered.
    const extent = extentOf([elements(shape)]);
    const order = new Uint32Array(extent.channels);
    const inner = elements(shape.slice(axis + 1));
    const rows = shapes.map((own) => own[axis] * inner);
    const total = rows.reduce((a, b) => a + b, 0);
    let start = 0;
    let column = 0;
    shapes.forEach((own, part) => {
      for (let i = 0; i < elements(own); i++) {
        order[Math.floor(i / rows[part]) * total + column + (i % rows[part])] = start + i;
      }
      start += elements(own);
      column += rows[part];
    });
    const source = this.#add(name, extent, { kind: 'concat', sources });
    return { kind: 'activity', name, source, layout: { extent, order } };
  }
}

/** Sum of two biases of one population. */
export function sumOfBiases(a: Bias, b: Bias, extent: Extent): Bias {
  const sum = addBias(a, b, extent.channels);
  if (!sum) throw new Error(`a bias of ${neurons(extent)} neurons falls into more classes than there may be`);
  return sum;
}

function windowGeometry(node: ConvNode | MaxPoolNode | AveragePoolNode, input: Extent, output: Extent): Geometry {
  return {
    input,
    output,
    kernel: node.kernel,
    stride: node.strides,
    dilation: node.dilations,
    pad: [node.pads[0], node.pads[1]],
  };
}
