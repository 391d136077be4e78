/** Ways from the neurons of a topology to compartments. */

import { expect, test } from 'vitest';
import { NOWHERE } from '../../src/codes/topology.js';
import { Circuit, fansOf, rerouted, straight } from '../../src/loihi/circuit.js';
import type { RealSynapses } from '../../src/loihi/weights.js';

const extent = { height: 1, width: 2, channels: 3 };

test('new addresses that leave neurons out lead to those that are kept', () => {
  const to = Uint32Array.of(NOWHERE, 1, 0, NOWHERE, 3, 2);
  const route = rerouted({ kind: 'permute', source: 0, to }, [straight(4, 6)], [extent]);
  expect(route).toEqual({ groups: new Uint32Array(4).fill(4), compartments: Uint32Array.of(2, 1, 5, 4) });
});

test('a kernel does not slide over a group of which channels are left out', () => {
  const circuit = new Circuit();
  circuit.groups.push({ name: 'all', extent } as (typeof circuit.groups)[number]);
  const to = Uint32Array.of(0, 1, NOWHERE, 2, 3, NOWHERE);
  const route = rerouted({ kind: 'permute', source: 0, to }, [straight(0, 6)], [extent]);
  if (!route) throw new Error('there is a way');
  const pixel = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] } as const;
  const geometry = { input: { ...extent, channels: 2 }, output: { ...extent, channels: 1 }, ...pixel };
  const real: RealSynapses = { connectivity: { kind: 'conv', geometry, groups: 1 }, weights: Float64Array.of(1, 2) };
  expect(fansOf(route, real, circuit)).toBeUndefined();
});
