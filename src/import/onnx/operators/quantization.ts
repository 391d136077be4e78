/** Rounding of activations to integers, as quantised models do between QuantizeLinear and DequantizeLinear. */

import type { DataType } from '../../../graph/constant.js';
import { invalid, unsupported } from '../problems.js';
import { dataTypeOf } from '../tensors.js';
import { clipped } from './activations.js';
import { affine } from './elementwise.js';
import type { OnnxNode, OperatorTable, Tensor } from './operator.js';

/** Quantisation, by name. */
export const QUANTIZATION: OperatorTable = {
  QuantizeLinear: { ignores: ['axis', 'saturate', 'precision'], build: quantize },
  DequantizeLinear: { ignores: ['axis', 'output_dtype'], build: dequantize },
};

/** Smallest and largest integer of each type. */
export const INTEGER_RANGES: Partial<Record<DataType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

function quantize(node: OnnxNode): Tensor {
  const { scale, zeroPoint } = parametersOf(node);
  const declared = dataTypeOf(node.attributes.int('output_dtype'));
  const dataType = node.has(2) ? node.constant(2).constant.dataType : (declared ?? 'uint8');
  const range = INTEGER_RANGES[dataType];
  const x = node.tensor(0);
  if (!range) throw unsupported(`rounds to ${dataType}.`, 'Quantise the model to integers of 8 or 16 bits.');
  const [low, high] = range.map((n) => n - zeroPoint);
  return { ...rounded(node, x, scale, low, high), integers: { scale, zeroPoint } };
}

function rounded(node: OnnxNode, x: Tensor, scale: number, low: number, high: number): Tensor {
  if (!node.approximates('quantization')) {
    const parameters = [scale, low, high];
    return node.emit({ op: 'Activation', inputs: [x.name], fn: 'quantize', parameters }, x.shape);
  }
  if (low === 0) return clipped(node, x, 0, scale * high);
  return node.leaveOut(x, 'rounds to integers, which was asked to be left out');
}

function dequantize(node: OnnxNode): Tensor {
  const { scale, zeroPoint } = parametersOf(node);
  const { integers, ...x } = node.tensor(0);
  if (!integers) throw unsupported('reads what was not rounded to integers.', 'Let it follow QuantizeLinear.');
  // Numbers of another scale than they were rounded with.
  const factor = scale / integers.scale;
  return node.chain(x, [affine(x, factor, (integers.zeroPoint - zeroPoint) * scale)]);
}

function parametersOf(node: OnnxNode): { scale: number; zeroPoint: number } {
  const single = (index: number, what: string) => {
    const values = node.numbers(index);
    if (values.length === 1) return values[0];
    throw unsupported(`has ${values.length} ${what}.`, 'Quantise activations with one scale for each tensor.');
  };
  const scale = single(1, 'scales');
  if (!(scale > 0 && Number.isFinite(scale))) throw invalid(`its scale is ${scale}.`);
  return { scale, zeroPoint: node.has(2) ? single(2, 'zero points') : 0 };
}
