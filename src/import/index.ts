/** Import of trained networks. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ImportError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { simplify } from '../graph/passes/index.js';
import { importModel } from './onnx/import.js';
import { decodeModel } from './onnx/model.js';
import type { Approximation } from './onnx/operators/operator.js';

export { APPROXIMATIONS, type Approximation } from './onnx/operators/operator.js';

/** What a model does not say itself. */
export interface ReadOnnxOptions {
  /** Tensor to compute; needed where the model has several outputs. */
  readonly output?: string;
  /** Shape of the input without the batch axis; needed where the model leaves it open. */
  readonly inputShape?: readonly number[];
  /** Name of the graph; by default that of the file, without its extension. */
  readonly name?: string;
  /**
   * What may be replaced by something that is not the same: local response normalisation (`lrn`) by the factor that it
   * has where all is silent, and rounding of activations to integers (`quantization`) by none, ranges that begin at zero
   * by a clipped ReLU. Nothing if absent: such models are refused, or keep what only the code `ann` can compute.
   */
  readonly approximate?: readonly Approximation[];
  /** Folder that the model's external data lies in; by default that of the file. Nothing outside it is read. */
  readonly folder?: string;
}

/**
 * Reads a trained network from an ONNX file (opsets 7 to 28) and simplifies it: batch normalisation is folded into
 * convolutions and dense layers, ReLUs come before poolings. The graph's weights are views of the file's bytes.
 *
 * @param source path of the file, or its contents (which must not be changed as long as the graph is used).
 * @throws {ImportError} with all problems at once: every operator that is not supported, every broken weight.
 */
export async function readOnnx(source: string | Uint8Array, options: ReadOnnxOptions = {}): Promise<Graph> {
  return simplify(await importOnnx(source, options));
}

/** {@link readOnnx} without simplification: one graph node for each node of the file that computes something. */
export async function importOnnx(source: string | Uint8Array, options: ReadOnnxOptions = {}): Promise<Graph> {
  const file = typeof source === 'string' ? source : undefined;
  const bytes = typeof source === 'string' ? await readSource(source) : source;
  const model = decodeModel(bytes, file);
  return importModel(model, {
    name: options.name ?? (file === undefined ? model.graph.name || 'model' : path.parse(file).name),
    file,
    folder: options.folder ?? (file === undefined ? undefined : path.dirname(file)),
    output: options.output,
    inputShape: options.inputShape,
    approximate: options.approximate,
  });
}

async function readSource(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const problem = {
      file,
      message: `cannot be read: ${(cause as Error).message}.`,
      remedy: 'Check that the path is that of an ONNX file.',
    };
    throw new ImportError('FILE_UNREADABLE', problem, { cause });
  }
}
