/** Any network that a code can express: both engines run it, and tell the same. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CodeName, codes } from '../../src/codes/index.js';
import { lower } from '../../src/codes/lower.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import { ConvertError } from '../../src/errors.js';
import { shapeOf } from '../../src/graph/graph.js';
import { samples } from './networks.js';
import { largest, largestDifference } from './spikes.js';

/** Gates need not be good to be run: a quick fit will do. */
const QUICK: Partial<Record<CodeName, object>> = {
  fs: { steps: 4, restarts: 1 },
  amos: { steps: 4, restarts: 1 },
};

describe.each(Object.keys(codes) as CodeName[])('in the code %s', (code) => {
  test('any network runs alike in both engines, or is refused with all that is in the way', async () => {
    let ran = 0;
    await fc.assert(
      fc.asyncProperty(samples({ smooth: true }), async ({ graph, images }) => {
        const shape = shapeOf(graph, graph.input);
        const batch = {
          data: Float64Array.from(images.flatMap((image) => [...image])),
          shape: [images.length, ...shape],
        };
        const calibration = await calibrate(graph, [batch]);
        const problems = codes[code].unsupported(lower(graph));
        if (problems.length > 0) {
          const error = await convert(graph, { ...QUICK[code], code, calibration } as ConvertOptions).catch(
            (thrown) => thrown,
          );
          expect(error).toBeInstanceOf(ConvertError);
          expect(error).toMatchObject({ code: 'CODE_UNSUPPORTED', problems });
          return;
        }
        const network = await convert(graph, { ...QUICK[code], code, calibration } as ConvertOptions);
        const [layered, event] = await Promise.all(
          (['layered', 'event'] as const).map((engine) => network.run(batch, { engine, precision: 'f64' })),
        );
        const scale = Math.max(1, largest(event.logits.data));
        expect(largestDifference(layered.logits.data, event.logits.data) / scale).toBeLessThan(1e-9);
        ran++;
      }),
      { numRuns: 150 },
    );
    expect(ran).toBeGreaterThan(20);
  });
});
