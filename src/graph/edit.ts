/** Editing of graphs, as passes do it. */

import { consumers, type DroppedNode, type Graph, type GraphNode, type Shape, shapeOf } from './graph.js';
import { topologicalOrder, withDependencies } from './order.js';
import { UniqueNames } from './unique-names.js';

/**
 * A graph under change. Nodes are found by the tensor they write; {@link finish} puts them in order again and leaves
 * out those that nothing needs any more. A tensor that keeps its name keeps its values.
 */
export class GraphEdit {
  readonly #graph: Graph;
  readonly #nodes: Map<string, GraphNode>;
  readonly #readers: Map<string, GraphNode[]>;
  readonly #shapes: Map<string, Shape>;
  readonly #names: UniqueNames;
  #nodeNames: UniqueNames | undefined;
  readonly #dropped: DroppedNode[];
  #output: string;
  #changed = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#nodes = new Map(graph.nodes.map((node) => [node.output, node]));
    this.#readers = consumers(graph);
    this.#shapes = new Map(graph.shapes);
    this.#names = new UniqueNames(graph.shapes.keys());
    this.#dropped = [...graph.dropped];
    this.#output = graph.output;
  }

  /** The nodes as they are when the iteration reaches them, those that were added meanwhile at the end. */
  nodes(): Iterable<GraphNode> {
    return this.#nodes.values();
  }

  /** The node that writes a tensor; nothing for the graph's input. */
  producer(tensor: string): GraphNode | undefined {
    return this.#nodes.get(tensor);
  }

  /** The nodes that read a tensor. */
  readers(tensor: string): readonly GraphNode[] {
    return this.#readers.get(tensor) ?? [];
  }

  /** The node that reads a tensor, where nothing else does. */
  soleReader(tensor: string): GraphNode | undefined {
    const readers = this.readers(tensor);
    return readers.length === 1 ? readers[0] : undefined;
  }

  /** Whether a tensor is the graph's output. */
  isOutput(tensor: string): boolean {
    return tensor === this.#output;
  }

  /** Shape of a tensor. */
  shape(tensor: string): Shape {
    return this.#shapes.get(tensor) ?? shapeOf(this.#graph, tensor);
  }

  /** A name for a node that is not taken yet, like the one given. */
  newName(like: string): string {
    this.#nodeNames ??= new UniqueNames(this.#graph.nodes.map(({ name }) => name));
    return this.#nodeNames.take(like);
  }

  /** Declares a new tensor, with a name like the one given. */
  newTensor(like: string, shape: Shape): string {
    const name = this.#names.take(like);
    this.#shapes.set(name, shape);
    return name;
  }

  /** Adds a node, in place of the one that writes the same tensor if there is one. */
  put(node: GraphNode): void {
    const former = this.#nodes.get(node.output);
    if (former) this.#forget(former);
    this.#nodes.set(node.output, node);
    for (const input of new Set(node.inputs)) {
      const readers = this.#readers.get(input);
      if (readers) readers.push(node);
      else this.#readers.set(input, [node]);
    }
    this.#changed = true;
  }

  /** Removes a node that nothing reads any more. */
  remove(node: GraphNode): void {
    this.#forget(node);
    this.#nodes.delete(node.output);
    this.#changed = true;
  }

  /** Drops a node that changes nothing: what read its output reads its input. */
  bypass(node: GraphNode, reason: string): void {
    const [input] = node.inputs;
    for (const reader of [...this.readers(node.output)]) {
      this.put({ ...reader, inputs: reader.inputs.map((name) => (name === node.output ? input : name)) });
    }
    if (this.#output === node.output) this.#output = input;
    this.remove(node);
    for (const name of node.origin) this.#dropped.push({ name, op: node.op, reason });
  }

  /** The graph as changed by the pass of that name; the graph that was given if nothing was changed. */
  finish(pass: string): Graph {
    if (!this.#changed) return this.#graph;
    const nodes = this.#inOrder();
    const shapes = new Map<string, Shape>();
    for (const tensor of [this.#graph.input, ...nodes.map((node) => node.output)])
      shapes.set(tensor, this.shape(tensor));
    return {
      ...this.#graph,
      output: this.#output,
      nodes,
      shapes,
      dropped: this.#dropped,
      passes: [...this.#graph.passes, pass],
    };
  }

  #forget(node: GraphNode): void {
    for (const input of new Set(node.inputs)) {
      const readers = this.#readers.get(input);
      readers?.splice(readers.indexOf(node), 1);
    }
  }

  /** The nodes that the output needs, each after those that it reads. */
  #inOrder(): readonly GraphNode[] {
    const inputs = (node: GraphNode) => node.inputs.flatMap((tensor) => this.#nodes.get(tensor) ?? []);
    const last = this.#nodes.get(this.#output);
    const needed = withDependencies(last ? [last] : [], inputs);
    const present = [...this.#nodes.values()].filter((node) => needed.has(node));
    return topologicalOrder(present, inputs).order;
  }
}
