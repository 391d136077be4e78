/**
 * The messages of ONNX that are read, after `onnx.proto3` of https://github.com/onnx/onnx. Later versions of the
 * format only added fields, so one table serves all of them.
 */

import { WireType } from '@bufbuild/protobuf/wire';
import { bytes, type Decoded, float, integer, integers, message, nested, numbers, repeated, text } from './protobuf.js';

const StringStringEntry = message({
  key: text(1),
  value: text(2),
});

const Tensor = message({
  dims: integers(1),
  dataType: integer(2),
  floatData: numbers(4, WireType.Bit32),
  int32Data: numbers(5, WireType.Varint),
  int64Data: numbers(7, WireType.Varint),
  name: text(8),
  rawData: bytes(9),
  doubleData: numbers(10, WireType.Bit64),
  uint64Data: numbers(11, WireType.Varint),
  externalData: repeated(nested(13, StringStringEntry)),
  dataLocation: integer(14),
});

const SparseTensor = message({
  values: nested(1, Tensor),
});

const Attribute = message({
  name: text(1),
  f: float(2),
  i: integer(3),
  s: bytes(4),
  t: nested(5, Tensor),
  floats: numbers(7, WireType.Bit32),
  ints: integers(8),
  type: integer(20),
});

const Node = message({
  input: repeated(text(1)),
  output: repeated(text(2)),
  name: text(3),
  opType: text(4),
  attribute: repeated(nested(5, Attribute)),
  domain: text(7),
});

const Dimension = message({
  dimValue: integer(1),
  dimParam: text(2),
});

const TensorShape = message({
  dim: repeated(nested(1, Dimension)),
});

const TensorType = message({
  elemType: integer(1),
  shape: nested(2, TensorShape),
});

const Type = message({
  tensorType: nested(1, TensorType),
});

const ValueInfo = message({
  name: text(1),
  type: nested(2, Type),
});

const Graph = message({
  node: repeated(nested(1, Node)),
  name: text(2),
  initializer: repeated(nested(5, Tensor)),
  input: repeated(nested(11, ValueInfo)),
  output: repeated(nested(12, ValueInfo)),
  sparseInitializer: repeated(nested(15, SparseTensor)),
});

const OperatorSetId = message({
  domain: text(1),
  version: integer(2),
});

const LocalFunction = message({
  name: text(1),
  domain: text(10),
});

/** Declaration of a whole ONNX file. */
export const Model = message({
  graph: nested(7, Graph),
  opsetImport: repeated(nested(8, OperatorSetId)),
  functions: repeated(nested(25, LocalFunction)),
});

/** `onnx.TensorProto`. */
export type TensorProto = Decoded<typeof Tensor>;
/** `onnx.AttributeProto`. */
export type AttributeProto = Decoded<typeof Attribute>;
/** `onnx.NodeProto`. */
export type NodeProto = Decoded<typeof Node>;
/** `onnx.ValueInfoProto`. */
export type ValueInfoProto = Decoded<typeof ValueInfo>;
/** `onnx.GraphProto`. */
export type GraphProto = Decoded<typeof Graph>;
/** `onnx.ModelProto`. */
export type ModelProto = Decoded<typeof Model>;
