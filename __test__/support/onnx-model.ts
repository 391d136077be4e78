/** ONNX files made in memory, valid or not. */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** `TensorProto.DataType` */
export const TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

export interface TensorSpec {
  readonly name?: string;
  readonly dims: readonly (number | bigint)[];
  readonly type?: number;
  readonly raw?: Uint8Array;
  /** Values for the typed field of that number. */
  readonly typed?: readonly [field: 4 | 5 | 7 | 10 | 11, values: readonly (number | bigint)[], packed?: boolean];
  readonly external?: Readonly<Record<string, string>>;
}

/** An attribute: a number is an int, a list of numbers ints. */
export type AttributeSpec =
  | number
  | bigint
  | readonly (number | bigint)[]
  | string
  | TensorSpec
  | Float
  | Floats
  | Graph;

export class Float {
  constructor(readonly value: number) {}
}
export class Floats {
  constructor(
    readonly values: readonly number[],
    readonly packed = true,
  ) {}
}
/** An empty graph, as control flow has. */
export class Graph {}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly name?: string;
  readonly domain?: string;
}

export interface ModelSpec {
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: readonly TensorSpec[];
  readonly sparse?: readonly TensorSpec[];
  /** Shapes by name, the batch included; a string is a symbolic size, nothing an unknown shape. */
  readonly inputs?: Readonly<Record<string, readonly (number | bigint | string)[] | undefined>>;
  readonly inputType?: number;
  readonly outputs?: readonly string[];
  readonly opsets?: Readonly<Record<string, number>>;
  readonly functions?: readonly { name: string; domain: string }[];
}

/** A node of the default domain that is named after its output. */
export function node(
  op: string,
  inputs: string,
  output = 'y',
  attributes: NodeSpec['attributes'] = {},
  more: Partial<NodeSpec> = {},
): NodeSpec {
  return {
    op,
    inputs: inputs.split(' ').filter(Boolean),
    outputs: [output],
    name: `${output}-node`,
    attributes,
    ...more,
  };
}

/** A float32 tensor of the values given, repeated as needed. */
export function tensor(name: string, dims: readonly number[], ...values: number[]): TensorSpec {
  const size = dims.reduce((product, n) => product * n, 1);
  const data = Float32Array.from({ length: size }, (_, i) => values[i % values.length] ?? 0.5);
  return { name, dims, raw: new Uint8Array(data.buffer) };
}

/** An int64 tensor of rank 1. */
export function int64s(name: string, ...values: number[]): TensorSpec {
  return {
    name,
    dims: [values.length],
    type: TYPE.int64,
    raw: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  };
}

/** Encodes a model from `x` to `y`; by default in opset 17, on images of the shape [2,4,4]. */
export function onnxModel(spec: ModelSpec): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(8);
  for (const [domain, version] of Object.entries(spec.opsets ?? { '': 17 })) {
    message(writer, 8, (w) => {
      text(w, 1, domain);
      w.tag(2, WireType.Varint).int64(version);
    });
  }
  for (const local of spec.functions ?? []) {
    message(writer, 25, (w) => {
      text(w, 1, local.name);
      text(w, 10, local.domain);
    });
  }
  message(writer, 7, (w) => {
    for (const input of Object.entries(spec.inputs ?? { x: ['N', 2, 4, 4] })) {
      message(w, 11, (v) => writeInput(v, input, spec.inputType ?? TYPE.float32));
    }
    for (const output of spec.outputs ?? ['y']) message(w, 12, (v) => text(v, 1, output));
    for (const each of spec.initializers ?? []) message(w, 5, (v) => writeTensor(v, each));
    for (const each of spec.sparse ?? []) message(w, 15, (v) => message(v, 1, (t) => writeTensor(t, each)));
    for (const each of spec.nodes) message(w, 1, (v) => writeNode(v, each));
  });
  return writer.finish();
}

