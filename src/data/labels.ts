/** Labels in a file of their own. */

import { DataError } from '../errors.js';
import { readRange } from './files.js';
import { readIdx } from './idx.js';
import { openNpy } from './npy.js';

const MAX_LABEL = 2 ** 31 - 1;

/**
 * Class of every image, from an IDX file (`idx1-ubyte`, plain or gzip) or a .npy file of integers [n] or [n, 1]; which
 * of them it is, its first bytes tell.
 *
 * @throws DataError `FILE_UNREADABLE`, `FILE_MALFORMED`; `DATA_INVALID` for anything but integers from 0 on.
 */
export async function readLabels(path: string): Promise<Int32Array> {
  const magic = await readRange(path, 0, 2);
  return magic.equals(Buffer.from([0x93, 0x4e])) ? readNpyLabels(path) : Int32Array.from((await readIdx(path, 1)).data);
}

async function readNpyLabels(path: string): Promise<Int32Array> {
  const { shape, dtype, read } = await openNpy(path);
  const isList = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!isList || !/^[iu]/.test(dtype)) {
    throw new DataError('DATA_INVALID', {
      file: path,
      message: `has shape [${shape}] and type ${dtype}; labels are integers [images].`,
      remedy: "Save one class for each image, such as labels.astype('int32').",
    });
  }
  const { data } = await read(0, shape[0]);
  const wrong = data.findIndex((label) => label < 0 || label > MAX_LABEL);
  if (wrong >= 0) {
    throw new DataError('DATA_INVALID', {
      file: path,
      message: `label ${data[wrong]} of image ${wrong} is not in 0..${MAX_LABEL}.`,
      remedy: 'Number the classes from 0 on.',
    });
  }
  return Int32Array.from(data);
}
