/** `firstspike convert MODEL --code CODE --calibrate DATA -o FILE`: a spiking network as a file. */

import { Command } from 'commander';
import { formatCount } from '../report/format.js';
import { formatTable } from '../report/table.js';
import type { Layer } from '../simulate/run.js';
import type { Context } from './context.js';
import { addCodingOptions, type CodingOptions, codedNetwork, codeOption, DATA_HELP, loadFile } from './options.js';

interface ConvertCommandOptions extends CodingOptions {
  readonly output: string;
  readonly json?: boolean;
}

export function convertCommand(context: Context): Command {
  const { print } = context;
  const command = new Command('convert')
    .description('Convert a model to a spiking network')
    .argument('<MODEL>', 'ONNX model, or a network that was saved');
  return addCodingOptions(command, codeOption('code to convert to').makeOptionMandatory())
    .requiredOption('-o, --output <FILE>', 'where to write the network (safetensors)')
    .option('--json', 'print JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (path: string, options: ConvertCommandOptions) => {
      const loaded = await loadFile(path, options);
      const { network, calibration, warnings } = await codedNetwork(loaded, options, undefined, context);
      await network.save(options.output);
      const { code, layers } = network;
      if (options.json) {
        print(JSON.stringify({ file: options.output, code, calibration, warnings, layers }, null, 2));
        return;
      }
      print(formatLayers(layers));
      print(`\nwritten to ${options.output}`);
    });
}

function formatLayers(layers: readonly Layer[]): string {
  return formatTable(
    ['layer', 'role', 'shape', 'neurons', 'connections', 'window'],
    layers.map(({ name, role, shape, neurons, connections, window }) => [
      name,
      role,
      shape.join('x'),
      neurons === 0 ? undefined : formatCount(neurons),
      connections === 0 ? undefined : formatCount(connections),
      window && `${formatCount(window.start)} + ${formatCount(window.width)}`,
    ]),
  );
}
