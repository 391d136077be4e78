/** Time to first spike on the chip, on a grid of times. */

import { expect, it } from 'vitest';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { elements } from '../../src/graph/graph.js';
import { encodeImages, scores } from '../../src/loihi/program.js';
import { simulateChip } from '../../src/loihi/simulate.js';
import { discretiseTtfs } from '../../src/loihi/ttfs.js';
import { correlation } from '../support/correlation.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

it.each([16, 64])('has potentials that are the outputs of the network: %i levels', async (levels) => {
  const builder = new GraphBuilder([1, 6, 6]).conv(3, { kernel: [3, 3] }, 4).relu();
  builder.conv(4, { kernel: [3, 3] }, 11).relu();
  const graph = builder
    .reshape([elements(builder.shape())])
    .dense(6, 'out-in', 5)
    .build();
  const count = 8;
  const data = Float32Array.from(numbers(count * 36, 21));
  const batch = { data, shape: [count, 1, 6, 6] };
  const calibration = await calibrate(graph, [batch]);
  const network = await convert(graph, { code: 'ttfs', calibration, zeta: 0 });
  const program = discretiseTtfs(network, { steps: levels });
  // Two layers behind the image with windows of their own, and the steps until the last one's inputs have arrived.
  expect(program.steps).toBe(1 + 2 * (levels + 2) + levels + 2);
  const run = await simulateChip(program.network, encodeImages(program, { data, count }), { steps: program.steps });
  const { logits } = await network.run(batch);
  expect(correlation(scores(program, run), logits.data)).toBeGreaterThan(levels === 16 ? 0.99 : 0.999);
  for (const { overflows } of run.counts) expect(overflows.every((n) => n === 0)).toBe(true);
});
