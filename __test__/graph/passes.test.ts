import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ActivationFunction, Graph, GraphNode } from '../../src/graph/graph.js';
import { dropRepeatedRelu } from '../../src/graph/passes/drop-repeated-relu.js';
import { foldAffineBackward } from '../../src/graph/passes/fold-affine-backward.js';
import { foldAffineForward } from '../../src/graph/passes/fold-affine-forward.js';
import { foldPad } from '../../src/graph/passes/fold-pad.js';
import { fuseActivations } from '../../src/graph/passes/fuse-activations.js';
import { PASSES, simplify } from '../../src/graph/passes/index.js';
import { mergeAffines } from '../../src/graph/passes/merge-affines.js';
import { mergeClips } from '../../src/graph/passes/merge-clips.js';
import { moveAffineDown } from '../../src/graph/passes/move-affine-down.js';
import { moveAffineUp } from '../../src/graph/passes/move-affine-up.js';
import { reluBeforePool } from '../../src/graph/passes/relu-before-pool.js';
import { resolveShapes } from '../../src/graph/passes/resolve-shapes.js';
import { affineChains, expectSound, GraphBuilder, imageFor, numbers, randomGraphs } from '../support/graphs.js';
import { evaluate, run } from '../support/interpreter.js';
import { expectSameNumbers } from '../support/numbers.js';

/** Expects two graphs to compute the same, and tensors that both have to hold the same. */
function expectSameFunction(graph: Graph, original: Graph): void {
  const image = imageFor(original);
  const before = evaluate(original, image);
  const after = evaluate(graph, image);
  expectSameNumbers(run(graph, image), run(original, image), 1e-9);
  for (const [name, values] of after) {
    const former = before.get(name);
    if (former) expectSameNumbers(values, former, 1e-9);
  }
}

const ops = (graph: Graph): GraphNode['op'][] => graph.nodes.map(({ op }) => op);

/** Checks what a pass made of a graph, and gives it back. */
function applied(pass: (graph: Graph) => Graph, graph: Graph): Graph {
  const result = pass(graph);
  expectSound(result);
  expectSameFunction(result, graph);
  return result;
}

describe('every pass keeps the function', () => {
  test.each([...PASSES, simplify].map((pass) => [pass.name, pass] as const))('%s', (_, pass) => {
    fc.assert(
      fc.property(fc.oneof(randomGraphs, affineChains), (graph) => {
        const result = applied(pass, graph);
        if (result !== graph) expect(result.passes.length).toBeGreaterThan(graph.passes.length);
      }),
      { numRuns: 400 },
    );
  });

  test('and after simplify none has anything to do', () => {
    fc.assert(
      fc.property(fc.oneof(randomGraphs, affineChains), (graph) => {
        const simple = simplify(graph);
        for (const pass of PASSES) expect(pass(simple)).toBe(simple);
      }),
    );
  });

  test('and every node of the original is accounted for', () => {
    fc.assert(
      fc.property(fc.oneof(randomGraphs, affineChains), (graph) => {
        const simple = simplify(graph);
        const known = [...simple.nodes.flatMap(({ origin }) => origin), ...simple.dropped.map(({ name }) => name)];
        expect([...new Set(known)].sort()).toEqual(graph.nodes.map(({ name }) => name).sort());
      }),
    );
  });
});

test('weights are never copied', () => {
  const graph = new GraphBuilder([2, 5, 5])
    .affine([2, -1], [1, 3])
    .conv(3, { kernel: [3, 3] })
    .build();
  const [, conv] = graph.nodes;
  const [folded] = simplify(graph).nodes;
  expect(folded.op === 'Conv' && conv.op === 'Conv' && folded.weights.values).toBe(
    conv.op === 'Conv' && conv.weights.values,
  );
});

