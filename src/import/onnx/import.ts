/** From the messages of an ONNX file to a graph. */

import { ImportError } from '../../errors.js';
import type { Constant } from '../../graph/constant.js';
import type { DroppedNode, Graph, GraphNode, Shape } from '../../graph/graph.js';
import { MAX_NODES } from '../../graph/limits.js';
import { readConstantNode } from './constants.js';
import type { NodeProto } from './messages.js';
import { isDefaultDomain, type OnnxModel, operatorName, opsetOf } from './model.js';
import { Names } from './names.js';
import { CONSTANT_FOLDS } from './operators/fold.js';
import { OPERATORS, OPSETS } from './operators/index.js';
import {
  APPROXIMATIONS,
  type Approximation,
  type ModelContext,
  OnnxNode,
  UnknownInput,
  type Value,
} from './operators/operator.js';
import { keepsShape, remedyFor } from './operators/unsupported.js';
import { invalid, Problems, Refusal, unsupported } from './problems.js';
import { type Schedule, schedule } from './schedule.js';
import { chooseInput, chooseOutput } from './signature.js';
import { readTensor } from './tensors.js';

/** Where a model came from, and what of it is wanted. */
export interface ImportSettings {
  /** Name of the graph. */
  readonly name: string;
  /** Path of the file, for messages. */
  readonly file?: string;
  /** Folder that external data may lie in. */
  readonly folder?: string;
  /** Tensor to compute, where the model has several outputs. */
  readonly output?: string;
  /** Shape of the input without the batch axis, where the model leaves it open. */
  readonly inputShape?: Shape;
  /** What may be replaced by something that is not the same. */
  readonly approximate?: readonly Approximation[];
}

/**
 * Imports what a model computes.
 *
 * @throws {ImportError} with all problems of the model.
 */
export async function importModel(model: OnnxModel, settings: ImportSettings): Promise<Graph> {
  return new Importer(model, settings).run();
}

const UNKNOWN: Value = { kind: 'unknown' };

/** One import: what the names of the file stand for, and the graph as far as it has been built. */
class Importer {
  readonly #model: OnnxModel;
  readonly #settings: ImportSettings;
  readonly #names: Names;
  readonly #problems = new Problems();
  readonly #values = new Map<string, Value>();
  readonly #nodes: GraphNode[] = [];
  readonly #shapes = new Map<string, Shape>();
  readonly #dropped: DroppedNode[] = [];

  constructor(model: OnnxModel, settings: ImportSettings) {
    this.#model = model;
    this.#settings = settings;
    this.#names = new Names(model.graph);
  }

  async run(): Promise<Graph> {
    const { graph } = this.#model;
    this.#checkApproximations();
    const opset = this.#attempt(() => opsetOf(this.#model)) ?? OPSETS.last;
    const output = this.#attempt(() => chooseOutput(graph, this.#settings.output)) ?? graph.output[0]?.name ?? '';
    const plan = schedule(graph, output);
    this.#checkPlan(plan);
    const input = output && this.#attempt(() => chooseInput(graph, plan.read, this.#settings.inputShape));

    for (const { name } of graph.input) this.#values.set(name, UNKNOWN);
    for (const name of plan.nodes.flatMap((node) => node.output)) this.#values.set(name, UNKNOWN);
    if (input) this.#values.set(input.tensor.name, input.tensor);
    await this.#readConstants(plan);
    const context: ModelContext = {
      opset,
      batch: input ? input.batch : undefined,
      approximate: new Set(this.#settings.approximate),
      isRead: (name) => plan.read.has(name),
      isLast: (name) => plan.last.has(name),
      newName: (like) => this.#names.new(like),
    };
    for (const node of plan.nodes) if (!isConstantNode(node)) this.#importNode(node, context);
    for (const node of plan.unneeded) this.#drop(node, 'the output does not need it');
    this.#problems.throwIfAny();

    const result = this.#values.get(output);
    if (!input || result?.kind !== 'tensor' || this.#nodes.length === 0) {
      throw this.#broken(`no layer lies between the input of the model and its output ${output}.`);
    }
    return {
      name: this.#settings.name,
      input: input.tensor.name,
      output: result.name,
      nodes: this.#nodes,
      shapes: this.#shapes.set(input.tensor.name, input.tensor.shape),
      dropped: this.#dropped,
      passes: [],
    };
  }

  #checkApproximations(): void {
    const unknown = this.#settings.approximate?.filter((what) => !APPROXIMATIONS.includes(what)) ?? [];
    if (unknown.length === 0) return;
    const message = `${unknown.map((what) => `"${what}"`).join(', ')} cannot be approximated.`;
    this.#note(new Refusal('OPTION_INVALID', message, `Choose among ${APPROXIMATIONS.join(', ')}.`));
  }

