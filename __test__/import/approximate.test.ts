/** What is replaced by something that is not the same, if it is asked for. */

import { expect, test } from 'vitest';
import { type Approximation, readOnnx } from '../../src/import/index.js';
import { expectImportError } from '../support/errors.js';
import { Float, node, onnxModel, TYPE, tensor } from '../support/onnx-model.js';

const normalised = (bias: number) =>
  onnxModel({
    nodes: [node('LRN', 'x', 'h', { size: 5, bias: new Float(bias), beta: new Float(0.5) }), node('Relu', 'h')],
  });

test('local response normalisation is refused, or its factor where all is silent', async () => {
  await expectImportError(readOnnx(normalised(2)), 'MODEL_UNSUPPORTED');
  const scaled = await readOnnx(normalised(4), { approximate: ['lrn'] });
  expect(scaled.nodes).toMatchObject([{ op: 'Affine', scale: new Float64Array(2).fill(0.5) }, { op: 'Activation' }]);
  const dropped = await readOnnx(normalised(1), { approximate: ['lrn'] });
  expect(dropped.dropped).toMatchObject([{ op: 'LRN', reason: expect.stringMatching(/asked to be left out/) }]);
});

/** Rounding to 8 bits from a lowest number on, then a ReLU. */
const rounded = (zeroPoint: number, type: number) =>
  onnxModel({
    nodes: [node('QuantizeLinear', 'x s z', 'q'), node('DequantizeLinear', 'q s z', 'd'), node('Sigmoid', 'd')],
    initializers: [tensor('s', [], 0.5), { name: 'z', dims: [], type, raw: Uint8Array.of(zeroPoint) }],
  });

test('rounding of activations stays, or its range from zero on is a clipped ReLU', async () => {
  const approximate: Approximation[] = ['quantization'];
  const first = async (bytes: Uint8Array, options = {}) => (await readOnnx(bytes, options)).nodes[0];
  expect(await first(rounded(0, TYPE.uint8))).toMatchObject({ fn: 'quantize', parameters: [0.5, 0, 255] });
  expect(await first(rounded(3, TYPE.uint8))).toMatchObject({ fn: 'quantize', parameters: [0.5, -3, 252] });
  const clipped = { fn: 'clipped-relu', parameters: [127.5] };
  expect(await first(rounded(0, TYPE.uint8), { approximate })).toMatchObject(clipped);
  expect(await first(rounded(128, TYPE.int8), { approximate })).toMatchObject(clipped);
  const signed = await readOnnx(rounded(0, TYPE.int8), { approximate });
  expect(signed.nodes).toMatchObject([{ fn: 'sigmoid' }]);
  expect(signed.dropped[0]).toMatchObject({ op: 'QuantizeLinear', reason: expect.stringMatching(/asked/) });
});

test('an approximation that nobody knows is refused', async () => {
  const options = { approximate: ['everything' as Approximation] };
  const error = await expectImportError(readOnnx(normalised(1), options), 'OPTION_INVALID');
  expect(error.message).toMatch(/"everything" cannot be approximated.*lrn, quantization/s);
});
