/** What to do about operators that are not supported. */

/** Operators, and what to do instead of using them. */
interface Family {
  readonly operators: string;
  readonly remedy: string;
  /** Whether the first output has the shape of the first input, so that what follows can still be checked. */
  readonly keepsShape?: boolean;
}

const ACTIVATION = 'Replace it by Relu or by x * Sigmoid(x), which are supported, and train the network again.';
const SHAPE_ARITHMETIC =
  'Export the model with a fixed input shape and folded constants (flatten(1) instead of view in PyTorch), or simplify it with onnxsim.';
const QUANTIZED = 'Import the floating-point model that it was quantised from.';

const FAMILIES: readonly Family[] = [
  { operators: 'Clip LeakyRelu PRelu Elu Selu Celu Gelu HardSigmoid HardSwish', remedy: ACTIVATION, keepsShape: true },
  { operators: 'Mish Softplus Softsign Swish Tanh ThresholdedRelu Erf Exp', remedy: ACTIVATION, keepsShape: true },
  { operators: 'Abs Neg Sqrt', remedy: ACTIVATION, keepsShape: true },
  { operators: 'Pow Min Max', remedy: ACTIVATION },
  {
    operators: 'If Loop Scan SequenceMap',
    remedy: 'Export the model with a fixed structure, without branches and loops (torch.onnx.export traces it).',
  },
  { operators: 'QuantizeLinear DequantizeLinear DynamicQuantizeLinear', remedy: QUANTIZED },
  { operators: 'QLinearConv QLinearMatMul ConvInteger MatMulInteger', remedy: QUANTIZED },
  {
    operators: 'LSTM GRU RNN Attention MultiHeadAttention RotaryEmbedding Einsum',
    remedy: 'Only feed-forward networks of convolutions and dense layers are supported.',
  },
  { operators: 'Shape Size Gather ConstantOfShape Expand Range Slice Split Where Equal', remedy: SHAPE_ARITHMETIC },
  { operators: 'Cast', remedy: SHAPE_ARITHMETIC, keepsShape: true },
  {
    operators: 'ReduceMean ReduceSum ReduceMax LpPool GlobalLpPool',
    remedy: 'Use GlobalAveragePool or AveragePool (torch.nn.AdaptiveAvgPool2d) instead.',
  },
  {
    operators: 'Resize Upsample ConvTranspose MaxUnpool',
    remedy: 'Only networks that keep or reduce the size of images are supported.',
  },
  { operators: 'Squeeze Unsqueeze', remedy: 'Use Flatten or Reshape instead.' },
  {
    operators: 'LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LRN',
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
