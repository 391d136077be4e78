/** The command `fit`, and what conversions take of gates. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { encodeIdx, temporaryFolder } from '../data/support.js';
import { node } from '../support/onnx-model.js';
import { fail, firstspike, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
const pixels = Uint8Array.from({ length: 320 }, (_, i) => (i * 37) % 256);
const data = `idx:${folder.write('images.idx', encodeIdx([20, 4, 4], pixels))}`;
const nodes = [
  node('Conv', 'x w b', 'a'),
  node('Sigmoid', 'a', 'c'),
  node('Flatten', 'c', 'f'),
  node('Gemm', 'f m', 'y', { transB: 1 }),
];
const model = folder.write('sigmoid.onnx', smallModel({ nodes }));
const quick = ['--steps', '4', '--restarts', '1'];

describe.concurrent('fit', () => {
  test('finds a gate, prints it and writes it', async () => {
    const file = folder.path('silu.json');
    const importance = ['--importance', 'gaussian:0,1', '--price', '0.01', '--seed', '3'];
    const found = await succeed('fit', '--function', 'silu', '--range=-4,6', ...importance, ...quick, '-o', file);
    expect(found).toMatchObject({
      ...{ function: 'silu', code: 'fs', settings: { steps: 4, price: 0.01, restarts: 1, seed: 3 } },
      gate: { range: [-4, 6], initial: 0 },
    });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(found);
    const { stdout } = await firstspike('fit', '--function', 'tanh', '--code', 'amos', '--bits', '6', ...quick);
    expect(stdout).toMatch(/^tanh on -8 to 8, amos, K = 4$/m);
    expect(stdout).toMatch(/^grids +6 bits/m);
  });

  test('takes function, range and importance from a layer', async () => {
    const found = await succeed('fit', '--model', model, '--layer', 'c-node', '--calibrate', data, ...quick);
    expect(found.function).toBe('sigmoid');
    expect(found.gate.range[1] - found.gate.range[0]).toBeLessThan(5);
  });

  test.each<[string, string[], RegExp]>([
    ['no function', [], /no function is named/],
    ['an unknown function', ['--function', 'arctan'], /no function "arctan"/],
    ['an empty range', ['--function', 'silu', '--range=1,1'], /from 1 to 1/],
    ['too many steps', ['--function', 'silu', '--steps', '40'], /40 steps/],
    ['a layer that is not there', ['--model', model, '--layer', 'none'], /no such layer/],
    ['no images', ['--model', model, '--layer', 'c-node'], /nothing to measure/],
    ['a deviation of zero', ['--function', 'silu', '--importance', 'gaussian:0,0'], /above zero/],
  ])('refuses %s', async (_, args, message) => {
    expect((await fail(2, 'fit', ...args)).message).toMatch(message);
  });
});

describe.concurrent('gates of conversions', () => {
  const convert = ['eval', model, '--data', data, '--calibrate', data];

  test('are fitted, shipped or published', async () => {
    for (const options of [
      ['--price', '0.001', ...quick.slice(0, 2)],
      ['--gates', 'shipped'],
      ['--gates', 'published'],
    ]) {
      expect(await succeed(...convert, '--code', 'fs', ...options)).toMatchObject({ code: 'fs', images: 20 });
    }
    expect(await succeed(...convert, '--code', 'amos', '--product', 'exact')).toMatchObject({ code: 'amos' });
  });

  test('are warned of where they clip, and refused where there are none', async () => {
    const clipped = /c-node: the range clips \d+\.\d % of what calibration has seen\. Choose a percentile/;
    const { stdout, stderr } = await firstspike(...convert, '--code', 'fs', '--percentile', '70', '--json');
    expect(stderr).toMatch(clipped);
    expect(JSON.parse(stdout).warnings).toMatchObject([
      { layer: 'c-node', remedy: expect.stringMatching(/percentile/) },
    ]);
    const compared = await firstspike('compare', ...convert.slice(1), '--codes', 'fs:percentile=70');
    expect(compared.stdout).toMatch(clipped);
    expect(compared.stderr).not.toMatch(/Warning/);
    const { problems } = await fail(2, ...convert, '--code', 'amos', '--gates', 'published');
    expect(problems).toMatchObject([{ layer: 'c-node', remedy: expect.stringMatching(/fitted or shipped/) }]);
    expect((await fail(2, ...convert, '--code', 'fs', '--product', 'exact')).message).toMatch(/no product/);
  });
});
