/** CIFAR binary files: records of labels and 3 x 32 x 32 bytes, one plane for each of red, green, blue. */

import { DataError } from '../errors.js';
import { malformed, readBytes } from './files.js';
import type { Pixels } from './pixels.js';

const FRAME = { channels: 3, height: 32, width: 32 };
const PIXELS = FRAME.channels * FRAME.height * FRAME.width;

/** Number of classes for each label byte of a record; the last one is the label that is used. */
const FORMATS = { cifar: [10], cifar100: [20, 100] } as const;

/**
 * Images of one or more CIFAR-10 (`cifar`) or CIFAR-100 (`cifar100`, fine labels) files, in the order given.
 *
 * @throws DataError `FILE_UNREADABLE`; `FILE_MALFORMED` where the size is no multiple of a record; `DATA_INVALID` where
 *   a label is out of range.
 */
export async function readCifar(paths: readonly string[], format: keyof typeof FORMATS): Promise<Pixels> {
  const classes = FORMATS[format];
  const record = classes.length + PIXELS;
  const files: Buffer[] = [];
  for (const path of paths) files.push(await readRecords(path, classes, record));
  const records = files.flatMap((bytes) =>
    Array.from({ length: bytes.length / record }, (_, i) => bytes.subarray(i * record, (i + 1) * record)),
  );
  return {
    file: paths[0],
    frame: FRAME,
    length: records.length,
    labels: Int32Array.from(records, (bytes) => bytes[classes.length - 1]),
    planes: (index) => records[index].subarray(classes.length),
  };
}

async function readRecords(path: string, classes: readonly number[], record: number): Promise<Buffer> {
  const bytes = await readBytes(path);
  if (bytes.length % record !== 0) {
    throw malformed(
      path,
      `has ${bytes.length} bytes, which is no multiple of the ${record} bytes of a record.`,
      'Give the unpacked binary version (cifar: CIFAR-10, cifar100: CIFAR-100).',
    );
  }
  for (let start = 0; start < bytes.length; start += record) {
    classes.forEach((count, i) => {
      if (bytes[start + i] >= count) {
        throw new DataError('DATA_INVALID', {
          file: path,
          message: `label ${bytes[start + i]} of image ${start / record} is not below ${count}.`,
          remedy: 'Give the unpacked binary version (cifar: CIFAR-10, cifar100: CIFAR-100).',
        });
      }
    });
  }
  return bytes;
}
