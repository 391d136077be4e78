/** What to do about operators that are not supported. */

const ACTIVATION = 'Replace it by Relu or by x * Sigmoid(x), and train the network again: these are supported.';
const CONTROL_FLOW =
  'Export the model with a fixed structure, without branches and loops (torch.onnx.export traces it).';
const QUANTIZED = 'Import the floating-point model it was quantised from.';
const SEQUENCE = 'Only feed-forward networks of convolutions and dense layers are supported.';
const SHAPE_ARITHMETIC =
  'Export the model with a fixed input shape and folded constants, or simplify it with onnxsim; in PyTorch, use flatten(1) instead of view.';
const REDUCTION = 'Use GlobalAveragePool or AveragePool (torch.nn.AdaptiveAvgPool2d) instead.';
const RESAMPLING = 'Use a strided convolution or a pooling instead.';
const SQUEEZING = 'Use Flatten or Reshape instead.';
const OTHER_LAYER = 'Use BatchNormalization instead: its scales are fixed at inference.';

const REMEDIES: ReadonlyMap<string, string> = new Map(
  (
    [
      [ACTIVATION, 'Clip LeakyRelu PRelu Elu Selu Celu Gelu HardSigmoid HardSwish Mish Softplus Softsign Swish Tanh'],
      [ACTIVATION, 'ThresholdedRelu Erf Exp Abs Neg Pow Sqrt Min Max'],
      [CONTROL_FLOW, 'If Loop Scan SequenceMap'],
      [QUANTIZED, 'QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul'],
      [QUANTIZED, 'ConvInteger MatMulInteger'],
      [SEQUENCE, 'LSTM GRU RNN Attention MultiHeadAttention RotaryEmbedding Einsum'],
      [SHAPE_ARITHMETIC, 'Shape Size Gather ConstantOfShape Expand Cast Range Slice Split Where Equal'],
      [REDUCTION, 'ReduceMean ReduceSum ReduceMax LpPool GlobalLpPool'],
      [RESAMPLING, 'Resize Upsample ConvTranspose MaxUnpool'],
      [SQUEEZING, 'Squeeze Unsqueeze'],
      [OTHER_LAYER, 'LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LRN'],
    ] as const
  ).flatMap(([remedy, operators]) => operators.split(' ').map((operator) => [operator, remedy] as const)),
);

/** Functions of one tensor that keep its shape, so that what follows them can still be checked. */
const KEEPS_SHAPE: ReadonlySet<string> = new Set(
  (
    'Clip LeakyRelu PRelu Elu Selu Celu Gelu HardSigmoid HardSwish Mish Softplus Softsign Swish Tanh ThresholdedRelu ' +
    'Erf Exp Abs Neg Sqrt Cast LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LRN'
  ).split(' '),
);

/**
 * What to do instead of using an operator.
 *
 * @param supported names of the operators that are supported.
 */
export function remedyFor(operator: string, supported: readonly string[]): string {
  return REMEDIES.get(operator) ?? `Supported are ${[...supported].sort().join(', ')}.`;
}

/** Whether the first output of an operator that is not supported has the shape of its first input. */
export function keepsShape(operator: string): boolean {
  return KEEPS_SHAPE.has(operator);
}
