/** The constants of a file: its initialisers and its Constant nodes. */

import type { Constant } from '../../graph/constant.js';
import { Attributes } from './attributes.js';
import type { NodeProto } from './messages.js';
import { unsupported } from './problems.js';
import { readTensor } from './tensors.js';

/**
 * The value of a Constant node, in whichever attribute it has it.
 *
 * @param folder where external data may lie.
 * @throws {Refusal} where it is sparse or a string, and as {@link readTensor}.
 */
export async function readConstantNode(node: NodeProto, folder: string | undefined): Promise<Constant> {
  const attributes = new Attributes(node);
  const tensor = attributes.tensor('value');
  if (tensor) return readTensor({ ...tensor, name: tensor.name || node.output[0] }, folder);

  const float = attributes.float('value_float');
  if (float !== undefined) return { dataType: 'float32', shape: [], bytes: bytesOf(Float32Array.of(float)) };
  const floats = attributes.floats('value_floats');
  if (floats) return { dataType: 'float32', shape: [floats.length], bytes: bytesOf(floats) };
  const int = attributes.int('value_int');
  if (int !== undefined) return { dataType: 'int64', shape: [], bytes: bytesOf(BigInt64Array.of(BigInt(int))) };
  const ints = attributes.ints('value_ints');
  if (ints) return { dataType: 'int64', shape: [ints.length], bytes: bytesOf(BigInt64Array.from(ints, BigInt)) };
  throw unsupported('has no dense numeric value.', 'Export the model with constants that are tensors or numbers.');
}

function bytesOf(values: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer);
}
