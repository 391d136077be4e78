/** What a model reads and what it computes: one tensor each. */

import type { Shape } from '../../graph/graph.js';
import { isPossibleShape } from '../../graph/limits.js';
import type { GraphProto, ValueInfoProto } from './messages.js';
import type { Tensor } from './operators/operator.js';
import { invalid, Refusal, unsupported } from './problems.js';
import { dataTypeOf, FLOAT_TYPES } from './tensors.js';

/** Name of the tensor to compute. */
export function chooseOutput({ node, output }: GraphProto, requested: string | undefined): string {
  const names = output.map(({ name }) => name);
  if (requested !== undefined) {
    if (node.some((producer) => producer.output.includes(requested))) return requested;
    throw new Refusal('OPTION_INVALID', `the model has no output ${requested}.`, `Choose one of: ${names.join(', ')}.`);
  }
  if (names.length === 1) return names[0];
  if (names.length === 0) throw invalid('the model has no output.');
  throw unsupported(
    `the model has ${names.length} outputs: ${names.join(', ')}.`,
    'Say which one to compute: option `output`.',
  );
}

/** What is known about the input of a model. */
export interface InputSignature {
  readonly tensor: Tensor;
  /** Size of the batch axis where it is fixed. */
  readonly batch: number | undefined;
}

/**
 * The tensor that a model reads.
 *
 * @param read names of all tensors that are needed.
 * @param inputShape shape without the batch axis, to be used instead of the model's.
 */
export function chooseInput(
  { input, initializer }: GraphProto,
  read: ReadonlySet<string>,
  inputShape: Shape | undefined,
): InputSignature {
  const constants = new Set(initializer.map(({ name }) => name));
  const inputs = input.filter(({ name }) => !constants.has(name) && read.has(name));
  if (inputs.length === 0) throw invalid('the output of the model depends on no input.');
  if (inputs.length > 1) {
    throw unsupported(
      `the model has ${inputs.length} inputs: ${inputs.map(({ name }) => name).join(', ')}.`,
      'Only networks with one input are supported.',
    );
  }
  const [{ name, type }] = inputs;
  const dataType = dataTypeOf(type?.tensorType?.elemType);
  if (!dataType || !FLOAT_TYPES.has(dataType)) {
    throw unsupported(
      `the input ${name} of the model is not a tensor of floats${dataType ? ` but of ${dataType}` : ''}.`,
      'Export the model with float inputs.',
    );
  }
  const declared = declaredShape(inputs[0]);
  const shape = imageShape(name, declared, inputShape);
  if (!isPossibleShape(shape, 1)) throw invalid(`the input ${name} has an impossible shape, [N,${shape}].`);
  return { tensor: { kind: 'tensor', name, shape }, batch: declared?.[0] };
}

/** Sizes of all axes, the batch included; undefined for those that are not fixed. */
function declaredShape({ type }: ValueInfoProto): readonly (number | undefined)[] | undefined {
  return type?.tensorType?.shape?.dim.map(({ dimValue }) =>
    dimValue !== undefined && dimValue > 0 ? dimValue : undefined,
  );
}

function imageShape(
  name: string,
  declared: readonly (number | undefined)[] | undefined,
  requested: Shape | undefined,
): Shape {
  if (declared && declared.length < 2) {
    throw unsupported(
      `the input ${name} of the model has ${declared.length} axes.`,
      'Export the model with a batch axis and at least one more.',
    );
  }
  if (requested) {
    const isShape = requested.length > 0 && requested.every((n) => Number.isSafeInteger(n) && n > 0);
    if (isShape && (!declared || requested.length === declared.length - 1)) return requested;
    throw new Refusal(
      'OPTION_INVALID',
      `[${requested}] is no shape for the input ${name} of the model${declared ? `, which has ${declared.length - 1} axes besides the batch` : ''}.`,
      'Pass the sizes of all axes but the batch as option `inputShape`.',
    );
  }
  const shape = declared?.slice(1) ?? [undefined];
  if (shape.every((n) => n !== undefined)) return shape;
  throw unsupported(
    `the input ${name} of the model has the shape [N,${shape.map((n) => n ?? '?')}], which is not fixed.`,
    'Say what it is, without the batch axis: option `inputShape`.',
  );
}
