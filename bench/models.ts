/** Models that are made here: single layers, and an example of others. Their weights look random and never change. */

import { type NodeSpec, node, onnxModel, type TensorSpec } from '../__test__/support/onnx-model.js';

/** One layer with as many channels behind it as before it. */
export interface LayerShape {
  readonly name: string;
  readonly kind: 'conv' | 'depthwise' | 'dense';
  /** Channels; of a dense layer, its neurons. */
  readonly channels: number;
  /** Height and width of its input, in pixels. */
  readonly size: number;
  /** Height and width of its window, in pixels. */
  readonly kernel: number;
  readonly stride: number;
}

/** An ONNX model of a single layer. */
export function layerModel(shape: LayerShape): Uint8Array {
  return onnxModel({ ...modelInput(shape), initializers: [layerWeights(shape)], nodes: [layerNode(shape)] });
}

/** The same layer with a ReLU behind it, so that its neurons spike, and one output that reads them. */
export function spikingLayerModel(shape: LayerShape): Uint8Array {
  const { kind, channels } = shape;
  const readout = kind === 'dense' ? [channels, 1] : [1, channels, 1, 1];
  return onnxModel({
    ...modelInput(shape),
    initializers: [layerWeights(shape), weights('v', readout, channels)],
    outputs: ['z'],
    nodes: [layerNode(shape), node('Relu', 'y', 'r'), node(kind === 'dense' ? 'Gemm' : 'Conv', 'r v', 'z')],
  });
}

function modelInput({ kind, channels, size }: LayerShape) {
  return { inputs: { x: ['N', channels, ...(kind === 'dense' ? [] : [size, size])] } };
}

function layerNode({ kind, channels, kernel, stride }: LayerShape): NodeSpec {
  if (kind === 'dense') return node('Gemm', 'x w');
  const pad = (kernel - 1) / 2;
  return node('Conv', 'x w', 'y', {
    kernel_shape: [kernel, kernel],
    pads: [pad, pad, pad, pad],
    strides: [stride, stride],
    group: kind === 'depthwise' ? channels : 1,
  });
}

function layerWeights({ kind, channels, kernel }: LayerShape): TensorSpec {
  if (kind === 'dense') return weights('w', [channels, channels], channels);
  const inputs = kind === 'depthwise' ? 1 : channels;
  return weights('w', [channels, inputs, kernel, kernel], inputs * kernel * kernel);
}

/** The shape of mlGeNN's MNIST example for few-spike networks, on images of [1, 28, 28]. */
export function mlgennExample(): Uint8Array {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  let last = 'x';
  const add = (op: string, attributes: NodeSpec['attributes'], ...shape: number[]) => {
    const output = `${op.toLowerCase()}${nodes.length}`;
    if (shape.length > 0) initializers.push(weights(`${output}.w`, shape, fanIn(shape), initializers.length));
    nodes.push(node(op, shape.length > 0 ? `${last} ${output}.w` : last, output, attributes));
    last = output;
  };
  for (const shape of [
    [16, 1, 5, 5],
    [8, 16, 5, 5],
  ]) {
    add('Conv', { kernel_shape: [5, 5] }, ...shape);
    add('Relu', {});
    add('AveragePool', { kernel_shape: [2, 2], strides: [2, 2] });
  }
  add('Flatten', {});
  add('Gemm', { transB: 1 }, 128, 128);
  add('Relu', {});
  add('Gemm', { transB: 1 }, 64, 128);
  add('Relu', {});
  add('Gemm', { transB: 1 }, 10, 64);
  return onnxModel({ inputs: { x: ['N', 1, 28, 28] }, outputs: [last], initializers, nodes });
}

/** Numbers from 0 to 1 that look random; the same ones for the same seed. */
export function* randomNumbers(seed: number): Generator<number, never> {
  // mulberry32
  for (let state = seed; ; ) {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    yield ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** Weights of a variance (2 over the number of inputs) that keeps activations of ReLU networks in range. */
function weights(name: string, dims: readonly number[], inputs: number, seed = 0): TensorSpec {
  const numbers = randomNumbers(seed);
  const largest = Math.sqrt(6 / inputs);
  const values = new Float32Array(dims.reduce((product, n) => product * n, 1));
  for (let i = 0; i < values.length; i++) values[i] = largest * (2 * numbers.next().value - 1);
  return { name, dims, raw: new Uint8Array(values.buffer) };
}

/** Inputs of a neuron, by the shape of its layer's weights. */
function fanIn([, ...shape]: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
