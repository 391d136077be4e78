/** Weights kept in files beside the model. */

import { open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TensorProto } from './messages.js';
import { Refusal } from './problems.js';

/**
 * Reads the bytes of a tensor from the file that it names.
 *
 * @param length bytes that the tensor needs.
 * @param folder the model's folder: no file outside it is read.
 * @throws {Refusal} EXTERNAL_DATA where the file is missing, too short or outside the folder.
 */
export async function readExternalData(
  tensor: TensorProto,
  length: number,
  folder: string | undefined,
): Promise<Uint8Array> {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  const offset = Number(entries.get('offset') ?? 0);
  const declared = Number(entries.get('length') ?? length);
  const refuse = (what: string, remedy: string) =>
    new Refusal('EXTERNAL_DATA', `tensor ${tensor.name} has its data in the file "${location}", ${what}`, remedy);

  if (folder === undefined) throw refuse('but the model came without a folder.', 'Pass its folder as option `folder`.');
  if (!Number.isSafeInteger(offset) || offset < 0 || declared !== length) {
    throw refuse(
      `but offset ${offset} and length ${declared} do not fit a tensor of ${length} bytes.`,
      'Export the model again.',
    );
  }
  if (!isInside(folder, path.resolve(folder, location)) || path.isAbsolute(location)) {
    throw refuse('which is not in the folder of the model.', 'Put the file into the folder of the model.');
  }
  const file = await realpath(path.resolve(folder, location)).catch(() => undefined);
  const size = file === undefined ? undefined : await fileSize(file);
  if (file === undefined || size === undefined) {
    throw refuse('which is missing or cannot be read.', 'Put the file into the folder of the model.');
  }
  if (!isInside(await realpath(folder), file)) {
    throw refuse('a link to a file that is not in the folder of the model.', 'Put the file itself into the folder.');
  }
  if (size < offset + length) {
    throw refuse(
      `which is too short: it has ${size} bytes of ${offset + length}.`,
      'Download or export the model again, with all of its files.',
    );
  }
  const bytes = await readRange(file, offset, length);
  if (!bytes) throw refuse('which cannot be read.', 'Put a readable file into the folder of the model.');
  return bytes;
}

function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && relative.split(path.sep)[0] !== '..' && !path.isAbsolute(relative);
}

/** Size of a regular file; nothing for anything else. */
async function fileSize(file: string): Promise<number | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
}

async function readRange(file: string, offset: number, length: number): Promise<Uint8Array | undefined> {
  const handle = await open(file, 'r').catch(() => undefined);
  try {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const read = await handle?.read(bytes, at, Math.min(length - at, 1 << 30), offset + at);
      if (!read?.bytesRead) return undefined;
      at += read.bytesRead;
    }
    return bytes;
  } finally {
    await handle?.close();
  }
}
