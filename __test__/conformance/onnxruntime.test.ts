/** The analog twin, against ONNX Runtime, on real networks and images. */

import { expect, test } from 'vitest';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { largest, largestDifference } from '../codes/spikes.js';
import { describeWithData } from '../support/data.js';
import { first, LOGITS, load, NETWORKS } from './networks.js';

test('every network has logits to compare with', () => {
  expect(Object.keys(LOGITS).sort()).toEqual(Object.keys(NETWORKS).sort());
});

describeWithData('the twin computes what ONNX Runtime computes', () => {
  test.each(Object.keys(NETWORKS))('for %s', async (name) => {
    const { graph, test: images } = await load(name);
    const twin = new SpikingNetwork(graph, 'ann', {});
    const expected = LOGITS[name].flat();
    const batch = await first(await images(), LOGITS[name].length);
    for (const precision of ['f32', 'f64'] as const) {
      const { logits } = await twin.run(batch, { precision });
      expect(logits.data.length).toBe(expected.length);
      expect(largestDifference(logits.data, expected) / largest(expected), precision).toBeLessThan(1e-4);
    }
  });
});
