/** What is refused, with which code, and that the message says where and why. */

import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors.js';
import { shapeOf } from '../../src/graph/graph.js';
import { importOnnx, type ReadOnnxOptions, readOnnx } from '../../src/import/index.js';
import { expectImportError } from '../support/errors.js';
import { Float, Graph, int64s, type ModelSpec, node, onnxModel, TYPE, tensor } from '../support/onnx-model.js';

const vector: ModelSpec['inputs'] = { x: ['N', 4] };
const weights = [tensor('w', [4, 3])];
const kernel = [tensor('w', [3, 2, 3, 3])];
const single = (op: string, inputs: string, attributes = {}) => [node(op, inputs, 'y', attributes)];

/** Each by what is wrong: the model, and words of its only problem. */
const unsupported: Record<string, readonly [ModelSpec, RegExp]> = {
  'an operator': [{ nodes: single('Cos', 'x') }, /y-node \(Cos\): is not supported\. .*Relu/],
  'an unheard-of operator': [{ nodes: single('Frobnicate', 'x') }, /Supported are Abs, Add, AveragePool, .*Transpose/],
  'a name from JavaScript': [{ nodes: single('constructor', 'x') }, /constructor\): is not supported/],
  'another domain': [
    { nodes: [node('FusedConv', 'x', 'y', {}, { domain: 'com.microsoft' })] },
    /com\.microsoft\.FusedConv\): is not supported/,
  ],
  'a local function': [
    { nodes: [node('Block', 'x', 'y', {}, { domain: 'mine' })], functions: [{ name: 'Block', domain: 'mine' }] },
    /Inline the functions/,
  ],
  'control flow': [{ nodes: single('If', 'x', { then_branch: new Graph() }) }, /If\).*without branches/],
  'an attribute of another opset': [
    { nodes: single('Reshape', 'x t', { allowzero: 1 }), opsets: { '': 13 }, initializers: [int64s('t', 0, -1)] },
    /allowzero/,
  ],
  'an old opset': [{ nodes: single('Relu', 'x'), opsets: { 'ai.onnx': 6 } }, /version 6 .*opset from 7 to 28/],
  'a future opset': [{ nodes: single('Relu', 'x'), opsets: { '': 29 } }, /version 29/],
  'sparse weights': [{ nodes: single('MatMul', 'x w'), inputs: vector, sparse: weights }, /w is sparse/],
  'text as a constant': [
    { nodes: [node('Constant', '', 'c', { value_string: 'hello' }), node('Add', 'x c')] },
    /c-node \(Constant\)/,
  ],
  'weights of text': [
    { nodes: single('MatMul', 'x w'), inputs: vector, initializers: [{ name: 'w', dims: [4, 3], type: TYPE.string }] },
    /tensor w has elements of ONNX type 8/,
  ],
  'integer weights': [
    {
      nodes: single('MatMul', 'x w'),
      inputs: vector,
      initializers: [{ name: 'w', dims: [4, 1], type: TYPE.int8, raw: new Uint8Array(4) }],
    },
    /w is of type int8/,
  ],
  'an integer input': [{ nodes: single('Relu', 'x'), inputType: TYPE.uint8 }, /input x .* of uint8/],
  'an input that is no tensor': [{ nodes: single('Relu', 'x'), inputType: 0 }, /input x .*not a tensor of floats/],
  'two inputs': [{ nodes: single('Add', 'x z'), inputs: { x: [1, 4], z: [1, 4] } }, /2 inputs: x, z/],
  'two outputs': [
    { nodes: [node('Relu', 'x', 'a'), node('Relu', 'a', 'b')], outputs: ['a', 'b'] },
    /2 outputs: a, b.*`output`/,
  ],
  'an input without a batch axis': [{ nodes: single('Relu', 'x'), inputs: { x: [4] } }, /1 axes/],
  'an open input shape': [
    { nodes: single('Relu', 'x'), inputs: { x: ['N', 3, 'H', 'W'] } },
    /\[N,3,\?,\?\].*`inputShape`/,
  ],
  'an unknown input shape': [{ nodes: single('Relu', 'x'), inputs: { x: undefined } }, /`inputShape`/],
  '1-d convolution': [
    { nodes: single('Conv', 'x w'), inputs: { x: [1, 2, 8] }, initializers: [tensor('w', [3, 2, 3])] },
    /Only 2-d/,
  ],
  '3-d convolution': [
    { nodes: single('Conv', 'x w'), inputs: { x: [1, 2, 4, 4, 4] }, initializers: [tensor('w', [3, 2, 3, 3, 3])] },
    /Only 2-d/,
  ],
  'convolution of a vector': [{ nodes: single('Conv', 'x w'), inputs: vector, initializers: kernel }, /\[N,4\]/],
  'computed weights': [
    { nodes: [node('Relu', 'x', 'w'), node('MatMul', 'x w')], inputs: { x: ['N', 4] } },
    /input w is computed/,
  ],
  'only constants': [
    { nodes: [node('Relu', 'c', 'r'), node('Add', 'x r')], initializers: [tensor('c', [2, 1, 1])] },
    /r-node \(Relu\): its input c is a constant/,
  ],
  'a transposed input': [
    { nodes: single('Gemm', 'x w', { transA: 1 }), inputs: vector, initializers: weights },
    /transA/,
  ],
  'weights that are no matrix': [
    { nodes: single('MatMul', 'x w'), inputs: vector, initializers: [tensor('w', [4])] },
    /shape \[4\]/,
  ],
  'a layer on several vectors': [
    { nodes: single('MatMul', 'x w'), inputs: { x: ['N', 5, 4] }, initializers: weights },
    /5 vectors/,
  ],
  'a sum of two shapes': [
    { nodes: [node('GlobalAveragePool', 'x', 'p'), node('Add', 'x p')] },
    /\[N,2,4,4\] and \[N,2,1,1\]/,
  ],
  'a product of two shapes': [
    { nodes: [node('MaxPool', 'x', 'p', { kernel_shape: [2, 2] }), node('Mul', 'x p')] },
    /\[N,2,4,4\] and \[N,2,3,3\]/,
  ],
  'a product over channels': [
    { nodes: [node('Conv', 'x w', 'c'), node('Mul', 'x c')], initializers: [tensor('w', [1, 2, 1, 1])] },
    /\[N,2,4,4\] and \[N,1,4,4\]/,
  ],
  'a difference of tensors': [{ nodes: [node('Relu', 'x', 'r'), node('Sub', 'x r')] }, /r is computed/],
  'division of a constant': [{ nodes: single('Div', 'c x'), initializers: [tensor('c', [1])] }, /divides a constant/],
  'a constant that widens the tensor': [
    { nodes: [node('GlobalAveragePool', 'x', 'p'), node('Add', 'p c')], initializers: [tensor('c', [2, 4, 4])] },
    /makes the tensor \[N,2,1,1\] larger/,
  ],
  'a constant per image': [
    { nodes: single('Add', 'x c'), inputs: { x: [3, 2] }, initializers: [tensor('c', [3, 2])] },
    /depends on the image/,
  ],
  'batch normalisation in training': [
    { nodes: single('BatchNormalization', 'x s s s s', { training_mode: 1 }), initializers: [tensor('s', [2])] },
    /training mode.*model\.eval/,
  ],
  'batch normalisation with statistics': [
    {
      nodes: [{ ...node('BatchNormalization', 'x s s s s'), outputs: ['y', 'mean', 'var'] }],
      initializers: [tensor('s', [2])],
      opsets: { '': 9 },
    },
    /training mode/,
  ],
  'batch normalisation of elements': [
    {
      nodes: single('BatchNormalization', 'x s s s s', { spatial: 0 }),
      initializers: [tensor('s', [2])],
      opsets: { '': 7 },
    },
    /spatial/,
  ],
  'dropout in training': [
    {
      nodes: [node('Dropout', 'x - t', 'd'), node('Relu', 'd')],
      initializers: [{ name: 't', dims: [], type: TYPE.bool, raw: Uint8Array.of(1) }],
    },
    /training mode/,
  ],
  'the mask of dropout': [
    { nodes: [{ ...node('Dropout', 'x', 'd'), outputs: ['d', 'm'] }, node('Add', 'd m')] },
    /output m is used/,
  ],
  'the indices of max pooling': [
    { nodes: [{ ...node('MaxPool', 'x', 'p', { kernel_shape: [2, 2] }), outputs: ['p', 'i'] }, node('Add', 'p i')] },
    /output i is used/,
  ],
  'automatic padding with dilations': [
    { nodes: single('MaxPool', 'x', { kernel_shape: [2, 2], dilations: [2, 2], auto_pad: 'SAME_UPPER' }) },
    /auto_pad SAME_UPPER.*explicit pads/,
  ],
  'automatic padding with long strides': [
    { nodes: single('Conv', 'x w', { strides: [9, 9], auto_pad: 'SAME_LOWER' }), initializers: kernel },
    /auto_pad SAME_LOWER/,
  ],
  'pooling of a vector': [{ nodes: single('GlobalMaxPool', 'x'), inputs: vector }, /\[N,4\]/],
  'flattening of the batch': [{ nodes: single('Flatten', 'x', { axis: 0 }) }, /across images/],
  'flattening from a later axis': [{ nodes: single('Flatten', 'x', { axis: 2 }) }, /across images/],
  'reshaping that merges images': [
    { nodes: single('Reshape', 'x t'), initializers: [int64s('t', -1, 16)] },
    /does not keep images apart/,
  ],
  'reshaping to a vector': [{ nodes: single('Reshape', 'x t'), initializers: [int64s('t', -1)] }, /\[-1\]/],
  'reshaping with a batch of zero': [
    { nodes: single('Reshape', 'x t', { allowzero: 1 }), initializers: [int64s('t', 0, 32)] },
    /keep images apart/,
  ],
  'a transposition of the batch': [{ nodes: single('Transpose', 'x', { perm: [1, 0, 2, 3] }) }, /batch axis/],
  'reversed axes': [{ nodes: single('Transpose', 'x') }, /batch axis/],
  'joined batches': [{ nodes: single('Concat', 'x x', { axis: 0 }) }, /batches/],
  'padding by a number': [
    { nodes: single('Pad', 'x t v'), initializers: [int64s('t', 0, 0, 1, 1, 0, 0, 1, 1), tensor('v', [], -1)] },
    /pads with -1/,
  ],
  'padding by reflection': [
    { nodes: single('Pad', 'x t', { mode: 'reflect' }), initializers: [int64s('t', 0, 0, 1, 1, 0, 0, 1, 1)] },
    /mode reflect/,
  ],
  'padding of all axes': [
    { nodes: single('Pad', 'x t'), initializers: [int64s('t', 0, 1, 1, 1, 0, 0, 0, 0)] },
    /Pad two axes/,
  ],
  'padding of images': [
    { nodes: single('Pad', 'x t'), initializers: [int64s('t', 1, 0, 0, 0, 0, 0, 0, 0)] },
    /Pad two axes/,
  ],
  'padding of a vector': [
    { nodes: single('Pad', 'x t'), inputs: vector, initializers: [int64s('t', 0, 1, 0, 0)] },
    /Pad two axes/,
  ],
  'the larger of two tensors': [
    { nodes: [node('Relu', 'x', 'h'), node('Max', 'x h')] },
    /compares two tensors.*one number/,
  ],
  'a power that is no small one': [
    { nodes: single('Pow', 'x p'), initializers: [tensor('p', [], 0.5)] },
    /exponent 0.5/,
  ],
  'a mean over images': [{ nodes: single('ReduceMean', 'x', { axes: [0] }) }, /the batch axis/],
  'a mean of everything': [{ nodes: single('ReduceMean', 'x') }, /the batch axis/],
  'a choice among images': [
    { nodes: single('Gather', 'x i', { axis: 0 }), initializers: [int64s('i', 0)] },
    /among images/,
  ],
  'elements taken twice': [{ nodes: single('Gather', 'x i', { axis: 1 }), initializers: [int64s('i', 0, 0)] }, /twice/],
  'a cast to integers': [{ nodes: [node('Cast', 'x', 'y', { to: 7 })] }, /int64/],
  'a batch that becomes another axis': [
    {
      nodes: [node('Shape', 'x', 's'), node('Concat', 'one s', 't', { axis: 0 }), node('Reshape', 'x t')],
      initializers: [int64s('one', 2)],
    },
    /the shape \[2,N,2,4,4\]/,
  ],
  'an axis of the batch that is squeezed': [
    { nodes: single('Squeeze', 'x a'), initializers: [int64s('a', 0)] },
    /takes away the batch axis/,
  ],
  'local response normalisation': [
    { nodes: single('LRN', 'x', { size: 5 }) },
    /neighbouring channels.*approximate 'lrn'/,
  ],
  'dequantisation of what was not quantised': [
    { nodes: single('DequantizeLinear', 'x s'), initializers: [tensor('s', [], 1)] },
    /was not rounded to integers/,
  ],
  'quantisation with a scale for each channel': [
    { nodes: single('QuantizeLinear', 'x s'), initializers: [tensor('s', [2], 1)] },
    /has 2 scales/,
  ],
  'quantisation to 32 bits': [
    {
      nodes: single('QuantizeLinear', 'x s z'),
      initializers: [tensor('s', [], 1), { name: 'z', dims: [], type: TYPE.int32, raw: new Uint8Array(4) }],
    },
    /rounds to int32/,
  ],
  'softmax in the middle': [
    { nodes: [node('Softmax', 'x', 's'), node('MatMul', 's w')], inputs: vector, initializers: weights },
    /s-node \(Softmax\): is not at the end/,
  ],
  'softmax of which more is made': [
    {
      nodes: [node('Softmax', 'x', 's'), node('Reshape', 's t', 'a'), node('Add', 'a a')],
      inputs: vector,
      initializers: [int64s('t', 0, 4)],
    },
    /not at the end/,
  ],
  'softmax over each pixel': [{ nodes: single('Softmax', 'x', { axis: 1 }) }, /not all outputs/],
  'softmax over the batch': [{ nodes: single('Softmax', 'x', { axis: 0 }), inputs: vector }, /not all outputs/],
};

