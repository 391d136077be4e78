/** Operators that are left out: at inference they change nothing, or nothing that matters. */

import { elements } from '../../../graph/graph.js';
import { unsupported } from '../problems.js';
import { dataTypeOf, FLOAT_TYPES } from '../tensors.js';
import type { OnnxNode, OperatorTable, Tensor } from './operator.js';
import { normalizeAxis } from './shape.js';

/** Operators that are left out, by name. */
export const PASSTHROUGH: OperatorTable = {
  Identity: { build: (node) => node.leaveOut(node.tensor(0), 'identity') },
  Cast: { ignores: ['saturate', 'round_mode'], build: cast },
  Dropout: { ignores: ['ratio', 'seed'], build: dropout },
  Softmax: { build: softmax },
  LogSoftmax: { build: softmax },
};

function cast(node: OnnxNode): Tensor {
  const type = node.attributes.int('to');
  const dataType = dataTypeOf(type);
  if (dataType && FLOAT_TYPES.has(dataType)) return node.leaveOut(node.tensor(0), 'computed in one precision');
  throw unsupported(
    `turns a tensor into ${dataType ?? `ONNX type ${type}`}.`,
    'Only types of floating-point numbers can be left out.',
  );
}

function dropout(node: OnnxNode): Tensor {
  if (node.opset >= 12 && node.has(2) && node.number(2) !== 0) {
    throw unsupported('is in training mode.', 'Export the model for inference (model.eval() in PyTorch).');
  }
  if (node.has(1)) node.number(1);
  return node.leaveOut(node.tensor(0), 'identity at inference');
}

function softmax(node: OnnxNode): Tensor {
  const declared = node.attributes.int('axis') ?? (node.opset < 13 ? 1 : -1);
  if (!node.isLast) {
    throw unsupported(
      'is not at the end of the network.',
      'Only a softmax at the end can be left out, since it keeps the order of the classes.',
    );
  }
  const x = node.tensor(0);
  const axis = normalizeAxis(declared, x.shape.length + 1);
  // Before opset 13 all axes from this one on are normalised together.
  const normalized = axis === 0 ? 0 : node.opset < 13 ? elements(x.shape.slice(axis - 1)) : x.shape[axis - 1];
  if (normalized !== elements(x.shape)) {
    throw unsupported(
      `normalises axis ${declared} of [N,${x.shape}], not all outputs of an image together.`,
      'End the network with one output per class, [N,classes].',
    );
  }
  return node.leaveOut(x, 'keeps the order of the classes; the output is what it reads');
}