  /** Notes what is wrong with the names of nodes and tensors. */
  #checkPlan({ nodes, cyclic }: Schedule): void {
    if (nodes.length > MAX_NODES) throw this.#broken(`the model has ${nodes.length} nodes, more than ${MAX_NODES}.`);
    for (const node of cyclic) this.#note(invalid('depends on its own output.'), node);
    const { initializer, input, node } = this.#model.graph;
    const constants = new Set(initializer.map(({ name }) => name));
    const inputs = input.filter(({ name }) => !constants.has(name));
    const written = new Set<string>();
    for (const { name } of [...initializer, ...inputs]) {
      if (written.has(name)) this.#note(invalid(`the model has two tensors of the name ${name}.`));
      written.add(name);
    }
    for (const writer of node) {
      for (const name of writer.output.filter((name) => name !== '')) {
        if (written.has(name)) this.#note(invalid(`writes the tensor ${name}, as does another node.`), writer);
        written.add(name);
      }
    }
  }

  /** Reads all constants that are needed; those that cannot be read stay unknown. */
  async #readConstants({ nodes, read }: Schedule): Promise<void> {
    const { initializer, sparseInitializer } = this.#model.graph;
    const { folder } = this.#settings;
    for (const tensor of initializer) {
      if (read.has(tensor.name)) await this.#readConstant(tensor.name, () => readTensor(tensor, folder));
    }
    for (const { values } of sparseInitializer) {
      if (!values || !read.has(values.name)) continue;
      this.#note(unsupported(`tensor ${values.name} is sparse.`, 'Export the model with dense weights.'));
      this.#values.set(values.name, UNKNOWN);
    }
    for (const node of nodes.filter(isConstantNode)) {
      await this.#readConstant(node.output[0], () => readConstantNode(node, folder), node);
      this.#drop(node, 'a constant');
    }
  }

  async #readConstant(name: string, read: () => Promise<Constant>, node?: NodeProto): Promise<void> {
    this.#values.set(name, UNKNOWN);
    try {
      this.#values.set(name, { kind: 'constant', name, constant: await read() });
    } catch (thrown) {
      this.#note(thrown, node);
    }
  }

  /** Imports one node: adds what it emits, and notes what its first output stands for. */
  #importNode(proto: NodeProto, context: ModelContext): void {
    const inputs = this.#inputs(proto);
    const node = new OnnxNode(proto, this.#names.of(proto), inputs, context);
    try {
      this.#importOperator(proto, node, inputs).forEach((value, i) => {
        this.#values.set(proto.output[i], value);
      });
      node.requireKnownAttributes(OPERATORS.get(proto.opType)?.ignores);
    } catch (thrown) {
      if (!(thrown instanceof UnknownInput)) this.#note(thrown, proto);
      if (inputs[0]?.kind === 'tensor' && keepsShape(proto.opType)) this.#values.set(proto.output[0], inputs[0]);
      return;
    }
    for (const { node: emitted, shape } of node.emitted) {
      this.#nodes.push(emitted);
      this.#shapes.set(emitted.output, shape);
    }
    if (node.leftOutBecause) this.#drop(proto, node.leftOutBecause);
  }

  /** What the outputs of a node stand for, as far as they are used. */
  #importOperator(proto: NodeProto, node: OnnxNode, inputs: readonly (Value | undefined)[]): readonly Value[] {
    const { domain, opType, output } = proto;
    const fold = isDefaultDomain(domain) ? CONSTANT_FOLDS.get(opType) : undefined;
    const operator = isDefaultDomain(domain) ? OPERATORS.get(opType) : undefined;
    if (!operator?.severalOutputs) node.requireSingleOutput();
    if (fold && inputs.every((input) => !input || input.kind === 'constant')) {
      node.leftOutBecause = 'computed from constants';
      return [{ kind: 'constant', name: output[0], constant: fold(node) }];
    }
    if (!operator) throw unsupported('is not supported.', this.#remedy(proto));
    const values = operator.build(node);
    return 'kind' in values ? [values] : values;
  }

  #remedy({ domain, opType }: NodeProto): string {
    if (this.#model.functions.some((local) => local.domain === domain && local.name === opType)) {
      return 'Inline the functions of the model, with onnx.inliner.inline_local_functions.';
    }
    if (!isDefaultDomain(domain)) return 'Export the model with operators of ONNX itself, without fused ones.';
    return remedyFor(opType, [...OPERATORS.keys()]);
  }

  /** What the inputs of a node stand for; nothing for optional ones that are left out. */
  #inputs(proto: NodeProto): (Value | undefined)[] {
    return proto.input.map((name) => {
      if (name === '') return undefined;
      const value = this.#values.get(name);
      if (!value) this.#note(invalid(`reads the tensor ${name}, which nothing writes.`), proto);
      return value ?? UNKNOWN;
    });
  }

  #drop(node: NodeProto, reason: string): void {
    this.#dropped.push({ name: this.#names.of(node), op: operatorName(node), reason });
  }

  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      this.#note(thrown);
      return undefined;
    }
  }

  /** Notes a problem of a node, or of the whole model. */
  #note(thrown: unknown, node?: NodeProto): void {
    const { file } = this.#settings;
    this.#problems.note(thrown, node ? { node: this.#names.of(node), op: operatorName(node), file } : { file });
  }

  #broken(message: string): ImportError {
    const { remedy } = invalid(message);
    return new ImportError('MODEL_INVALID', { file: this.#settings.file, message, remedy });
  }
}

function isConstantNode({ domain, opType }: NodeProto): boolean {
  return isDefaultDomain(domain) && opType === 'Constant';
}
