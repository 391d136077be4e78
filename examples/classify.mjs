// Converts a network, runs a batch of digits, and says what it cost.   node examples/classify.mjs
import { calibrate, convert, describeGraph, openDataset, readOnnx, spikesPerNeuron, total } from 'firstspike';

const demo = new URL('../demo/', import.meta.url).pathname;
const graph = await readOnnx(`${demo}digits-bn.onnx`);
const training = await openDataset(`idx:${demo}train-first1000-images-idx3-ubyte.gz`);
const test = await openDataset(`idx:${demo}t10k-images-idx3-ubyte.gz,${demo}t10k-labels-idx1-ubyte.gz`);

const calibration = await calibrate(graph, training.batches({ size: 100 }));
const network = await convert(graph, { code: 'ttfs', calibration });

for await (const batch of test.batches({ size: 10, limit: 10 })) {
  const { labels, counters } = await network.run(batch);
  console.log('digits   ', [...batch.labels].join(' '));
  console.log('labels   ', [...labels].join(' '));
  console.log('spikes per neuron', spikesPerNeuron(counters).toFixed(3));
  const events = total(counters, 'synapticEvents') / counters.images;
  console.log(`synaptic events  ${Math.round(events)} per image; the original does ${describeGraph(graph).macs} MACs`);
}
