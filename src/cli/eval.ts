/** `firstspike eval MODEL --data DATA`: accuracy of the spiking network and of the original. */

import { Command } from 'commander';
import { type Evaluation, evaluate } from '../evaluate/evaluate.js';
import { formatCount, formatPercent } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCodingOptions,
  addSelectionOptions,
  addSimulationOptions,
  type CalibrationNote,
  type CodingOptions,
  chosenImages,
  codedNetwork,
  codeOption,
  DATA_HELP,
  inputShape,
  loadFile,
  openData,
  type SelectionOptions,
  type SimulationOptions,
  wholeNumber,
} from './options.js';

interface EvalCommandOptions extends CodingOptions, SelectionOptions, SimulationOptions {
  readonly data: string;
  readonly batch: number;
  readonly json?: boolean;
}

export function evalCommand(context: Context): Command {
  const { print, signal } = context;
  const command = new Command('eval')
    .description('Measure accuracy, agreement, spikes and speed over a data set')
    .argument('<MODEL>', 'ONNX model, or a network that was saved')
    .requiredOption('--data <DATA>', 'images to evaluate');
  addCodingOptions(command, codeOption('code (default: ttfs, or that of the saved network)'));
  addSimulationOptions(addSelectionOptions(command));
  return command
    .option('--batch <N>', 'images of one run when speed is measured', wholeNumber(1), 128)
    .option('--json', 'print JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (path: string, options: EvalCommandOptions) => {
      const loaded = await loadFile(path, options);
      const { skip, limit } = options;
      const dataset = await openData(options.data, inputShape(loaded.graph), options);
      const chosen = { ...options, code: options.code ?? loaded.network?.code.name ?? 'ttfs' };
      const fallback = { what: options.data, dataset, skip, limit };
      const { network, calibration, warnings } = await codedNetwork(loaded, chosen, fallback, context);
      const progress = createProgress('evaluating', chosenImages(dataset, options));
      try {
        const batches = dataset.batches({ size: Math.max(options.batch, 64), skip, limit, signal });
        const { engine, precision, threads, batch } = options;
        const onProgress = (done: number) => progress.update(done);
        const report = await evaluate(network, batches, { engine, precision, threads, batch, signal, onProgress });
        progress.stop();
        print(
          options.json
            ? JSON.stringify({ ...report, calibration, warnings }, null, 2)
            : formatEvaluation(report, calibration),
        );
      } finally {
        progress.stop();
      }
    });
}

/** An evaluation as tables for people. */
export function formatEvaluation(report: Evaluation, calibration?: CalibrationNote): string {
  const { images, macs, layers } = report;
  const layerRows = layers.map((layer) => [
    layer.name,
    layer.role,
    layer.neurons === 0 ? undefined : formatCount(layer.neurons),
    layer.window && formatCount(layer.spikes / images),
    layer.window && layer.neurons > 0 ? (layer.spikes / images / layer.neurons).toFixed(3) : undefined,
    layer.window && formatCount(layer.saturated / images),
    formatCount(layer.synapticEvents / images),
    layer.maxDifference.toExponential(1),
  ]);
  const percent = (share: number | undefined) => (share === undefined ? '-' : formatPercent(share));
  const summary: [string, string][] = [
    ['images', String(images)],
    ['accuracy', `${percent(report.accuracy)} (original network ${percent(report.annAccuracy)})`],
    ...(report.accuracyTop5 === undefined
      ? []
      : ([['top 5', `${percent(report.accuracyTop5)} (original network ${percent(report.annAccuracyTop5)})`]] as [
          string,
          string,
        ][])),
    ['agreement', percent(report.agreement)],
    ['spikes per neuron', report.spikesPerNeuron.toFixed(3)],
    ['input spikes', `${formatCount(report.inputSpikes / images)} per image`],
    [
      'synaptic events',
      `${formatCount(report.synapticEvents / images)} per image (original network ${formatCount(macs / images)} MACs)`,
    ],
    ...(report.quartz
      ? ([['authors count', `${formatCount(report.quartz.operations / images)} operations per image`]] as [
          string,
          string,
        ][])
      : []),
    ['speed', report.imagesPerSecond === undefined ? '-' : `${formatCount(report.imagesPerSecond)} images/s`],
    ...(calibration
      ? ([['calibrated on', `${calibration.images} images of ${calibration.data}`]] as [string, string][])
      : []),
  ];
  const width = Math.max(...summary.map(([title]) => title.length));
  return [
    `${report.code}, ${report.engine} engine, ${report.precision}`,
    '',
    ...summary.map(([title, value]) => `${title.padEnd(width)}  ${value}`),
    '',
    formatTable(
      ['layer', 'role', 'neurons', 'spikes', 'per neuron', 'saturated', 'events', 'max |difference|'],
      layerRows,
    ),
    '',
    'Spikes, saturated spikes and synaptic events are means per image.',
  ].join('\n');
}
