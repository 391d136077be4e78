/** Files that are no ONNX models, or not any more: always an ImportError, never a crash, a hang or a wrong network. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImportError } from '../../src/errors.js';
import { readOnnx } from '../../src/import/index.js';
import { expectImportError } from '../support/errors.js';
import { expectSound } from '../support/graphs.js';
import { int64s, node, onnxModel, tensor } from '../support/onnx-model.js';

const tiny = onnxModel({
  nodes: [
    node('Conv', 'x w b', 'c', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], group: 1, auto_pad: 'NOTSET' }),
    node('BatchNormalization', 'c s s s v', 'n'),
    node('Relu', 'n', 'r'),
    node('MaxPool', 'r', 'p', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
    node('Reshape', 'p t', 'f'),
    node('Gemm', 'f m', 'y', { transB: 1 }),
  ],
  initializers: [
    tensor('w', [3, 2, 3, 3], 1, -2, 0.5),
    { name: 'b', dims: [3], typed: [4, [1, 2, 3]] },
    tensor('s', [3], 1, -1, 2),
    tensor('v', [3], 1, 2, 3),
    { name: 't', dims: [2], type: 7, typed: [7, [0, -1]] },
    tensor('m', [4, 12], 0.25),
  ],
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstspike-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('the model that is damaged below is a good one', async () => {
  expect((await readOnnx(tiny)).nodes.map(({ op }) => op)).toEqual([
    'Conv',
    'Activation',
    'MaxPool',
    'Reshape',
    'Dense',
  ]);
});

test('every part of a model is refused', async () => {
  for (let length = 0; length < tiny.length; length++) {
    await expectImportError(readOnnx(tiny.subarray(0, length)));
  }
});

/** Reads bytes that may be anything. */
async function survive(bytes: Uint8Array): Promise<void> {
  try {
    expectSound(await readOnnx(bytes));
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
  }
}

test('random bytes are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await expectImportError(readOnnx(bytes), 'FILE_MALFORMED');
    }),
    { numRuns: 1000 },
  );
});

test('changed bytes give an error or another sound network', async () => {
  const change = fc.tuple(fc.nat(tiny.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const bytes = tiny.slice();
      for (const [at, value] of changes) bytes[at] = value;
      await survive(bytes);
    }),
    { numRuns: 4000 },
  );
});

test('removed, repeated and inserted bytes give an error or another sound network', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(tiny.length),
      fc.nat(tiny.length),
      fc.uint8Array({ maxLength: 20 }),
      async (a, b, inserted) => {
        await survive(Buffer.concat([tiny.subarray(0, a), inserted, tiny.subarray(b)]));
      },
    ),
    { numRuns: 2000 },
  );
});

describe('files', () => {
  test('that are missing, or are folders, are unreadable', async () => {
    const missing = await expectImportError(readOnnx(join(folder, 'missing.onnx')), 'FILE_UNREADABLE');
    expect(missing.message).toContain('missing.onnx');
    await expectImportError(readOnnx(folder), 'FILE_UNREADABLE');
  });

  test('that are something else are named', async () => {
    const file = join(folder, 'picture.onnx');
    await writeFile(file, 'GIF89a not a network at all');
    const error = await expectImportError(readOnnx(file), 'FILE_MALFORMED');
    expect(error.problems[0].file).toBe(file);
    expect(error.message).toContain('picture.onnx');
  });

  test('that Git LFS has not fetched are recognised', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n';
    const error = await expectImportError(readOnnx(Buffer.from(pointer)), 'FILE_MALFORMED');
    expect(error.remedy).toContain('git lfs pull');
  });

  test('give the graph their name, unless it is given', async () => {
    const file = join(folder, 'digits.onnx');
    await writeFile(file, tiny);
    expect((await readOnnx(file)).name).toBe('digits');
    expect((await readOnnx(file, { name: 'mine' })).name).toBe('mine');
    expect((await readOnnx(tiny)).name).toBe('model');
  });
});

test('sizes that a small file cannot have are refused without taking memory', async () => {
  const sizes = [[2 ** 40], [2 ** 31, 2 ** 31], [-1], [2n ** 62n], [2 ** 26, 2 ** 26]];
  for (const dims of sizes) {
    const relu = {
      nodes: [node('MatMul', 'x w')],
      inputs: { x: [1, 4] },
      initializers: [{ name: 'w', dims, raw: new Uint8Array(4) }],
    };
    await expectImportError(readOnnx(onnxModel(relu)), 'MODEL_INVALID');
  }
  for (const shape of [
    [1, 2 ** 40],
    [1, 2n ** 62n],
    [1, 2 ** 20, 2 ** 20],
  ]) {
    const model = onnxModel({ nodes: [node('Add', 'x c')], inputs: { x: shape }, initializers: [tensor('c', [1])] });
    await expectImportError(readOnnx(model), 'MODEL_INVALID');
  }
  const spread = { nodes: [node('Add', 'x c')], inputs: { x: [1, 2 ** 27] }, initializers: [tensor('c', [1])] };
  await expectImportError(readOnnx(onnxModel(spread)), 'MODEL_INVALID');
  const doubling = Array.from({ length: 40 }, (_, i) => node('Concat', `t${i} t${i}`, `t${i + 1}`, { axis: 1 }));
  const grown = onnxModel({ nodes: [...doubling, node('Relu', 't40')], inputs: { t0: [1, 2, 4, 4] } });
  await expectImportError(readOnnx(grown), 'MODEL_INVALID');
  const axes = int64s('t', ...new Array(5000).fill(1));
  const deep = onnxModel({ nodes: [node('Reshape', 'x t')], inputs: { x: [1, 1] }, initializers: [axes] });
  await expectImportError(readOnnx(deep), 'MODEL_INVALID');
});

test('more nodes than any network has are refused, in little time', async () => {
  const chain = (length: number) =>
    onnxModel({
      nodes: Array.from({ length }, (_, i) => node('Relu', i ? `t${i}` : 'x', i + 1 < length ? `t${i + 1}` : 'y')),
    });
  const start = performance.now();
  await expectImportError(readOnnx(chain(50_000)), 'MODEL_INVALID');
  expect((await readOnnx(chain(16_000))).nodes).toHaveLength(1);
  expect(performance.now() - start).toBeLessThan(10_000);
});
