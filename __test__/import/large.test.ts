/** Models of many nodes and of many weights: work grows with the nodes, and memory with the file. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { codes } from '../../src/codes/index.js';
import { lower } from '../../src/codes/lower.js';
import type { Graph, GraphNode } from '../../src/graph/graph.js';
import { simplify } from '../../src/graph/passes/index.js';
import { importOnnx } from '../../src/import/index.js';
import { int64s, type NodeSpec, node, onnxModel, type TensorSpec, tensor } from '../support/onnx-model.js';

const folder = mkdtempSync(join(tmpdir(), 'firstspike-large-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Residual blocks of five nodes each, one behind the other. */
function deep(blocks: number): Uint8Array {
  const statistics = ['scale', 'shift', 'mean', 'variance'].map((name, i) => tensor(name, [2], [1, 0.1, 0, 1][i]));
  const initializers = [
    ...statistics,
    tensor('w', [2, 2, 1, 1], 0.3, -0.2),
    tensor('zero', [], 0),
    tensor('six', [], 6),
  ];
  const nodes: NodeSpec[] = [];
  let last = 'x';
  for (let i = 0; i < blocks; i++) {
    nodes.push(
      node('Conv', `${last} w`, `conv${i}`),
      node('BatchNormalization', `conv${i} scale shift mean variance`, `norm${i}`),
      node('Clip', `norm${i} zero six`, `clip${i}`),
      node('MaxPool', `clip${i}`, `pool${i}`, { kernel_shape: [1, 1] }),
      node('Add', `pool${i} ${last}`, `sum${i}`),
    );
    last = `sum${i}`;
  }
  nodes.push(node('Relu', last));
  return onnxModel({ nodes, initializers });
}

/** How often the nodes of a graph are looked at until it is simple, lowered, and asked for what codes cannot express. */
async function looks(blocks: number): Promise<number> {
  const graph = await importOnnx(deep(blocks));
  let count = 0;
  const watched = (node: GraphNode) =>
    new Proxy(node, {
      get(target, name) {
        count++;
        return Reflect.get(target, name);
      },
    });
  const simple: Graph = simplify({ ...graph, nodes: graph.nodes.map(watched) });
  const topology = lower({ ...simple, nodes: simple.nodes.map(watched) });
  for (const code of Object.values(codes)) code.unsupported(topology);
  return count;
}

test('twice the nodes are looked at twice as often', async () => {
  const [few, many] = [await looks(250), await looks(1000)];
  expect(many / few).toBeLessThan(4.5);
});

test('a model of 5,000 nodes is imported and simplified', async () => {
  const { nodes } = simplify(await importOnnx(deep(1000)));
  expect(nodes.filter(({ op }) => op === 'Conv')).toHaveLength(1000);
});

/** Dense layers of about 100 MB, in the layout of Gemm with transB. */
function wide(): Uint8Array {
  const sizes = [1024, 8192, 2048, 10];
  const weights = sizes.slice(1).map((outputs, i): TensorSpec => {
    const values = new Float32Array(outputs * sizes[i]).map((_, k) => ((k % 17) - 8) / 1000);
    return { name: `w${i}`, dims: [outputs, sizes[i]], raw: new Uint8Array(values.buffer) };
  });
  const nodes = [
    node('Reshape', 'x shape', 'flat'),
    node('Gemm', 'flat w0', 'a', { transB: 1 }),
    node('Relu', 'a', 'b'),
    node('Gemm', 'b w1', 'c', { transB: 1 }),
    node('Relu', 'c', 'd'),
    node('Gemm', 'd w2', 'y', { transB: 1 }),
  ];
  const initializers = [...weights, int64s('shape', 0, -1)];
  return onnxModel({ nodes, initializers, inputs: { x: ['N', 1, 32, 32] } });
}

test('import and packing need at most 2.5 times the memory of the file', { timeout: 60_000 }, async () => {
  const bytes = wide();
  const file = join(folder, 'wide.onnx');
  writeFileSync(file, bytes);
  const program = `
    import { calibrate, convert, readOnnx } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const peak = () => process.resourceUsage().maxRSS * 1024;
    const image = { data: new Float32Array(1024).fill(0.5), shape: [1, 1, 32, 32] };
    const before = peak();
    const graph = await readOnnx(${JSON.stringify(file)});
    const imported = peak() - before;
    const network = await convert(graph, { code: 'ttfs', calibration: await calibrate(graph, [image]) });
    await network.run(image);
    console.log(JSON.stringify([imported, peak() - before]));`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  const [imported, packed] = JSON.parse(stdout).map((peak: number) => peak / bytes.length);
  expect(imported).toBeLessThan(1.3);
  expect(packed).toBeLessThan(2.5);
});
