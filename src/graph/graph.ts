/**
 * The network as a graph of typed nodes, independent of the file format it came from and of any spiking code.
 *
 * Tensors are named; their shapes leave out the batch axis, which every tensor but a constant has first. The axis
 * order is the file's (ONNX: channels, height, width); the kernel's own order is decided when a graph is lowered.
 * Graphs are immutable: a pass takes one and returns another.
 */

import type { Constant } from './constant.js';

/** Shape of one image's tensor: without the batch axis. */
export type Shape = readonly number[];

/** `[top, left, bottom, right]` in elements; negative values crop. */
export type Pads = readonly [number, number, number, number];

/** `[vertical, horizontal]`. */
export type Pair = readonly [number, number];

/**
 * Weights as stored, with the factors folded into them: the weight from input `i` to output `o` is
 * `values[...] * inputScale[i] * outputScale[o]`. Folding never copies the values.
 *
 * For a convolution `i` is the input channel (over all groups) and `o` the output channel; for a dense layer they
 * are the input and output element.
 */
export interface Weights {
  readonly values: Constant;
  readonly inputScale?: Float64Array;
  readonly outputScale?: Float64Array;
}

/**
 * Bias of a linear node. Without `classes`, one value per output channel. With `classes`, a value per class of output
 * pixel and channel (`values[class * channels + channel]`): a constant that was folded through padding is missing
 * where the kernel overhangs the border, so that border pixels have biases of their own.
 */
export interface Bias {
  readonly values: Float64Array;
  /** Class of each output pixel, row major over height and width. */
  readonly classes?: Uint16Array;
}

interface NodeBase {
  /** Unique in the graph: the name of the node in the file that gave it its operator. */
  readonly name: string;
  /** Tensors read. */
  readonly inputs: readonly string[];
  /** Tensor written. */
  readonly output: string;
  /** Names of all nodes of the file that this one stands for, its own included. */
  readonly origin: readonly string[];
}

/** 2-d convolution (cross-correlation) of `[C, H, W]`; weights `[C_out, C_in / groups, kernel height, kernel width]`. */
export interface ConvNode extends NodeBase {
  readonly op: 'Conv';
  readonly weights: Weights;
  readonly bias: Bias;
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: Pads;
  readonly groups: number;
}

/** Fully connected layer from `[n]` to `[m]`. */
export interface DenseNode extends NodeBase {
  readonly op: 'Dense';
  readonly weights: Weights;
  /** Whether the stored matrix is `[n, m]` (ONNX MatMul, Gemm) or `[m, n]` (Gemm with transB). */
  readonly layout: 'in-out' | 'out-in';
  readonly bias: Bias;
}

/**
 * `y = scale x + shift`: batch normalisation at inference, and Add, Sub, Mul, Div by constants. `per` says what the
 * two arrays run over: the first axis of the shape (`channel`), or all elements in row-major order (`element`).
 */
