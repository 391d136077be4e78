/** What the command `map` prints and writes. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/support.js';
import { fail, firstspike, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
folder.write('small.onnx', smallModel());
const model = folder.path('small.onnx');

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

  test('refuses boards that the chip has not', async () => {
    const { problems } = await fail(2, 'map', model, '--board', 'hala-point');
    expect(problems[0].remedy).toContain('kapoho-bay');
  });
});
