/** Every operator, attribute and opset variation, against what ONNX Runtime computes. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { shapeOf } from '../../src/graph/graph.js';
import { importOnnx, readOnnx } from '../../src/import/index.js';
import { run } from '../support/interpreter.js';
import { expectSameNumbers } from '../support/numbers.js';

interface Expected {
  readonly input: number[];
  /** Tensor that the import should end with. */
  readonly output: string;
  readonly shape: number[];
  readonly values: number[];
}

const folder = new URL('../fixtures/onnx/', import.meta.url);
const expected: Record<string, Expected> = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8'));

describe('models compute what ONNX Runtime computes', () => {
  test.each(Object.entries(expected))('%s', async (name, { input, output, shape, values }) => {
    const bytes = readFileSync(new URL(`${name}.onnx`, folder));
    const imported = await importOnnx(bytes);
    expect(imported.output).toBe(output);
    for (const graph of [imported, await readOnnx(bytes)]) {
      expect(shapeOf(graph, graph.output)).toEqual(shape);
      expectSameNumbers(run(graph, Float64Array.from(input)), values, 2e-6);
    }
  });
});
