/** `firstspike inspect MODEL`: layers, shapes, costs, and what each code can make of it. */

import { Command } from 'commander';
import { codes } from '../codes/index.js';
import { lower } from '../codes/lower.js';
import { describeGraph } from '../graph/describe.js';
import { formatCount } from '../report/format.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import { addModelOptions, inputShape, loadFile, type ModelOptions } from './options.js';

export function inspectCommand({ print }: Context): Command {
  const command = new Command('inspect')
    .description('Show the layers of a model, and which codes can convert it')
    .argument('<MODEL>', 'ONNX model, or a network that was saved');
  return addModelOptions(command)
    .option('--json', 'print JSON')
    .action(async (path: string, { json, approximate }: { json?: boolean } & ModelOptions) => {
      const { graph, network } = await loadFile(path, { approximate });
      const { nodes, parameters, macs } = describeGraph(graph);
      const topology = lower(graph);
      const report = {
        model: graph.name,
        input: { name: graph.input, shape: inputShape(graph) },
        output: { name: graph.output, shape: topology.outputShape },
        parameters,
        macs,
        nodes,
        dropped: graph.dropped,
        passes: graph.passes,
        ...(network && { code: network.code }),
        codes: Object.values(codes).map((code) => {
          const problems = code.unsupported(topology);
          return { code: code.name, convertible: problems.length === 0, problems, defaults: code.defaults };
        }),
      };
      if (json) {
        print(JSON.stringify(report, null, 2));
        return;
      }
      const shape = (axes: readonly number[]) => axes.join('x');
      const rows = nodes.map((node) => [
        node.name,
        node.op,
        shape(node.shape),
        node.parameters === 0 ? undefined : formatCount(node.parameters),
        node.macs === 0 ? undefined : formatCount(node.macs),
      ]);
      print(`${graph.name}: ${shape(report.input.shape)} to ${shape(report.output.shape)}`);
      if (network) print(`saved in the code ${network.code.name}`);
      print('');
      print(
        formatTable(
          ['layer', 'operator', 'shape', 'parameters', 'MACs'],
          [...rows, ['', '', '', formatCount(parameters), formatCount(macs)]],
        ),
      );
      print('');
      for (const { name, op, reason } of graph.dropped) print(`left out: ${name} (${op}), ${reason}`);
      for (const { code, convertible, problems } of report.codes) {
        print(`${code}: ${convertible ? 'can convert it' : 'cannot convert it'}`);
        for (const { layer, message, remedy } of problems) print(`  ${layer}: ${message} ${remedy}`);
      }
    });
}
