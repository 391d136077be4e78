import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lower } from '../../src/codes/lower.js';
import { neurons, type Projection, type Topology } from '../../src/codes/topology.js';
import { weightsOf } from '../../src/loihi/weights.js';
import { respond } from '../../src/simulate/respond.js';
import { sums } from '../support/connectivity.js';
import { GraphBuilder, numbers } from '../support/graphs.js';

function last(topology: Topology) {
  const { stage, extent } = topology.populations.findLast((population) => population.stage.kind === 'neurons') ?? {};
  if (stage?.kind !== 'neurons' || !extent) throw new Error('no neurons');
  return {
    projection: stage.projections[0],
    target: extent,
    source: topology.populations[stage.projections[0].source],
  };
}

async function agrees(topology: Topology): Promise<boolean> {
  const { projection, target, source } = last(topology);
  const real = weightsOf(projection, source.extent);
  if (!real) return false;
  const values = numbers(neurons(source.extent), 5);
  const wanted = await respond(projection as Projection, values, source.extent, target);
  const found = sums(real, values, neurons(target));
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], 5);
  });
  return true;
}

describe('weights of projections', () => {
  test('of convolutions, with pooling merged into them, are those of the kernel', async () => {
    let merged = 0;
    const size = fc.integer({ min: 1, max: 3 });
    const pad = fc.integer({ min: 0, max: 1 });
    await fc.assert(
      fc.asyncProperty(
        size,
        size,
        size,
        pad,
        size,
        pad,
        fc.boolean(),
        async (kernel, stride, dilation, pads, pool, padded, deep) => {
          const builder = new GraphBuilder([4, 11, 10]).relu();
          builder.averagePool({ kernel: [pool, pool], strides: [pool, pool], pads: [padded, padded, padded, padded] });
          builder.conv(
            6,
            {
              kernel: [kernel, kernel],
              strides: [stride, stride],
              dilations: [dilation, dilation],
              pads: [pads, pads, pads, pads],
            },
            3,
            deep ? 2 : 1,
          );
          if (builder.shape().some((n) => n < 1)) return;
          merged += (await agrees(lower(builder.build()))) ? 1 : 0;
        },
      ),
    );
    expect(merged).toBeGreaterThan(10);
  });

  test('of dense layers behind pooling and reshaping are the matrix, whatever the divisors', async () => {
    const builder = new GraphBuilder([3, 7, 5]).relu();
    builder
      .averagePool({ kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
      .reshape([36])
      .dense(4, 'in-out');
    expect(await agrees(lower(builder.build()))).toBe(true);
  });
});
