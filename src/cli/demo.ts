/** `firstspike demo`: ten thousand handwritten digits, with one spike per neuron at most. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { calibrate } from '../convert/calibrate.js';
import { convert } from '../convert/convert.js';
import { openDataset } from '../data/dataset.js';
import { FirstspikeError } from '../errors.js';
import { evaluate } from '../evaluate/evaluate.js';
import { readOnnx } from '../import/index.js';
import { createProgress } from '../report/progress.js';
import { rasterSvg } from '../report/raster.js';
import type { RunResult } from '../simulate/run.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import type { TensorLike } from '../tensor.js';
import type { Context } from './context.js';
import { formatEvaluation } from './eval.js';
import { inputShape } from './options.js';

/** The network and the digits that come with the package. */
const FOLDER = fileURLToPath(new URL('../../demo/', import.meta.url));

export function demoCommand({ print, remark, signal }: Context): Command {
  return new Command('demo')
    .description('Convert a small network, run 10,000 digits through it, and draw the spikes of one')
    .option('-o, --output <FILE.svg>', 'where to draw', 'firstspike-demo.svg')
    .option('--json', 'print JSON')
    .action(async ({ output, json }: { output: string; json?: boolean }) => {
      const file = (name: string) => join(FOLDER, name);
      const graph = await readOnnx(file('digits-bn.onnx'));
      const shape = inputShape(graph);
      const training = await openDataset(`idx:${file('train-first1000-images-idx3-ubyte.gz')}`, { shape });
      const test = await openDataset(`idx:${file('t10k-images-idx3-ubyte.gz')},${file('t10k-labels-idx1-ubyte.gz')}`, {
        shape,
      });

      remark(
        'Calibrating on 1,000 training images, converting to one spike per neuron at most, running 10,000 images ...',
      );
      const calibration = await calibrate(graph, training.batches({ size: 100, signal }), { signal });
      const network = await convert(graph, { code: 'ttfs', calibration });
      for await (const digit of test.batches({ size: 1, limit: 1, signal })) {
        const result = await network.run(digit, { record: { spikes: true }, signal });
        await writeFile(output, drawSpikes(network, digit, result)).catch((cause: Error) => {
          const problem = { file: output, message: `cannot be written: ${cause.message}.`, remedy: 'Check the path.' };
          throw new FirstspikeError('FILE_UNREADABLE', problem, { cause });
        });
      }
      const progress = createProgress('running', test.length);
      const onProgress = (done: number) => progress.update(done);
      const report = await evaluate(network, test.batches({ size: 500, signal }), { signal, onProgress });
      progress.stop();

      const note = { data: 'the training set', images: calibration.images };
      if (json) print(JSON.stringify({ ...report, calibration: note, raster: output }, null, 2));
      else print(`${formatEvaluation(report, note)}\n\nThe spikes of the first digit are drawn in ${output}.`);
    });
}

/** The raster of a run of one image. */
function drawSpikes(network: SpikingNetwork, { data }: TensorLike, { spikes = [], labels }: RunResult): string {
  const { inputShape: shape, layers } = network;
  return rasterSvg({
    title: `A digit in ${network.code.name}: classified as ${labels[0]}`,
    layers: spikes.flatMap(({ name, neurons, times }) => {
      const layer = layers.find((candidate) => candidate.name === name);
      if (!layer?.window) return [];
      const { start: windowStart, width: windowWidth } = layer.window;
      return [{ name, neurons: layer.neurons, windowStart, windowWidth, times, neuronsOfSpikes: neurons }];
    }),
    image: { data, height: shape[1], width: shape[2] },
  });
}
