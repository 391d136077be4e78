/** Labelled images from files, preprocessed and streamed in batches. */

import { DataError, FirstspikeError } from '../errors.js';
import { elementCount } from './arrange.js';
import { readCifar } from './cifar.js';
import { openFolder } from './folder.js';
import { readIdxImages } from './idx.js';
import { readLabels } from './labels.js';
import { openNpySource } from './npy-source.js';
import { type Pixels, pixelSource } from './pixels.js';
import { parsePreprocess } from './preprocess.js';
import type { Source } from './source.js';

/** Successive images of a data set; owned by the consumer. */
export interface Batch {
  /** Values, row major. */
  readonly data: Float32Array;
  /** [n, ...image shape] */
  readonly shape: readonly number[];
  /** Index in the data set of the first image. */
  readonly start: number;
  /** Class of each of the n images. */
  readonly labels?: Int32Array;
}

/** What to stream. */
export interface BatchOptions {
  /** Most images of one batch; only the last one may have fewer. */
  readonly size: number;
  /** Images left out at the beginning; 0 where absent. */
  readonly skip?: number;
  /** Most images after those; all where absent. */
  readonly limit?: number;
  /** Ends the stream, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Images, and their classes where they are known. */
export interface Dataset {
  /** What was opened, as it was given. */
  readonly source: string;
  /** Number of images, at least one. */
  readonly length: number;
  /** Shape of one preprocessed image. */
  readonly shape: readonly number[];
  /** Class of every image. */
  readonly labels?: Int32Array;
  /**
   * Streams preprocessed images in order; may be called any number of times. Memory is bounded by one batch and a few
   * pictures read ahead. Nothing is streamed where `skip` leaves no image.
   *
   * @throws FirstspikeError `OPTION_INVALID`, at once; DataError, while streaming, where a file turns out unusable.
   */
  batches(options: BatchOptions): AsyncIterable<Batch>;
}

/** What the images are for. */
export interface DatasetOptions {
  /** A preset's name, JSON text or an object with the keys that `firstspike eval --help` lists. `unit` where absent, `raw` for .npy. */
  readonly preprocess?: string | object;
  /** The model's input shape without its batch axis, such as [3, 32, 32], [784, 1] or [32, 32, 3]. */
  readonly shape?: readonly number[];
}

const FORMS =
  'Use idx:IMAGES[,LABELS], cifar:FILE[,FILE...], cifar100:FILE[,FILE...], images:FOLDER or npy:FILE[,LABELS].';

/** Most values of one batch: 4 GiB of them. */
const MAX_BATCH_VALUES = 2 ** 30;

/**
 * Opens a data set.
 *
 * - `idx:IMAGES[,LABELS]`: IDX files as of MNIST, plain or gzip
 * - `cifar:FILE[,FILE...]`, `cifar100:FILE[,FILE...]`: CIFAR's binary version; of CIFAR-100 the fine labels
 * - `images:FOLDER`: JPEG and PNG files, with classes in the folder's `labels.csv` (lines `file,label`); without that
 *   file all pictures by name, unlabelled. Needs the optional package `sharp`
 * - `npy:FILE[,LABELS]`: an array [images, ...]; labels in .npy or IDX
 *
 * Images get the model's shape where that only regroups neighbouring axes. Pictures of a folder are resized to
 * preprocessing's `size`, else to the model's height and width; IDX and CIFAR images only if `size` is given.
 *
 * @throws FirstspikeError `OPTION_INVALID`, `DEPENDENCY_MISSING`; DataError `FILE_UNREADABLE`, `FILE_MALFORMED`,
 *   `DATA_INVALID`
 */
export async function openDataset(spec: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { kind, paths } = parseSpec(spec);
  if (options.shape && !options.shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new FirstspikeError('OPTION_INVALID', {
      message: `the model's input shape [${options.shape}] is not made of whole numbers from 1 on.`,
      remedy: 'Give the shape without its batch axis, and with every size known.',
    });
  }
  const source = await openSource(kind, paths, options);
  if (source.length === 0) {
    throw new DataError('DATA_INVALID', { file: paths[0], message: 'holds no images.', remedy: FORMS });
  }
  if (source.labels && source.labels.length !== source.length) {
    throw new DataError('DATA_INVALID', {
      file: paths[1],
      message: `has ${source.labels.length} labels, but ${paths[0]} has ${source.length} images.`,
      remedy: 'Give the labels that belong to these images.',
    });
  }
  const { length, labels, shape } = source;
  return { source: spec, length, labels, shape, batches: (wanted) => stream(source, check(wanted, source)) };
}

/** Kinds of data, and the most paths each takes. */
const KINDS = new Map([
  ['idx', 2],
  ['cifar', Number.POSITIVE_INFINITY],
  ['cifar100', Number.POSITIVE_INFINITY],
  ['images', 1],
  ['npy', 2],
]);

function parseSpec(spec: string): { kind: string; paths: readonly string[] } {
  const colon = spec.indexOf(':');
  const kind = spec.slice(0, Math.max(colon, 0));
  const paths = spec.slice(colon + 1).split(',');
  const most = KINDS.get(kind);
  if (most === undefined || paths.length > most || paths.includes('')) {
    throw new FirstspikeError('OPTION_INVALID', { message: `"${spec}" names no data set.`, remedy: FORMS });
  }
  return { kind, paths };
}

async function openSource(kind: string, paths: readonly string[], options: DatasetOptions): Promise<Source> {
  const preprocess = parsePreprocess(options.preprocess);
  const inMemory = (pixels: Pixels): Source => pixelSource(pixels, preprocess, options.shape);
  switch (kind) {
    case 'cifar':
    case 'cifar100':
      return inMemory(await readCifar(paths, kind));
    case 'images':
      return openFolder(paths[0], preprocess, options.shape);
    case 'idx':
      return { ...inMemory(await readIdxImages(paths[0])), labels: paths[1] ? await readLabels(paths[1]) : undefined };
    default: {
      const given = options.preprocess === undefined ? undefined : preprocess;
      const source = await openNpySource(paths[0], given, options.shape);
      return { ...source, labels: paths[1] ? await readLabels(paths[1]) : undefined };
    }
  }
}

interface Plan {
  readonly first: number;
  readonly end: number;
  readonly size: number;
  readonly signal?: AbortSignal;
}

function check({ size, skip = 0, limit, signal }: BatchOptions, { length, shape }: Source): Plan {
  const problems = [
    { name: 'size', value: size, least: 1 },
    { name: 'skip', value: skip, least: 0 },
    { name: 'limit', value: limit ?? length, least: 0 },
  ]
    .filter(({ value, least }) => !(Number.isInteger(value) || value === Number.POSITIVE_INFINITY) || value < least)
    .map(({ name, value, least }) => ({
      message: `batches cannot have "${name}" ${value}.`,
      remedy: `Give a whole number from ${least} on.`,
    }));
  if (problems.length > 0) throw new FirstspikeError('OPTION_INVALID', problems);
  const first = Math.min(skip, length);
  const end = Math.min(first + (limit ?? length), length);
  const most = Math.min(size, end - first);
  if (most * elementCount(shape) > MAX_BATCH_VALUES) {
    throw new FirstspikeError('OPTION_INVALID', {
      message: `a batch of ${most} images has ${most * elementCount(shape)} values, beyond ${MAX_BATCH_VALUES}.`,
      remedy: 'Use smaller batches.',
    });
  }
  return { first, end, size: most, signal };
}

async function* stream(source: Source, { first, end, size, signal }: Plan): AsyncGenerator<Batch> {
  const { shape, labels } = source;
  const read = source.open(first, end);
  for (let start = first; start < end; start += size) {
    signal?.throwIfAborted();
    const count = Math.min(size, end - start);
    const data = new Float32Array(count * elementCount(shape));
    await read(data, count, signal);
    yield { data, shape: [count, ...shape], start, labels: labels?.slice(start, start + count) };
  }
}
