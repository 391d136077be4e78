/** `firstspike eval --resume`. */

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/support.js';
import { DIGITS, DIGITS_MODEL, TRAINING_DIGITS } from '../support/digits.js';
import { fail, firstspike, start, succeed } from './support.js';

const folder = temporaryFolder();
const data = DIGITS;
const train = TRAINING_DIGITS;
const evaluation = ['eval', DIGITS_MODEL, '--code', 'quartz', '--steps', '8', '--data', data];
const args = [...evaluation, '--calibrate', train, '--calibrate-limit', '100', '--threads', '1'];

describe.concurrent('an evaluation that was killed', () => {
  test('goes on where it stopped, and finds the same', async () => {
    const file = folder.path('checkpoint.json');
    const resumed = [...args, '--engine', 'event', '--limit', '6000', '--resume', file];
    const { process, outcome } = start([...resumed, '--json']);
    while (!existsSync(file)) await setTimeout(10);
    await setTimeout(1200);
    process.kill('SIGKILL');
    const { code } = await outcome;
    expect(code, 'it was still running').not.toBe(0);
    const { state } = JSON.parse(readFileSync(file, 'utf8'));
    expect(state.counters.images).toBeGreaterThan(0);
    expect(state.counters.images).toBeLessThan(6000);

    // Other settings are another evaluation.
    const { problems } = await fail(2, ...args, '--resume', file);
    expect(problems[0]).toMatchObject({ file });
    expect(problems[0].message).toContain('another evaluation');

    const { stdout, stderr } = await firstspike(...resumed, '--json');
    expect(stderr).toContain(`Going on behind the ${state.counters.images} images`);
    const whole = await succeed(...args, '--engine', 'event', '--limit', '6000');
    const figures = ({ imagesPerSecond, ...others }: Record<string, unknown>) => others;
    expect(figures(JSON.parse(stdout))).toEqual(figures(whole));
    expect(existsSync(file)).toBe(false);
    // Spike by spike, thousands of images take a while on a busy machine.
  }, 120_000);

  test('is not confused with other files', async () => {
    const { problems } = await fail(2, ...args, '--resume', folder.write('other.json', Buffer.from('{}')));
    expect(problems[0].message).toContain('no checkpoint');
    const nowhere = await fail(1, ...args, '--limit', '10', '--resume', folder.path('nowhere/file.json'));
    expect(nowhere.code).toBe('FILE_UNREADABLE');
  });

  test('needs images that are independent', async () => {
    const sequence = ['--code', 'lif', '--set', 'reset=never', '--data', data, '--calibrate', train];
    const { problems } = await fail(2, 'eval', DIGITS_MODEL, ...sequence, '--resume', folder.path('x.json'));
    expect(problems[0].message).toContain('keeps its state');
  });
});
