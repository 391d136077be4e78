import { beforeAll, describe, expect, test } from 'vitest';
import type { Calibration } from '../../src/codes/calibration.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import { evaluate, type LabelledBatch } from '../../src/evaluate/evaluate.js';
import { isTunable, type Trial, tune } from '../../src/evaluate/tune.js';
import type { Graph } from '../../src/graph/graph.js';
import { expectError } from '../data/support.js';
import { readDigits } from '../support/digits.js';

const IMAGES = 128;

let graph: Graph;
let calibration: Calibration;
let images: LabelledBatch[];

beforeAll(async () => {
  ({ graph, calibration, images } = await readDigits(IMAGES, 64));
});

describe('tune', () => {
  test.each(['ttfs', 'fs', 'quartz', 'if', 'lif'] as const)(
    '%s keeps within the loss, and says what it measured',
    async (code) => {
      const trials: Trial[] = [];
      const within = 0.02;
      const tuned = await tune(graph, images, { code, calibration, within, onTrial: (trial) => trials.push(trial) });
      expect(tuned.met).toBe(true);
      expect(tuned.best.loss).toBeLessThanOrEqual(within);
      expect(tuned.trials).toEqual(trials);
      expect(tuned.images).toBe(IMAGES);
      const network = await convert(graph, {
        code,
        calibration,
        ...tuned.best.options,
        onWarning() {},
      } as ConvertOptions);
      const { accuracy, annAccuracy, agreement, spikesPerNeuron } = await evaluate(network, images, {
        throughputSeconds: 0,
      });
      expect(tuned.best).toMatchObject({ accuracy, agreement, loss: (annAccuracy ?? 0) - (accuracy ?? 0) });
      expect(tuned.best.spikesPerNeuron).toBeCloseTo(spikesPerNeuron, 12);
      // What was closest among all that is cheaper by its ladder lost more.
      const option = code === 'ttfs' ? 'zeta' : 'steps';
      const rung = (trial: Trial) => (trial.options as Record<string, number>)[option];
      for (const value of new Set(trials.map(rung))) {
        const alike = trials.filter((trial) => rung(trial) === value);
        const closest = alike.reduce((one, other) => (other.logits < one.logits ? other : one));
        if (value < rung(tuned.best)) expect(closest.loss).toBeGreaterThan(within);
      }
    },
  );

  test('the Pareto table has no setting that another beats', async () => {
    const { pareto, trials } = await tune(graph, images, { code: 'fs', calibration, within: 0 });
    const beats = (a: Trial, b: Trial) =>
      a.loss <= b.loss &&
      a.spikesPerNeuron <= b.spikesPerNeuron &&
      a.latency <= b.latency &&
      (a.loss < b.loss || a.spikesPerNeuron < b.spikesPerNeuron || a.latency < b.latency);
    for (const trial of pareto) expect(trials.some((other) => beats(other, trial))).toBe(false);
    for (const trial of trials.filter((one) => !pareto.includes(one))) {
      const equal = (other: Trial) => other.loss === trial.loss && other.spikesPerNeuron === trial.spikesPerNeuron;
      expect(pareto.some((other) => beats(other, trial) || equal(other))).toBe(true);
    }
  });

  test('single layers get fewer steps than all together can', async () => {
    const { best } = await tune(graph, images, { code: 'fs', calibration, within: 0.01 });
    const { steps = 0, layerSteps = {} } = best.options as { steps?: number; layerSteps?: Record<string, number> };
    for (const own of Object.values(layerSteps)) expect(own).toBeLessThan(steps);
    expect(best.latency).toBeLessThanOrEqual(4 * steps);
  });

  test('what is given stays', async () => {
    const fixed = { phases: 'two', bias: 'weight', input: 'shifted' } as const;
    const given = { steps: 24, ...fixed, percentile: 99.5 };
    const { trials, met } = await tune(graph, images, { code: 'quartz', calibration, options: given, within: 0.05 });
    expect(met).toBe(true);
    expect(trials.map(({ options }) => options)).toEqual([given]);
  });

  test('without labels it keeps the agreement', async () => {
    const unlabelled = images.map(({ data, shape }) => ({ data, shape }) as LabelledBatch);
    const { best, annAccuracy } = await tune(graph, unlabelled, { code: 'if', calibration, within: 0.03 });
    expect(annAccuracy).toBeUndefined();
    expect(best.loss).toBeCloseTo(1 - best.agreement, 12);
    expect(best.loss).toBeLessThanOrEqual(0.03);
  });

  test('a loss that cannot be met is said', async () => {
    const options = { steps: 2 };
    const { met, best, trials } = await tune(graph, images, { code: 'quartz', calibration, options, within: 0 });
    expect(met).toBe(false);
    // All cost the same: labels of few images tell less than logits.
    expect(best.logits).toBe(Math.min(...trials.map(({ logits }) => logits)));
  });

  test('refuses what there is nothing to tune about, and losses that are none', async () => {
    expect(isTunable('ann')).toBe(false);
    await expectError('OPTION_INVALID', () => tune(graph, images, { code: 'ann' }));
    for (const within of [-0.1, 1, Number.NaN]) {
      await expectError('OPTION_INVALID', () => tune(graph, images, { code: 'if', calibration, within }));
    }
  });
});