describe('fold-affine-backward', () => {
  const conv = () => new GraphBuilder([2, 5, 5]).conv(3, { kernel: [3, 3], pads: [1, 1, 1, 1] });

  test('folds batch normalisation into the convolution before it', () => {
    const result = applied(foldAffineBackward, conv().affine([2, 0, -1], [1, 2, 3]).relu().build());
    expect(ops(result)).toEqual(['Conv', 'Activation']);
    expect(result.nodes[0].origin).toEqual(['Conv0', 'Affine1']);
    expect(result.passes).toEqual(['fold-affine-backward']);
  });

  test('folds a summand per pixel as bias classes, equal pixels in one', () => {
    const shift = Float64Array.from({ length: 75 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const result = applied(foldAffineBackward, conv().affine(new Float64Array(75).fill(1), shift).build());
    expect(ops(result)).toEqual(['Conv']);
    const [node] = result.nodes;
    expect(node.op === 'Conv' && node.bias.values.length).toBe(2 * 3);
  });

  test('folds an affine map into a dense layer', () => {
    const graph = new GraphBuilder([4]).dense(3, 'in-out').affine([1, 2, 3], [4, 5, 6]).build();
    expect(ops(applied(foldAffineBackward, graph))).toEqual(['Dense']);
  });

  test('leaves it where the convolution is read elsewhere, or pixels are scaled differently', () => {
    const twice = conv();
    const raw = twice.last;
    const graph = twice.affine([2, 0, -1], [1, 2, 3]).add({ op: 'Add' }, twice.shape(), [twice.last, raw]).build();
    expect(foldAffineBackward(graph)).toBe(graph);
    const perPixel = conv().affine(numbers(75, 1), new Float64Array(75)).build();
    expect(foldAffineBackward(perPixel)).toBe(perPixel);
  });
});

describe('fold-affine-forward', () => {
  test('folds into all readers', () => {
    const builder = new GraphBuilder([2, 5, 5]).relu().affine([2, -3], [1, 4]);
    const mapped = builder.last;
    const first = builder.conv(3, { kernel: [3, 3], pads: [1, 1, 1, 1] }).last;
    builder.add(
      { op: 'Affine', per: 'channel', scale: Float64Array.of(1, 1), shift: Float64Array.of(0, 0) },
      [2, 5, 5],
      [mapped],
    );
    const graph = builder.conv(3).add({ op: 'Add' }, [3, 5, 5], [first, 't4']).build();
    const result = applied((g) => foldAffineForward(mergeAffines(g)), graph);
    expect(ops(result)).toEqual(['Activation', 'Conv', 'Conv', 'Add']);
  });

  test('leaves the map where one reader cannot take it, or it is the output', () => {
    const builder = new GraphBuilder([2, 5, 5]).relu().affine([2, -3], [1, 4]);
    const mapped = builder.last;
    const convolved = builder.conv(2).last;
    const graph = builder.add({ op: 'Add' }, [2, 5, 5], [convolved, mapped]).build();
    expect(foldAffineForward(graph)).toBe(graph);
    const last = new GraphBuilder([2]).affine([1, 2], [3, 4]).build();
    expect(foldAffineForward(last)).toBe(last);
  });
});

describe('move-affine-down', () => {
  const mapped = () => new GraphBuilder([2, 6, 6]).relu().affine([2, -3], [1, 4]);

  test('a negative scale turns the maximum into the minimum, and back', () => {
    const graph = mapped()
      .maxPool({ kernel: [2, 2], pads: [1, 0, 0, 1] })
      .conv(2)
      .build();
    const result = applied(moveAffineDown, graph);
    expect(ops(result)).toEqual(['Activation', 'MaxPool', 'Affine', 'Conv']);
    expect(result.nodes[1]).toMatchObject({ minimum: Uint8Array.of(0, 1) });
    const back = mapped()
      .maxPool({ kernel: [2, 2] }, Uint8Array.of(0, 1))
      .conv(2)
      .build();
    expect(applied(moveAffineDown, back).nodes[1]).not.toHaveProperty('minimum');
  });

  test('passes an average pooling whose padding does not count', () => {
    const window = { kernel: [2, 2], pads: [1, 1, 1, 1] } as const;
    const graph = mapped().averagePool(window).conv(2).build();
    expect(ops(applied(moveAffineDown, graph))).toEqual(['Activation', 'AveragePool', 'Affine', 'Conv']);
    const counted = mapped().averagePool(window, [1, 1, 1, 1]).conv(2).build();
    expect(moveAffineDown(counted)).toBe(counted);
  });

  test('passes transpositions and reshapes up to a dense layer', () => {
    const graph = mapped().transpose([1, 2, 0]).reshape([72]).dense(3).build();
    expect(ops(applied(simplify, graph))).toEqual(['Activation', 'Transpose', 'Reshape', 'Dense']);
  });

  test('stays where it cannot be folded in the end', () => {
    const graph = mapped()
      .maxPool({ kernel: [2, 2] })
      .relu()
      .build();
    expect(moveAffineDown(graph)).toBe(graph);
  });
});

describe('move-affine-up', () => {
  test('brings batch normalisation behind a pooling to the convolution', () => {
    const graph = new GraphBuilder([2, 6, 6])
      .conv(2, { kernel: [3, 3] })
      .maxPool({ kernel: [2, 2] })
      .averagePool({ kernel: [2, 2] })
      .affine([2, -1], [3, 4])
      .relu()
      .build();
    const result = applied(moveAffineUp, graph);
    expect(ops(result)).toEqual(['Conv', 'Affine', 'MaxPool', 'AveragePool', 'Activation']);
    expect(result.nodes[2]).toMatchObject({ minimum: Uint8Array.of(0, 1) });
  });

  test('leaves it where something else reads the convolution or the pooling', () => {
    for (const shared of ['conv', 'pool']) {
      const builder = new GraphBuilder([2, 6, 6]).conv(2);
      const conv = builder.last;
      const pool = builder.maxPool({ kernel: [1, 1] }).last;
      builder.affine([2, -1], [3, 4]);
      const graph = builder.add({ op: 'Add' }, [2, 6, 6], [builder.last, shared === 'conv' ? conv : pool]).build();
      expect(moveAffineUp(graph)).toBe(graph);
    }
  });

  test('leaves it where there is no convolution', () => {
    const graph = new GraphBuilder([2, 6, 6])
      .relu()
      .maxPool({ kernel: [2, 2] })
      .affine([2, -1], [3, 4])
      .build();
    expect(moveAffineUp(graph)).toBe(graph);
  });
});

test('a map that cannot reach the convolution above goes to the one below, once', () => {
  const graph = new GraphBuilder([2, 6, 6])
    .conv(2)
    .averagePool({ kernel: [2, 2], pads: [1, 1, 1, 1] }, [1, 1, 1, 1])
    .affine([2, -1], [3, 4])
    .maxPool({ kernel: [2, 2] })
    .conv(2)
    .build();
  expect(ops(applied(simplify, graph))).toEqual(['Conv', 'AveragePool', 'MaxPool', 'Conv']);
});

test('merge-affines merges chains and drops identities', () => {
  const graph = new GraphBuilder([2, 3, 3])
    .affine([1, 1], [0, 0])
    .affine([2, 3], [1, 0])
    .affine(numbers(18, 1), numbers(18, 2))
    .build();
  const result = applied(mergeAffines, graph);
  expect(ops(result)).toEqual(['Affine']);
  expect(result.dropped.map(({ name }) => name)).toEqual(['Affine0']);
});

describe('fold-pad', () => {
  test('folds into convolutions and averages, whose zeros count as before', () => {
    const conv = new GraphBuilder([2, 4, 4])
      .pad([1, 0, 2, 1])
      .conv(2, { kernel: [3, 3], pads: [0, 1, 0, 0] })
      .build();
    const folded = applied(foldPad, conv);
    expect(ops(folded)).toEqual(['Conv']);
    expect(folded.nodes[0]).toMatchObject({ pads: [1, 1, 2, 1], origin: ['Pad0', 'Conv1'] });
    const average = new GraphBuilder([2, 4, 4]).pad([1, 0, 2, 1]).averagePool({ kernel: [2, 2], pads: [1, 1, 0, 0] });
    expect(applied(foldPad, average.build()).nodes).toMatchObject([{ pads: [2, 1, 2, 1], counted: [1, 0, 2, 1] }]);
  });

  test('leaves cropping, and zeros that could be a maximum', () => {
    for (const graph of [
      new GraphBuilder([1, 4, 4]).pad([-1, 0, 0, 0]).conv(2).build(),
      new GraphBuilder([1, 4, 4])
        .pad([1, 0, 0, 0])
        .maxPool({ kernel: [2, 2] })
        .build(),
    ]) {
      expect(foldPad(graph)).toBe(graph);
    }
  });
});

test('resolve-shapes merges chains and drops what changes nothing', () => {
  const graph = new GraphBuilder([2, 3, 1])
    .relu()
    .transpose([1, 2, 0])
    .transpose([2, 0, 1])
    .reshape([3, 2, 1])
    .reshape([6])
    .transpose([0])
    .dense(2)
    .build();
  expect(ops(applied(simplify, graph))).toEqual(['Activation', 'Reshape', 'Dense']);
  const units = new GraphBuilder([1, 3, 2]).transpose([1, 0, 2]).build();
  expect(ops(applied(resolveShapes, units))).toEqual(['Reshape']);
});

test('relu-before-pool pools what is rectified', () => {
  const graph = new GraphBuilder([1, 4, 4])
    .conv(2)
    .maxPool({ kernel: [2, 2] })
    .maxPool({ kernel: [2, 2] })
    .relu()
    .build();
  expect(ops(applied(reluBeforePool, graph))).toEqual(['Conv', 'Activation', 'MaxPool', 'MaxPool']);
});

test('relu-before-pool leaves a pooling that is read elsewhere', () => {
  const builder = new GraphBuilder([1, 4, 4]).conv(2).maxPool({ kernel: [2, 2] });
  const pooled = builder.last;
  builder.relu();
  const graph = builder.add({ op: 'Add' }, [2, 3, 3], [builder.last, pooled]).build();
  expect(reluBeforePool(graph)).toBe(graph);
});

describe('fuse-activations', () => {
  const gated = (swap: boolean) => {
    const builder = new GraphBuilder([3]).affine([1, 2, 3], [0, 1, 2]);
    const x = builder.last;
    const gate = builder.add({ op: 'Activation', fn: 'sigmoid' }).last;
    return { builder: builder.add({ op: 'Mul' }, [3], swap ? [gate, x] : [x, gate]), gate };
  };

  test.each([true, false])('fuses a tensor and its own sigmoid (gate first: %s)', (swap) => {
    const { builder } = gated(swap);
    const result = applied(fuseActivations, builder.build());
    expect(result.nodes).toMatchObject([{ op: 'Affine' }, { fn: 'silu', origin: ['Activation1', 'Mul2'] }]);
  });

  test('keeps a sigmoid that is read elsewhere, and other gates', () => {
    const { builder, gate } = gated(false);
    const shared = builder.add({ op: 'Add' }, [3], [builder.last, gate]).build();
    expect(ops(applied(fuseActivations, shared))).toEqual(['Affine', 'Activation', 'Activation', 'Add']);
    const other = new GraphBuilder([3]).add({ op: 'Activation', fn: 'sigmoid' });
    const gates = other.add({ op: 'Mul' }, [3], [other.last, other.last]).build();
    expect(fuseActivations(gates)).toBe(gates);
  });
});

test.each<[string, ActivationFunction, (b: GraphBuilder, x: string) => GraphBuilder]>([
  ['x clip(x + 3) / 6', 'hard-swish', (b) => activated(shifted(b, 1, 3), 'clipped-relu', [6])],
  ['x hard-sigmoid(x)', 'hard-swish', (b) => activated(shifted(b, 1 / 6, 0.5), 'clipped-relu', [1])],
  ['x (1 + erf(x / sqrt 2))', 'gelu', (b) => shifted(activated(shifted(b, Math.fround(Math.SQRT1_2), 0), 'erf'), 1, 1)],
  ['x tanh(softplus(x))', 'mish', (b) => activated(activated(b, 'softplus'), 'tanh')],
])('fuse-activations knows %s', (_, fn, gate) => {
  const builder = new GraphBuilder([3]).affine([1, 2, 3], [0, 1, 2]);
  const x = builder.last;
  const factor = gate(builder, x).last;
  const graph = builder.add({ op: 'Mul' }, [3], [factor, x]).build();
  const known = fuseActivations(graph).nodes.flatMap((node) => (node.op === 'Activation' ? [node.fn] : []));
  expect(known).toEqual([fn]);
  const images = [-4, -1, 0.5, 3].map((value) => Float64Array.of(value, value / 3, -value));
  // Functions with a tail are computed within 1e-7 here.
  for (const image of images) expectSameNumbers(run(fuseActivations(graph), image), run(graph, image), 1e-6);
});

test('fuse-activations keeps a gate that is nearly another', () => {
  const builder = new GraphBuilder([3]).affine([1, 2, 3], [0, 1, 2]);
  const x = builder.last;
  const gate = activated(shifted(builder, 0.2, 0.5), 'clipped-relu', [1]).last;
  const graph = builder.add({ op: 'Mul' }, [3], [x, gate]).build();
  expect(fuseActivations(graph)).toBe(graph);
});

function shifted(builder: GraphBuilder, scale: number, shift: number): GraphBuilder {
  return builder.affine(new Float64Array(3).fill(scale), new Float64Array(3).fill(shift));
}

function activated(builder: GraphBuilder, fn: ActivationFunction, parameters?: readonly number[]): GraphBuilder {
  return builder.add({ op: 'Activation', fn, ...(parameters && { parameters }) });
}

describe('merge-clips', () => {
  const limited = (scale: number, shift: number) => shifted(new GraphBuilder([3]).relu(), scale, shift).relu();

  test('makes one clipped ReLU of two that limit a tensor', () => {
    const result = applied(mergeClips, limited(-0.5, 1).build());
    expect(result.nodes).toMatchObject([{ fn: 'clipped-relu', parameters: [2] }, { op: 'Affine' }]);
  });

  test('keeps what does not limit from above, and what is read elsewhere', () => {
    const others = [limited(0.5, 1).build(), limited(-0.5, -1).build()];
    for (const graph of others) expect(mergeClips(graph)).toBe(graph);
    const shared = limited(-0.5, 1);
    const graph = shared.add({ op: 'Add' }, [3], [shared.last, 't0']).build();
    expect(mergeClips(graph)).toBe(graph);
  });
});

test('drop-repeated-relu drops one that is clipped once more, at no more than its own ceiling', () => {
  const both = (first: number, second: number) =>
    activated(activated(new GraphBuilder([3]), 'clipped-relu', [first]), 'clipped-relu', [second]).build();
  expect(applied(dropRepeatedRelu, both(2, 1)).nodes).toMatchObject([{ parameters: [1] }]);
  expect(dropRepeatedRelu(both(1, 2)).nodes).toHaveLength(2);
  const relu = activated(new GraphBuilder([3]).relu(), 'clipped-relu', [1]).build();
  expect(applied(dropRepeatedRelu, relu).nodes).toMatchObject([{ fn: 'clipped-relu' }]);
});

test('drop-repeated-relu keeps one behind a SiLU, which may be negative', () => {
  const graph = new GraphBuilder([3]).add({ op: 'Activation', fn: 'silu' }).relu().build();
  expect(dropRepeatedRelu(graph)).toBe(graph);
});

test('drop-repeated-relu keeps the first', () => {
  const graph = new GraphBuilder([3]).relu().relu().add({ op: 'Activation', fn: 'sigmoid' }).relu().build();
  const result = applied(dropRepeatedRelu, graph);
  expect(result.nodes).toMatchObject([{ fn: 'relu' }, { fn: 'sigmoid' }]);
  expect(result.dropped).toHaveLength(2);
});

test.each(['relu', 'conv'] as const)('a deep network that begins with a %s is simplified in little time', (first) => {
  const builder = new GraphBuilder([2, 3, 3])[first](2);
  for (let i = 0; i < 2000; i++) {
    builder.affine([1, -1], numbers(2, i)).maxPool({}).reshape([2, 9]).reshape([2, 3, 3]).relu();
  }
  for (let i = 0; i < 2000; i++) builder.affine([1, -1], numbers(2, i)).maxPool({});
  const graph = builder.conv(2).build();
  const start = performance.now();
  expect(simplify(graph).nodes.length).toBeLessThan(graph.nodes.length);
  expect(performance.now() - start).toBeLessThan(10_000);
});
