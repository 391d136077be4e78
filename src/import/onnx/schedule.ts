/** Which nodes of a file have to be imported, and in which order. */

import { topologicalOrder, withDependencies } from '../../graph/order.js';
import type { GraphProto, NodeProto } from './messages.js';

/** Operators that only arrange elements, or do nothing. */
const ARRANGING: ReadonlySet<string> = new Set(['Identity', 'Dropout', 'Flatten', 'Reshape', 'Transpose']);

/** The nodes of a file as far as one of its tensors needs them. */
export interface Schedule {
  /** What the output needs, each node after those it reads. */
  readonly nodes: readonly NodeProto[];
  /** What it does not need. */
  readonly unneeded: readonly NodeProto[];
  /** Nodes that need their own output: at least one of each cycle. */
  readonly cyclic: readonly NodeProto[];
  /** All tensors that the needed nodes read, and the output. */
  readonly read: ReadonlySet<string>;
  /** The output, and the tensors that it is an arrangement of. */
  readonly last: ReadonlySet<string>;
}

/** Schedules the nodes that a tensor of the file needs. */
export function schedule(graph: GraphProto, output: string): Schedule {
  const producers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  producers.delete('');
  const inputs = (node: NodeProto) => node.input.flatMap((name) => producers.get(name) ?? []);
  const start = producers.get(output);
  const needed = withDependencies(start ? [start] : [], inputs);
  const { order, cyclic } = topologicalOrder(
    graph.node.filter((node) => needed.has(node)),
    inputs,
  );
  const reads = [...order.flatMap((node) => node.input), output];
  return {
    nodes: order,
    unneeded: graph.node.filter((node) => !needed.has(node)),
    cyclic,
    read: new Set(reads.filter((name) => name !== '')),
    last: lastTensors(output, producers, reads),
  };
}

function lastTensors(
  output: string,
  producers: ReadonlyMap<string, NodeProto>,
  reads: readonly string[],
): ReadonlySet<string> {
  const readOnce = new Set<string>();
  const readAgain = new Set<string>();
  for (const name of reads) (readOnce.has(name) ? readAgain : readOnce).add(name);
  const last = new Set<string>();
  let at = output;
  while (!readAgain.has(at) && !last.has(at)) {
    last.add(at);
    const producer = producers.get(at);
    if (!producer || !ARRANGING.has(producer.opType)) break;
    at = producer.input[0];
  }
  return last;
}
