/** Constants in every form that a file may store them in. */

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConvNode, DenseNode, Graph } from '../../src/graph/graph.js';
import { readElements } from '../../src/graph/weights.js';
import { readOnnx } from '../../src/import/index.js';
import { expectImportError } from '../support/errors.js';
import { Floats, node, onnxModel, type TensorSpec, TYPE, tensor } from '../support/onnx-model.js';

/** A dense layer from 4 elements to 1 with the weights given. */
function dense(weights: Omit<TensorSpec, 'dims' | 'name'>): Uint8Array {
  return onnxModel({
    nodes: [node('MatMul', 'x w')],
    inputs: { x: ['N', 4] },
    initializers: [{ name: 'w', dims: [4, 1], ...weights }],
  });
}

function weightsOf(graph: Graph): number[] {
  const [layer] = graph.nodes as [DenseNode | ConvNode];
  return Array.from(readElements(layer.weights.values));
}

const values = [1, -2, 0.5, 100];

describe('floating-point weights', () => {
  const raw = (array: Float32Array | Float64Array | Uint16Array) => new Uint8Array(array.buffer);
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x5640);
  const brains = Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0x42c8);
  test.each<[string, Omit<TensorSpec, 'dims' | 'name'>]>([
    ['float32, raw', { raw: raw(Float32Array.from(values)) }],
    ['float32, typed', { typed: [4, values] }],
    ['float32, typed, one by one', { typed: [4, values, false] }],
    ['float64, raw', { type: TYPE.float64, raw: raw(Float64Array.from(values)) }],
    ['float64, typed', { type: TYPE.float64, typed: [10, values] }],
    ['float16, raw', { type: TYPE.float16, raw: raw(halves) }],
    ['float16, typed', { type: TYPE.float16, typed: [5, [...halves]] }],
    ['bfloat16, raw', { type: TYPE.bfloat16, raw: raw(brains) }],
    ['bfloat16, typed', { type: TYPE.bfloat16, typed: [5, [...brains], false] }],
  ])('%s', async (_, weights) => {
    expect(weightsOf(await readOnnx(dense(weights)))).toEqual(values);
  });

  test.each<[string, Omit<TensorSpec, 'dims' | 'name'>]>([
    ['float64', { type: TYPE.float64, typed: [10, [1, 2, Number.NaN, 4]] }],
    ['float16', { type: TYPE.float16, typed: [5, [0, 0, 0x7c00, 0]] }],
    ['bfloat16', { type: TYPE.bfloat16, typed: [5, [0, 0, 0xff80, 0]] }],
  ])('of type %s must be finite', async (_, weights) => {
    const error = await expectImportError(readOnnx(dense(weights)), 'MODEL_INVALID');
    expect(error.message).toContain('first at index 2');
  });

  test('are views of the bytes that were read', async () => {
    const bytes = dense({ raw: raw(Float32Array.from(values)) });
    const [layer] = (await readOnnx(bytes)).nodes as [DenseNode];
    expect(layer.weights.values.bytes.buffer).toBe(bytes.buffer);
    const typed = dense({ typed: [4, values] });
    const [other] = (await readOnnx(typed)).nodes as [DenseNode];
    expect(other.weights.values.bytes.buffer).toBe(typed.buffer);
  });
});

describe('integer constants', () => {
  /** Reshapes by a target that is stored as given. */
  const reshape = (target: Omit<TensorSpec, 'dims' | 'name'>) =>
    readOnnx(
      onnxModel({
        nodes: [node('Reshape', 'x t', 'f'), node('MatMul', 'f w')],
        inputs: { x: ['N', 2, 2] },
        initializers: [{ name: 't', dims: [2], ...target }, tensor('w', [4, 1])],
      }),
    );

  test.each<[string, Omit<TensorSpec, 'dims' | 'name'>]>([
    ['int64, raw', { type: TYPE.int64, raw: new Uint8Array(BigInt64Array.of(0n, -1n).buffer) }],
    ['int64, typed', { type: TYPE.int64, typed: [7, [0, -1]] }],
    ['int64, typed, one by one', { type: TYPE.int64, typed: [7, [0, -1], false] }],
    ['int32, raw', { type: TYPE.int32, raw: new Uint8Array(Int32Array.of(0, -1).buffer) }],
    ['int32, typed', { type: TYPE.int32, typed: [5, [0, -1]] }],
  ])('%s', async (_, target) => {
    expect((await reshape(target)).nodes.map(({ op }) => op)).toEqual(['Reshape', 'Dense']);
  });

  test('that are cut off within a number are malformed', async () => {
    const bytes = onnxModel({
      nodes: [node('Reshape', 'x t')],
      inputs: { x: ['N', 2, 2] },
      initializers: [{ name: 't', dims: [2], type: TYPE.int64, typed: [7, [0, 300]] }],
    });
    const at = Buffer.from(bytes).indexOf(Buffer.of(0, 0xac, 0x02));
    bytes[at + 2] = 0x82;
    const error = await expectImportError(readOnnx(bytes), 'FILE_MALFORMED');
    expect(error.message).toContain('tensor t');
  });
});

