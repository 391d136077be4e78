import { GraphEdit } from '../edit.js';
import type { ActivationNode, Graph, GraphNode } from '../graph.js';

/** What makes nothing negative of what is not. */
const KEEPS_SIGN: ReadonlySet<GraphNode['op']> = new Set([
  'MaxPool',
  'AveragePool',
  'Pad',
  'Select',
  'Reshape',
  'Transpose',
]);

/** Functions without negative values. */
const NOT_NEGATIVE: ReadonlySet<string> = new Set(['relu', 'clipped-relu', 'sigmoid', 'softplus']);

/**
 * Drops a ReLU of what is not negative already: what another ReLU or a sigmoid made, perhaps pooled or rearranged; and
 * one whose results are clipped once more, at zero and at nothing larger than its own ceiling.
 */
export function dropRepeatedRelu(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op !== 'Activation') continue;
    const repeated = node.fn === 'relu' && source(edit, node);
    if (repeated && isNotNegative(repeated)) {
      edit.bypass(node, 'rectifies what is not negative');
      continue;
    }
    const before = edit.soleReader(node.inputs[0]) ? edit.producer(node.inputs[0]) : undefined;
    if (before?.op === 'Activation' && ceiling(node) <= ceiling(before)) {
      edit.bypass(before, 'is clipped once more by what follows');
    }
  }
  return edit.finish('drop-repeated-relu');
}

/** What made the signs of a node's input. */
function source(edit: GraphEdit, { inputs }: ActivationNode): GraphNode | undefined {
  let source = edit.producer(inputs[0]);
  while (source && KEEPS_SIGN.has(source.op)) source = edit.producer(source.inputs[0]);
  return source;
}

function isNotNegative(node: GraphNode): boolean {
  if (node.op !== 'Activation') return false;
  return NOT_NEGATIVE.has(node.fn) || (node.fn === 'quantize' && node.parameters?.[1] === 0);
}

/** The largest value of a function that clips at zero; NaN of any other. */
function ceiling({ fn, parameters = [] }: ActivationNode): number {
  if (fn === 'relu') return Number.POSITIVE_INFINITY;
  if (fn === 'clipped-relu') return parameters[0];
  return fn === 'quantize' && parameters[1] === 0 ? parameters[0] * parameters[2] : Number.NaN;
}
