/** Pictures of a folder, decoded a few files ahead of the consumer. */

import { DataError } from '../errors.js';
import { elementCount, type Frame, finalShape, framed, frameOf, layoutFor, pictureShape } from './arrange.js';
import { decodePicture, MAX_PIXELS } from './decode.js';
import { listPictures } from './listing.js';
import { pixelNormaliser } from './pixels.js';
import type { Layout, Preprocess } from './preprocess.js';
import { resize } from './resize.js';
import type { Source } from './source.js';

/** Files that are decoded ahead. */
const AHEAD = 8;

/**
 * Pictures of a folder, resized to `size`, else to the model's own height and width.
 *
 * @param model input shape of the model, without its batch axis
 * @throws DataError `FILE_UNREADABLE`, `FILE_MALFORMED`, `DATA_INVALID`; FirstspikeError `DEPENDENCY_MISSING`
 */
export async function openFolder(folder: string, preprocess: Preprocess, model?: readonly number[]): Promise<Source> {
  const { paths, labels } = await listPictures(folder);
  const { channels, height, width, resized } = await targetFrame(folder, paths, preprocess, model);
  const frame = { channels, height, width };
  const layout = layoutFor(preprocess, model);
  const remedy = 'Choose preprocessing "size", "layout" or "shape" so that both agree.';
  const shape = finalShape(folder, framed(frame, layout), preprocess.shape, model, remedy);
  const write = pixelNormaliser(preprocess, frame, layout);
  const decode = async (path: string): Promise<Uint8Array> => {
    const picture = await decodePicture(path, channels);
    if (!resized && (picture.height !== height || picture.width !== width)) {
      throw new DataError('DATA_INVALID', {
        file: path,
        message: `has ${picture.height} x ${picture.width} pixels, but the first picture has ${height} x ${width}.`,
        remedy: 'Set preprocessing "size": [height, width].',
      });
    }
    return resize(picture.planes, picture, frame);
  };
  return {
    length: paths.length,
    labels,
    shape,
    open(first, end) {
      const pending: Promise<Uint8Array>[] = [];
      let next = first;
      const fillUp = (): void => {
        while (pending.length < AHEAD && next < end) {
          const picture = decode(paths[next++]);
          // A consumer that leaves early never awaits what is still pending.
          picture.catch(() => {});
          pending.push(picture);
        }
      };
      return async (out, count, signal) => {
        for (let i = 0; i < count; i++) {
          fillUp();
          write(await (pending.shift() as Promise<Uint8Array>), out, i * channels * height * width);
          signal?.throwIfAborted();
        }
        fillUp();
      };
    },
  };
}

interface TargetFrame {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** False where pictures must have that size already, for nobody asked for one. */
  readonly resized: boolean;
}

async function targetFrame(
  folder: string,
  paths: readonly string[],
  preprocess: Preprocess,
  model: readonly number[] | undefined,
): Promise<TargetFrame> {
  const shape = pictureShape(preprocess, model);
  const asked = shape && askedFrame(shape, layoutFor(preprocess, model));
  const size = preprocess.size ?? (asked && [asked.height, asked.width]);
  const { height, width } = size ? { height: size[0], width: size[1] } : await decodePicture(paths[0], 3);
  const channels = asked?.channels ?? (shape && elementCount(shape) === height * width ? 1 : 3);
  if (channels !== 1 && channels !== 3) {
    throw new DataError('DATA_INVALID', {
      file: folder,
      message: `pictures have 1 or 3 channels, but [${shape}] has ${channels}.`,
      remedy: 'Set preprocessing "layout" (NCHW or NHWC), or give the data as .npy.',
    });
  }
  if (height * width > MAX_PIXELS) {
    throw new DataError('DATA_INVALID', {
      file: folder,
      message: `pictures of ${height} x ${width} pixels are beyond ${MAX_PIXELS} pixels.`,
      remedy: 'Choose a smaller preprocessing "size".',
    });
  }
  return { channels, height, width, resized: size !== undefined };
}

/** The frame that a shape of [c, h, w], [h, w, c] or [h, w] (grey) describes; none where the image is flattened. */
function askedFrame(shape: readonly number[], layout: Layout): Frame | undefined {
  if (shape.length === 3) return frameOf(shape, layout);
  return shape.length === 2 && !shape.includes(1) ? { channels: 1, height: shape[0], width: shape[1] } : undefined;
}
