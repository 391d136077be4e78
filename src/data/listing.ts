/** Which pictures of a folder belong to a data set, and their classes. */

import { readdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DataError, type Problem } from '../errors.js';
import { malformed, readBytes } from './files.js';

/** Pictures in order. */
export interface Listing {
  readonly paths: readonly string[];
  /** Class of every picture. */
  readonly labels?: Int32Array;
}

const LABELS = 'labels.csv';
const PICTURE = /\.(jpe?g|png)$/i;
const MAX_LABEL = 2 ** 31 - 1;

/**
 * The pictures that the folder's `labels.csv` names, with their classes; without that file all JPEG and PNG files in the
 * order of their names. Whether they can be decoded is not looked at.
 *
 * @throws DataError `FILE_UNREADABLE`, `FILE_MALFORMED`; `DATA_INVALID` for wrong lines, all of them at once, and for
 *   no pictures.
 */
export async function listPictures(folder: string): Promise<Listing> {
  const names = await namesIn(folder);
  const listing = names.includes(LABELS) ? await readTable(folder) : { paths: pictures(folder, names) };
  if (listing.paths.length === 0) {
    throw new DataError('DATA_INVALID', {
      file: folder,
      message: 'has no pictures.',
      remedy: `Put .jpg, .jpeg or .png files there, and their names and classes into ${LABELS}.`,
    });
  }
  return listing;
}

function pictures(folder: string, names: readonly string[]): readonly string[] {
  return names
    .filter((name) => PICTURE.test(name))
    .sort()
    .map((name) => resolve(folder, name));
}

function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be listed: ${cause.code}`;
    throw new DataError(
      'FILE_UNREADABLE',
      { file: folder, message: `${reason}.`, remedy: 'Give the path of a folder of JPEG or PNG files.' },
      { cause },
    );
  });
}

/** Lines `file,label`; the last comma counts, a name may be quoted, and a first line without a picture is a header. */
async function readTable(folder: string): Promise<Listing> {
  const file = resolve(folder, LABELS);
  const text = decodeUtf8(file, await readBytes(file));
  const lines = text.split(/\r?\n/).map((line, i) => ({ number: i + 1, line: line.trim() }));
  const rows = lines
    .filter(({ line }) => line !== '')
    .map(({ line, number }) => {
      const comma = line.lastIndexOf(',');
      const name = line.slice(0, Math.max(comma, 0)).trim();
      return { number, name: unquoted(name), label: unquoted(line.slice(comma + 1).trim()) };
    });
  const isHeader = ({ name, label }: { name: string; label: string }): boolean =>
    name !== '' && !PICTURE.test(name) && !/^\d+$/.test(label);
  if (rows.length > 0 && isHeader(rows[0])) rows.shift();
  const wrong: Problem[] = rows
    .filter(({ name, label }) => !PICTURE.test(name) || !/^\d+$/.test(label) || Number(label) > MAX_LABEL)
    .map(({ number }) => ({
      file,
      message: `line ${number} is not "file,label".`,
      remedy: 'Name a .jpg, .jpeg or .png file, then its class as a whole number from 0 on.',
    }));
  if (wrong.length > 0) throw new DataError('DATA_INVALID', shortened(wrong));
  const paths = rows.map(({ name }) => resolve(folder, name));
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  const missing: Problem[] = paths
    .filter((_, i) => !found[i])
    .map((path) => ({ file: path, message: `does not exist, but ${LABELS} names it.`, remedy: `Correct ${file}.` }));
  if (missing.length > 0) throw new DataError('FILE_UNREADABLE', shortened(missing));
  return { paths, labels: Int32Array.from(rows, ({ label }) => Number(label)) };
}

function decodeUtf8(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed(file, 'is no UTF-8 text.', 'Save it as UTF-8, one line "file,label" for each picture.', cause);
  }
}

function unquoted(field: string): string {
  return /^".*"$/.test(field) ? field.slice(1, -1).replaceAll('""', '"') : field;
}

/** The first problems, and how many more there are. */
function shortened(problems: readonly Problem[]): readonly Problem[] {
  const most = 10;
  if (problems.length <= most) return problems;
  const last = problems[most - 1];
  const more = { ...last, message: `${last.message} (And ${problems.length - most} more.)` };
  return [...problems.slice(0, most - 1), more];
}
