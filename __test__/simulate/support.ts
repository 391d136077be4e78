/** Small networks to run. */

import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import type { Graph } from '../../src/graph/graph.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { uniform } from '../codes/networks.js';
import { GraphBuilder } from '../support/graphs.js';

/** Shape of the small network's images. */
export const SHAPE = [2, 6, 5] as const;

/** Convolution, max pooling, a residual block, average pooling, dense: a bit of everything. */
export function smallGraph(): Graph {
  const builder = new GraphBuilder(SHAPE).conv(3, { kernel: [3, 3], pads: [1, 1, 1, 1] }).relu();
  const shortcut = builder.maxPool({ kernel: [2, 2] }).last;
  builder.conv(3, { kernel: [3, 1], pads: [1, 0, 1, 0] }, 4);
  builder.add({ op: 'Add' }, builder.shape(), [builder.last, shortcut]).relu();
  return builder
    .averagePool({ kernel: [5, 2], strides: [1, 2] })
    .reshape([6])
    .dense(4)
    .build();
}

/** Images for it, one after the other. */
export function smallImages(count: number, seed = 1): Float64Array {
  return uniform(count * 60, seed).map(Math.fround);
}

/** The network in the code ttfs, calibrated on its images. */
export async function smallNetwork(): Promise<SpikingNetwork> {
  const graph = smallGraph();
  const calibration = await calibrate(graph, [{ data: smallImages(32), shape: [32, ...SHAPE] }]);
  return convert(graph, { code: 'ttfs', calibration });
}

/** A network that takes a while: hundreds of microseconds for each image in the event engine. */
export function slowNetwork(): { network: SpikingNetwork; shape: readonly number[] } {
  const shape = [8, 32, 32];
  const graph = new GraphBuilder(shape)
    .conv(32, { kernel: [5, 5] })
    .relu()
    .conv(32, { kernel: [5, 5] })
    .build();
  return { network: new SpikingNetwork(graph, 'ann', {}), shape };
}
