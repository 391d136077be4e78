/** IDX files, the format of MNIST: a magic number, the sizes of the axes (big endian), then bytes. */

import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.js';
import { elementCount } from './arrange.js';
import { MAX_WHOLE_FILE, malformed, readBytes, wrongSize } from './files.js';
import type { Pixels } from './pixels.js';

/** An IDX file of bytes. */
export interface Idx {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const REMEDY = 'Give an IDX file of unsigned bytes (such as MNIST), plain or gzip.';

/**
 * Images of an `idx3-ubyte` file [images, height, width], plain or gzip.
 *
 * @throws DataError `FILE_UNREADABLE`, `FILE_MALFORMED`, `DATA_INVALID`
 */
export async function readIdxImages(path: string): Promise<Pixels> {
  const { shape, data } = await readIdx(path, 3);
  const [length, height, width] = shape;
  const size = height * width;
  if (size === 0) {
    throw new DataError('DATA_INVALID', {
      file: path,
      message: `has images of ${height} x ${width} pixels.`,
      remedy: 'Give images of at least one pixel.',
    });
  }
  return {
    file: path,
    frame: { channels: 1, height, width },
    length,
    planes: (index) => data.subarray(index * size, (index + 1) * size),
  };
}

/**
 * An IDX file of unsigned bytes, plain or gzip. Never more is inflated than the header promises.
 *
 * @param rank number of axes it must have
 * @throws DataError `FILE_UNREADABLE`, `FILE_MALFORMED`, `DATA_INVALID`
 */
export async function readIdx(path: string, rank: number): Promise<Idx> {
  const stored = await readBytes(path);
  const zipped = stored[0] === 0x1f && stored[1] === 0x8b;
  const bytes = zipped ? await inflate(path, stored, rank) : stored;
  const shape = parseHeader(path, bytes, rank);
  const expected = fileLength(shape);
  if (bytes.length !== expected) throw wrongSize(path, expected, bytes.length);
  return { shape, data: bytes.subarray(headerLength(rank)) };
}

function headerLength(rank: number): number {
  return 4 + 4 * rank;
}

function fileLength(shape: readonly number[]): number {
  return headerLength(shape.length) + elementCount(shape);
}

function parseHeader(path: string, bytes: Buffer, rank: number): readonly number[] {
  if (bytes.length < headerLength(rank)) throw wrongSize(path, headerLength(rank), bytes.length);
  if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== 0x08) {
    const start = bytes.subarray(0, 4).toString('hex');
    throw malformed(path, `is no IDX file of unsigned bytes: it starts with ${start}.`, REMEDY);
  }
  if (bytes[3] !== rank) {
    throw malformed(
      path,
      `is an IDX file with ${bytes[3]} axes; ${rank === 3 ? 'images have 3' : 'labels have 1'}.`,
      'Name the images first, then the labels: idx:IMAGES,LABELS.',
    );
  }
  return Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
}

async function inflate(path: string, stored: Buffer, rank: number): Promise<Buffer> {
  const gunzip = createGunzip();
  gunzip.end(stored);
  const chunks: Buffer[] = [];
  let total = 0;
  let promised: number | undefined;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      total += chunk.length;
      if (promised === undefined && total >= headerLength(rank)) {
        promised = fileLength(parseHeader(path, Buffer.concat(chunks), rank));
        if (promised > MAX_WHOLE_FILE) throw malformed(path, `promises ${promised} bytes.`, REMEDY);
      }
      if (promised !== undefined && total > promised) {
        throw malformed(path, `promises ${promised} bytes, but holds more.`, REMEDY);
      }
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw malformed(path, `is a damaged gzip file: ${(cause as Error).message}.`, 'Download it again.', cause);
  }
  return Buffer.concat(chunks);
}
