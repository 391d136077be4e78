/** `firstspike compare`. */

import { describe, expect, test } from 'vitest';
import { parseCodes } from '../../src/cli/compare.js';
import { codes } from '../../src/codes/index.js';
import { expectError, temporaryFolder } from '../data/support.js';
import { node, tensor } from '../support/onnx-model.js';
import { fail, firstspike, smallImages, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
const model = folder.write('small.onnx', smallModel());
const data = smallImages(folder);

describe.concurrent('compare', () => {
  test('compares all codes on the same images', async () => {
    const { codes: reports, refused, calibration } = await succeed('compare', model, '--data', data, '--limit', '30');
    expect(reports.map(({ code }: { code: string }) => code)).toEqual(Object.keys(codes));
    expect(refused).toEqual([]);
    expect(calibration).toEqual({ data, images: 30 });
    for (const report of reports) {
      expect(report).toMatchObject({ images: 30, annAccuracy: reports[0].accuracy });
      for (const figure of [
        'accuracy',
        'agreement',
        'spikesPerNeuron',
        'synapticEvents',
        'memoryReads',
        'energyRatio',
      ]) {
        expect(report[figure], figure).toBeTypeOf('number');
      }
      expect(report.imagesPerSecond).toBeGreaterThan(0);
      expect(report.timing === undefined).toBe(report.code === 'ann');
    }
  });

  test('prints a table', async () => {
    const wanted = 'ann,ttfs,fs:steps=6,amos:steps=6:rounding=down';
    const { code, stdout, stderr } = await firstspike('compare', model, '--data', data, '--codes', wanted);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^40 images, calibrated on 40 of idx:/);
    expect(stdout).toMatch(/^ann .* 156 MACs /m);
    expect(stdout).toMatch(/^ttfs .* 100\.00 % .*\(2 windows\)/m);
    expect(stdout).toMatch(/^fs steps=6 .* 6 steps +6 steps /m);
    expect(stdout).toMatch(/^amos steps=6 rounding=down: 6 neurons and \d\.\d+ spikes for each activation\.$/m);
    expect(stderr).toContain('--calibrate names other data');
  });

  test('lists codes that cannot express the model', async () => {
    const nodes = [node('Conv', 'x w', 'a'), node('Sigmoid', 'a', 'b'), node('Conv', 'b v', 'y')];
    const initializers = [tensor('w', [3, 1, 1, 1], 1), tensor('v', [2, 3, 1, 1], 1)];
    const path = folder.write('sigmoid.onnx', smallModel({ nodes, initializers }));
    const args = ['compare', path, '--data', `idx:${folder.path('images.idx')}`, '--codes', 'ttfs,ann'];
    expect((await succeed(...args)).refused).toMatchObject([{ code: 'ttfs', problems: [{ op: 'sigmoid' }] }]);
    const { stdout } = await firstspike(...args);
    expect(stdout).toMatch(/^ttfs cannot express the network:\n {2}b-node: /m);
    expect((await fail(1, ...args.with(-1, 'ttfs,quartz'))).code).toBe('CODE_UNSUPPORTED');
  });

  test('refuses codes and settings that do not exist', async () => {
    const { code, problems } = await fail(
      2,
      'compare',
      model,
      '--data',
      data,
      '--codes',
      'fs:speed=1,spike,quartz:steps=1',
    );
    expect([code, problems.length]).toEqual(['OPTION_INVALID', 2]);
    expect((await fail(2, 'compare', model, '--data', data, '--codes', 'quartz:steps=1')).problems.length).toBe(1);
  });
});

describe('parseCodes', () => {
  test('reads names with settings of any kind', () => {
    expect(parseCodes('ttfs, fs:steps=6:rounding=down,quartz:latch=true:normalise=false,ttfs:zeta=-0.25')).toEqual([
      { code: 'ttfs' },
      { code: 'fs', steps: 6, rounding: 'down' },
      { code: 'quartz', latch: true, normalise: false },
      { code: 'ttfs', zeta: -0.25 },
    ]);
  });

  test.each([
    ['', 1],
    ['ann,', 1],
    ['ann:steps=1', 1],
    ['fs:steps', 1],
    ['fs:steps=', 1],
    ['fs:steps=six:rounding', 2],
    ['fs:layerPercentiles=1', 1],
    ['fs:__proto__=1', 1],
    ['quartz:latch=yes,ttfs:zeta=NaN', 2],
    ['toString', 1],
  ])('refuses "%s"', async (text, count) => {
    const { problems } = await expectError('OPTION_INVALID', () => parseCodes(text));
    expect(problems.length).toBe(count);
  });
});
