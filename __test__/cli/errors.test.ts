/** What the command line says of everything that can be wrong, and the exit codes: 1 failed, 2 wrong usage. */

import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeNpy } from '../../src/data/npy.js';
import { encodeIdx, temporaryFolder } from '../data/support.js';
import { node, tensor } from '../support/onnx-model.js';
import { fail, firstspike, smallModel, smallModelWith, succeed } from './support.js';

const folder = temporaryFolder();
const model = folder.write('small.onnx', smallModel());
const images = folder.write(
  'images.idx',
  encodeIdx(
    [20, 4, 4],
    Uint8Array.from({ length: 320 }, (_, i) => (i * 37) % 256),
  ),
);
const labels = folder.write('labels.idx', encodeIdx([20], new Uint8Array(20)));
const data = `idx:${images},${labels}`;
const batch = folder.path('batch.npy');
const saved = folder.path('saved.safetensors');
const output = folder.path('output');

beforeAll(async () => {
  await writeNpy(batch, { data: new Float32Array(16).fill(0.5), shape: [1, 4, 4] });
  await succeed('convert', model, '--code', 'ttfs', '--calibrate', data, '-o', saved);
});

describe.concurrent('a model', () => {
  test('that is not there', async () => {
    const missing = folder.path('missing.onnx');
    const { code, problems } = await fail(1, 'inspect', missing);
    expect([code, problems[0].file]).toEqual(['FILE_UNREADABLE', missing]);
  });

  test('that is a folder', async () => {
    expect((await fail(1, 'inspect', folder.path('.'))).code).toBe('FILE_UNREADABLE');
  });

  test.each([
    ['empty', () => new Uint8Array(0)],
    ['text', () => new TextEncoder().encode('{"no": "model"}')],
    ['random', () => Uint8Array.from({ length: 999 }, (_, i) => (i * 73 + (i >> 3) * 41) % 256)],
    ['zeros', () => new Uint8Array(5000)],
    ['cut off', () => smallModel().subarray(0, 300)],
    ['cut off in its header', () => smallModel().subarray(0, 20)],
    ['a saved network that is cut off', () => readFileSync(saved).subarray(0, 900)],
    ['a saved network of zeros', () => new Uint8Array(readFileSync(saved)).fill(0, 200, 600)],
    ['an .npy file', () => readFileSync(batch)],
  ])('that is no model: %s', async (name, bytes) => {
    const file = folder.write(`${name}.onnx`, bytes());
    const { code, problems } = await fail(1, 'eval', file, '--data', data);
    expect(['FILE_MALFORMED', 'MODEL_INVALID'], problems[0].message).toContain(code);
    expect(problems[0].file ?? problems[0].node).toBeDefined();
  });

  test('with operators that are not supported: all of them at once', async () => {
    const nodes = [node('Tan', 'x', 'a'), node('Cos', 'a', 'b'), node('Relu', 'b', 'c'), node('Shrink', 'c', 'y')];
    const { code, problems } = await fail(
      1,
      'inspect',
      folder.write('three.onnx', smallModel({ nodes, initializers: [] })),
    );
    expect(code).toBe('MODEL_UNSUPPORTED');
    expect(problems.map(({ node, op }) => [node, op])).toEqual([
      ['a-node', 'Tan'],
      ['b-node', 'Cos'],
      ['y-node', 'Shrink'],
    ]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('with weights that are %d', async (value) => {
    const broken = smallModelWith(tensor('w', [3, 1, 3, 3], 0.5, 1, value));
    const { code, problems } = await fail(1, 'inspect', folder.write(`${value}.onnx`, broken));
    expect([code, problems.length]).toEqual(['MODEL_INVALID', 1]);
    expect(problems[0].message).toMatch(/\bw\b/);
  });

  test.each([
    ['missing', 'nowhere.bin'],
    ['outside of the folder', '../../../../etc/passwd'],
    ['at an absolute path', '/etc/passwd'],
    ['too short', 'short.bin'],
  ])('with external data that is %s', async (_, location) => {
    const own = folder.path(`external-${location.replaceAll(/\W/g, '-')}`);
    mkdirSync(own);
    folder.write(`${own.slice(folder.path('.').length + 1)}/short.bin`, 'short');
    const external = { name: 'w', dims: [3, 1, 3, 3], external: { location, offset: '0', length: '108' } };
    const file = folder.write(`${own.slice(folder.path('.').length + 1)}/model.onnx`, smallModelWith(external));
    const { code, problems } = await fail(1, 'inspect', file);
    expect(code).toBe('EXTERNAL_DATA');
    expect(problems[0].message).toContain('w');
  });

  test.each([
    ['of images', smallModel({ inputs: { x: ['N', 1, 2 ** 20, 2 ** 20] } })],
    ['of weights', smallModelWith({ name: 'w', dims: [3, 1, 2 ** 20, 2 ** 20], raw: new Uint8Array(4) })],
    ['of padding', smallModel({ nodes: [node('Conv', 'x w b', 'y', { pads: [2 ** 30, 2 ** 30, 2 ** 30, 2 ** 30] })] })],
  ])('that is small, but says that its sizes are huge: those %s', async (name, bytes) => {
    const start = performance.now();
    const { problems } = await fail(1, 'inspect', folder.write(`huge ${name}.onnx`, bytes));
    expect(problems.length).toBeGreaterThan(0);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('that a code cannot express: the error tells which layers, and which code can', async () => {
    const nodes = [
      node('Conv', 'x w b', 'a'),
      node('Sigmoid', 'a', 'c'),
      node('Flatten', 'c', 'f'),
      node('Gemm', 'f m', 'y', { transB: 1 }),
    ];
    const file = folder.write('sigmoid.onnx', smallModel({ nodes }));
    const { code, problems } = await fail(1, 'convert', file, '--code', 'ttfs', '--calibrate', data, '-o', output);
    expect([code, problems.length]).toEqual(['CODE_UNSUPPORTED', 1]);
    expect(problems[0].layer).toBe('c-node');
    expect(problems[0].remedy).toMatch(/\bfs\b.*\bamos\b/);
  });
});

describe.concurrent('images', () => {
  const npy = async (name: string, values: Float32Array | Float64Array, shape: number[]) => {
    await writeNpy(folder.path(name), { data: values, shape });
    return folder.path(name);
  };

  test('of another shape', async () => {
    const wrong = await npy('wrong.npy', new Float32Array(18), [2, 9]);
    const { code, message } = await fail(1, 'run', model, '--input', wrong);
    expect(code).toBe('INPUT_INVALID');
    expect(message).toMatch(/\[1,4,4\].*\[2,9\]/);
  });

  test('of another size than the model’s, in a data set', async () => {
    const large = folder.write('large.idx', encodeIdx([2, 5, 5], new Uint8Array(50)));
    const { code, message } = await fail(1, 'eval', model, '--data', `idx:${large}`);
    expect(code).toBe('DATA_INVALID');
    expect(message).toContain('4,4');
  });

  test.each([Number.NaN, Number.NEGATIVE_INFINITY])('with %d in them', async (value) => {
    const broken = await npy(`${value}.npy`, new Float32Array(32).fill(value, 20, 21), [2, 1, 4, 4]);
    const { code, message } = await fail(1, 'run', model, '--input', broken, '-o', output);
    expect(code).toBe('INPUT_INVALID');
    expect(message).toMatch(/image 1\b.*\b4\b/);
    await fail(1, 'eval', saved, '--data', `npy:${broken}`);
  });

  test.each([
    ['that are not there', 'idx:nowhere.idx', 'FILE_UNREADABLE', 1],
    ['of no known form', 'nowhere.idx', 'OPTION_INVALID', 2],
    ['without a path', 'idx:', 'OPTION_INVALID', 2],
  ] as const)('%s', async (_, spec, code, exitCode) => {
    expect((await fail(exitCode, 'eval', model, '--data', spec)).code).toBe(code);
  });

  test('in a file that is cut off', async () => {
    const cut = folder.write('cut.idx', readFileSync(images).subarray(0, 200));
    expect((await fail(1, 'eval', model, '--data', `idx:${cut}`)).code).toBe('FILE_MALFORMED');
    const half = folder.write('half.npy', readFileSync(batch).subarray(0, 150));
    expect((await fail(1, 'run', model, '--input', half)).code).toBe('FILE_MALFORMED');
  });

  test('with labels for another number of them', async () => {
    const few = folder.write('few.idx', encodeIdx([19], new Uint8Array(19)));
    const { code, message } = await fail(1, 'eval', model, '--data', `idx:${images},${few}`);
    expect(code).toBe('DATA_INVALID');
    expect(message).toMatch(/19 labels.*20 images/);
  });

  test('of which none is left', async () => {
    expect((await fail(1, 'eval', saved, '--data', data, '--skip', '20')).code).toBe('DATA_INVALID');
    expect((await fail(1, 'eval', model, '--data', data, '--skip', '100')).code).toBe('DATA_INVALID');
  });
});

describe.concurrent('wrong usage', () => {
  test.each([
    ['an unknown command', ['fly']],
    ['no model', ['inspect']],
    ['no data', ['eval', model]],
    ['no input', ['run', model]],
    ['no output', ['convert', model, '--code', 'ttfs']],
    ['no code', ['convert', model, '-o', output]],
    ['an unknown option', ['inspect', model, '--fast']],
    ['too many arguments', ['inspect', model, model]],
    ['an unknown engine', ['eval', model, '--data', data, '--engine', 'fast']],
    ['an unknown precision', ['eval', model, '--data', data, '--precision', 'f16']],
    ['a limit that is no number', ['eval', model, '--data', data, '--limit', 'ten']],
    ['a limit of nothing', ['eval', model, '--data', data, '--limit', '0']],
    ['a negative limit', ['eval', model, '--data', data, '--limit=-1']],
    ['half an image', ['eval', model, '--data', data, '--skip', '0.5']],
    ['batches of nothing', ['eval', model, '--data', data, '--batch', '0']],
    ['batches that are no number', ['eval', model, '--data', data, '--batch', 'many']],
    ['too many threads', ['eval', model, '--data', data, '--threads', '99999']],
    ['zeta that is no number', ['eval', model, '--data', data, '--zeta', 'wide']],
    ['an option without its value', ['eval', model, '--data']],
    ['a code to compare that is not there', ['compare', model, '--data', data, '--codes', 'ttfs,morse']],
    ['a setting to compare that is not there', ['compare', model, '--data', data, '--codes', 'ttfs:steps=3']],
  ])('%s', async (_, args) => {
    const { code, message } = await fail(2, ...args);
    expect(['USAGE', 'OPTION_INVALID']).toContain(code);
    expect(message).not.toBe('');
  });

  test.each([
    ['an unknown code', ['--code', 'morse'], /morse.*ann, ttfs/],
    ['an option of another code', ['--code', 'ttfs', '--steps', '8'], /steps/],
    ['zeta without a window', ['--code', 'ttfs', '--zeta=-2'], /zeta -2/],
    ['a percentile beyond 100', ['--code', 'ttfs', '--percentile', '101'], /101/],
    ['a percentile of no layer', ['--code', 'ttfs', '--percentile', 'nowhere=99'], /nowhere/],
    ['a percentile of 0', ['--code', 'quartz', '--percentile', '0'], /percentile 0 of all layers/],
    ['a percentile of 0 in a layer', ['--code', 'if', '--percentile', 'r-node=0'], /r-node: percentile 0 /],
    ['no steps', ['--code', 'fs', '--steps', '0'], /0 steps .* from 1 to 24/],
    ['a single step', ['--code', 'quartz', '--steps', '1'], /1 steps .* from 2 to/],
    ['no calibration', ['--code', 'ttfs'], /calibrat/],
  ])('%s', async (_, options, message) => {
    const calibration = options.length === 2 && options[1] === 'ttfs' ? [] : ['--calibrate', data];
    const error = await fail(2, 'convert', model, '-o', output, ...calibration, ...options);
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.message).toMatch(message);
  });

  test('no command', async () => {
    const [plain, json] = await Promise.all([firstspike(), firstspike('--json')]);
    expect([plain.code, plain.stdout]).toEqual([2, '']);
    expect(plain.stderr).toContain('Usage: firstspike');
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout).error.code).toBe('USAGE');
  });

  test('preprocessing that is not there', async () => {
    expect((await fail(2, 'eval', model, '--data', data, '--preprocess', 'blur')).code).toBe('OPTION_INVALID');
    expect((await fail(2, 'eval', model, '--data', data, '--preprocess', '{"scale":')).code).toBe('OPTION_INVALID');
  });
});

describe.concurrent('a file that cannot be written', () => {
  test.each([
    ['a network', (path: string) => ['convert', model, '--code', 'ann', '-o', path]],
    ['logits', (path: string) => ['run', model, '--input', batch, '-o', path]],
    ['a drawing', (path: string) => ['demo', '-o', path]],
  ])(
    '%s',
    async (_, args) => {
      const path = join(folder.path('nowhere'), 'file');
      const { code, problems } = await fail(1, ...args(path));
      expect([code, problems[0].file]).toEqual(['FILE_UNREADABLE', path]);
    },
    60_000,
  );
});

test('nothing is left behind by what failed', () => {
  expect(existsSync(output)).toBe(false);
  expect(readdirSync(folder.path('.')).filter((name) => name.includes('partial'))).toEqual([]);
});

test('an error is for people where it is not asked for as JSON', async () => {
  const { code, stdout, stderr } = await firstspike('inspect', folder.path('missing.onnx'));
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
