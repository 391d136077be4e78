import { expect, test } from 'vitest';
import { addCounters, type Counters, spikesPerNeuron, total } from '../../src/simulate/counters.js';
import { SHAPE, smallImages, smallNetwork } from './support.js';

const zero = {
  saturated: 0,
  synapticEvents: 0,
  operations: 0,
  dense: 0,
  updates: 0,
  receptions: 0,
  memoryReads: 0,
  memoryWrites: 0,
};
const counters: Counters = {
  images: 4,
  layers: [
    { name: 'input', role: 'input', neurons: 100, spikes: 80, ...zero },
    { name: 'a', role: 'activation', neurons: 10, spikes: 6, ...zero },
    { name: 'pool', role: 'pool', neurons: 5, spikes: 9, ...zero },
    { name: 'relay', role: 'relay', neurons: 20, spikes: 30, ...zero },
    { name: 'b', role: 'activation', neurons: 30, spikes: 10, ...zero },
    { name: 'readout', role: 'readout', neurons: 3, spikes: 0, ...zero },
  ],
};

test('a total is that of the roles named, or of all', () => {
  expect(total(counters, 'spikes')).toBe(135);
  expect(total(counters, 'spikes', 'activation')).toBe(16);
  expect(total(counters, 'neurons', 'pool', 'relay')).toBe(25);
  expect(total(counters, 'spikes', 'route')).toBe(0);
});

test('spikes per neuron are those of activations, for one image', () => {
  expect(spikesPerNeuron(counters)).toBe(16 / 40 / 4);
  expect(spikesPerNeuron({ images: 4, layers: counters.layers.slice(0, 1) })).toBe(0);
});

test('counters of two runs together are those of one run of all their images', async () => {
  const network = await smallNetwork();
  const run = async (from: number, to: number) => {
    const data = smallImages(9).slice(from * 60, to * 60);
    return (await network.run({ data, shape: [to - from, ...SHAPE] }, { record: { neurons: true } })).counters;
  };
  expect(addCounters(await run(0, 4), await run(4, 9))).toEqual(await run(0, 9));
});
