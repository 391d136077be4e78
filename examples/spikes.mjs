// Looks at single spikes: who spiked when, and how the two engines agree.   node examples/spikes.mjs

import { calibrate, convert, openDataset, readOnnx } from 'firstspike';
import ndarray from 'ndarray';

const demo = new URL('../demo/', import.meta.url).pathname;
const graph = await readOnnx(`${demo}digits-bn.onnx`);
const training = await openDataset(`idx:${demo}train-first1000-images-idx3-ubyte.gz`);
const calibration = await calibrate(graph, training.batches({ size: 100 }));
const network = await convert(graph, { code: 'ttfs', calibration });

// Any n-d array will do; this one is a view of the data set's own memory.
let digit;
for await (const { data } of training.batches({ size: 1, limit: 1 })) digit = ndarray(data, [1, 28, 28]);

const options = { record: { spikes: true }, precision: 'f64' };
const event = await network.run(digit, { ...options, engine: 'event' });
const layered = await network.run(digit, { ...options, engine: 'layered' });

for (const [i, { name, neurons, times }] of event.spikes.entries()) {
  const { window } = network.layers.find((layer) => layer.name === name);
  const first = times.indexOf(Math.min(...times));
  const apart = Math.max(0, ...times.map((time, k) => Math.abs(time - layered.spikes[i].times[k]))) / window.width;
  console.log(
    `${name.padEnd(12)} ${String(neurons.length).padStart(5)} spikes; the first by neuron ${neurons[first]} at`,
    `${(window.start + times[first]).toFixed(3)}; the engines differ by ${apart.toExponential(1)} of the window`,
  );
}
