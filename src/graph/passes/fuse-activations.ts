import { activations } from '../activations.js';
import { uniform } from '../affine.js';
import { GraphEdit } from '../edit.js';
import type { ActivationFunction, Graph, GraphNode, MulNode } from '../graph.js';

/** Functions that files write as products, in many ways. */
const PRODUCTS: readonly ActivationFunction[] = ['silu', 'hard-swish', 'gelu', 'gelu-tanh', 'mish'];

/** Where functions are compared: on both sides of all bends, and none of the points is special. */
const POINTS: readonly number[] = Array.from({ length: 64 }, (_, i) => (i - 31.4) / 4.1);

/** Difference that single-precision constants may make, relative to the function's argument. */
const TOLERANCE = 2e-6;

/** Nodes between a product and the tensor that it is a function of, at most. */
const MOST_NODES = 12;

/**
 * Makes one activation of products that are one, such as `x sigmoid(x)`, `x min(max(x + 3, 0), 6) / 6` or
 * `x (1 + erf(x / sqrt 2))`. What is written as sums, products and functions of one tensor is a function of a number;
 * it is known by its values.
 */
export function fuseActivations(graph: Graph): Graph {
  const edit = new GraphEdit(graph);
  const place = new Map(graph.nodes.map(({ output }, i) => [output, i]));
  for (const product of edit.nodes()) {
    if (product.op !== 'Mul') continue;
    const expression = expressionOf(edit, product, place);
    const found = expression && recognise(expression.of);
    if (found) fuse(edit, product, expression, found);
  }
  return edit.finish('fuse-activations');
}

/** A product as a function of one tensor. */
interface Expression {
  readonly tensor: string;
  /** Nodes between the two, the product included. */
  readonly nodes: readonly GraphNode[];
  of(x: number): number;
}

/** The expression that begins at the nearest tensor on which all of a product depends; nothing if there is none near. */
function expressionOf(edit: GraphEdit, product: MulNode, place: ReadonlyMap<string, number>): Expression | undefined {
  const shape = edit.shape(product.output).join();
  const nodes: GraphNode[] = [product];
  const open = new Set(product.inputs);
  while (open.size > 1) {
    // What comes last depends on none of the others.
    const [last] = [...open].sort((a, b) => (place.get(b) ?? -1) - (place.get(a) ?? -1));
    const node = edit.producer(last);
    if (!node || !isElementwise(node) || nodes.push(node) > MOST_NODES) return undefined;
    open.delete(last);
    for (const input of node.inputs) open.add(input);
  }
  const [tensor] = open;
  if (nodes.some(({ inputs }) => inputs.some((input) => edit.shape(input).join() !== shape))) return undefined;
  const inOrder = nodes.reverse();
  return {
    tensor,
    nodes: inOrder,
    of(x) {
      const values = new Map([[tensor, x]]);
      for (const node of inOrder)
        values.set(
          node.output,
          numberOf(node, (input) => values.get(input) ?? Number.NaN),
        );
      return values.get(product.output) ?? Number.NaN;
    },
  };
}

function isElementwise(node: GraphNode): boolean {
  if (node.op === 'Affine') return uniform(node) !== undefined;
  return node.op === 'Add' || node.op === 'Mul' || node.op === 'Activation';
}

function numberOf(node: GraphNode, input: (tensor: string) => number): number {
  const values = node.inputs.map(input);
  switch (node.op) {
    case 'Add':
      return values.reduce((a, b) => a + b, 0);
    case 'Mul':
      return values.reduce((a, b) => a * b, 1);
    case 'Activation':
      return activations[node.fn](values[0], ...(node.parameters ?? []));
    case 'Affine': {
      const { scale, shift } = uniform(node) ?? { scale: Number.NaN, shift: Number.NaN };
      return scale * values[0] + shift;
    }
    default:
      return Number.NaN;
  }
}

/** The function that an expression is a multiple of. */
function recognise(of: (x: number) => number): { fn: ActivationFunction; factor: number } | undefined {
  const values = POINTS.map(of);
  for (const fn of PRODUCTS) {
    const known = POINTS.map((x) => activations[fn](x));
    const at = POINTS.length - 1;
    const factor = values[at] / known[at];
    const bound = (x: number) => TOLERANCE * Math.abs(factor) * Math.max(1, Math.abs(x));
    const same = values.every((value, i) => Math.abs(value - factor * known[i]) <= bound(POINTS[i]));
    if (same && factor !== 0) return { fn, factor: Math.abs(factor - 1) <= TOLERANCE ? 1 : factor };
  }
  return undefined;
}

function fuse(
  edit: GraphEdit,
  product: MulNode,
  { tensor, nodes }: Expression,
  { fn, factor }: { fn: ActivationFunction; factor: number },
): void {
  const { name, output } = product;
  const origin = [...new Set(nodes.flatMap((node) => node.origin))];
  if (factor === 1) {
    edit.put({ op: 'Activation', fn, name, inputs: [tensor], output, origin });
    return;
  }
  const shape = edit.shape(output);
  const activated = edit.newTensor(output, shape);
  edit.put({ op: 'Activation', fn, name, inputs: [tensor], output: activated, origin });
  const [scale, shift] = [factor, 0].map((value) => new Float64Array(shape[0]).fill(value));
  const inputs = [activated];
  edit.put({ op: 'Affine', per: 'channel', scale, shift, name: edit.newName(name), inputs, output, origin });
}
