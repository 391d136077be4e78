/**
 * Protobuf messages declared as tables: one entry per field that is read, everything else is skipped. Bytes are views
 * of the buffer that is decoded, never copies.
 */

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** One field of a message: its number, its value where it is absent, and how one occurrence is taken in. */
export interface Field<V> {
  readonly number: number;
  readonly initial: () => V;
  readonly take: (reader: BinaryReader, wireType: WireType, value: V) => V;
}

// biome-ignore lint/suspicious/noExplicitAny: fields of any value type go into one table
type Fields = Readonly<Record<string, Field<any>>>;

/** Declaration of a message. */
export interface Message<T extends Fields> {
  readonly fields: T;
  readonly byNumber: ReadonlyMap<number, string>;
}

/** Type of a decoded message. */
export type Decoded<M> =
  M extends Message<infer T> ? { readonly [K in keyof T]: T[K] extends Field<infer V> ? V : never } : never;

/** Declares a message by its fields. */
export function message<T extends Fields>(fields: T): Message<T> {
  return { fields, byNumber: new Map(Object.entries(fields).map(([name, field]) => [field.number, name])) };
}

/**
 * Decodes a message.
 *
 * @throws {Error} where the bytes are no protobuf message, or a field has another type than declared.
 */
export function decode<T extends Fields>(declaration: Message<T>, bytes: Uint8Array): Decoded<Message<T>> {
  const { fields, byNumber } = declaration;
  const values: Record<string, unknown> = {};
  for (const name in fields) values[name] = fields[name].initial();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const name = byNumber.get(number);
    if (name === undefined) reader.skip(wireType, number);
    else values[name] = fields[name].take(reader, wireType, values[name]);
  }
  return values as Decoded<Message<T>>;
}

/** An int32, int64 or enum; beyond 2^53 rounded, so that `Number.isSafeInteger` tells. */
export function integer(number: number): Field<number | undefined> {
  return {
    number,
    initial: () => undefined,
    take: (reader, wireType) => {
      expectWireType(wireType, WireType.Varint);
      return Number(reader.int64());
    },
  };
}

/** A float. */
export function float(number: number): Field<number | undefined> {
  return {
    number,
    initial: () => undefined,
    take: (reader, wireType) => {
      expectWireType(wireType, WireType.Bit32);
      return reader.float();
    },
  };
}

/** A string, empty where absent. */
export function text(number: number): Field<string> {
  return {
    number,
    initial: () => '',
    take: (reader, wireType) => {
      expectWireType(wireType, WireType.LengthDelimited);
      return reader.string(true);
    },
  };
}

/** Bytes, or a message that is not looked into. */
export function bytes(number: number): Field<Uint8Array | undefined> {
  return {
    number,
    initial: () => undefined,
    take: (reader, wireType) => {
      expectWireType(wireType, WireType.LengthDelimited);
      return reader.bytes();
    },
  };
}

/** A message within the message. */
export function nested<T extends Fields>(
  number: number,
  declaration: Message<T>,
): Field<Decoded<Message<T>> | undefined> {
  return {
    number,
    initial: () => undefined,
    take: (reader, wireType, value) => {
      expectWireType(wireType, WireType.LengthDelimited);
      if (value !== undefined) throw new Error(`field ${number} occurs twice`);
      return decode(declaration, reader.bytes());
    },
  };
}

/** Repeated {@link text}, {@link bytes} or {@link nested}. */
export function repeated<V>(field: Field<V>): Field<NonNullable<V>[]> {
  return {
    number: field.number,
    initial: () => [],
    take: (reader, wireType, values) => {
      values.push(field.take(reader, wireType, field.initial()) as NonNullable<V>);
      return values;
    },
  };
}

/** Repeated integers, packed or not; each as {@link integer}. */
export function integers(number: number): Field<number[]> {
  return {
    number,
    initial: () => [],
    take: (reader, wireType, values) => {
      for (const value of varints(encoded(reader, wireType, WireType.Varint))) values.push(Number(value));
      return values;
    },
  };
}

/**
 * Repeated numbers, packed or not, as they are encoded: views that are decoded only where they are used. A list of
 * fixed-width numbers is their little-endian array; a list of integers is read by {@link varints}.
 */
export function numbers(number: number, type: WireType.Varint | WireType.Bit32 | WireType.Bit64): Field<Uint8Array[]> {
  return {
    number,
    initial: () => [],
    take: (reader, wireType, chunks) => {
      chunks.push(encoded(reader, wireType, type));
      return chunks;
    },
  };
}

/** The bytes of chunks one after the other: a view where there is only one chunk. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The integers of a run of varints, as signed 64-bit numbers. */
export function* varints(chunk: Uint8Array): Generator<bigint> {
  const reader = new BinaryReader(chunk);
  while (reader.pos < reader.len) yield BigInt(reader.int64());
}

function encoded(reader: BinaryReader, wireType: WireType, element: WireType): Uint8Array {
  if (wireType === WireType.LengthDelimited) return reader.bytes();
  expectWireType(wireType, element);
  return reader.skip(wireType);
}

function expectWireType(wireType: WireType, expected: WireType): void {
  if (wireType !== expected) throw new Error(`wire type ${wireType} where ${expected} is declared`);
}
