/** What a graph consists of and what it costs, layer by layer. */

import {
  type Bias,
  type ConvNode,
  type DenseNode,
  elements,
  type Graph,
  type GraphNode,
  type Shape,
  shapeOf,
} from './graph.js';

/** One node of a graph. */
export interface NodeDescription {
  readonly name: string;
  readonly op: GraphNode['op'];
  /** Shape of its output, without the batch axis. */
  readonly shape: Shape;
  /** Weights, and coefficients of biases and affine maps. */
  readonly parameters: number;
  /** Multiply-accumulate operations for one image, those with padding included. */
  readonly macs: number;
}

/** All nodes of a graph in topological order, and sums over them. */
export interface GraphDescription {
  readonly nodes: readonly NodeDescription[];
  readonly parameters: number;
  readonly macs: number;
}

/** Describes each node of a graph: its output shape, parameters and multiply-accumulate operations. */
export function describeGraph(graph: Graph): GraphDescription {
  const nodes = graph.nodes.map((node) => {
    const shape = shapeOf(graph, node.output);
    return { name: node.name, op: node.op, shape, parameters: parameters(node), macs: macs(node, shape) };
  });
  const sum = (of: (node: NodeDescription) => number) => nodes.reduce((total, node) => total + of(node), 0);
  return { nodes, parameters: sum((node) => node.parameters), macs: sum((node) => node.macs) };
}

function parameters(node: GraphNode): number {
  if (node.op === 'Affine') return node.scale.length + node.shift.length;
  if (node.op !== 'Conv' && node.op !== 'Dense') return 0;
  return elements(node.weights.values.shape) + biasParameters(node.bias, outputChannels(node));
}

/** A bias has one parameter per channel, however many classes it has; one that is all zero is none. */
function biasParameters(bias: Bias, channels: number): number {
  return bias.values.some((value) => value !== 0) ? channels : 0;
}

function outputChannels(node: ConvNode | DenseNode): number {
  const { shape } = node.weights.values;
  return node.op === 'Dense' && node.layout === 'in-out' ? shape[1] : shape[0];
}

function macs(node: GraphNode, output: Shape): number {
  if (node.op === 'Dense') return elements(node.weights.values.shape);
  return node.op === 'Conv' ? elements(output) * elements(node.weights.values.shape.slice(1)) : 0;
}
