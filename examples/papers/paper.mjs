// What the scripts of this folder share: networks with their images, and the table of claims that they print.
// The demo's network is always there; others are where FIRSTSPIKE_DATA names the folder of them.
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { ConvertError, calibrate, compare, openDataset, readOnnx } from 'firstspike';

const DEMO = fileURLToPath(new URL('../../demo/', import.meta.url));
const DATA = process.env.FIRSTSPIKE_DATA;

/** Most images of a measurement: the script's argument. */
const LIMIT = Number(process.argv[2] ?? 1000);

const digits = (model, folder, training) => ({
  model,
  training: `idx:${join(folder, training)}`,
  test: `idx:${join(folder, 't10k-images-idx3-ubyte.gz')},${join(folder, 't10k-labels-idx1-ubyte.gz')}`,
});

const cifar = (file, preprocess) => ({
  model: join(DATA, 'models/cifar10', file),
  training: `cifar:${join(DATA, 'cifar10/train-first4000.bin')}`,
  test: `cifar:${join(DATA, 'cifar10/test-first1000.bin')}`,
  preprocess,
});

const CIFAR_BASE = { scale: 1 / 255, mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] };

const TASKS = {
  digits: () => digits(join(DEMO, 'digits-bn.onnx'), DEMO, 'train-first1000-images-idx3-ubyte.gz'),
  ...(DATA && {
    'quartz-convnet': () => {
      const model = join(DATA, 'models/mnist/quartz-convnet.onnx');
      return digits(model, join(DATA, 'mnist'), 'train-images-idx3-ubyte.gz');
    },
    resnet20: () => cifar('resnet20.onnx', 'torchvision'),
    'vgg-sparse': () => cifar('vgg-sparse.onnx', 'torchvision'),
    cifar_base: () => cifar('vnncomp2022-cifar_base.onnx', CIFAR_BASE),
    'minieff-silu-se': () => cifar('minieff-silu-se.onnx', 'torchvision'),
  }),
};

/** A network, calibrated on a thousand training images, with its test images; nothing where it is not there. */
export async function task(name) {
  if (!TASKS[name]) return undefined;
  const { model, training, test, preprocess } = TASKS[name]();
  const graph = await readOnnx(model);
  const images = await openDataset(training, { preprocess });
  const calibration = await calibrate(graph, images.batches({ size: 64, limit: 1000 }));
  const dataset = await openDataset(test, { preprocess });
  return { name, graph, calibration, images: () => dataset.batches({ size: 128, limit: LIMIT }) };
}

/** Evaluates one code; options are those of `convert`. */
export async function measure({ graph, calibration, images }, options) {
  const { codes } = await compare(graph, images, { calibration, codes: [options], throughputSeconds: 0 });
  return codes[0];
}

/** The same in words, or why the code cannot express the network. */
export async function measureInWords(here, options) {
  try {
    return inWords(await measure(here, options));
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    return `cannot be converted: ${error.problems[0].message}`;
  }
}

/** 0.915 as `91.50 %`. */
export const percent = (share) => `${(100 * share).toFixed(2)} %`;

/** Accuracy, that of the original network, and spikes per neuron, in words. */
export function inWords({ accuracy, annAccuracy, spikesPerNeuron }) {
  return `${percent(accuracy)} (original ${percent(annAccuracy)}), ${spikesPerNeuron.toFixed(2)} spikes per neuron`;
}

/** Prints claims, what is measured here, and why both differ. */
export function print(paper, rows) {
  const table = new Table({
    head: ['claim', 'ours', 'why not equal'],
    colWidths: [40, 46, 52],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  table.push(...rows);
  const images = DATA ? '' : '\nFIRSTSPIKE_DATA is not set: only the network of the demo is measured.';
  console.log(`${paper}\n${table}\n${LIMIT} test images at most.${images}`);
}
