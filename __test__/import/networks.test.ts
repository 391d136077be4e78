/** Real networks, against ONNX Runtime where its outputs are known. */

import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { describeGraph } from '../../src/graph/describe.js';
import { elements, type Graph, shapeOf } from '../../src/graph/graph.js';
import { importOnnx, readOnnx } from '../../src/import/index.js';
import { dataFile, describeWithData } from '../support/data.js';
import { expectSound } from '../support/graphs.js';
import { run } from '../support/interpreter.js';
import { expectSameNumbers } from '../support/numbers.js';

/** Outputs of ONNX Runtime (before a softmax) for {@link pattern}, by folder and file. */
const expected: Record<string, number[]> = JSON.parse(
  readFileSync(new URL('../fixtures/network-outputs.json', import.meta.url), 'utf8'),
);

/** An image in [0, 1] that is the same everywhere. */
function pattern(graph: Graph): Float64Array {
  const size = elements(shapeOf(graph, graph.input));
  return Float64Array.from({ length: size }, (_, i) => Math.fround(((i * 7919) % 256) / 255));
}

const ops = (graph: Graph) => new Set(graph.nodes.map(({ op }) => op));

describeWithData('real networks', () => {
  test('all of MNIST, CIFAR-10 and the mapping workloads are imported, SqueezeNet too', async () => {
    for (const folder of ['mnist', 'cifar10', 'loihi']) {
      for (const file of await readdir(dataFile('models', folder))) {
        const graph = await readOnnx(dataFile('models', folder, file));
        expectSound(graph);
        expect(ops(graph), file).not.toContain('Affine');
      }
    }
    const graph = await readOnnx(dataFile('models', 'imagenet', 'squeezenet1.0-deepcompression.onnx'));
    expectSound(graph);
    expect(Math.round(describeGraph(graph).macs / 1e6)).toBe(861);
  });

  test.each(Object.entries(expected))(
    '%s computes what ONNX Runtime computes',
    { timeout: 120_000 },
    async (name, outputs) => {
      const file = dataFile('models', ...name.split('/'));
      for (const graph of [await importOnnx(file), await readOnnx(file)]) {
        expectSameNumbers(run(graph, pattern(graph)), outputs, 2e-5);
      }
    },
  );

  test('MobileNet has 27 ReLUs that are clipped at 6', async () => {
    const { nodes } = await readOnnx(dataFile('models', 'imagenet', 'mobilenet_v1_0.25_224.onnx'));
    const functions = nodes.flatMap((node) => (node.op === 'Activation' ? [[node.fn, node.parameters]] : []));
    expect(functions).toEqual(new Array(27).fill(['clipped-relu', [6]]));
  });
});
