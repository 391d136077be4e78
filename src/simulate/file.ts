/**
 * Networks as files: safetensors with the graph's weights, and everything else as JSON in the header's metadata. The
 * file carries the original graph, the code and its parameters; a loaded network is lowered and packed again, and
 * still knows the network it came from.
 *
 * The format is a length, a JSON header and the bytes; the package for it on npm is a stub, and the Rust crate would
 * need every weight to cross the language border twice.
 */

import { open, readFile, rename, rm } from 'node:fs/promises';
import { type CodeName, codes } from '../codes/index.js';
import { FirstspikeError } from '../errors.js';
import { checkGraph } from '../graph/check.js';
import { BYTES_PER_ELEMENT, type Constant, type DataType } from '../graph/constant.js';
import { elements, type Graph, type GraphNode, type Shape } from '../graph/graph.js';
import { indexOfNonFinite } from '../graph/weights.js';

/** What a file holds of a network. */
export interface StoredNetwork {
  /** The original network. */
  readonly graph: Graph;
  /** Name and version of the code, and the parameters chosen for the network. */
  readonly code: { readonly name: string; readonly version: number; readonly parameters: unknown };
}

/** Of the graph's form in the file. */
const VERSION = 1;

const SAFETENSORS_TYPES: Partial<Record<DataType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  uint8: 'U8',
  uint16: 'U16',
};

/** Marks, in the graph's JSON, the place of an array that is a tensor of the file. */
interface Reference {
  readonly $tensor: number;
  readonly as: 'constant' | 'Float64Array' | 'Uint16Array' | 'Uint8Array';
}

