/** Attributes of a node, read by name and type. */

import type { AttributeProto, NodeProto, TensorProto } from './messages.js';
import { invalid } from './problems.js';
import { concat } from './protobuf.js';

/** `AttributeProto.AttributeType`, as far as attributes of these types are read. */
const TYPES = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** The attributes of one node. All getters throw a refusal (MODEL_INVALID) where the type is another one. */
export class Attributes {
  readonly #attributes: ReadonlyMap<string, AttributeProto>;
  readonly #read = new Set<string>();

  constructor(node: NodeProto) {
    this.#attributes = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  }

  /** Names of the attributes that have not been read. */
  unread(): readonly string[] {
    return [...this.#attributes.keys()].filter((name) => !this.#read.has(name));
  }

  /** A whole number. */
  int(name: string): number | undefined {
    const value = this.#get(name, 'int');
    return value && checkInteger(name, value.i ?? 0);
  }

  /** A list of whole numbers. */
  ints(name: string): readonly number[] | undefined {
    return this.#get(name, 'ints')?.ints.map((n) => checkInteger(name, n));
  }

  /** A 32-bit float. */
  float(name: string): number | undefined {
    const value = this.#get(name, 'float');
    return value && (value.f ?? 0);
  }

  /** A list of 32-bit floats. */
  floats(name: string): Float32Array | undefined {
    const value = this.#get(name, 'floats');
    const bytes = value && new Uint8Array(concat(value.floats));
    if (bytes && bytes.length % 4 !== 0) throw invalid(`its attribute ${name} ends within a number.`);
    return bytes && new Float32Array(bytes.buffer);
  }

  /** A string. */
  string(name: string): string | undefined {
    const value = this.#get(name, 'string');
    return value && new TextDecoder().decode(value.s);
  }

  /** A tensor. */
  tensor(name: string): TensorProto | undefined {
    return this.#get(name, 'tensor')?.t;
  }

  #get(name: string, type: keyof typeof TYPES): AttributeProto | undefined {
    const attribute = this.#attributes.get(name);
    if (!attribute) return undefined;
    this.#read.add(name);
    if (attribute.type !== TYPES[type]) throw invalid(`its attribute ${name} is not of type ${type}.`);
    return attribute;
  }
}

function checkInteger(name: string, value: number): number {
  if (!Number.isSafeInteger(value)) throw invalid(`its attribute ${name} is beyond 2^53.`);
  return value;
}
