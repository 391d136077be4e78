/** A .npy file whose first axis counts images, read in parts. */

import { DataError, FirstspikeError } from '../errors.js';
import { elementCount, finalShape, inferLayout, type Normaliser, normaliser } from './arrange.js';
import { openNpy } from './npy.js';
import type { Preprocess } from './preprocess.js';
import type { Source } from './source.js';

/**
 * Images of a .npy file [images, ...].
 *
 * @param preprocess values stay as they are where absent; the file is in the layout that it gives, or that its shape
 *   shows, and channels are RGB
 * @param model input shape of the model, without its batch axis
 * @throws DataError `FILE_UNREADABLE`, `FILE_MALFORMED`, `DATA_INVALID`; FirstspikeError `OPTION_INVALID`
 */
export async function openNpySource(
  path: string,
  preprocess: Preprocess | undefined,
  model?: readonly number[],
): Promise<Source> {
  const file = await openNpy(path);
  const [length, ...own] = file.shape;
  const size = elementCount(own);
  if (own.length === 0 || size === 0) {
    throw new DataError('DATA_INVALID', {
      file: path,
      message: `has the shape [${file.shape}], which is no list of images.`,
      remedy: 'Save an array [images, ...] with at least one value for each image.',
    });
  }
  const remedy = 'Save the array in the layout of the model, or reshape with preprocessing "shape".';
  const shape = finalShape(path, own, preprocess?.shape, model, remedy);
  const write = preprocess ? valueNormaliser(preprocess, own) : undefined;
  return {
    length,
    shape,
    open(first) {
      let next = first;
      return async (out, count) => {
        const { data } = await file.read(next, count);
        if (write) for (let at = 0; at < count * size; at += size) write(data, at, out, at);
        else out.set(data);
        const bad = out.subarray(0, count * size).findIndex((value) => !Number.isFinite(value));
        if (bad >= 0) {
          throw new DataError('DATA_INVALID', {
            file: path,
            message: `image ${next + Math.floor(bad / size)} has a value that is no finite 32-bit float.`,
            remedy: 'Replace NaN, infinite and huge values.',
          });
        }
        next += count;
      };
    },
  };
}

function valueNormaliser(preprocess: Preprocess, own: readonly number[]): Normaliser {
  if (preprocess.size) {
    throw new FirstspikeError('OPTION_INVALID', {
      message: '"size" resizes pictures, not .npy data.',
      remedy: 'Leave it out, and save the array in the size of the model.',
    });
  }
  const layout = preprocess.layout ?? inferLayout(own);
  const channels = own.length === 3 ? own[layout === 'NHWC' ? 2 : 0] : 1;
  return normaliser(preprocess, channels, elementCount(own) / channels, layout, layout);
}
