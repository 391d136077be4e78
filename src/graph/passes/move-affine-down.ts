import { type Affine, compact, perElement } from '../affine.js';
import { GraphEdit } from '../edit.js';
import type { AffineNode, Graph, GraphNode } from '../graph.js';
import { transposedOrder } from '../transpose.js';
import { throughPool } from './through-pool.js';

/**
 * Moves an affine map behind the poolings, reshapes and transpositions that follow it, where that brings it to the
 * convolutions or dense layers that it can be folded into.
 */
export function moveAffineDown(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  for (const affine of edit.nodes()) {
    if (affine.op !== 'Affine') continue;
    const reader = edit.soleReader(affine.output);
    const moved = reader && through(edit, affine, reader);
    if (!moved || !leadsToLinear(edit, reader.output)) continue;
    const [input] = affine.inputs;
    const unmapped = edit.newTensor(reader.output, edit.shape(reader.output));
    edit.remove(affine);
    edit.put({ ...affine, ...moved.affine, inputs: [unmapped], output: reader.output });
    edit.put({ ...moved.reader, inputs: [input], output: unmapped });
  }
  return edit.finish('move-affine-down');
}

/** The reader before the map, and the map behind the reader; nothing where they do not change places. */
function through(
  edit: GraphEdit,
  affine: AffineNode,
  reader: GraphNode,
): { reader: GraphNode; affine: Affine } | undefined {
  const before = edit.shape(affine.output);
  const after = edit.shape(reader.output);
  if (reader.op === 'Reshape') return { reader, affine: compact(perElement(affine, before), after) };
  if (reader.op === 'Transpose') {
    const { scale, shift } = perElement(affine, before);
    const order = transposedOrder(before, reader.permutation);
    const moved = {
      per: 'element',
      scale: scale.map((_, i) => scale[order[i]]),
      shift: shift.map((_, i) => shift[order[i]]),
    } as const;
    return { reader, affine: compact(moved, after) };
  }
  if (reader.op !== 'MaxPool' && reader.op !== 'AveragePool') return undefined;
  const map = compact(affine, before);
  const pool = throughPool(reader, map);
  return pool && { reader: pool, affine: { per: map.per, scale: map.scale, shift: map.shift } };
}

/** Whether only convolutions and dense layers read a tensor, perhaps behind nodes that a map may pass. */
function leadsToLinear(edit: GraphEdit, tensor: string): boolean {
  let at = tensor;
  for (;;) {
    const readers = edit.readers(at);
    if (edit.isOutput(at)) return false;
    if (readers.every(({ op }) => op === 'Conv' || op === 'Dense')) return true;
    const [reader] = readers;
    if (readers.length > 1 || !PASSABLE.has(reader.op)) return false;
    at = reader.output;
  }
}

const PASSABLE: ReadonlySet<GraphNode['op']> = new Set(['Affine', 'MaxPool', 'AveragePool', 'Reshape', 'Transpose']);
