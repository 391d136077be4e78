/** Folding of affine maps into linear nodes, over random geometry. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { perElement } from '../../src/graph/affine.js';
import { foldInputAffine, foldInputScalar } from '../../src/graph/fold-input.js';
import { foldOutputAffine } from '../../src/graph/fold-output.js';
import type { ConvNode, DenseNode, Graph, Shape } from '../../src/graph/graph.js';
import { elements } from '../../src/graph/graph.js';
import { GraphBuilder, imageFor, numbers } from '../support/graphs.js';
import { run } from '../support/interpreter.js';
import { expectSameNumbers } from '../support/numbers.js';

const small = (min: number, max: number) => fc.integer({ min, max });

/** A convolution or dense layer of random geometry, with scales and bias classes of its own. */
const linearGraphs: fc.Arbitrary<Graph> = fc
  .record({
    groups: small(1, 3),
    perGroup: fc.tuple(small(1, 2), small(1, 2)),
    size: fc.tuple(small(4, 7), small(4, 7)),
    kernel: fc.tuple(small(1, 3), small(1, 3)),
    strides: fc.tuple(small(1, 3), small(1, 3)),
    dilations: fc.tuple(small(1, 2), small(1, 2)),
    pads: fc.tuple(small(0, 4), small(0, 4), small(0, 4), small(0, 4)),
    seed: small(0, 1000),
    dense: fc.constantFrom(undefined, 'in-out' as const, 'out-in' as const),
    scaled: fc.boolean(),
    classes: fc.boolean(),
  })
  .map(({ groups, perGroup, size, kernel, strides, dilations, pads, seed, dense, scaled, classes }) => {
    const builder = dense
      ? new GraphBuilder([size[0]]).dense(size[1], dense, seed)
      : new GraphBuilder([groups * perGroup[0], ...size]).conv(
          groups * perGroup[1],
          { kernel, strides, dilations, pads },
          seed,
          groups,
        );
    const graph = builder.build();
    const node = graph.nodes[0] as ConvNode | DenseNode;
    const [inputs, outputs] = [builder.shape('input')[0], builder.shape()[0]];
    const pixels = elements(builder.shape()) / outputs;
    const scales = { inputScale: numbers(inputs, seed + 2), outputScale: numbers(outputs, seed + 3) };
    const bias = {
      values: numbers(2 * outputs, seed + 4),
      classes: Uint16Array.from({ length: pixels }, (_, i) => i % 2),
    };
    return replaceNode(graph, {
      ...node,
      weights: { ...node.weights, ...(scaled && scales) },
      bias: classes && !dense ? bias : node.bias,
    });
  });

function replaceNode(graph: Graph, node: ConvNode | DenseNode | undefined): Graph {
  if (!node) throw new Error('the node was not folded');
  return { ...graph, nodes: [node] };
}

/** The node of a graph that has only one, and the shapes around it. */
function parts(graph: Graph): { node: ConvNode | DenseNode; before: Shape; after: Shape } {
  const [node] = graph.nodes;
  const before = graph.shapes.get(graph.input) ?? [];
  return { node: node as ConvNode | DenseNode, before, after: graph.shapes.get(graph.output) ?? [] };
}

function map({ scale, shift }: { scale: Float64Array; shift: Float64Array }, values: Float64Array): Float64Array {
  return values.map((value, i) => scale[i] * value + shift[i]);
}

test('foldInputAffine computes what the node computes behind the map', () => {
  fc.assert(
    fc.property(linearGraphs, small(0, 1000), (graph, seed) => {
      const { node, before } = parts(graph);
      const affine = { per: 'channel', scale: numbers(before[0], seed), shift: numbers(before[0], seed + 1) } as const;
      const folded = replaceNode(graph, foldInputAffine(node, before, affine.scale, affine.shift));
      const image = imageFor(graph, seed);
      expectSameNumbers(run(folded, image), run(graph, map(perElement(affine, before), image)), 1e-9);
    }),
    { numRuns: 500 },
  );
});

test('foldInputScalar maps the whole input alike', () => {
  fc.assert(
    fc.property(linearGraphs, (graph) => {
      const { node, before } = parts(graph);
      const folded = replaceNode(graph, foldInputScalar(node, before, -2, 3));
      const image = imageFor(graph);
      expectSameNumbers(
        run(folded, image),
        run(
          graph,
          image.map((value) => 3 - 2 * value),
        ),
        1e-9,
      );
    }),
  );
});

test('foldOutputAffine computes what the map makes of the node', () => {
  fc.assert(
    fc.property(linearGraphs, small(0, 1000), fc.boolean(), (graph, seed, perPixel) => {
      const { node, after } = parts(graph);
      const [channels] = after;
      const affine = perElement(
        { per: 'channel', scale: numbers(channels, seed), shift: numbers(channels, seed + 1) },
        after,
      );
      const shift = perPixel ? numbers(elements(after), seed + 2) : affine.shift;
      const folded = replaceNode(graph, foldOutputAffine(node, after, { ...affine, shift }));
      const image = imageFor(graph, seed);
      expectSameNumbers(run(folded, image), map({ ...affine, shift }, run(graph, image)), 1e-9);
    }),
    { numRuns: 500 },
  );
});

describe('bias classes', () => {
  const conv = (size: number, pads = 1) => {
    const graph = new GraphBuilder([1, size, size]).conv(1, { kernel: [3, 3], pads: [pads, pads, pads, pads] }).build();
    return parts(graph);
  };

  test('are nine for a padded 3x3 kernel, whatever the size of the image', () => {
    for (const size of [5, 40]) {
      const { node, before } = conv(size);
      expect(foldInputScalar(node, before, 1, 1)?.bias.values).toHaveLength(9);
    }
  });

  test('are not needed without padding, or without a shift', () => {
    const unpadded = conv(5, 0);
    expect(foldInputScalar(unpadded.node, unpadded.before, 1, 1)?.bias).not.toHaveProperty('classes');
    const padded = conv(5);
    expect(foldInputScalar(padded.node, padded.before, 2, 0)?.bias).toBe(padded.node.bias);
  });

  test('beyond 65535 there are none', () => {
    const { node, after } = conv(256);
    const pixels = elements(after);
    const scale = new Float64Array(pixels).fill(1);
    const shift = Float64Array.from({ length: pixels }, (_, i) => i);
    expect(foldOutputAffine(node, after, { per: 'element', scale, shift })).toBeUndefined();
    shift[1] = 0;
    expect(foldOutputAffine(node, after, { per: 'element', scale, shift })?.bias.values).toHaveLength(65535);
  });
});