const invalid: Record<string, readonly [ModelSpec, RegExp]> = {
  'clipping to nothing': [
    { nodes: single('Clip', 'x a b'), initializers: [tensor('a', [], 2), tensor('b', [], 1)] },
    /from 2 to 1/,
  ],
  'elements that do not exist': [
    { nodes: single('Gather', 'x i', { axis: 1 }), initializers: [int64s('i', 2)] },
    /takes elements \[2\] of 2/,
  ],
  'a split that does not add up': [
    { nodes: single('Split', 'x s', { axis: 1 }), initializers: [int64s('s', 1, 2)] },
    /splits 2 elements into \[1,2\]/,
  ],
  'a slice with a step of 0': [
    {
      nodes: single('Slice', 'x s e a p'),
      initializers: [int64s('s', 0), int64s('e', 1), int64s('a', 1), int64s('p', 0)],
    },
    /step of 0/,
  ],
  'no opset': [{ nodes: single('Relu', 'x'), opsets: {} }, /which version/],
  'no output': [{ nodes: single('Relu', 'x'), outputs: [] }, /no output/],
  'an output that nothing writes': [{ nodes: single('Relu', 'x'), outputs: ['z'] }, /depends on no input/],
  'an output that is the input': [{ nodes: single('Identity', 'x') }, /no layer/],
  'an output without the input': [
    { nodes: [node('Constant', '', 'y', { value: tensor('', [1, 2]) })] },
    /depends on no input/,
  ],
  'a tensor that nothing writes': [{ nodes: single('Add', 'x ghost') }, /y-node \(Add\): reads the tensor ghost/],
  'a cycle': [{ nodes: [node('Add', 'x b', 'a'), node('Relu', 'a', 'b'), node('Relu', 'b')] }, /own output/],
  'a node that feeds itself': [{ nodes: single('Add', 'x y') }, /own output/],
  'a tensor written twice': [
    { nodes: [node('Relu', 'x', 'a'), node('Sigmoid', 'x', 'a'), node('Relu', 'a')] },
    /the tensor a, as does another node/,
  ],
  'two initialisers of one name': [
    { nodes: single('Add', 'x c'), initializers: [tensor('c', [1]), tensor('c', [1])] },
    /two tensors of the name c/,
  ],
  'a missing second input': [{ nodes: single('MatMul', 'x'), inputs: vector }, /no input 1/],
  'data that do not fit the shape': [
    {
      nodes: single('MatMul', 'x w'),
      inputs: vector,
      initializers: [{ name: 'w', dims: [4, 3], raw: new Uint8Array(20) }],
    },
    /w of shape \[4,3\] and type float32 needs 48 bytes, but has 20/,
  ],
  'too few typed data': [
    { nodes: single('MatMul', 'x w'), inputs: vector, initializers: [{ name: 'w', dims: [4, 3], typed: [4, [1, 2]] }] },
    /needs 48 bytes, but has 8/,
  ],
  'weights of another size': [
    { nodes: single('MatMul', 'x w'), inputs: vector, initializers: [tensor('w', [5, 3])] },
    /weights \[5,3\] do not fit an input of 4/,
  ],
  'a convolution of other channels': [
    { nodes: single('Conv', 'x w'), initializers: [tensor('w', [3, 4, 3, 3])] },
    /do not fit an input of 2 channels/,
  ],
  'groups that do not divide': [
    { nodes: single('Conv', 'x w', { group: 2 }), initializers: [tensor('w', [3, 1, 3, 3])] },
    /in 2 groups/,
  ],
  'a kernel shape that contradicts': [
    { nodes: single('Conv', 'x w', { kernel_shape: [5, 5] }), initializers: kernel },
    /kernel_shape is \[5,5\]/,
  ],
  'a bias of another size': [
    { nodes: single('Conv', 'x w b'), initializers: [...kernel, tensor('b', [4])] },
    /b has 4 values for 3 channels/,
  ],
  'a Gemm bias of another size': [
    { nodes: single('Gemm', 'x w b'), inputs: vector, initializers: [...weights, tensor('b', [2])] },
    /does not fit \[1,3\]/,
  ],
  'a Gemm of an image': [{ nodes: single('Gemm', 'x w'), initializers: weights }, /not a matrix.*Flatten/],
  'weights without elements': [
    { nodes: single('MatMul', 'x w'), inputs: vector, initializers: [tensor('w', [4, 0])] },
    /no elements/,
  ],
  'NaN in weights': [
    { nodes: single('MatMul', 'x w'), inputs: vector, initializers: [tensor('w', [4, 3], 1, 2, 3, 4, Number.NaN)] },
    /y-node \(MatMul\): its input w holds NaN or infinity, first at index 4/,
  ],
  'infinity in a constant': [
    { nodes: [node('Constant', '', 'c', { value_float: new Float(Number.NEGATIVE_INFINITY) }), node('Add', 'x c')] },
    /y-node \(Add\): its input c holds NaN or infinity/,
  ],
  'NaN as a factor': [
    { nodes: single('Gemm', 'x w', { alpha: new Float(Number.NaN) }), inputs: vector, initializers: weights },
    /not finite/,
  ],
  'a negative variance': [
    { nodes: single('BatchNormalization', 'x s s s s'), initializers: [tensor('s', [2], -1)] },
    /variance/,
  ],
  'statistics of another size': [
    { nodes: single('BatchNormalization', 'x s s s s'), initializers: [tensor('s', [3])] },
    /3 values for 2 channels/,
  ],
  'division by zero': [{ nodes: single('Div', 'x c'), initializers: [tensor('c', [2, 1, 1], 1, 0)] }, /divides by c/],
  'a constant that does not fit': [
    { nodes: single('Add', 'x c'), initializers: [tensor('c', [3])] },
    /c of shape \[3\] does not fit/,
  ],
  'a kernel beyond the image': [{ nodes: single('MaxPool', 'x', { kernel_shape: [5, 5] }) }, /5 elements/],
  'a window of padding': [
    { nodes: single('MaxPool', 'x', { kernel_shape: [1, 1], pads: [1, 1, 1, 1] }) },
    /nothing but padding/,
  ],
  'no kernel shape': [{ nodes: single('MaxPool', 'x') }, /kernel_shape/],
  'a stride of zero': [
    { nodes: single('Conv', 'x w', { strides: [0, 1] }), initializers: kernel },
    /strides are \[0,1\]/,
  ],
  'negative padding': [{ nodes: single('Conv', 'x w', { pads: [-1, 0, 0, 0] }), initializers: kernel }, /pads/],
  'an unknown auto_pad': [{ nodes: single('Conv', 'x w', { auto_pad: 'BEST' }), initializers: kernel }, /BEST/],
  'an attribute of another type': [
    { nodes: single('Conv', 'x w', { strides: 2 }), initializers: kernel },
    /strides is not of type ints/,
  ],
  'an attribute beyond 2^53': [
    { nodes: single('Conv', 'x w', { strides: [2n ** 60n, 1] }), initializers: kernel },
    /2\^53/,
  ],
  'a shape beyond 2^53': [
    {
      nodes: single('Reshape', 'x t'),
      initializers: [{ name: 't', dims: [2], type: TYPE.int64, typed: [7, [0, 2n ** 60n]] }],
    },
    /2\^53/,
  ],
  'a shape of floats': [{ nodes: single('Reshape', 'x t'), initializers: [tensor('t', [2], 1)] }, /whole numbers/],
  'a shape of other size': [{ nodes: single('Reshape', 'x t'), initializers: [int64s('t', 0, -1, 5)] }, /\[1,-1,5\]/],
  'an axis that does not exist': [{ nodes: single('Concat', 'x x', { axis: 7 }) }, /axis 7/],
  'no axis': [{ nodes: single('Concat', 'x x') }, /no attribute axis/],
  'shapes that cannot be joined': [
    { nodes: [node('MaxPool', 'x', 'p', { kernel_shape: [2, 2] }), node('Concat', 'x p', 'y', { axis: 1 })] },
    /\[N,2,4,4\] and \[N,2,3,3\]/,
  ],
  'no permutation': [{ nodes: single('Transpose', 'x', { perm: [0, 1, 1, 2] }) }, /no permutation/],
  'pads of another size': [{ nodes: single('Pad', 'x t'), initializers: [int64s('t', 1, 1)] }, /do not fit 4 axes/],
  'cropping of everything': [
    { nodes: single('Pad', 'x t'), initializers: [int64s('t', 0, 0, -2, 0, 0, 0, -2, 0)] },
    /impossible shape, \[N,2,0,4\]/,
  ],
};

