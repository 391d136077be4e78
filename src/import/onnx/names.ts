/** Names for nodes, which files may leave out or use twice. */

import { UniqueNames } from '../../graph/unique-names.js';
import type { GraphProto, NodeProto } from './messages.js';

/** Names that are unique within one model. */
export class Names {
  readonly #nodes: ReadonlyMap<NodeProto, string>;
  readonly #unique: UniqueNames;

  constructor({ node: nodes }: GraphProto) {
    const counts = new Map<string, number>();
    for (const { name } of nodes) counts.set(name, (counts.get(name) ?? 0) + 1);
    const isOwn = ({ name }: NodeProto) => name !== '' && counts.get(name) === 1;
    const taken = new UniqueNames(nodes.filter(isOwn).map(({ name }) => name));
    const nameOf = (node: NodeProto) => taken.take(node.output[0] || node.name || node.opType);
    this.#nodes = new Map(nodes.map((node) => [node, isOwn(node) ? node.name : nameOf(node)]));
    this.#unique = new UniqueNames(nodes.flatMap((node) => [this.of(node), ...node.input, ...node.output]));
  }

  /** Name of a node: its own where that is unique, else made from that of its first output. */
  of(node: NodeProto): string {
    return this.#nodes.get(node) ?? node.name;
  }

  /** A new name for a node or a tensor, like the one given. */
  new(like: string): string {
    return this.#unique.take(like);
  }
}
