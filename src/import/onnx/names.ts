/** Names for nodes, which files may leave out or use twice. */

import type { GraphProto, NodeProto } from './messages.js';

/** Names that are unique within one model. */
export class Names {
  readonly #nodes = new Map<NodeProto, string>();
  readonly #taken: Set<string>;

  constructor(graph: GraphProto) {
    const counts = new Map<string, number>();
    for (const { name } of graph.node) counts.set(name, (counts.get(name) ?? 0) + 1);
    const isOwn = ({ name }: NodeProto) => name !== '' && counts.get(name) === 1;

    this.#taken = new Set(graph.node.filter(isOwn).map(({ name }) => name));
    for (const node of graph.node) {
      const own = isOwn(node) ? node.name : this.new(node.output[0] || node.name || node.opType);
      this.#nodes.set(node, own);
    }
    for (const node of graph.node) for (const name of [...node.input, ...node.output]) this.#taken.add(name);
  }

  /** Name of a node: its own where that is unique, else made from that of its first output. */
  of(node: NodeProto): string {
    return this.#nodes.get(node) ?? node.name;
  }

  /** A new name for a node or a tensor, like the one given. */
  new(like: string): string {
    let name = like;
    for (let i = 1; this.#taken.has(name); i++) name = `${like}#${i}`;
    this.#taken.add(name);
    return name;
  }
}