describe.each([
  ['MODEL_UNSUPPORTED', unsupported],
  ['MODEL_INVALID', invalid],
] as const)('%s', (code: ErrorCode, cases) => {
  test.each(Object.entries(cases))('%s', async (_, [spec, message]) => {
    const error = await expectImportError(readOnnx(onnxModel(spec)), code);
    expect(error.message).toMatch(message);
    expect(error.problems, error.message).toHaveLength(1);
  });
});

describe('all problems at once', () => {
  test('three unsupported operators, each by name, with what follows them', async () => {
    const model = onnxModel({
      nodes: [
        node('ThresholdedRelu', 'x', 'a'),
        node('Conv', 'a w', 'b', { pads: [-1, 0, 0, 0] }),
        node('LSTM', 'b', 'c'),
        node('MatMul', 'c nan', 'd', { whatever: 1 }),
        node('Cos', 'd'),
      ],
      initializers: [...kernel, tensor('nan', [2, 2], Number.NaN)],
    });
    const error = await expectImportError(readOnnx(model), 'MODEL_INVALID');
    expect(error.problems.map(({ node, op }) => `${node} ${op}`)).toEqual([
      'a-node ThresholdedRelu',
      'b-node Conv',
      'c-node LSTM',
      'd-node MatMul',
      'y-node Cos',
    ]);
    expect(error.message.split('\n')).toHaveLength(5);
  });

  test('problems of the model besides those of its nodes', async () => {
    const model = onnxModel({
      nodes: [node('Cos', 'x', 'a'), node('ThresholdedRelu', 'a')],
      opsets: { '': 40 },
      inputs: { x: [1, 'W'] },
    });
    const error = await expectImportError(readOnnx(model), 'MODEL_UNSUPPORTED');
    expect(error.problems).toHaveLength(4);
  });

  test('unnamed and duplicate nodes are told apart by their outputs', async () => {
    const nodes = ['', 'same', 'same'].map((name, i) =>
      node('Cos', i ? `t${i}` : 'x', i < 2 ? `t${i + 1}` : 'y', {}, { name }),
    );
    const error = await expectImportError(readOnnx(onnxModel({ nodes })));
    expect(error.problems.map(({ node }) => node)).toEqual(['t1', 't2', 'y']);
  });
});

