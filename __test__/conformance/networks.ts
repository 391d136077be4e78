/** The real networks, and the images that they are tested on. */

import { readFileSync } from 'node:fs';
import { type Batch, type Dataset, openDataset } from '../../src/data/dataset.js';
import type { Graph } from '../../src/graph/graph.js';
import { shapeOf } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { dataFile } from '../support/data.js';

/** What is known of a network. */
interface Known {
  /** How pixels become its input, after division by 255 unless there is a scale. */
  readonly preprocess: { readonly scale?: number; readonly mean?: readonly number[]; readonly std?: readonly number[] };
  /** Of ONNX Runtime on the whole test set, in percent. */
  readonly accuracy: number;
  /** Share of the ReLUs' outputs that are not zero, on the whole test set; only known of some. */
  readonly spikesPerNeuron?: number;
}

/** All networks by folder and file. */
export const NETWORKS: Readonly<Record<string, Known>> = fixture('networks.json');

/** What ONNX Runtime computes for the first images of the test set, by network. */
export const LOGITS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  ...fixture('mnist.json'),
  ...fixture('cifar10.json'),
};

function fixture(name: string) {
  return JSON.parse(readFileSync(new URL(`../fixtures/onnxruntime/${name}`, import.meta.url), 'utf8'));
}

/** A network, and the shape and preprocessing of its images. */
export interface Loaded {
  readonly graph: Graph;
  /** Images with labels. */
  test(): Promise<Dataset>;
  /** Others, to calibrate on. */
  training(): Promise<Dataset>;
}

export async function load(name: string): Promise<Loaded> {
  const graph = await readOnnx(dataFile('models', name));
  const options = { preprocess: { scale: 1 / 255, ...NETWORKS[name].preprocess }, shape: shapeOf(graph, graph.input) };
  if (name.startsWith('cifar10/')) {
    const open = (file: string) => openDataset(`cifar:${dataFile('cifar10', file)}`, options);
    return { graph, test: () => open('test-first1000.bin'), training: () => open('train-first4000.bin') };
  }
  const open = (set: string) => {
    const [images, labels] = ['images-idx3', 'labels-idx1'].map((part) => dataFile('mnist', `${set}-${part}-ubyte.gz`));
    return openDataset(`idx:${images},${labels}`, options);
  };
  return { graph, test: () => open('t10k'), training: () => open('train') };
}

/** The first images of a data set. */
export async function first(dataset: Dataset, count: number): Promise<Batch> {
  for await (const batch of dataset.batches({ size: count, limit: count })) return batch;
  throw new Error('a data set has an image at least');
}
