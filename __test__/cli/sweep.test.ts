/** `firstspike sweep`. */

import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/support.js';
import { fail, firstspike, smallImages, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
const model = folder.write('small.onnx', smallModel());
const data = smallImages(folder);
const saved = folder.path('saved.safetensors');

beforeAll(() => succeed('convert', model, '--code', 'ttfs', '--calibrate', data, '-o', saved));

describe.concurrent('sweep', () => {
  const sweep = ['sweep', model, '--data', data];

  test('evaluates each value in several trials', async () => {
    const args = [...sweep, '--trials', '3', '--limit', '20', '--noise', 'jitter=0,0.3', '--noise', 'timeLevels=off,2'];
    const { sweeps, calibration } = await succeed(...args);
    expect(calibration).toEqual({ data, images: 20 });
    const found = sweeps.map(({ knob, points }: { knob: string; points: { value: number; trials: number }[] }) => [
      knob,
      ...points.map(({ value, trials }) => [value, trials]),
    ]);
    expect(found).toEqual([
      ['jitter', [0, 1], [0.3, 3]],
      ['timeLevels', [0, 1], [2, 1]],
    ]);
    for (const { code, images: count, points } of sweeps) {
      expect([code, count, points[0].agreement.mean]).toEqual(['ttfs', 20, 1]);
    }
    expect(await succeed(...args, '--threads', '1')).toEqual({ warnings: [], sweeps, calibration });
  });

  test('varies an option of the code, from which the others keep what was given', async () => {
    const { sweeps } = await succeed(...sweep, '--code', 'fs', '--rounding', 'down', '--vary', 'steps=2,12');
    const [few, many] = sweeps[0].points;
    expect([few.value, many.value, sweeps[0].code]).toEqual([2, 12, 'fs']);
    const eight = await succeed('eval', model, '--data', data, '--code', 'fs', '--rounding', 'down', '--steps', '2');
    expect(few.spikesPerNeuron.mean).toBe(eight.spikesPerNeuron);
  });

  test('prints tables and draws', async () => {
    const output = folder.path('curve.svg');
    const noise = ['--noise', 'loss=0,0.5', '--noise', 'weightBits=off,4', '--trials', '2'];
    const { code, stdout, stderr } = await firstspike('sweep', saved, '--data', data, ...noise, '-o', output);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^ttfs on 40 images; the original network is right on \d+\.\d\d %$/m);
    expect(stdout).toMatch(/^0 +\d+\.\d\d % +100\.00 % +\d\.\d{3} +1$/m);
    expect(stdout).toMatch(/^0\.5 +\d+\.\d\d ± \d+\.\d\d % .* 2$/m);
    expect(stdout).toMatch(/^off /m);
    expect(stdout).toContain(`drawn in ${output}`);
    const svg = readFileSync(output, 'utf8');
    for (const text of [
      'accuracy',
      'agreement',
      'spikes per neuron',
      'original',
      'share of spikes that are lost',
      'off',
    ]) {
      expect(svg).toContain(`>${text}</text>`);
    }
  });

  test('tells the unit of jitter, which depends on the code', async () => {
    const draw = async (code: string) => {
      const output = folder.path(`${code}.svg`);
      await succeed(...sweep, '--code', code, '--noise', 'jitter=0,1', '--trials', '1', '-o', output);
      return readFileSync(output, 'utf8');
    };
    expect(await draw('ttfs')).toContain('standard deviation of spike times (windows)');
    expect(await draw('quartz')).toContain('standard deviation of spike times (steps)');
  });

  test.each([
    ['nothing to vary', []],
    ['an unknown knob', ['--noise', 'fog=1']],
    ['an unknown option', ['--vary', 'steps=1']],
    ['a value out of domain', ['--noise', 'loss=2']],
    ['no values', ['--noise', 'loss=']],
    ['no name', ['--noise', '=1']],
    ['words', ['--noise', 'loss=some']],
    ['no trials', ['--noise', 'loss=1', '--trials', '0']],
  ])('refuses %s', async (_, args) => {
    const output = folder.path('never.svg');
    await fail(2, ...sweep, ...args, '-o', output);
    expect(existsSync(output)).toBe(false);
  });

  test('cannot vary a saved network', async () => {
    const { problems } = await fail(2, 'sweep', saved, '--data', data, '--vary', 'zeta=1');
    expect(problems[0].message).toContain('saved');
  });
});
