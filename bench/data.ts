/** The networks that are measured, and images for them. */

import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calibrate, convert, describeGraph, openDataset, readOnnx, type SpikingNetwork } from './firstspike.js';
import type { FloatBatch } from './onnxruntime.js';

/** A trained network, and where its images are. */
export interface NetworkFiles {
  readonly name: string;
  /** Path of the ONNX model. */
  readonly model: string;
  /** Data set that is run. */
  readonly images: string;
  /** Data set that the conversion is calibrated on. */
  readonly calibration: string;
  /** How pixels become the network's input. */
  readonly preprocess: string | object;
}

/** A network ready to run. */
export interface LoadedNetwork {
  readonly network: SpikingNetwork;
  /** Multiply-accumulate operations of the original network for one image. */
  readonly macs: number;
  readonly images: FloatBatch;
}

/** Images of the training set that the conversion is calibrated on. */
const CALIBRATION_IMAGES = 1000;

const DEMO = fileURLToPath(new URL('../demo/', import.meta.url));

/** The folder of further networks and images, relative to where npm was started. */
const DATA = process.env.FIRSTSPIKE_DATA && resolve(process.env.INIT_CWD ?? '', process.env.FIRSTSPIKE_DATA);

const DIGITS = {
  images: `idx:${join(DEMO, 't10k-images-idx3-ubyte.gz')}`,
  calibration: `idx:${join(DEMO, 'train-first1000-images-idx3-ubyte.gz')}`,
};

const CIFAR_MEAN = [0.4914, 0.4822, 0.4465];
const CIFAR_STD = [0.2471, 0.2435, 0.2616];

/** The networks that are here: one comes with the repository, the others with the folder FIRSTSPIKE_DATA names. */
export const NETWORKS: readonly NetworkFiles[] = [
  { name: 'digits-bn', model: join(DEMO, 'digits-bn.onnx'), preprocess: 'unit', ...DIGITS },
  ...(DATA ? networksOf(DATA) : []),
];

function networksOf(folder: string): NetworkFiles[] {
  const model = (...path: string[]) => join(folder, 'models', ...path);
  const cifar = {
    images: `cifar:${join(folder, 'cifar10', 'test-first1000.bin')}`,
    calibration: `cifar:${join(folder, 'cifar10', 'train-first4000.bin')}`,
  };
  return [
    { name: 'quartz-convnet', model: model('mnist', 'quartz-convnet.onnx'), preprocess: 'unit', ...DIGITS },
    {
      name: 'burn-mnist',
      model: model('mnist', 'burn-mnist.onnx'),
      preprocess: { scale: 1 / 255, mean: 0.1307, std: 0.3081 },
      ...DIGITS,
    },
    { name: 'vgg-sparse', model: model('cifar10', 'vgg-sparse.onnx'), preprocess: 'torchvision', ...cifar },
    {
      name: 'cifar_base',
      model: model('cifar10', 'vnncomp2022-cifar_base.onnx'),
      preprocess: { scale: 1 / 255, mean: CIFAR_MEAN, std: CIFAR_STD },
      ...cifar,
    },
    { name: 'resnet20', model: model('cifar10', 'resnet20.onnx'), preprocess: 'torchvision', ...cifar },
  ];
}

/** The networks of some names; all that are here if none is given. */
export function networksNamed(names: readonly string[]): readonly NetworkFiles[] {
  if (names.length === 0) return NETWORKS;
  return names.map((name) => {
    const known = NETWORKS.find((network) => network.name === name);
    if (known) return known;
    const here = NETWORKS.map((network) => network.name).join(', ');
    const more = DATA ? '' : ' FIRSTSPIKE_DATA is not set: it names the folder of the others.';
    throw new Error(`there is no network "${name}". Choose among ${here}.${more}`);
  });
}

/** Reads a network, calibrates and converts it, and reads the first `count` of its images. */
export async function loadNetwork(files: NetworkFiles, count: number): Promise<LoadedNetwork> {
  const { model, preprocess } = files;
  const graph = await readOnnx(model);
  const training = await openDataset(files.calibration, { preprocess });
  const calibration = await calibrate(graph, training.batches({ size: 64, limit: CALIBRATION_IMAGES }));
  const network = await convert(graph, { code: 'ttfs', calibration });
  const test = await openDataset(files.images, { preprocess });
  const { value: images } = await test.batches({ size: count })[Symbol.asyncIterator]().next();
  return { network, macs: describeGraph(graph).macs, images };
}

/** Images in batches of one size, which divides their number. */
export function inBatches({ data, shape: [count, ...image] }: FloatBatch, size: number): FloatBatch[] {
  const values = (data.length / count) * size;
  return Array.from({ length: count / size }, (_, i) => ({
    data: data.subarray(i * values, (i + 1) * values),
    shape: [size, ...image],
  }));
}
