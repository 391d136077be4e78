/** Shapes: where the channels of an image are, and how an image gets the shape that the model takes. */

import { DataError, FirstspikeError } from '../errors.js';
import type { Layout, Preprocess } from './preprocess.js';

/** An image before it takes the model's shape. */
export interface Frame {
  readonly channels: number;
  /** Pixels. */
  readonly height: number;
  /** Pixels. */
  readonly width: number;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** `NHWC` for [h, w, 1 or 3], unless the first axis may be the channels too; else `NCHW`. */
export function inferLayout(shape: readonly number[]): Layout {
  const isColour = (n: number): boolean => n === 1 || n === 3;
  return shape.length === 3 && isColour(shape[2]) && !isColour(shape[0]) ? 'NHWC' : 'NCHW';
}

/** Of the shape asked for and the model's, the one that tells where an image's axes are. */
export function pictureShape(
  preprocess: Preprocess,
  model: readonly number[] | undefined,
): readonly number[] | undefined {
  return [preprocess.shape, model].find((shape) => shape?.length === 3) ?? preprocess.shape ?? model;
}

/** The layout asked for, else the one that {@link pictureShape} shows. */
export function layoutFor(preprocess: Preprocess, model: readonly number[] | undefined): Layout {
  return preprocess.layout ?? inferLayout(pictureShape(preprocess, model) ?? []);
}

/** Shape of a frame in a layout. */
export function framed({ channels, height, width }: Frame, layout: Layout): readonly number[] {
  return layout === 'NHWC' ? [height, width, channels] : [channels, height, width];
}

/** The frame that a shape of three axes describes in a layout. */
export function frameOf(shape: readonly number[], layout: Layout): Frame {
  const [channels, height, width] = layout === 'NHWC' ? [shape[2], shape[0], shape[1]] : shape;
  return { channels, height, width };
}

/**
 * The shape that images get: the model's, where that only regroups neighbouring axes of what they have ([1, 28, 28] as
 * [784, 1]); other regroupings would mix rows, columns and channels in silence.
 *
 * @param own shape of an image as it is read
 * @param shape what preprocessing asks for; any shape with as many elements
 * @param model input of the model, without its batch axis
 * @param remedy for an image that the model does not take
 * @throws DataError `DATA_INVALID`
 */
export function finalShape(
  file: string,
  own: readonly number[],
  shape: readonly number[] | undefined,
  model: readonly number[] | undefined,
  remedy: string,
): readonly number[] {
  if (shape && elementCount(shape) !== elementCount(own)) {
    throw new DataError('DATA_INVALID', {
      file,
      message: `images of [${own}] have ${elementCount(own)} values, but "shape" [${shape}] has ${elementCount(shape)}.`,
      remedy: 'Give a shape with as many elements, or leave it out.',
    });
  }
  const given = shape ?? own;
  if (model && !regroups(given, model)) {
    throw new DataError('DATA_INVALID', {
      file,
      message: `images are [${given}], but the model takes [${model}].`,
      remedy,
    });
  }
  return model ?? given;
}

/** Whether one shape merges neighbouring axes of the other, so that both index the same values in the same order. */
function regroups(a: readonly number[], b: readonly number[]): boolean {
  const cuts = (shape: readonly number[]): Set<number> => {
    let product = 1;
    return new Set(shape.map((n) => (product *= n)).concat(1));
  };
  const [fewer, more] = [cuts(a), cuts(b)].sort((x, y) => x.size - y.size);
  return elementCount(a) === elementCount(b) && [...fewer].every((cut) => more.has(cut));
}

/** Writes one image of `source`, from element `start` on, to `out` from element `at` on. */
export type Normaliser = (source: ArrayLike<number>, start: number, out: Float32Array, at: number) => void;

/**
 * `value = (pixel * scale - mean) / std`, from one layout to another.
 *
 * @param pixels of one channel
 * @throws FirstspikeError `OPTION_INVALID` where means, deviations or BGR do not fit the number of channels.
 */
export function normaliser(
  preprocess: Preprocess,
  channels: number,
  pixels: number,
  from: Layout,
  to: Layout,
): Normaliser {
  const { scale } = preprocess;
  const mean = perChannel('mean', preprocess.mean, channels);
  const std = perChannel('std', preprocess.std, channels);
  const reversed = preprocess.channels === 'BGR';
  if (reversed && channels !== 3) {
    throw new FirstspikeError('OPTION_INVALID', {
      message: `"BGR" needs images of 3 channels; these have ${channels}.`,
      remedy: 'Leave out "channels", or choose a preset without it.',
    });
  }
  const strides = (layout: Layout): [number, number] => (layout === 'NHWC' ? [1, channels] : [pixels, 1]);
  const [fromChannel, fromPixel] = strides(from);
  const [toChannel, toPixel] = strides(to);
  return (source, start, out, at) => {
    for (let c = 0; c < channels; c++) {
      const read = start + (reversed ? channels - 1 - c : c) * fromChannel;
      const write = at + c * toChannel;
      for (let p = 0; p < pixels; p++) {
        out[write + p * toPixel] = (source[read + p * fromPixel] * scale - mean[c]) / std[c];
      }
    }
  };
}

function perChannel(name: string, list: readonly number[], channels: number): readonly number[] {
  if (list.length === channels) return list;
  if (list.length === 1) return new Array<number>(channels).fill(list[0]);
  throw new FirstspikeError('OPTION_INVALID', {
    message: `"${name}" has ${list.length} values, but images have ${channels} channel${channels === 1 ? '' : 's'}.`,
    remedy: 'Give one number, or one for each channel.',
  });
}
