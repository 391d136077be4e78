/** One weight per channel. */

import type { Bias, ConvNode, Pads } from '../graph/graph.js';
import type { Extent, Geometry } from './topology.js';

/** A depthwise convolution of one pixel, with padding (or cropping) around it; and where it lies. */
export function depthwise(
  from: {
    readonly name: string;
    readonly inputs: readonly string[];
    readonly output: string;
    readonly origin: readonly string[];
  },
  input: Extent,
  scale: Float64Array,
  bias: Bias,
  pads: Pads = [0, 0, 0, 0],
): { readonly node: ConvNode; readonly geometry: Geometry } {
  const { channels } = input;
  const node: ConvNode = {
    op: 'Conv',
    name: from.name,
    inputs: from.inputs,
    output: from.output,
    origin: from.origin,
    weights: {
      values: { dataType: 'float64', shape: [channels, 1, 1, 1], bytes: new Uint8Array(scale.slice().buffer) },
    },
    bias,
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    pads,
    groups: channels,
  };
  const output = {
    height: input.height + pads[0] + pads[2],
    width: input.width + pads[1] + pads[3],
    channels,
  };
  const { kernel, strides: stride, dilations: dilation } = node;
  return { node, geometry: { input, output, kernel, stride, dilation, pad: [pads[0], pads[1]] } };
}
