/** Reading files with typed errors. */

import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { DataError } from '../errors.js';

/** Largest file, in bytes, that is read as a whole: 2 GiB. */
export const MAX_WHOLE_FILE = 2 ** 31;

/**
 * Size in bytes of a regular file.
 *
 * @throws DataError `FILE_UNREADABLE` where there is no such file, or it is a folder, a pipe or a device.
 */
export async function fileSize(path: string): Promise<number> {
  const status = await stat(path).catch((cause) => Promise.reject(unreadable(path, cause)));
  if (!status.isFile()) {
    throw new DataError('FILE_UNREADABLE', {
      file: path,
      message: `is ${status.isDirectory() ? 'a folder' : 'no regular file'}.`,
      remedy: 'Give the path of a file.',
    });
  }
  return status.size;
}

/**
 * All bytes of a regular file of at most {@link MAX_WHOLE_FILE} bytes.
 *
 * @throws DataError `FILE_UNREADABLE`; `DATA_INVALID` where the file is larger.
 */
export async function readBytes(path: string): Promise<Buffer> {
  const size = await fileSize(path);
  if (size > MAX_WHOLE_FILE) {
    throw new DataError('DATA_INVALID', {
      file: path,
      message: `has ${size} bytes; at most ${MAX_WHOLE_FILE} are read at once.`,
      remedy: 'Split the file, or save the images as .npy, which is read in parts.',
    });
  }
  return readFile(path).catch((cause) => Promise.reject(unreadable(path, cause)));
}

/**
 * Bytes `start` to `start + length` of a file.
 *
 * @throws DataError `FILE_UNREADABLE`; `FILE_MALFORMED` where the file ends before.
 */
export async function readRange(path: string, start: number, length: number): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const bytes = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, Math.min(length - filled, 2 ** 30), start + filled);
      if (bytesRead === 0) throw wrongSize(path, start + length, start + filled);
      filled += bytesRead;
    }
    return bytes;
  } catch (cause) {
    throw cause instanceof DataError ? cause : unreadable(path, cause);
  } finally {
    await file?.close();
  }
}

/** The error for a file that is not what it says it is. */
export function malformed(path: string | undefined, message: string, remedy: string, cause?: unknown): DataError {
  return new DataError('FILE_MALFORMED', { file: path, message, remedy }, { cause });
}

/** The error for a file that is shorter or longer than it should be; sizes in bytes. */
export function wrongSize(path: string | undefined, expected: number, actual: number): DataError {
  return malformed(path, `should have ${expected} bytes, but has ${actual}.`, 'Write or download the file again.');
}

function unreadable(path: string, cause: unknown): DataError {
  const { code } = cause as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read' : `cannot be read: ${code}`;
  return new DataError(
    'FILE_UNREADABLE',
    { file: path, message: `${reason}.`, remedy: 'Check the path and its permissions.' },
    { cause },
  );
}
