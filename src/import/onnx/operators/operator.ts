/** What operators are told about a node of the file, and how they answer. */

import type { Constant, DataType } from '../../../graph/constant.js';
import { type ActivationNode, type AffineNode, elements, type GraphNode, type Shape } from '../../../graph/graph.js';
import { isPossibleShape } from '../../../graph/limits.js';
import { indexOfNonFinite, readElements } from '../../../graph/weights.js';
import { Attributes } from '../attributes.js';
import type { NodeProto } from '../messages.js';
import { invalid, unsupported } from '../problems.js';
import { FLOAT_TYPES, readStoredTensor } from '../tensors.js';

/** A tensor of the graph, one per image: its shape leaves out the batch axis. */
export interface Tensor {
  readonly kind: 'tensor';
  readonly name: string;
  readonly shape: Shape;
  /** Of a tensor of integers in the file: the numbers that they stand for are `(integer - zeroPoint) * scale`. */
  readonly integers?: { readonly scale: number; readonly zeroPoint: number };
}

/** A constant of the file, its shape as stored. */
export interface NamedConstant {
  readonly kind: 'constant';
  readonly name: string;
  readonly constant: Constant;
}

/** Functions that may be replaced by ones that are not the same, if the user agrees. */
export const APPROXIMATIONS = ['lrn', 'quantization'] as const;

/** See {@link APPROXIMATIONS}. */
export type Approximation = (typeof APPROXIMATIONS)[number];

/** Stands for the size of the batch in shapes that the file computes, where it is not fixed: no axis is as long. */
export const ANY_BATCH = 999_999_000_001;

/** What a name of the file stands for; unknown where the node that computes it could not be imported. */
export type Value = Tensor | NamedConstant | { readonly kind: 'unknown' };

/** How an operator is imported; opsets differ by what it makes of {@link OnnxNode.opset}. */
export interface Operator {
  /** Attributes that do not matter at inference. */
  readonly ignores?: readonly string[];
  /**
   * Emits graph nodes for a node of the file, and returns what its first output stands for: a tensor, or a constant that
   * depends on shapes only. Where it returns a list, these are all its outputs.
   *
   * @throws {Refusal} where the node is invalid or not supported.
   */
  readonly build: (node: OnnxNode) => Tensor | NamedConstant | readonly Tensor[];
  /** Whether `build` takes care of further outputs; if absent, none but the first may be used. */
  readonly severalOutputs?: boolean;
}

/** Operators by their name in the default domain. */
export type OperatorTable = Readonly<Record<string, Operator>>;

/** Thrown where an input is unknown, so that nothing more can be said about the node. */
export class UnknownInput extends Error {}

/** What all nodes of a model have in common. */
export interface ModelContext {
  /** Version of the default operator set. */
  readonly opset: number;
  /** Size of the batch axis, where it is fixed. */
  readonly batch: number | undefined;
  /** What may be replaced by something that is not the same. */
  readonly approximate: ReadonlySet<Approximation>;
  /** Whether anything needs a tensor of the file. */
  readonly isRead: (name: string) => boolean;
  /** Whether nothing but a change of shape follows a tensor of the file. */
  readonly isLast: (name: string) => boolean;
  /** A name for a new node or tensor, like the one given. */
  readonly newName: (like: string) => string;
}

/** A graph node without what {@link OnnxNode.emit} gives it. */
export type FieldsOf<N> = N extends GraphNode ? Omit<N, 'name' | 'output' | 'origin'> : never;

/** A node that keeps the shape, but for its input. */
type StepOf<N> = N extends GraphNode ? Omit<N, 'name' | 'output' | 'origin' | 'inputs'> : never;

/** A node of a {@link OnnxNode.chain}. */
export type Step = StepOf<ActivationNode | AffineNode>;

const INTEGERS: ReadonlySet<DataType> = new Set<DataType>(['int32', 'int64']);

/** A node of the file as its operator sees it; collects what the operator emits. */
export class OnnxNode {
  readonly name: string;
  readonly attributes: Attributes;
  /** Graph nodes emitted, in topological order, with the shapes of their outputs. */
  readonly emitted: { readonly node: GraphNode; readonly shape: Shape }[] = [];
  /** Why the node has no counterpart in the graph, if so. */
  leftOutBecause: string | undefined;

