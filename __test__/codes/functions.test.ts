/** What codes make of activation functions other than ReLU: exact, a limit, a gate, or a refusal that names the node. */

import { describe, expect, test } from 'vitest';
import { type CodeName, codes } from '../../src/codes/index.js';
import { lower } from '../../src/codes/lower.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { type ConvertOptions, convert } from '../../src/convert/convert.js';
import { ConvertError } from '../../src/errors.js';
import { activations } from '../../src/graph/activations.js';
import type { ActivationFunction, Graph } from '../../src/graph/graph.js';
import { ACTIVATION_PARAMETERS } from '../../src/graph/graph.js';
import { simplify } from '../../src/graph/passes/index.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

const FUNCTIONS = Object.keys(activations) as ActivationFunction[];
const PARAMETERS: Partial<Record<ActivationFunction, readonly number[]>> = {
  'clipped-relu': [1.5],
  elu: [0.5],
  quantize: [0.125, 0, 15],
};

/** An image, a function of its convolution, and a convolution that reads it. */
function network(fn: ActivationFunction, parameters = PARAMETERS[fn]): Graph {
  const graph = new GraphBuilder([2, 5, 5])
    .conv(3, { kernel: [3, 3] }, 3)
    .affine([0.25, 0.25, 0.25], [0, 0, 0])
    .add({ op: 'Activation', fn, ...(parameters && { parameters }) })
    .conv(4, { kernel: [3, 3] }, 5)
    .build();
  return simplify(graph);
}

/** Not negative: in quartz, what is comes after partial sums have been read. */
const image = { data: numbers(50, 8).map(Math.abs), shape: [1, 2, 5, 5] };

/** How far the function's values are from those of the original, relative to the largest. */
async function errorOf(graph: Graph, options: ConvertOptions): Promise<number> {
  const calibration = await calibrate(graph, [image]);
  const converted = await convert(graph, { ...options, calibration } as ConvertOptions);
  const { original } = await converted.run(image, { precision: 'f64', compare: true });
  const { max } = original?.differences.find(({ name }) => name === 'Activation2') ?? { max: Number.NaN };
  const { min, max: most } = calibration.layers.get('Activation2') ?? { min: 0, max: 1 };
  return max / Math.max(most, -min);
}

test('parameters of functions have names', () => {
  for (const fn of FUNCTIONS) expect(PARAMETERS[fn]?.length ?? 0).toBe(ACTIVATION_PARAMETERS[fn]?.length ?? 0);
});

describe.each(FUNCTIONS)('%s', (fn) => {
  const graph = network(fn);
  const topology = lower(graph);

  test.each(Object.keys(codes) as CodeName[])(
    'in %s is converted, or refused by name and with a remedy',
    async (code) => {
      const problems = codes[code].unsupported(topology);
      if (problems.length === 0) {
        const quick = code === 'fs' || code === 'amos' ? { restarts: 4, price: 1e-4 } : {};
        expect(await errorOf(graph, { code, ...quick } as ConvertOptions)).toBeLessThan(0.5);
        return;
      }
      expect(problems).toHaveLength(1);
      expect(problems[0].remedy).not.toBe('');
      expect([problems[0].node, problems[0].op]).toEqual(['Activation2', fn]);
      await expect(errorOf(graph, { code } as ConvertOptions)).rejects.toBeInstanceOf(ConvertError);
    },
  );
});

describe('a clipped ReLU', () => {
  const graph = network('clipped-relu');

  test('is exact in ttfs, whatever zeta', async () => {
    for (const zeta of [-0.5, 0, 2]) expect(await errorOf(graph, { code: 'ttfs', zeta })).toBeLessThan(1e-12);
  });

  test('is as exact as steps are in codes whose range ends at its ceiling', async () => {
    expect(await errorOf(graph, { code: 'fs', steps: 16 })).toBeLessThan(1e-4);
    expect(await errorOf(graph, { code: 'amos', steps: 16 })).toBeLessThan(1e-4);
    expect(await errorOf(graph, { code: 'quartz', steps: 1024, percentile: 100 })).toBeLessThan(0.02);
    expect(await errorOf(graph, { code: 'if', steps: 1024, percentile: 100 })).toBeLessThan(0.02);
  });

  test('saturates nowhere: what is beyond its ceiling is the function itself', async () => {
    const calibration = await calibrate(graph, [image]);
    for (const code of ['ttfs', 'fs', 'amos'] as const) {
      const { counters } = await (await convert(graph, { code, calibration })).run(image, { precision: 'f64' });
      expect(counters.layers.find(({ role }) => role === 'activation')?.saturated, code).toBe(0);
    }
  });
});

describe('rounding to whole numbers', () => {
  test('from 0 on is a gate of as many steps as they have bits, and exact', async () => {
    const graph = network('quantize', [0.125, 0, 15]);
    for (const code of ['fs', 'amos'] as const) expect(await errorOf(graph, { code }), code).toBeLessThan(1e-12);
  });

  test('of either sign is refused, with a way out', () => {
    const [problem, ...others] = codes.fs.unsupported(lower(network('quantize', [0.125, -8, 7])));
    expect(others).toEqual([]);
    expect(problem.remedy).toMatch(/approximate 'quantization'/);
  });
});
