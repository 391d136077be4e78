/** `firstspike tune`, and `compare --within`. */

import { describe, expect, test } from 'vitest';
import type { CodeReport } from '../../src/evaluate/compare.js';
import type { Tuned } from '../../src/evaluate/tune.js';
import { temporaryFolder } from '../data/support.js';
import { fail, firstspike, smallImages, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
const model = folder.write('small.onnx', smallModel());
const data = smallImages(folder);

describe.concurrent('tune', () => {
  const tune = ['tune', model, '--data', data];

  test('saves the network that it has measured', async () => {
    const out = folder.path('tuned.safetensors');
    const { met, best }: Tuned = await succeed(...tune, '--code', 'fs', '--within', '5', '--out', out);
    expect(met).toBe(true);
    const found = await succeed('eval', out, '--data', data);
    expect(found).toMatchObject({ accuracy: best.accuracy, agreement: best.agreement });
  });

  test('prints what it chose, and the settings of single layers as options', async () => {
    const { code, stdout, stderr } = await firstspike(...tune, '--code', 'quartz', '--within', '10');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/within 10 points with steps=\d+/);
    expect(stdout).toMatch(/\* is the one chosen/);
  });

  test('needs a code, and one that can be tuned', async () => {
    await fail(2, ...tune);
    const { problems } = await fail(2, ...tune, '--code', 'ann');
    expect(problems[0].message).toContain('nothing to tune');
  });
});

describe.concurrent('compare --within', () => {
  const compare = ['compare', model, '--data', data, '--codes', 'ann,fs,if', '--within', '5'];

  test('tunes each code first, and tells differences with their confidence', async () => {
    const { codes, tuned } = await succeed(...compare, '--calibrate', data);
    expect(tuned.map(({ code }: Tuned) => code)).toEqual(['fs', 'if']);
    const [ann, fs, integrate]: CodeReport[] = codes;
    expect([ann.against, fs.against]).toEqual([undefined, undefined]);
    expect(fs.options).toMatchObject(tuned[0].best.options);
    const { accuracy, spikes, synapticEvents } = integrate.against ?? {};
    expect(integrate.against?.other).toBe(1);
    expect(accuracy?.mean).toBeCloseTo((integrate.accuracy ?? 0) - (fs.accuracy ?? 0), 12);
    expect(synapticEvents?.mean).toBeCloseTo((integrate.synapticEvents - fs.synapticEvents) / fs.images, 9);
    expect(spikes?.low).toBeLessThanOrEqual(spikes?.mean ?? Number.NaN);
    const { stdout } = await firstspike(...compare, '--calibrate', data);
    expect(stdout).toMatch(/Differences from fs .*95 % confidence/);
    expect(stdout).toMatch(/fs: within 5 points on the \d+ images/);
  });

  test('asks for images to tune on', async () => {
    const { problems } = await fail(2, ...compare);
    expect(problems[0].remedy).toContain('--tune-on');
  });
});
