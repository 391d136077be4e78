/** The demo's network and digits: in the repository, so that tests need no other data. */

import type { Calibration } from '../../src/codes/calibration.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { openDataset } from '../../src/data/dataset.js';
import type { LabelledBatch } from '../../src/evaluate/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';

/** Path of a file of the demo. */
export function demoFile(name: string): string {
  return new URL(`../../demo/${name}`, import.meta.url).pathname;
}

/** The network. */
export const DIGITS_MODEL = demoFile('digits-bn.onnx');

/** Labelled test images, and training images, as the command line names them. */
export const DIGITS = `idx:${demoFile('t10k-images-idx3-ubyte.gz')},${demoFile('t10k-labels-idx1-ubyte.gz')}`;
export const TRAINING_DIGITS = `idx:${demoFile('train-first1000-images-idx3-ubyte.gz')}`;

/** The network, calibrated on 200 training images (channels too), and the first test images in batches. */
export async function readDigits(
  limit: number,
  size = limit,
): Promise<{ graph: Graph; calibration: Calibration; images: LabelledBatch[] }> {
  const graph = await readOnnx(DIGITS_MODEL);
  const shape = [1, 28, 28];
  const [training, test] = await Promise.all([openDataset(TRAINING_DIGITS, { shape }), openDataset(DIGITS, { shape })]);
  const calibration = await calibrate(graph, training.batches({ size: 64, limit: 200 }), { channelPercentiles: true });
  const images: LabelledBatch[] = [];
  for await (const batch of test.batches({ size, limit })) images.push(batch);
  return { graph, calibration, images };
}
