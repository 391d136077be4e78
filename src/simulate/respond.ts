/** What single synapses make of values. */

import { ann } from '../codes/ann.js';
import type { Tools } from '../codes/code.js';
import type { Extent, Projection } from '../codes/topology.js';
import { bindNetwork } from './bind.js';
import { runTask } from './task.js';

/** See {@link Tools}. */
export async function respond(
  projection: Projection,
  values: Float64Array,
  source: Extent,
  target: Extent,
): Promise<Float64Array> {
  const sum = {
    kind: 'neurons' as const,
    projections: [{ ...projection, source: 0 }],
    bias: { values: new Float64Array(target.channels) },
    activation: 'identity' as const,
  };
  const populations = [
    { name: 'values', extent: source, stage: { kind: 'input' as const } },
    { name: 'sums', extent: target, stage: sum },
  ];
  const network = bindNetwork(ann.build({ populations, inputShape: [], outputShape: [] }, {}), true);
  const settings = {
    count: 1,
    event: false,
    threads: 1,
    recordSpikes: false,
    recordNeurons: false,
    recordChannels: false,
    recordTimes: false,
    eventsOnly: false,
    earlyExit: false,
    firstImage: 0,
  };
  try {
    const { outputs } = await runTask(undefined, (task) => network.run(values, settings, task));
    return outputs as Float64Array;
  } finally {
    network.release();
  }
}
