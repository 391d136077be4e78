/** `firstspike run MODEL --input FILE.npy`: one batch in, logits out. */

import { Command } from 'commander';
import { openDataset } from '../data/dataset.js';
import { readNpy, writeNpy } from '../data/npy.js';
import { elements } from '../graph/graph.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCodingOptions,
  addSimulationOptions,
  type CodingOptions,
  codedNetwork,
  codeOption,
  DATA_HELP,
  inputShape,
  loadFile,
  type SimulationOptions,
} from './options.js';

interface RunCommandOptions extends CodingOptions, SimulationOptions {
  readonly input: string;
  readonly output?: string;
  readonly json?: boolean;
}

export function runCommand(context: Context): Command {
  const { print, signal } = context;
  const command = new Command('run')
    .description('Run one batch of images')
    .argument('<MODEL>', 'ONNX model, or a network that was saved')
    .requiredOption('--input <FILE.npy>', 'images: [n, ...input shape], or one image');
  addCodingOptions(command, codeOption('code to run in (default: ann, or that of the saved network)'));
  return addSimulationOptions(command)
    .option('-o, --output <FILE.npy>', 'where to write the logits')
    .option('--json', 'print JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (path: string, options: RunCommandOptions) => {
      const loaded = await loadFile(path, options);
      const input = await readNpy(options.input);
      const shape = inputShape(loaded.graph);
      const fallback = async () => {
        const spec = `npy:${options.input}`;
        return { what: 'the input', dataset: await openDataset(spec, { preprocess: 'raw', shape }), skip: 0 };
      };
      const needsData = options.code !== undefined && options.code !== 'ann' && !options.calibrate;
      const { network, warnings } = await codedNetwork(
        loaded,
        options,
        needsData ? await fallback() : undefined,
        context,
      );
      const { engine, precision, threads } = options;
      const { logits, labels, seconds } = await network.run(input, { engine, precision, threads, signal });
      if (options.output) await writeNpy(options.output, { data: logits.data, shape: logits.shape });
      const classes = elements(network.outputShape);
      const rows = Array.from(labels, (_, i) => Array.from(logits.data.subarray(i * classes, (i + 1) * classes)));
      if (options.json) {
        const result = { code: network.code.name, images: labels.length, shape: logits.shape, labels: [...labels] };
        const where = options.output ? { output: options.output } : { logits: rows };
        print(JSON.stringify({ ...result, ...where, warnings, seconds }, null, 2));
        return;
      }
      const best = [...labels].map((label, i) => [i, label, rows[i][label].toPrecision(6)]);
      print(formatTable(['image', 'label', 'logit'], best));
      if (options.output) print(`\nlogits written to ${options.output}`);
    });
}
