/** Folding an affine map of a linear node's output into its weights and bias. */

import { type Affine, channelValues } from './affine.js';
import { addBias, biasOfElements, scaleBias } from './bias.js';
import type { ConvNode, DenseNode, Shape } from './graph.js';

/**
 * The node that computes what `affine` makes of `node`'s output: scales go into the weights' output scale, shifts
 * into the bias. A shift that differs between the pixels of a channel takes bias classes.
 *
 * @param outputShape shape of the node's output: `[C, H, W]` or `[m]`.
 * @returns nothing where a channel has several scales, or the bias would need more than 65535 classes.
 */
export function foldOutputAffine<T extends ConvNode | DenseNode>(
  node: T,
  outputShape: Shape,
  affine: Affine,
): T | undefined {
  const channels = outputShape[0];
  const scale = channelValues(affine.scale, channels);
  const shift = affine.per === 'channel' ? { values: affine.shift } : biasOfElements(affine.shift, channels);
  const bias = scale && shift && addBias(scaleBias(node.bias, scale), shift, channels);
  if (!bias) return undefined;
  const { outputScale } = node.weights;
  return {
    ...node,
    weights: { ...node.weights, outputScale: outputScale ? outputScale.map((s, i) => s * scale[i]) : scale },
    bias,
  };
}
