/** What each command does, prints and writes. */

import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { codes } from '../../src/codes/index.js';
import { readNpy, writeNpy } from '../../src/data/npy.js';
import { readOnnx } from '../../src/import/index.js';
import { loadNetwork, SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { temporaryFolder } from '../data/support.js';
import { DIGITS, DIGITS_MODEL, TRAINING_DIGITS } from '../support/digits.js';
import { node, tensor } from '../support/onnx-model.js';
import { COUNT, firstspike, pixels, smallImages, smallModel, start, succeed } from './support.js';

const folder = temporaryFolder();
const model = folder.path('small.onnx');
const data = smallImages(folder);
const batch = folder.path('batch.npy');
let saved: string;

beforeAll(async () => {
  folder.write('small.onnx', smallModel());
  await writeNpy(batch, { data: Float32Array.from(pixels.slice(0, 48), (x) => x / 255), shape: [3, 1, 4, 4] });
  saved = folder.path('saved.safetensors');
  await succeed('convert', model, '--code', 'ttfs', '--calibrate', data, '-o', saved);
});

const relu = 'r-node';

describe.concurrent('inspect', () => {
  test('tells layers, costs and what each code can make of a model', async () => {
    const report = await succeed('inspect', model);
    expect(report).toMatchObject({
      model: 'small',
      input: { name: 'x', shape: [1, 4, 4] },
      output: { name: 'y', shape: [4] },
      macs: 12 * 9 + 12 * 4,
    });
    expect(report.nodes.map(({ op }: { op: string }) => op)).toEqual(['Conv', 'Activation', 'Reshape', 'Dense']);
    expect(report.codes.map(({ code }: { code: string }) => code)).toEqual(Object.keys(codes));
    for (const { code, convertible, problems } of report.codes) {
      expect({ code, convertible, problems }).toEqual({ code, convertible: true, problems: [] });
    }
    expect(report).not.toHaveProperty('code');
  });

  test('tells all that a code cannot convert', async () => {
    const nodes = [
      node('Sigmoid', 'x', 'a'),
      node('Conv', 'a w', 'b'),
      node('Sigmoid', 'b', 'c'),
      node('Conv', 'c v', 'y'),
    ];
    const path = folder.write(
      'sigmoid.onnx',
      smallModel({ nodes, initializers: [tensor('w', [3, 1, 1, 1], 1), tensor('v', [2, 3, 1, 1], 1)] }),
    );
    const { codes } = await succeed('inspect', path);
    const ttfs = codes.find(({ code }: { code: string }) => code === 'ttfs');
    expect(ttfs).toMatchObject({ convertible: false, problems: [{ layer: 'a-node' }, { layer: 'c-node' }] });
    const { stdout } = await firstspike('inspect', path);
    expect(stdout).toMatch(/^ann: can convert it$/m);
    expect(stdout).toMatch(/^ttfs: cannot convert it$/m);
  });

  test('knows a saved network', async () => {
    expect(await succeed('inspect', saved)).toMatchObject({ model: 'small', code: { name: 'ttfs', version: 1 } });
    expect((await firstspike('inspect', saved)).stdout).toContain('saved in the code ttfs');
  });

  test('prints a table for people', async () => {
    const { code, stdout, stderr } = await firstspike('inspect', model);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('small: 1x4x4 to 4');
    for (const name of ['c-node', relu, 'y-node']) expect(stdout).toContain(name);
  });
});

describe.concurrent('run', () => {
  test('computes the logits of the original network', async () => {
    const twin = new SpikingNetwork(await readOnnx(model), 'ann', {});
    const expected = await twin.run(await readNpy(batch));
    const { seconds, ...result } = await succeed('run', model, '--input', batch);
    const logits = [0, 1, 2].map((i) => [...expected.logits.data.slice(i * 4, i * 4 + 4)]);
    expect(result).toEqual({
      warnings: [],
      code: 'ann',
      images: 3,
      shape: [3, 4],
      labels: [...expected.labels],
      logits,
    });
    expect(seconds).toBeGreaterThan(0);
  });

  test('runs a saved network in its own code, and others in the code asked for', async () => {
    const [own, given, again] = await Promise.all([
      succeed('run', saved, '--input', batch, '--engine', 'event', '--precision', 'f64', '--threads', '1'),
      succeed('run', model, '--input', batch, '--code', 'ttfs', '--calibrate', data, '--precision', 'f64'),
      succeed('run', saved, '--input', batch, '--code', 'ann', '--precision', 'f64'),
    ]);
    expect([own.code, given.code, again.code]).toEqual(['ttfs', 'ttfs', 'ann']);
    for (const { logits } of [given, again]) {
      for (const [i, value] of logits.flat().entries()) expect(value).toBeCloseTo(own.logits.flat()[i], 6);
    }
  });

  test('calibrates on its input where no other data is given, and says so', async () => {
    const { code, stdout, stderr } = await firstspike('run', model, '--input', batch, '--code', 'ttfs', '--json');
    expect([code, JSON.parse(stdout).code]).toEqual([0, 'ttfs']);
    expect(stderr).toMatch(/Calibrating on the input itself/);
  });

  test('writes the logits as .npy', async () => {
    const output = folder.path('logits.npy');
    const result = await succeed('run', model, '--input', batch, '-o', output);
    expect(result.output).toBe(output);
    expect(result).not.toHaveProperty('logits');
    const { data: logits, shape } = await readNpy(output);
    expect(shape).toEqual([3, 4]);
    expect([...logits]).toEqual((await succeed('run', model, '--input', batch)).logits.flat());
  });

  test('takes one image, and double precision', async () => {
    const image = folder.path('image.npy');
    await writeNpy(image, { data: Float64Array.from(pixels.slice(0, 16), (x) => x / 255), shape: [1, 4, 4] });
    const { labels: found, shape } = await succeed('run', model, '--input', image, '--precision', 'f64');
    expect([found.length, shape]).toEqual([1, [1, 4]]);
  });

  test('prints a table for people', async () => {
    const { stdout } = await firstspike('run', model, '--input', batch);
    expect(stdout).toMatch(/image.*label.*logit/);
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(4);
  });
});

describe.concurrent('convert', () => {
  test.each(Object.keys(codes))('writes a network in the code %s that can be loaded', async (code) => {
    const file = folder.path(`${code}.safetensors`);
    const report = await succeed('convert', model, '--code', code, '--calibrate', data, '-o', file);
    expect(report).toMatchObject({ file, code: { name: code } });
    const network = await loadNetwork(file);
    expect(report.layers).toEqual(JSON.parse(JSON.stringify(network.layers)));
    if (code !== 'ann') expect(report.calibration).toEqual({ data, images: COUNT });
    const { code: ran } = await succeed('run', file, '--input', batch);
    expect(ran).toBe(code);
  });

  test('passes options on to the code', async () => {
    const file = folder.path('options.safetensors');
    const options = [
      '--zeta',
      '1',
      '--saturate',
      '--percentile',
      '90',
      '--percentile',
      `${relu}=100`,
      '--calibrate-limit',
      '10',
    ];
    const base = ['convert', model, '--code', 'ttfs', '--calibrate', data, '-o', file];
    const { code, calibration } = await succeed(...base, ...options);
    expect(calibration.images).toBe(10);
    const { code: plain } = await succeed(...base, '--zeta', '0', '--calibrate-limit', '10');
    expect(code.parameters.saturate).toBe(true);
    expect(code.parameters.windows[relu]).toBeCloseTo(2 * plain.parameters.windows[relu], 10);
  });

  test('takes any setting of a code by its name, and refuses others', async () => {
    const base = ['convert', model, '--calibrate', data, '-o', folder.path('settings.safetensors'), '--code'];
    const given = ['--set', 'balance=channel', '--set', 'initialPotential=0', '--steps', '8'];
    const { code } = await succeed(...base, 'if', ...given);
    expect(code.parameters).toMatchObject({ steps: 8, initialPotential: 0 });
    expect(code.parameters.thresholds[relu]).toHaveLength(3);
    for (const wrong of ['tauRc=1', 'steps', 'balance=neuron']) {
      const { code: status, stderr } = await firstspike(...base, 'if', '--set', wrong);
      expect([status, stderr]).toEqual([2, expect.stringContaining(wrong.split('=')[0])]);
    }
  });

  test('leaves nothing but the file', async () => {
    const own = folder.path('own');
    mkdirSync(own);
    await succeed('convert', model, '--code', 'ttfs', '--calibrate', data, '-o', join(own, 'network'));
    expect(readdirSync(own)).toEqual(['network']);
  });

  test('prints its layers for people', async () => {
    const file = folder.path('people.safetensors');
    const { code, stdout } = await firstspike('convert', model, '--code', 'ttfs', '--calibrate', data, '-o', file);
    expect(code).toBe(0);
    expect(stdout).toContain(`written to ${file}`);
    expect(stdout).toMatch(new RegExp(`${relu}.*activation.*2x2x3`));
  });
});

describe.concurrent('eval', () => {
  test('measures accuracy, agreement, spikes and speed', async () => {
    const report = await succeed('eval', model, '--data', data, '--calibrate', data, '--batch', '8');
    expect(report).toMatchObject({
      code: 'ttfs',
      engine: 'layered',
      precision: 'f32',
      images: COUNT,
      agreement: 1,
      saturated: 0,
      macs: COUNT * 156,
      calibration: { data, images: COUNT },
    });
    expect(report.accuracy).toBe(report.annAccuracy);
    expect(report.imagesPerSecond).toBeGreaterThan(0);
    expect(report.layers.map(({ name }: { name: string }) => name)).toEqual(['x', relu, 'y-node']);
  });

  test('calibrates on the data itself where no other is given, and says so', async () => {
    const { code, stdout, stderr } = await firstspike('eval', model, '--data', data, '--json');
    expect([code, JSON.parse(stdout).calibration]).toEqual([0, { data, images: COUNT }]);
    expect(stderr).toContain(`Calibrating on ${data} itself`);
  });

  test('evaluates the part of the data that is asked for, in the way asked for', async () => {
    const part = ['--skip', '30', '--limit', '20', '--engine', 'event', '--precision', 'f64', '--threads', '2'];
    const report = await succeed('eval', saved, '--data', data, ...part);
    expect(report).toMatchObject({ code: 'ttfs', images: 10, engine: 'event', precision: 'f64' });
    expect(report).not.toHaveProperty('calibration');
    expect(await succeed('eval', saved, '--data', data, '--limit', '7')).toMatchObject({ images: 7 });
  });

  test('needs no labels', async () => {
    const report = await succeed('eval', saved, '--data', `idx:${folder.path('images.idx')}`);
    expect(report.agreement).toBe(1);
    expect(report).not.toHaveProperty('accuracy');
  });

  test('ends images early, if asked for, and tells what that saved', async () => {
    const digits = ['eval', DIGITS_MODEL, '--data', DIGITS, '--calibrate', TRAINING_DIGITS, '--limit', '50'];
    const [whole, part] = [await succeed(...digits), await succeed(...digits, '--early-exit')];
    expect([part.accuracy, part.agreement]).toEqual([whole.accuracy, whole.agreement]);
    expect(whole).not.toHaveProperty('earlyExits');
    expect(part.earlyExits.images).toBeGreaterThan(40);
    expect(part.synapticEvents + part.earlyExits.synapticEvents).toBe(whole.synapticEvents);
    const { stdout } = await firstspike(...digits, '--early-exit');
    expect(stdout).toMatch(/^early exits +[\d.]+ % of images; .* of the last window saved per image$/m);
    const refused = await firstspike(...digits, '--code', 'fs', '--early-exit');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot end early') });
  });

  test('prints tables for people', async () => {
    const { stdout } = await firstspike('eval', saved, '--data', data);
    expect(stdout).toMatch(/^ttfs, layered engine, f32$/m);
    expect(stdout).toMatch(/^images +40$/m);
    expect(stdout).toMatch(/^agreement +100\.00 %$/m);
  });
});

describe.concurrent('compare', () => {
  test('evaluates codes side by side, with settings of their own', async () => {
    const wanted = 'ttfs,fs:steps=4';
    const report = await succeed('compare', model, '--data', data, '--calibrate', data, '--codes', wanted);
    expect(report).toMatchObject({
      codes: [
        { code: 'ttfs', images: COUNT, agreement: 1, options: { zeta: 0.5 } },
        { code: 'fs', images: COUNT, options: { steps: 4 } },
      ],
      refused: [],
      calibration: { data, images: COUNT },
    });
  });
});

describe('demo', () => {
  test('runs ten thousand digits, and draws one', async () => {
    const drawing = folder.path('digit.svg');
    const report = await succeed('demo', '-o', drawing);
    expect(report).toMatchObject({ images: 10_000, raster: drawing, code: 'ttfs' });
    expect(report.accuracy).toBeGreaterThan(0.995);
    expect(report.agreement).toBeGreaterThanOrEqual(0.9999);
    expect(report.spikesPerNeuron).toBeLessThanOrEqual(0.3);
    expect(readFileSync(drawing, 'utf8')).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
  }, 60_000);
});

describe.concurrent('the program', () => {
  test('explains itself', async () => {
    const { code, stdout, stderr } = await firstspike('--help');
    expect([code, stderr]).toEqual([0, '']);
    for (const name of ['demo', 'inspect', 'run', 'convert', 'eval', 'compare', 'fit'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  test.each(['demo', 'inspect', 'run', 'convert', 'eval', 'compare', 'fit'])('explains %s', async (name) => {
    const { code, stdout, stderr } = await firstspike(name, '--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: firstspike ${name} `));
    expect(stdout).toContain('--json');
  });

  test('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await firstspike('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends with 1 at %s, and leaves nothing behind', async (signal) => {
    const many = folder.path(`${signal}.npy`);
    const output = folder.path(`${signal}-logits.npy`);
    await writeNpy(many, { data: new Float32Array(200_000 * 16).fill(0.5), shape: [200_000, 1, 4, 4] });
    const options = ['--code', 'ttfs', '--engine', 'event', '--threads', '1', '--calibrate-limit', '200000'];
    const { process, outcome } = start(['run', model, '--input', many, ...options, '-o', output, '--json']);
    await new Promise((resolve) => process.stderr?.once('data', resolve));
    process.kill(signal);
    const { code, stdout, stderr } = await outcome;
    expect(code, stderr).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'INTERRUPTED', message: 'Interrupted.', problems: [] } });
    expect(existsSync(output)).toBe(false);
  });

  test('does not mind that nobody reads what it prints', async () => {
    const { process, outcome } = start(['inspect', model]);
    process.stdout?.destroy();
    expect((await outcome).code).toBe(0);
  });
});
