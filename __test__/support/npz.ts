/** Reads the archives that `numpy.savez_compressed` writes. */

import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { decodeNpy, type NpyArray } from '../../src/data/npy.js';

/** The arrays of an archive by name. */
export function readNpz(path: string): Readonly<Record<string, NpyArray>> {
  const bytes = readFileSync(path);
  // The central directory, which a record at the end points to; there are no comments behind it.
  const end = bytes.length - 22;
  let at = bytes.readUInt32LE(end + 16);
  const arrays: Record<string, NpyArray> = {};
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const [name, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const entry = bytes.toString('utf8', at + 46, at + 46 + name);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const packed = bytes.subarray(start, start + bytes.readUInt32LE(at + 20));
    const raw = bytes.readUInt16LE(at + 10) === 8 ? inflateRawSync(packed) : packed;
    arrays[entry.replace(/\.npy$/, '')] = decodeNpy(raw, entry);
    at += 46 + name + extra + comment;
  }
  return arrays;
}