export interface AffineNode extends NodeBase {
  readonly op: 'Affine';
  readonly per: 'channel' | 'element';
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** Element-wise sum of two or more tensors of one shape. */
export interface AddNode extends NodeBase {
  readonly op: 'Add';
}

/** Product of two tensors; a spatial axis of length 1 is broadcast. */
export interface MulNode extends NodeBase {
  readonly op: 'Mul';
}

/** Functions that an activation may be, each with its parameters. */
export type ActivationFunction =
  | 'relu'
  /** `min(max(x, 0), ceiling)`, as ReLU6. */
  | 'clipped-relu'
  | 'sigmoid'
  | 'silu'
  | 'hard-swish'
  | 'tanh'
  | 'gelu'
  /** GELU by its approximation with a tanh. */
  | 'gelu-tanh'
  | 'erf'
  /** x where x > 0, or else `slope (e^x - 1)`. */
  | 'elu'
  | 'softplus'
  | 'softsign'
  | 'mish'
  /** The nearest multiple of `scale`, from `low` to `high` times it: what a tensor of integers can hold. */
  | 'quantize';

/** Names of the parameters of functions that have any. */
export const ACTIVATION_PARAMETERS: Readonly<Partial<Record<ActivationFunction, readonly string[]>>> = {
  'clipped-relu': ['ceiling'],
  elu: ['slope'],
  quantize: ['scale', 'low', 'high'],
};

/** An element-wise non-linearity. */
export interface ActivationNode extends NodeBase {
  readonly op: 'Activation';
  readonly fn: ActivationFunction;
  /** As {@link ACTIVATION_PARAMETERS} names them; absent where there are none. */
  readonly parameters?: readonly number[];
}

interface PoolBase extends NodeBase {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** As computed for ceil mode and `auto_pad`: bottom and right include what ceil mode adds. */
  readonly pads: Pads;
}

/** Maximum over a window of each channel; padding never wins. */
export interface MaxPoolNode extends PoolBase {
  readonly op: 'MaxPool';
  /** Channels (non-zero) in which the *minimum* is taken: a negative scale was moved behind the pooling. */
  readonly minimum?: Uint8Array;
}

/** Mean over a window of each channel. */
export interface AveragePoolNode extends PoolBase {
  readonly op: 'AveragePool';
  /**
   * Padding whose zeros count in the divisor: all of `pads` under ONNX's count_include_pad, none without, but never
   * the elements that only ceil mode adds.
   */
  readonly counted: Pads;
}

/** Zero padding (or cropping) of height and width. */
export interface PadNode extends NodeBase {
  readonly op: 'Pad';
  readonly pads: Pads;
}

/** Joins tensors along an axis (of the shape without the batch). */
export interface ConcatNode extends NodeBase {
  readonly op: 'Concat';
  readonly axis: number;
}

/** Elements of a tensor, by their indices along an axis (of the shape without the batch), each of them once. */
export interface SelectNode extends NodeBase {
  readonly op: 'Select';
  readonly axis: number;
  readonly indices: readonly number[];
}

/** Row-major reshape to the node's output shape. */
export interface ReshapeNode extends NodeBase {
  readonly op: 'Reshape';
}

/** Permutation of the axes: output axis `i` is input axis `permutation[i]`. */
export interface TransposeNode extends NodeBase {
  readonly op: 'Transpose';
  readonly permutation: readonly number[];
}

/** Any node of a graph; `op` tells which. */
export type GraphNode =
  | ConvNode
  | DenseNode
  | AffineNode
  | AddNode
  | MulNode
  | ActivationNode
  | MaxPoolNode
  | AveragePoolNode
  | PadNode
  | ConcatNode
  | SelectNode
  | ReshapeNode
  | TransposeNode;

/** A node of the file that has no counterpart in the graph, and why. */
export interface DroppedNode {
  readonly name: string;
  readonly op: string;
  readonly reason: string;
}

/** A network with one input and one output. */
export interface Graph {
  /** Of the model, or of its file. */
  readonly name: string;
  /** Tensor that the network reads. */
  readonly input: string;
  /** Tensor that it computes. */
  readonly output: string;
  /** In topological order; every node is needed for the output. */
  readonly nodes: readonly GraphNode[];
  /** Shape of every tensor, the input included. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Nodes of the file that were left out (identities, a softmax at the end). */
  readonly dropped: readonly DroppedNode[];
  /** Names of the passes that were applied, in order. */
  readonly passes: readonly string[];
}

/** Number of elements of a shape. */
export function elements(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Shape of a tensor of the graph. */
export function shapeOf(graph: Graph, tensor: string): Shape {
  const shape = graph.shapes.get(tensor);
  if (!shape) throw new Error(`graph ${graph.name} has no tensor ${tensor}`);
  return shape;
}

/** The nodes that read each tensor. */
export function consumers(graph: Graph): Map<string, GraphNode[]> {
  const map = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const list = map.get(input);
      if (list) list.push(node);
      else map.set(input, [node]);
    }
  }
  return map;
}
