// Classifies images as they come, in order, with bounded memory, until it is told to stop.   node examples/stream.mjs
import { setTimeout } from 'node:timers/promises';
import { calibrate, convert, openDataset, readOnnx } from 'firstspike';

const demo = new URL('../demo/', import.meta.url).pathname;
const graph = await readOnnx(`${demo}digits-bn.onnx`);
const training = await openDataset(`idx:${demo}train-first1000-images-idx3-ubyte.gz`);
const calibration = await calibrate(graph, training.batches({ size: 100 }));
const network = await convert(graph, { code: 'ttfs', calibration });

/** Stands for a camera: an image every 20 ms. */
async function* camera() {
  const digits = await openDataset(`idx:${demo}t10k-images-idx3-ubyte.gz`);
  for await (const image of digits.batches({ size: 1 })) {
    yield image;
    await setTimeout(20);
  }
}

for await (const { index, label, spikes } of network.stream(camera())) {
  console.log(`image ${index}: a ${label}, ${spikes} spikes`);
  if (index === 9) break; // ends the camera too
}