  readonly #proto: NodeProto;
  readonly #inputs: readonly (Value | undefined)[];
  readonly #model: ModelContext;

  constructor(proto: NodeProto, name: string, inputs: readonly (Value | undefined)[], model: ModelContext) {
    this.name = name;
    this.attributes = new Attributes(proto);
    this.#proto = proto;
    this.#inputs = inputs;
    this.#model = model;
  }

  get opset(): number {
    return this.#model.opset;
  }

  get batch(): number | undefined {
    return this.#model.batch;
  }

  /** Whether something may be replaced by what is not the same. */
  approximates(what: Approximation): boolean {
    return this.#model.approximate.has(what);
  }

  /** Number of inputs that are listed, left out optional ones included. */
  get inputCount(): number {
    return this.#inputs.length;
  }

  /** Name of an output; empty where it is left out. */
  output(index: number): string {
    return this.#proto.output[index] ?? '';
  }

  /** Whether anything reads an output. */
  isUsed(index: number): boolean {
    const name = this.output(index);
    return name !== '' && this.#model.isRead(name);
  }

  /** Number of outputs that are named. */
  get outputCount(): number {
    return this.#proto.output.filter((name) => name !== '').length;
  }

  /** Whether an optional input is given. */
  has(index: number): boolean {
    return this.#inputs[index] !== undefined;
  }

  /** Whether an input is a constant. */
  isConstant(index: number): boolean {
    return this.#input(index).kind === 'constant';
  }

  /** An input that must be a tensor. */
  tensor(index: number): Tensor {
    const value = this.#input(index);
    if (value.kind === 'tensor') return value;
    throw unsupported(
      `its input ${value.name} is a constant.`,
      'Only computed tensors are supported here. Let the exporter fold constants, or simplify the model with onnxsim.',
    );
  }

  /** An input that must be an image: a tensor of channels, height and width. */
  image(index: number): Tensor {
    const tensor = this.tensor(index);
    if (tensor.shape.length === 3) return tensor;
    throw unsupported(
      `its input has the shape [N,${tensor.shape}], which has not two spatial axes.`,
      'Use 2-d layers on images of the shape [N,C,H,W].',
    );
  }

  /** An input that must be a constant. */
  constant(index: number): NamedConstant {
    const value = this.#input(index);
    if (value.kind === 'constant') return value;
    throw unsupported(
      `its input ${this.#proto.input[index]} is computed, not constant.`,
      'Export the model for inference with constant weights, or simplify it with onnxsim.',
    );
  }

  /** A constant input of floating-point elements: at least one, and all of them finite. */
  weights(index: number): Constant {
    const { name, constant } = this.constant(index);
    if (!FLOAT_TYPES.has(constant.dataType)) {
      throw unsupported(`its input ${name} is of type ${constant.dataType}.`, 'Export the model with float weights.');
    }
    const { shape } = constant;
    if (elements(shape) === 0) throw invalid(`its input ${name} of shape [${shape}] has no elements.`);
    const broken = indexOfNonFinite(constant);
    if (broken >= 0) {
      throw invalid(
        `its input ${name} holds NaN or infinity, first at index ${broken}.`,
        'Train or export the model again: weights must be finite.',
      );
    }
    return constant;
  }

  /** The elements of {@link weights}. */
  values(index: number): Float64Array {
    return readElements(this.weights(index));
  }

  /** One value per channel. */
  channelValues(index: number, channels: number): Float64Array {
    const values = this.values(index);
    if (values.length === channels) return values;
    throw invalid(`its input ${this.#proto.input[index]} has ${values.length} values for ${channels} channels.`);
  }

  /** The elements of a constant input of numbers of any type. */
  numbers(index: number): Float64Array {
    return readElements(this.constant(index).constant);
  }

  /** A constant that is an attribute, stored as bytes. */
  tensorAttribute(name: string): Constant | undefined {
    const tensor = this.attributes.tensor(name);
    return tensor && readStoredTensor(tensor);
  }