function writeInput(
  w: BinaryWriter,
  [name, shape]: [string, readonly (number | bigint | string)[] | undefined],
  type: number,
): void {
  text(w, 1, name);
  message(w, 2, (t) =>
    message(t, 1, (tensorType) => {
      tensorType.tag(1, WireType.Varint).int32(type);
      if (!shape) return;
      message(tensorType, 2, (s) => {
        for (const size of shape) {
          message(s, 1, (d) => {
            if (typeof size === 'string') text(d, 2, size);
            else d.tag(1, WireType.Varint).int64(size);
          });
        }
      });
    }),
  );
}

function writeNode(w: BinaryWriter, { op, inputs, outputs, attributes = {}, name = '', domain = '' }: NodeSpec): void {
  for (const input of inputs) text(w, 1, input === '-' ? '' : input);
  for (const output of outputs) text(w, 2, output);
  text(w, 3, name);
  text(w, 4, op);
  text(w, 7, domain);
  for (const [key, value] of Object.entries(attributes)) {
    message(w, 5, (a) => {
      text(a, 1, key);
      const type = writeValue(a, value);
      a.tag(20, WireType.Varint).int32(type);
    });
  }
}

/** Writes the value of an attribute, and returns its type. */
function writeValue(w: BinaryWriter, value: AttributeSpec): number {
  if (typeof value === 'number' || typeof value === 'bigint') {
    w.tag(3, WireType.Varint).int64(value);
    return 2;
  }
  if (typeof value === 'string') {
    text(w, 4, value);
    return 3;
  }
  if (value instanceof Float) {
    w.tag(2, WireType.Bit32).float(value.value);
    return 1;
  }
  if (value instanceof Floats) {
    if (!value.packed) for (const v of value.values) w.tag(7, WireType.Bit32).float(v);
    else {
      message(w, 7, (p) => {
        for (const v of value.values) p.float(v);
      });
    }
    return 6;
  }
  if (value instanceof Graph) {
    message(w, 6, () => {});
    return 5;
  }
  if ('dims' in value) {
    message(w, 5, (t) => writeTensor(t, value));
    return 4;
  }
  for (const each of value) w.tag(8, WireType.Varint).int64(each);
  return 7;
}

function writeTensor(
  w: BinaryWriter,
  { name = '', dims, type = TYPE.float32, raw, typed, external }: TensorSpec,
): void {
  message(w, 1, (p) => {
    for (const n of dims) p.int64(n);
  });
  w.tag(2, WireType.Varint).int32(type);
  text(w, 8, name);
  if (raw) w.tag(9, WireType.LengthDelimited).bytes(raw);
  if (typed) writeTyped(w, typed);
  if (!external) return;
  for (const [key, value] of Object.entries(external)) {
    message(w, 13, (e) => {
      text(e, 1, key);
      text(e, 2, value);
    });
  }
  w.tag(14, WireType.Varint).int32(1);
}

function writeTyped(w: BinaryWriter, [field, values, packed = true]: NonNullable<TensorSpec['typed']>): void {
  const [wireType, put] = {
    4: [WireType.Bit32, (p: BinaryWriter, v: number | bigint) => p.float(Number(v))],
    5: [WireType.Varint, (p: BinaryWriter, v: number | bigint) => p.int32(Number(v))],
    7: [WireType.Varint, (p: BinaryWriter, v: number | bigint) => p.int64(v)],
    10: [WireType.Bit64, (p: BinaryWriter, v: number | bigint) => p.double(Number(v))],
    11: [WireType.Varint, (p: BinaryWriter, v: number | bigint) => p.uint64(v)],
  }[field] as [WireType, (p: BinaryWriter, v: number | bigint) => unknown];
  if (!packed) for (const v of values) put(w.tag(field, wireType), v);
  else {
    message(w, field, (p) => {
      for (const v of values) put(p, v);
    });
  }
}

function message(writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}
