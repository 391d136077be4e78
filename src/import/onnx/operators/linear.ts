/** Convolutions and dense layers. */

import type { Bias, Shape, Weights } from '../../../graph/graph.js';
import { elements } from '../../../graph/graph.js';
import { invalid, unsupported } from '../problems.js';
import type { OnnxNode, OperatorTable, Tensor } from './operator.js';
import { placeWindow, readWindow } from './window.js';

/** Convolutions and dense layers, by name. */
export const LINEAR: OperatorTable = {
  Conv: { build: conv },
  Gemm: { build: gemm },
  MatMul: { build: matMul },
};

function conv(node: OnnxNode): Tensor {
  const groups = node.attributes.int('group') ?? 1;
  const values = node.weights(1);
  const [outputs, perGroup, ...kernel] = values.shape;
  const attributes = readWindow(node, kernel);
  const bias = node.has(2) ? node.channelValues(2, outputs) : new Float64Array(outputs);
  const x = node.image(0);
  const [channels] = x.shape;
  if (groups < 1 || perGroup * groups !== channels || outputs % groups !== 0) {
    throw invalid(`its weights [${values.shape}] in ${groups} groups do not fit an input of ${channels} channels.`);
  }
  const { kernel: size, strides, dilations, pads, count } = placeWindow(attributes, x.shape);
  return node.emit(
    {
      op: 'Conv',
      inputs: [x.name],
      weights: { values },
      bias: { values: bias },
      kernel: size,
      strides,
      dilations,
      pads,
      groups,
    },
    [outputs, ...count],
  );
}

function gemm(node: OnnxNode): Tensor {
  const { attributes } = node;
  const alpha = attributes.float('alpha') ?? 1;
  const beta = attributes.float('beta') ?? 1;
  if (attributes.int('transA')) throw unsupported('transposes its input (transA).', 'Export it with transA = 0.');
  const layout = attributes.int('transB') ? 'out-in' : 'in-out';
  const values = matrix(node, 1);
  const outputs = values.shape[layout === 'out-in' ? 0 : 1];
  const bias = node.has(2) ? gemmBias(node, outputs, beta) : new Float64Array(outputs);
  const x = node.tensor(0);
  if (x.shape.length !== 1) {
    throw invalid(
      `its input has the shape [N,${x.shape}], which is not a matrix.`,
      'Put a Flatten (torch.nn.Flatten) before it.',
    );
  }
  const scaled: Weights = alpha === 1 ? { values } : { values, outputScale: new Float64Array(outputs).fill(alpha) };
  return emitDense(node, x, scaled, layout, { values: bias });
}

/** The summand of a Gemm, which must be the same for all images. */
function gemmBias(node: OnnxNode, outputs: number, beta: number): Float64Array {
  const { name, constant } = node.constant(2);
  const values = node.values(2);
  const perImage = constant.shape.length === 2 && constant.shape[0] !== 1;
  if (constant.shape.length > 2 || perImage || (values.length !== 1 && values.length !== outputs)) {
    throw invalid(`its bias ${name} has the shape [${constant.shape}], which does not fit [1,${outputs}].`);
  }
  return Float64Array.from({ length: outputs }, (_, o) => beta * values[values.length === 1 ? 0 : o]);
}

function matMul(node: OnnxNode): Tensor {
  const values = matrix(node, 1);
  const x = node.tensor(0);
  const leading = x.shape.slice(0, -1);
  if (elements(leading) !== 1) {
    throw unsupported(
      `its input has the shape [N,${x.shape}]: it is a layer applied to ${elements(leading)} vectors of an image.`,
      'Flatten the input, or express the layer as a convolution with kernel 1x1.',
    );
  }
  const outputs = values.shape[1];
  if (leading.length === 0) return emitDense(node, x, { values }, 'in-out', noBias(outputs));
  const flat = node.emit({ op: 'Reshape', inputs: [x.name] }, [elements(x.shape)], 'input');
  const product = emitDense(node, flat, { values }, 'in-out', noBias(outputs), 'product');
  return node.emit({ op: 'Reshape', inputs: [product.name] }, [...leading, outputs]);
}

function noBias(outputs: number): Bias {
  return { values: new Float64Array(outputs) };
}

/** Constant weights that are a matrix. */
function matrix(node: OnnxNode, index: number) {
  const values = node.weights(index);
  if (values.shape.length === 2) return values;
  throw unsupported(`its weights have the shape [${values.shape}].`, 'Dense layers need a matrix of weights.');
}

function emitDense(
  node: OnnxNode,
  x: Tensor,
  weights: Weights,
  layout: 'in-out' | 'out-in',
  bias: Bias,
  step?: string,
): Tensor {
  const { shape } = weights.values;
  const [inputs, outputs] = layout === 'in-out' ? shape : [shape[1], shape[0]];
  if (x.shape[0] !== inputs) throw invalid(`its weights [${shape}] do not fit an input of ${x.shape[0]} elements.`);
  return node.emit({ op: 'Dense', inputs: [x.name], weights, layout, bias }, [outputs] satisfies Shape, step);
}
