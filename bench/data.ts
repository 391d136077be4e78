/** The networks that are measured, and images for them. */

import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Calibration, calibrate, describeGraph, type Graph, openDataset, readOnnx } from './firstspike.js';
import { mlgennExample } from './models.js';
import type { FloatBatch } from './onnxruntime.js';

/** A network, and where its images are. */
export interface NetworkFiles {
  readonly name: string;
  /** Path of the ONNX model, or its contents. */
  readonly model: string | Uint8Array;
  /** Data set that is run. */
  readonly images: string;
  /** Data set that the conversion is calibrated on. */
  readonly calibration: string;
  /** Images of it that are used; 1000 if absent. */
  readonly calibrationImages?: number;
  /** How pixels become the network's input. */
  readonly preprocess: string | object;
}

/** A network ready to be converted, and images to run. */
export interface LoadedNetwork {
  readonly graph: Graph;
  readonly calibration: Calibration;
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

/** The networks that are here: two come with the repository, the others with the folder FIRSTSPIKE_DATA names. */
export const NETWORKS: readonly NetworkFiles[] = [
  { name: 'digits-bn', model: join(DEMO, 'digits-bn.onnx'), preprocess: 'unit', ...DIGITS },
  { name: 'mlgenn-example', model: mlgennExample(), preprocess: 'unit', ...DIGITS },
  ...(DATA ? networksOf(DATA) : []),
];

function networksOf(folder: string): NetworkFiles[] {
  const model = (...path: string[]) => join(folder, 'models', ...path);
  const cifar = {
    images: `cifar:${join(folder, 'cifar10', 'test-first1000.bin')}`,
    calibration: `cifar:${join(folder, 'cifar10', 'train-first4000.bin')}`,
  };
  const photographs = `images:${join(folder, 'imagenet', 'val')}`;
  const imagenet = { images: photographs, calibration: photographs, calibrationImages: 64 };
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
    {
      name: 'squeezenet',
      model: model('imagenet', 'squeezenet1.0-deepcompression.onnx'),
      preprocess: 'caffe',
      ...imagenet,
    },
    { name: 'mobilenet', model: model('imagenet', 'mobilenet_v1_0.75_224.onnx'), preprocess: 'tf', ...imagenet },
  ];
}

/** The networks of some names. */
export function networksNamed(names: readonly string[]): readonly NetworkFiles[] {
  return names.map((name) => {
    const known = NETWORKS.find((network) => network.name === name);
    if (known) return known;
    const here = NETWORKS.map((network) => network.name).join(', ');
    const more = DATA ? '' : ' FIRSTSPIKE_DATA is not set: it names the folder of the others.';
    throw new Error(`there is no network "${name}". Choose among ${here}.${more}`);
  });
}

/** Those that were asked for; if none were, those of a suite's own choice that are here. */
export function chosenOr(chosen: readonly NetworkFiles[], names: readonly string[]): readonly NetworkFiles[] {
  return chosen.length > 0 ? chosen : NETWORKS.filter(({ name }) => names.includes(name));
}

/**
 * Reads and calibrates a network, and reads the first `count` of its images.
 *
 * @param edit makes another network of it first.
 */
export async function loadNetwork(
  files: NetworkFiles,
  count: number,
  edit = (graph: Graph): Graph => graph,
): Promise<LoadedNetwork> {
  const { model, preprocess, calibrationImages = CALIBRATION_IMAGES } = files;
  const graph = edit(await readOnnx(model));
  const shape = graph.shapes.get(graph.input);
  const training = await openDataset(files.calibration, { preprocess, shape });
  const calibration = await calibrate(graph, training.batches({ size: 64, limit: calibrationImages }));
  const test = await openDataset(files.images, { preprocess, shape });
  const { value: images } = await test.batches({ size: count })[Symbol.asyncIterator]().next();
  return { graph, calibration, macs: describeGraph(graph).macs, images };
}

/** The first of some images, as many as are wanted if there are. */
export function firstImages({ data, shape: [count, ...image] }: FloatBatch, wanted: number): FloatBatch {
  const images = Math.min(wanted, count);
  return { data: data.subarray(0, (data.length / count) * images), shape: [images, ...image] };
}

/** Images in batches of one size, which divides their number. */
export function inBatches({ data, shape: [count, ...image] }: FloatBatch, size: number): FloatBatch[] {
  const values = (data.length / count) * size;
  return Array.from({ length: count / size }, (_, i) => ({
    data: data.subarray(i * values, (i + 1) * values),
    shape: [size, ...image],
  }));
}
