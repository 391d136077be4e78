/** No code at all: the original network, in the same populations. It is the reference of all others. */

import type { Code, CodedPopulation, Role } from './code.js';
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
  build: (topology: Topology) => ({
    topology,
    populations: topology.populations.map((population, index) => {
      const last = index === topology.populations.length - 1;
      return analog(population, last ? 'readout' : roleOf(population));
    }),
  }),
};

/** A population that does not spike. */
export function analog({ extent, stage }: Population, role: Role): CodedPopulation {
  if (stage.kind !== 'neurons') return { role, neurons: 0 };
  const { activation, parameters = [] } = stage;
  return { role, neurons: neurons(extent), neuron: { kind: 'analog', activation, parameters: [...parameters] } };
}

function roleOf({ stage }: Population): Role {
  switch (stage.kind) {
    case 'input':
      return 'input';
    case 'maxpool':
      return 'pool';
    case 'neurons':
      return stage.activation === 'identity' ? 'relay' : 'activation';
    case 'concat':
    case 'permute':
    case 'product':
      return 'route';
  }
}
