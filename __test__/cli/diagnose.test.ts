/** `firstspike diagnose`. */

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/support.js';
import { fail, firstspike, smallImages, smallModel, succeed } from './support.js';

const folder = temporaryFolder();
const model = folder.write('small.onnx', smallModel());
const data = smallImages(folder);
const diagnose = ['diagnose', model, '--data', data];

describe.concurrent('diagnose', () => {
  test('names a layer that is too coarse, and mends it', async () => {
    const { nodes } = await succeed('inspect', model);
    const names: string[] = nodes.map(({ name }: { name: string }) => name);
    const first = await succeed(...diagnose, '--code', 'fs');
    const [layer] = first.layers.map(({ name }: { name: string }) => name);
    expect(names).toContain(layer);
    const out = folder.path('mended.safetensors');
    const args = [...diagnose, '--code', 'fs', '--steps', `${layer}=2`, '--fix', '--out', out];
    const { findings, output, fixed } = await succeed(...args);
    expect(findings[0].layer).toBe(layer);
    expect(findings[0].cost).toBeGreaterThan(0.01);
    expect(Object.keys(fixed.options).length).toBeGreaterThan(0);
    expect(fixed.diagnosis.output.logits).toBeLessThan(output.logits / 2);
    // The network that was saved is the one that was measured.
    const again = await succeed('diagnose', out, '--data', data);
    expect(again.output).toEqual(fixed.diagnosis.output);
  });

  test('finds nothing in an exact code, and then writes nothing', async () => {
    const out = folder.path('none.safetensors');
    const { code, stdout, stderr } = await firstspike(...diagnose, '--code', 'ttfs', '--fix', '--out', out);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Nothing was found that costs much.');
    expect(stderr).toContain('was not written');
    expect(existsSync(out)).toBe(false);
  });

  test('prints a table with each finding and its remedy', async () => {
    const { code, stdout } = await firstspike(...diagnose, '--code', 'quartz', '--steps', '4');
    expect(code).toBe(0);
    expect(stdout).toMatch(/error of the logits/);
    expect(stdout).toMatch(/1\. .*\n {3}Costs .* %.* of the logits.*--/);
  });

  test('refuses a layer that there is not', async () => {
    const { problems } = await fail(2, ...diagnose, '--code', 'fs', '--steps', 'nowhere=3');
    expect(problems[0]).toMatchObject({ layer: 'nowhere' });
  });
});
