/** Sources whose images are planes of bytes of one size, all in memory: IDX and CIFAR. */

import { FirstspikeError } from '../errors.js';
import { type Frame, finalShape, framed, layoutFor, normaliser } from './arrange.js';
import type { Layout, Preprocess } from './preprocess.js';
import { resize } from './resize.js';
import type { Source } from './source.js';

/** Images of bytes in memory. */
export interface Pixels {
  /** The file named in errors. */
  readonly file: string;
  readonly frame: Frame;
  /** Number of images. */
  readonly length: number;
  readonly labels?: Int32Array;
  /** Planes [channels, height, width] of one image. */
  planes(index: number): Uint8Array;
}

/**
 * Preprocesses images in memory.
 *
 * @param model input shape of the model, without its batch axis
 * @throws DataError `DATA_INVALID` where the images are not what the model takes.
 */
export function pixelSource(pixels: Pixels, preprocess: Preprocess, model?: readonly number[]): Source {
  const { frame, file, length, labels } = pixels;
  const [height, width] = preprocess.size ?? [frame.height, frame.width];
  const target = { ...frame, height, width };
  const layout = layoutFor(preprocess, model);
  const remedy =
    model?.length === 3
      ? `Resize with preprocessing "size": [height, width], or reshape with "shape"; channels (${frame.channels}) stay as they are.`
      : 'Resize with preprocessing "size": [height, width], or reshape with "shape".';
  const shape = finalShape(file, framed(target, layout), preprocess.shape, model, remedy);
  const write = pixelNormaliser(preprocess, target, layout);
  const size = frame.channels * height * width;
  return {
    length,
    labels,
    shape,
    open(first) {
      let next = first;
      return async (out, count) => {
        for (let i = 0; i < count; i++) write(resize(pixels.planes(next++), frame, target), out, i * size);
      };
    },
  };
}

/** Writes one image, planes [channels, height, width], to `out` from element `at` on. */
export type PixelNormaliser = (planes: Uint8Array, out: Float32Array, at: number) => void;

/**
 * The {@link normaliser} of planes of bytes: the value of each byte is computed once.
 *
 * @throws FirstspikeError `OPTION_INVALID`, also where a value would be no finite 32-bit float.
 */
export function pixelNormaliser(preprocess: Preprocess, frame: Frame, layout: Layout): PixelNormaliser {
  const { channels, height, width } = frame;
  const pixels = height * width;
  const bytes = Uint8Array.from({ length: 256 * channels }, (_, i) => i % 256);
  const values = new Float32Array(bytes.length);
  normaliser(preprocess, channels, 256, 'NCHW', 'NCHW')(bytes, 0, values, 0);
  if (!values.every(Number.isFinite)) {
    throw new FirstspikeError('OPTION_INVALID', {
      message: 'preprocessing turns pixels into values beyond 32-bit floats.',
      remedy: 'Use a smaller scale or mean, or a larger std.',
    });
  }
  const tables = Array.from({ length: channels }, (_, c) => values.subarray(256 * c, 256 * (c + 1)));
  const reversed = preprocess.channels === 'BGR';
  const [toChannel, toPixel] = layout === 'NHWC' ? [1, channels] : [pixels, 1];
  return (planes, out, at) => {
    tables.forEach((table, c) => {
      const read = (reversed ? channels - 1 - c : c) * pixels;
      let write = at + c * toChannel;
      for (let p = read; p < read + pixels; p++) {
        out[write] = table[planes[p]];
        write += toPixel;
      }
    });
  };
}
