/** JPEG and PNG through `sharp`, which is an optional package. */

import { DataError, FirstspikeError } from '../errors.js';
import type { Frame } from './arrange.js';
import { malformed, readBytes } from './files.js';

/** Most pixels of one picture: 67 million. */
export const MAX_PIXELS = 2 ** 26;

/** A picture of 8 bits a channel. */
export interface Picture extends Frame {
  /** [channels, height, width], row major. */
  readonly planes: Uint8Array;
}

/**
 * Reads a JPEG or PNG file: upright by its EXIF orientation, transparency on black, 8 bits a channel. Colour profiles
 * are ignored, as by the libraries that networks are trained with.
 *
 * @param channels 3: red, green, blue; 1: luma (ITU-R 601)
 * @throws FirstspikeError `DEPENDENCY_MISSING`; DataError `FILE_UNREADABLE`, `FILE_MALFORMED`, `DATA_INVALID`
 */
export async function decodePicture(path: string, channels: 1 | 3): Promise<Picture> {
  const sharp = await loadSharp();
  const bytes = await readBytes(path);
  if (!isPicture(bytes)) {
    throw malformed(path, 'is neither JPEG nor PNG.', 'Convert it, or leave it out.');
  }
  const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, ignoreIcc: true, failOn: 'error' });
  const { data, info } = await image
    .autoOrient()
    .flatten({ background: '#000000' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      if (/pixel limit/.test(cause.message)) {
        throw new DataError(
          'DATA_INVALID',
          { file: path, message: `has more than ${MAX_PIXELS} pixels.`, remedy: 'Scale it down.' },
          { cause },
        );
      }
      throw malformed(path, `cannot be decoded: ${cause.message}.`, 'Replace the file, or leave it out.', cause);
    });
  const { width, height } = info;
  return { planes: split(data, info.channels, channels), channels, height, width };
}

/** Planes of interleaved pixels of one (grey) or three channels. */
function split(data: Uint8Array, from: number, to: 1 | 3): Uint8Array {
  const pixels = data.length / from;
  const planes = new Uint8Array(to * pixels);
  const [green, blue] = from === 1 ? [0, 0] : [1, 2];
  for (let p = 0, at = 0; p < pixels; p++, at += from) {
    const [r, g, b] = [data[at], data[at + green], data[at + blue]];
    if (to === 3) {
      planes[p] = r;
      planes[p + pixels] = g;
      planes[p + 2 * pixels] = b;
    } else {
      planes[p] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    }
  }
  return planes;
}

function isPicture(bytes: Uint8Array): boolean {
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  return starts(0xff, 0xd8, 0xff) || starts(0x89, 0x50, 0x4e, 0x47);
}

async function loadSharp() {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new FirstspikeError(
      'DEPENDENCY_MISSING',
      { message: 'reading JPEG and PNG needs the package sharp.', remedy: 'Install it: npm install sharp' },
      { cause },
    );
  }
}