  /** A constant input of whole numbers. */
  integers(index: number): readonly number[] {
    const { name, constant } = this.constant(index);
    const values = INTEGERS.has(constant.dataType) ? Array.from(readElements(constant)) : [Number.NaN];
    if (values.every(Number.isSafeInteger)) return values;
    throw invalid(`its input ${name} is not of whole numbers below 2^53.`);
  }

  /** A constant input of one number. */
  number(index: number): number {
    const { name, constant } = this.constant(index);
    if (elements(constant.shape) === 1) return readElements(constant)[0];
    throw invalid(`its input ${name} of shape [${constant.shape}] is not one number.`);
  }

  /** Refuses the node if anything reads its further outputs. */
  requireSingleOutput(): void {
    const read = this.#proto.output.slice(1).find((name) => name !== '' && this.#model.isRead(name));
    if (read) throw unsupported(`its output ${read} is used.`, 'Only the first output of this operator is supported.');
  }

  /** Refuses the node if it has attributes that nobody read: it may mean something else than was understood. */
  requireKnownAttributes(ignored: readonly string[] = []): void {
    const unknown = this.attributes.unread().filter((name) => !ignored.includes(name));
    if (unknown.length > 0) {
      throw unsupported(
        `has attributes that are not known in opset ${this.opset}: ${unknown.join(', ')}.`,
        'Export the model with attributes of the ONNX operator.',
      );
    }
  }

  /** Whether nothing but a change of shape follows the node. */
  get isLast(): boolean {
    return this.#model.isLast(this.#proto.output[0]);
  }

  /**
   * Adds a node to the graph.
   *
   * @param step distinguishes the nodes, where more than one is emitted; left out for the one that writes the output, and
   * a number for one that writes a further output.
   * @returns the tensor that it writes.
   */
  emit(fields: FieldsOf<GraphNode>, shape: Shape, step?: string | number): Tensor {
    if (!isPossibleShape(shape, 1)) throw invalid(`its output would have an impossible shape, [N,${shape}].`);
    const name = step === undefined ? this.name : this.#model.newName(`${this.name}/${step}`);
    const inner = typeof step === 'string';
    const tensor = inner ? this.#model.newName(`${this.output(0)}/${step}`) : this.output(step ?? 0);
    const node = { ...fields, name, output: tensor, origin: [this.name] } as GraphNode;
    if (!coefficients(node).every((values) => values.every(Number.isFinite))) {
      throw invalid('its coefficients are not finite numbers.', 'Train or export the model again.');
    }
    this.emitted.push({ node, shape });
    return { kind: 'tensor', name: tensor, shape };
  }

  /**
   * Adds nodes one after the other, of which the last writes the output; all tensors have the shape of the first.
   *
   * @param steps those that do something.
   */
  chain(x: Tensor, steps: readonly (Step | undefined)[]): Tensor {
    const needed = steps.filter((step) => step !== undefined);
    if (needed.length === 0) return this.leaveOut(x, 'changes nothing');
    return needed.reduce(
      (from, step, i) =>
        this.emit(
          { ...step, inputs: [from.name] },
          x.shape,
          i < needed.length - 1 ? ('fn' in step ? step.fn : 'scaled') : undefined,
        ),
      x,
    );
  }

  /** The constant that the output stands for, computed from shapes. */
  computed(constant: Constant): NamedConstant {
    this.leftOutBecause = 'computed from shapes';
    return { kind: 'constant', name: this.output(0), constant };
  }

  /** Leaves the node out: its output is one of its inputs. */
  leaveOut(tensor: Tensor, reason: string): Tensor {
    this.leftOutBecause = reason;
    return tensor;
  }

  #input(index: number): Exclude<Value, { kind: 'unknown' }> {
    const value = this.#inputs[index];
    if (!value) throw invalid(`has no input ${index}.`);
    if (value.kind === 'unknown') throw new UnknownInput();
    return value;
  }
}

/** The coefficients of a node that are computed, not stored. */
function coefficients(node: GraphNode): readonly Float64Array[] {
  if (node.op === 'Affine') return [node.scale, node.shift];
  if (node.op !== 'Conv' && node.op !== 'Dense') return [];
  return [node.bias.values, node.weights.outputScale ?? new Float64Array(0)];
}
