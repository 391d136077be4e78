import { type Affine, compact, perElement } from '../affine.js';
import { GraphEdit } from '../edit.js';
import type { AffineNode, Graph, GraphNode } from '../graph.js';
import { transposedOrder } from '../transpose.js';
import { mergeWithProducer } from './merge-affines.js';
import { throughPool } from './through-pool.js';

/**
 * Moves an affine map behind the poolings, reshapes and transpositions that follow it, where that brings it to the
 * convolutions or dense layers that it can be folded into. What it meets on its way it is merged with.
 */
export function moveAffineDown(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  const foldable = readByLinear(graph, edit);
  for (const { output } of graph.nodes) {
    let affine = edit.producer(output);
    if (affine?.op !== 'Affine' || !foldable.has(output)) continue;
    while (affine) affine = mergeWithReader(edit, affine) ?? moveBehindReader(edit, affine);
  }
  return edit.finish('move-affine-down');
}

function mergeWithReader(edit: GraphEdit, affine: AffineNode): AffineNode | undefined {
  const reader = edit.soleReader(affine.output);
  return reader?.op === 'Affine' ? mergeWithProducer(edit, reader) : undefined;
}

/** The map in its new place; nothing where it does not change places with what reads it. */
function moveBehindReader(edit: GraphEdit, affine: AffineNode): AffineNode | undefined {
  const reader = edit.soleReader(affine.output);
  const moved = reader && through(edit, affine, reader);
  if (!moved) return undefined;
  const unmapped = edit.newTensor(reader.output, edit.shape(reader.output));
  const behind: AffineNode = { ...affine, ...moved.affine, inputs: [unmapped], output: reader.output };
  edit.remove(affine);
  edit.put({ ...moved.reader, inputs: affine.inputs, output: unmapped });
  edit.put(behind);
  return behind;
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

const PASSABLE: ReadonlySet<GraphNode['op']> = new Set(['Affine', 'MaxPool', 'AveragePool', 'Reshape', 'Transpose']);

/** Tensors that only convolutions and dense layers read, perhaps behind nodes that a map may be moved behind. */
function readByLinear(graph: Graph, edit: GraphEdit): ReadonlySet<string> {
  const tensors = new Set<string>();
  for (const { output } of [...graph.nodes].reverse()) {
    const readers = edit.readers(output);
    const [reader] = readers;
    const linear = readers.length > 0 && readers.every(({ op }) => op === 'Conv' || op === 'Dense');
    const passable = readers.length === 1 && PASSABLE.has(reader.op) && tensors.has(reader.output);
    if (linear || passable) tensors.add(output);
  }
  return tensors;
}
