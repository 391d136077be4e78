/** What the command `map` prints and writes. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/support.js';
import { COUNT, fail, firstspike, smallImages, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
folder.write('small.onnx', smallModel());
const model = folder.path('small.onnx');
const images = smallImages(folder);

describe.concurrent('map', () => {
  test('tells cores, bound, layers and limits', async () => {
    const report = await succeed('map', model, '--code', 'if', '--chip', 'loihi1');
    expect(report).toMatchObject({ chip: 'loihi1', cores: 1, lowerBound: 1, chips: 1 });
    expect(report.layers.map(({ cores }: { cores: number }) => cores)).toEqual([1, 1, 1]);
    expect(report.limits.map(({ name }: { name: string }) => name)).toContain('synapseWords');
    for (const { limit, most } of report.limits) expect(most).toBeLessThanOrEqual(limit);
    expect(report).not.toHaveProperty('layout');
  });

  test('prints a table, and draws the cores', async () => {
    const picture = folder.path('cores.svg');
    const { code, stdout } = await firstspike('map', model, '--svg', picture);
    expect(code).toBe(0);
    expect(stdout).toContain('1 core of 1 chip');
    expect(stdout).toMatch(/layer +compartments +cores +grid/);
    expect(readFileSync(picture, 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
  });

  test('runs images in the integers of the chip, and estimates what they take', async () => {
    for (const code of ['if', 'lif', 'quartz', 'ttfs', 'fs', 'amos']) {
      const report = await succeed('map', model, '--code', code, '--data', images);
      expect(report).toMatchObject({ cores: expect.any(Number), images: COUNT, overflows: 0 });
      for (const costs of ['davies2018', 'sana-fe']) {
        const { total, dynamic, static: standing, reset, product } = report.energy[costs];
        expect(dynamic.synapses + dynamic.compartments + dynamic.network).toBeCloseTo(dynamic.total, 3);
        expect(dynamic.total + standing + reset).toBeCloseTo(total, 3);
        const { image, step, throughput } = report.latency[costs];
        expect(step * report.steps).toBeCloseTo(image, 3);
        expect(throughput * image).toBeCloseTo(1e9, 0);
        expect(product / ((total * image) / 1e9)).toBeCloseTo(1, 6);
      }
    }
    const { stdout } = await firstspike('map', model, '--code', 'quartz', '--data', images);
    expect(stdout).toMatch(/40 images of \d+ steps each/);
    expect(stdout).toContain('SANA-FE 2.2.9, fitted to silicon');
  });

  test('refuses settings that only images give a meaning', async () => {
    const { message } = await fail(2, 'map', model, '--steps', '16');
    expect(message).toContain('need images');
  });

  test('refuses boards that the chip has not', async () => {
    const { problems } = await fail(2, 'map', model, '--board', 'hala-point');
    expect(problems[0].remedy).toContain('kapoho-bay');
  });

  test('refuses limits that there are not, and takes others than those of the chip', async () => {
    await fail(2, 'map', model, '--core', 'wings=2');
    await fail(2, 'map', model, '--core', 'compartments=none');
    const { cores } = await succeed('map', model, '--core', 'compartments=8');
    expect(cores).toBeGreaterThan(3);
  });
});
