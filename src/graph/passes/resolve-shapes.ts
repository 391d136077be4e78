import { GraphEdit } from '../edit.js';
import type { Graph, ReshapeNode, Shape, TransposeNode } from '../graph.js';

/**
 * Merges chains of reshapes and chains of transpositions, writes a transposition that moves only axes of length 1 as
 * a reshape, and drops what changes nothing.
 */
export function resolveShapes(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const node of edit.nodes()) {
    if (node.op === 'Reshape') resolveReshape(edit, node);
    else if (node.op === 'Transpose') resolveTranspose(edit, node);
  }
  return edit.finish('resolve-shapes');
}

function resolveReshape(edit: GraphEdit, node: ReshapeNode): void {
  const [input] = node.inputs;
  const before = edit.producer(input);
  if (equal(edit.shape(input), edit.shape(node.output))) edit.bypass(node, 'keeps the shape');
  else if (before?.op === 'Reshape')
    edit.put({ ...node, inputs: before.inputs, origin: [...before.origin, ...node.origin] });
}

function resolveTranspose(edit: GraphEdit, node: TransposeNode): void {
  const { permutation } = node;
  const [input] = node.inputs;
  const before = edit.producer(input);
  const shape = edit.shape(input);
  const long = permutation.filter((axis) => shape[axis] > 1);
  if (permutation.every((axis, i) => axis === i)) edit.bypass(node, 'keeps the order of the axes');
  else if (long.every((axis, i) => i === 0 || axis > long[i - 1])) {
    const { permutation: _, ...rest } = node;
    edit.put({ ...rest, op: 'Reshape' });
  } else if (before?.op === 'Transpose') {
    edit.put({
      ...node,
      inputs: before.inputs,
      permutation: permutation.map((axis) => before.permutation[axis]),
      origin: [...before.origin, ...node.origin],
    });
  }
}

function equal(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}
