/** What to do about operators that are not supported. */

/** Operators, and what to do instead of using them. */
interface Family {
  readonly operators: string;
  readonly remedy: string;
  /** Whether the first output has the shape of the first input, so that what follows can still be checked. */
  readonly keepsShape?: boolean;
}

const ACTIVATION = 'Replace it by Relu or by another activation that is supported, and train the network again.';
const SHAPE_ARITHMETIC =
  'Export the model with a fixed input shape and folded constants (flatten(1) instead of view in PyTorch), or simplify it with onnxsim.';
const QUANTIZED =
  'Import the floating-point model that it was quantised from, or quantise it with QuantizeLinear and DequantizeLinear (QDQ).';

const FAMILIES: readonly Family[] = [
  {
    operators: 'ThresholdedRelu Shrink Exp Log Sqrt Sin Cos Atan Sign Floor Ceil Round',
    remedy: ACTIVATION,
    keepsShape: true,
  },
  {
    operators: 'If Loop Scan SequenceMap',
    remedy: 'Export the model with a fixed structure, without branches and loops (torch.onnx.export traces it).',
  },
  {
    operators: 'DynamicQuantizeLinear QLinearConv QLinearMatMul QLinearAdd ConvInteger MatMulInteger',
    remedy: QUANTIZED,
  },
  {
    operators: 'LSTM GRU RNN Attention MultiHeadAttention RotaryEmbedding Einsum',
    remedy: 'Only feed-forward networks of convolutions and dense layers are supported.',
  },
  {
    operators: 'Size ConstantOfShape Expand Range Where Equal Less Greater GatherElements GatherND Tile',
    remedy: SHAPE_ARITHMETIC,
  },
  {
    operators: 'ReduceMin ReduceProd ReduceL1 ReduceL2 LpPool GlobalLpPool',
    remedy: 'Use GlobalAveragePool or AveragePool (torch.nn.AdaptiveAvgPool2d) instead.',
  },
  {
    operators: 'Resize Upsample ConvTranspose MaxUnpool',
    remedy: 'Only networks that keep or reduce the size of images are supported.',
  },
  {
    operators: 'LayerNormalization InstanceNormalization GroupNormalization RMSNormalization',
    remedy: 'Use BatchNormalization instead: its scales are fixed at inference.',
    keepsShape: true,
  },
];

const FAMILY_OF: ReadonlyMap<string, Family> = new Map(
  FAMILIES.flatMap((family) => family.operators.split(' ').map((operator) => [operator, family] as const)),
);

/**
 * What to do instead of using an operator.
 *
 * @param supported names of the operators that are supported.
 */
export function remedyFor(operator: string, supported: readonly string[]): string {
  return FAMILY_OF.get(operator)?.remedy ?? `Supported are ${[...supported].sort().join(', ')}.`;
}

/** Whether the first output of an operator that is not supported has the shape of its first input. */
export function keepsShape(operator: string): boolean {
  return FAMILY_OF.get(operator)?.keepsShape ?? false;
}
