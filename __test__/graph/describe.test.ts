import { expect, test } from 'vitest';
import { describeGraph } from '../../src/graph/describe.js';
import { GraphBuilder } from '../support/graphs.js';

test('parameters and operations are counted node by node', () => {
  const graph = new GraphBuilder([2, 6, 6])
    .affine([1, 2], [3, 4])
    .conv(4, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, 1, 2)
    .relu()
    .averagePool({ kernel: [3, 3] })
    .reshape([4])
    .dense(5, 'in-out')
    .build();
  const { nodes, parameters, macs } = describeGraph(graph);
  expect(nodes.map(({ op, parameters, macs }) => [op, parameters, macs])).toEqual([
    ['Affine', 4, 0],
    ['Conv', 4 * 9 + 4, 4 * 9 * 9],
    ['Activation', 0, 0],
    ['AveragePool', 0, 0],
    ['Reshape', 0, 0],
    ['Dense', 4 * 5 + 5, 4 * 5],
  ]);
  expect(nodes[1]).toMatchObject({ name: 'Conv1', shape: [4, 3, 3] });
  expect([parameters, macs]).toEqual([4 + 40 + 25, 324 + 20]);
});

test('a bias counts once per channel if there is one, whatever its classes', () => {
  const graph = new GraphBuilder([1, 4, 4]).conv(3, { kernel: [3, 3], pads: [1, 1, 1, 1] }).build();
  const [conv] = graph.nodes;
  const withBias = (values: Float64Array, classes?: Uint16Array) =>
    describeGraph({ ...graph, nodes: [{ ...conv, bias: { values, classes } } as typeof conv] }).parameters;
  expect(withBias(new Float64Array(3))).toBe(27);
  expect(withBias(new Float64Array(27).fill(1), new Uint16Array(16))).toBe(30);
});