describe('what nothing needs is not looked at', () => {
  test('unsupported nodes and broken weights besides the output', async () => {
    const model = onnxModel({
      nodes: [node('Relu', 'x'), node('NonMaxSuppression', 'x broken', 'boxes')],
      initializers: [{ name: 'broken', dims: [7], raw: new Uint8Array(1) }],
    });
    const graph = await readOnnx(model);
    expect(graph.dropped).toEqual([
      { name: 'boxes-node', op: 'NonMaxSuppression', reason: 'the output does not need it' },
    ]);
  });
});

describe('options', () => {
  const relu = (shape: readonly (number | string)[] | undefined) =>
    onnxModel({
      nodes: [node('Relu', 'x', 'a'), node('Sigmoid', 'a', 'b')],
      inputs: { x: shape },
      outputs: ['a', 'b'],
    });
  const read = (shape: readonly (number | string)[] | undefined, options: ReadOnnxOptions) =>
    readOnnx(relu(shape), options);

  test('output chooses among several', async () => {
    expect((await read(['N', 4], { output: 'a' })).nodes).toHaveLength(1);
    expect((await read(['N', 4], { output: 'b' })).nodes).toHaveLength(2);
    const error = await expectImportError(read(['N', 4], { output: 'c' }), 'OPTION_INVALID');
    expect(error.message).toContain('a, b');
  });

  test('inputShape fills in what the model leaves open', async () => {
    for (const shape of [undefined, ['N', 3, 'H', 'W'], [1, 3, -1, 0]]) {
      const graph = await read(shape, { output: 'b', inputShape: [3, 5, 7] });
      expect(shapeOf(graph, graph.output)).toEqual([3, 5, 7]);
    }
    for (const inputShape of [[], [3], [3, 5, 0], [3, 5, 1.5]]) {
      await expectImportError(read(['N', 3, 'H', 'W'], { output: 'b', inputShape }), 'OPTION_INVALID');
    }
  });
});

