/** No code at all: the original network, in the same populations. It is the reference of all others. */

import type { Code, CodedPopulation } from './code.js';
import { neurons, type Population, type Topology } from './topology.js';

/** The analog twin: every neuron hands on its activation as a number. */
export const ann: Code<object, Record<string, never>> = {
  name: 'ann',
  title: 'the original network (no spikes)',
  version: 1,
  needsCalibration: false,
  defaults: {},
  unsupported: () => [],
  parametrise: () => ({}),
  build: (topology: Topology) => ({ topology, populations: topology.populations.map(analog) }),
};

/** A population that does not spike. */
export function analog({ extent, stage }: Population): CodedPopulation {
  if (stage.kind !== 'neurons') return { role: 'readout', neurons: stage.kind === 'maxpool' ? neurons(extent) : 0 };
  return { role: 'readout', neurons: neurons(extent), neuron: { kind: 'analog', activation: stage.activation } };
}