test('lists of floats in attributes may be packed or not', async () => {
  for (const packed of [true, false]) {
    const constant = node('Constant', '', 'c', { value_floats: new Floats([1, 2, 3, 4], packed) });
    const model = onnxModel({ nodes: [constant, node('Add', 'x c')], inputs: { x: ['N', 4] } });
    expect((await readOnnx(model)).nodes).toMatchObject([{ op: 'Affine', shift: Float64Array.of(1, 2, 3, 4) }]);
  }
});

describe('external data', () => {
  let root: string;
  let folder: string;
  const data = Buffer.from(new Float32Array([9, 9, ...values]).buffer);

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'firstspike-'));
    folder = join(root, 'model');
    await mkdir(join(folder, 'parts'), { recursive: true });
    await writeFile(join(folder, 'weights.bin'), data);
    await writeFile(join(folder, 'parts', 'weights.bin'), data);
    await writeFile(join(root, 'secret.bin'), data);
    await symlink(join(root, 'secret.bin'), join(folder, 'link.bin'));
    await symlink('weights.bin', join(folder, 'alias.bin'));
    await symlink(root, join(folder, 'up'));
  });
  afterAll(() => rm(root, { recursive: true }));

  const model = (external: Record<string, string>) => dense({ external });
  const read = (external: Record<string, string>) => readOnnx(model(external), { folder });

  test('is read from where it says, in the folder of the model', async () => {
    for (const location of ['weights.bin', 'parts/weights.bin', 'parts/../weights.bin', './alias.bin']) {
      expect(weightsOf(await read({ location, offset: '8', length: '16' }))).toEqual(values);
      expect(weightsOf(await read({ location, offset: '8' }))).toEqual(values);
    }
    const path = join(folder, 'model.onnx');
    await writeFile(path, model({ location: 'weights.bin', offset: '8' }));
    expect(weightsOf(await readOnnx(path))).toEqual(values);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['no location', {}, /not in the folder/],
    ['a missing file', { location: 'gone.bin' }, /missing/],
    ['a folder', { location: 'parts' }, /missing or cannot be read/],
    ['a file above', { location: '../secret.bin' }, /not in the folder/],
    ['an absolute path', { location: '/etc/hostname' }, /not in the folder/],
    ['the folder itself', { location: '.' }, /not in the folder/],
    ['a link out of the folder', { location: 'link.bin' }, /a link to a file that is not in the folder/],
    ['a file behind a link out of the folder', { location: 'up/secret.bin' }, /a link to a file/],
    ['a name that no file may have', { location: 'a\0b' }, /missing/],
    ['an end beyond the file', { location: 'weights.bin', offset: '12' }, /too short: it has 24 bytes of 28/],
    ['an offset that is no number', { location: 'weights.bin', offset: 'two' }, /do not fit/],
    ['an offset before the file', { location: 'weights.bin', offset: '-8' }, /do not fit/],
    ['a length of another size', { location: 'weights.bin', length: '12' }, /do not fit a tensor of 16 bytes/],
  ])('is refused for %s', async (_, external, message) => {
    const error = await expectImportError(read(external), 'EXTERNAL_DATA');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('tensor w');
    if (external.location) expect(error.message).toContain(external.location);
  });

  test('needs to know the folder', async () => {
    const error = await expectImportError(readOnnx(model({ location: 'weights.bin' })), 'EXTERNAL_DATA');
    expect(error.remedy).toContain('`folder`');
  });

  test('is checked like all data', async () => {
    await writeFile(join(folder, 'nan.bin'), new Uint8Array(Float32Array.of(1, 2, 3, Number.NaN).buffer));
    await expectImportError(read({ location: 'nan.bin' }), 'MODEL_INVALID');
  });
});