describe('batches', () => {
  const reshape = (batch: number | string, ...target: number[]) =>
    readOnnx(
      onnxModel({
        nodes: [node('Reshape', 'x t')],
        inputs: { x: [batch, 2, 3] },
        initializers: [int64s('t', ...target)],
      }),
    );

  test('of any size may be named in a target shape', async () => {
    for (const [batch, first] of [
      ['N', -1],
      ['N', 0],
      ['N', 1],
      [1, 1],
      [5, 5],
      [5, -1],
    ] as const) {
      const graph = await reshape(batch, first, 6);
      expect(shapeOf(graph, graph.output)).toEqual([6]);
    }
    await expectImportError(reshape('N', 5, 6), 'MODEL_UNSUPPORTED');
    await expectImportError(reshape(5, 6, 5), 'MODEL_UNSUPPORTED');
  });
});

test('a softmax may have a flattening behind it', async () => {
  const model = onnxModel({
    nodes: [node('Conv', 'x w', 'c'), node('Softmax', 'c', 's', { axis: 1 }), node('Flatten', 's')],
    initializers: [tensor('w', [3, 2, 4, 4])],
  });
  const graph = await importOnnx(model);
  expect(graph.nodes.map(({ op }) => op)).toEqual(['Conv', 'Reshape']);
  expect(graph.dropped).toMatchObject([{ name: 's-node', op: 'Softmax' }]);
});