interface StoredTensor {
  readonly dataType: DataType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const TYPED = {
  Float64Array: { type: Float64Array, dataType: 'float64' },
  Uint16Array: { type: Uint16Array, dataType: 'uint16' },
  Uint8Array: { type: Uint8Array, dataType: 'uint8' },
} as const;

/**
 * Writes a network. The file appears whole or not at all.
 *
 * @throws FirstspikeError (`FILE_UNREADABLE`) if it cannot be written.
 */
export async function writeNetwork({ graph, code }: StoredNetwork, path: string): Promise<void> {
  const tensors: StoredTensor[] = [];
  const stored = JSON.stringify({
    version: VERSION,
    graph: { ...graph, shapes: [...graph.shapes], nodes: graph.nodes.map((node) => detach(node, tensors)) },
    code,
  });
  let offset = 0;
  const entries = tensors.map(({ dataType, shape, bytes }, index) => {
    const offsets = [offset, offset + bytes.length];
    offset += bytes.length;
    return [String(index), { dtype: SAFETENSORS_TYPES[dataType], shape, data_offsets: offsets }];
  });
  const header = JSON.stringify({
    __metadata__: { format: 'firstspike', network: stored },
    ...Object.fromEntries(entries),
  });
  const text = Buffer.from(
    header.padEnd(Math.ceil(Buffer.byteLength(header) / 8) * 8 - Buffer.byteLength(header) + header.length),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const partial = `${path}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      for (const part of [length, text, ...tensors.map(({ bytes }) => bytes)]) await file.writeFile(part);
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw unreadable(path, 'written', cause);
  }
}

/**
 * Reads a network; `restore` makes of it what is asked for.
 *
 * @throws FirstspikeError (`FILE_UNREADABLE`, `FILE_MALFORMED`), the latter also if `restore` fails.
 */
export async function readNetwork<T>(path: string, restore: (network: StoredNetwork) => T): Promise<T> {
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (cause) {
    throw unreadable(path, 'read', cause);
  }
  const { metadata, tensors } = parse(path, file);
  const malformed = (message: string, cause?: unknown) => malformedFile(path, message, cause);
  if (metadata.format !== 'firstspike' || typeof metadata.network !== 'string') {
    throw malformed('it is a safetensors file, but not of a spiking network.');
  }
  const { version, graph, code } = json(path, metadata.network);
  const known = Object.hasOwn(codes, code?.name) ? codes[code.name as CodeName] : undefined;
  if (version !== VERSION || !known || known.version !== code.version) {
    throw malformed('it was written by another version of firstspike.');
  }
  try {
    const nodes = (graph.nodes as unknown[]).map((node) => attach(node, tensors) as GraphNode);
    const shapes = new Map(graph.shapes as [string, Shape][]);
    const restored: Graph = { ...graph, nodes, shapes };
    checkGraph(restored);
    return restore({ graph: restored, code });
  } catch (cause) {
    throw malformed('its parts contradict each other.', cause);
  }
}

/** A copy of a value in which arrays of numbers are references to tensors, which are appended to the list. */
function detach(value: unknown, tensors: StoredTensor[]): unknown {
  const put = (tensor: StoredTensor, as: Reference['as']): Reference => ({ $tensor: tensors.push(tensor) - 1, as });
  for (const [name, { type, dataType }] of Object.entries(TYPED)) {
    if (value instanceof type) {
      const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      return put({ dataType, shape: [value.length], bytes }, name as Reference['as']);
    }
  }
  if (Array.isArray(value)) return value.map((item) => detach(item, tensors));
  if (typeof value !== 'object' || value === null) return value;
  const { dataType, shape, bytes } = value as Partial<Constant>;
  if (dataType && shape && bytes) return put({ dataType, shape, bytes }, 'constant');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, detach(item, tensors)]));
}

function attach(value: unknown, tensors: ReadonlyMap<string, StoredTensor>): unknown {
  if (Array.isArray(value)) return value.map((item) => attach(item, tensors));
  if (typeof value !== 'object' || value === null) return value;
  const { $tensor, as } = value as Partial<Reference>;
  if ($tensor === undefined || as === undefined) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, attach(item, tensors)]));
  }
  const tensor = tensors.get(String($tensor));
  if (!tensor) throw new Error(`tensor ${$tensor} is missing`);
  if (as === 'constant') return tensor;
  const { type, dataType } = TYPED[as];
  if (tensor.dataType !== dataType) throw new Error(`tensor ${$tensor} is not of ${dataType}`);
  // A copy, since the bytes lie at any alignment in the file.
  return new type(new Uint8Array(tensor.bytes).buffer);
}

function parse(path: string, file: Buffer): { metadata: Record<string, unknown>; tensors: Map<string, StoredTensor> } {
  const malformed = (message: string) => malformedFile(path, message);
  const length = file.length >= 8 ? Number(file.readBigUInt64LE()) : Number.NaN;
  if (!(length <= file.length - 8)) throw malformed('it is no safetensors file, or it is cut off.');
  const { __metadata__: metadata = {}, ...entries } = json(path, file.toString('utf8', 8, 8 + length));
  const data = new Uint8Array(file.buffer, file.byteOffset + 8 + length, file.length - 8 - length);
  const types = new Map(Object.entries(SAFETENSORS_TYPES).map(([dataType, name]) => [name, dataType as DataType]));
  const tensors = Object.entries(entries).map(([name, entry]): [string, StoredTensor] => {
    const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
    const dataType = types.get(dtype as string);
    const sizes =
      Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0) ? (shape as number[]) : undefined;
    const [from, to] = Array.isArray(offsets) ? (offsets as number[]) : [Number.NaN, Number.NaN];
    if (!dataType || !sizes || !(from >= 0 && from <= to && to <= data.length)) {
      throw malformed(`tensor ${name} has no valid type, shape and place.`);
    }
    if (elements(sizes) * BYTES_PER_ELEMENT[dataType] !== to - from) {
      throw malformed(`tensor ${name} has another size than its shape.`);
    }
    const tensor = { dataType, shape: sizes, bytes: data.subarray(from, to) };
    if (indexOfNonFinite(tensor) >= 0) throw malformed(`tensor ${name} has numbers that are not finite.`);
    return [name, tensor];
  });
  return { metadata, tensors: new Map(tensors) };
}

// biome-ignore lint/suspicious/noExplicitAny: what a file holds is checked where it is used
function json(path: string, text: string): any {
  try {
    const value = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw malformedFile(path, 'its header is no JSON.', cause);
  }
  throw malformedFile(path, 'its header is no JSON object.');
}

function malformedFile(file: string, message: string, cause?: unknown): FirstspikeError {
  const remedy = 'Convert the network again and save it.';
  return new FirstspikeError('FILE_MALFORMED', { file, message, remedy }, { cause });
}

function unreadable(file: string, verb: string, cause: unknown): FirstspikeError {
  const problem = { file, message: `it cannot be ${verb}: ${(cause as Error).message}.`, remedy: 'Check the path.' };
  return new FirstspikeError('FILE_UNREADABLE', problem, { cause });
}
