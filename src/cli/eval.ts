/** `firstspike eval MODEL --data DATA`: accuracy of the spiking network and of the original. */

import { Command } from 'commander';
import { FirstspikeError } from '../errors.js';
import { type Evaluation, evaluate } from '../evaluate/evaluate.js';
import { formatCount, formatPercent } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { EarlyExits } from '../simulate/counters.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { Checkpoint } from './checkpoint.js';
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
  readonly earlyExit?: boolean;
  readonly resume?: string;
  readonly json?: boolean;
}

export function evalCommand(context: Context): Command {
  const { print, remark, signal } = context;
  const command = new Command('eval')
    .description('Measure accuracy, agreement, spikes and speed over a data set')
    .argument('<MODEL>', 'ONNX model, or a network that was saved')
    .requiredOption('--data <DATA>', 'images to evaluate');
  addCodingOptions(command, codeOption('code (default: ttfs, or that of the saved network)'));
  addSimulationOptions(addSelectionOptions(command));
  return command
    .option('--batch <N>', 'images of one run when speed is measured', wholeNumber(1), 128)
    .option('--early-exit', 'ttfs, ttfs-alpha, quartz: end an image as soon as its class cannot change any more')
    .option('--resume <FILE>', 'keep what is found in a file, and go on from it if the run was interrupted')
    .option('--json', 'print JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (path: string, options: EvalCommandOptions) => {
      const loaded = await loadFile(path, options);
      const { skip, limit } = options;
      const dataset = await openData(options.data, inputShape(loaded.graph), options);
      const chosen = { ...options, code: options.code ?? loaded.network?.code.name ?? 'ttfs' };
      const fallback = { what: options.data, dataset, skip, limit };
      const { network, calibration, warnings } = await codedNetwork(loaded, chosen, fallback, context);
      const { engine, precision, threads, batch, earlyExit } = options;
      const all = chosenImages(dataset, options);
      const checkpoint = await openCheckpoint(path, network, all, options);
      const done = checkpoint?.state?.counters?.images ?? 0;
      if (done > 0) remark(`Going on behind the ${done} images of ${options.resume}.`);
      const progress = createProgress('evaluating', all);
      try {
        const rest = { skip: skip + done, limit: all - done };
        const batches = dataset.batches({ size: Math.max(batch, 64), ...rest, signal });
        const onProgress = (images: number) => progress.update(images);
        const report = await evaluate(network, batches, {
          ...{ engine, precision, threads, batch, earlyExit, signal, onProgress, from: checkpoint?.state },
          onState: (state) => checkpoint?.keep(state),
        });
        await checkpoint?.end();
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

/** The checkpoint of an evaluation that can be resumed, if one is asked for. */
async function openCheckpoint(
  model: string,
  network: SpikingNetwork,
  images: number,
  { resume, data, skip, preprocess, engine, precision, earlyExit }: EvalCommandOptions,
): Promise<Checkpoint | undefined> {
  if (resume === undefined) return undefined;
  if (network.keepsState) {
    throw new FirstspikeError('OPTION_INVALID', {
      message: 'the network keeps its state from image to image, so that it cannot go on in the midst of them.',
      remedy: 'Evaluate it in one go, or let each image begin at rest: --set reset=image.',
    });
  }
  const settings = { data, skip, images, preprocess, engine, precision, earlyExit, code: network.code };
  return Checkpoint.open(resume, model, settings);
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
    ...(report.earlyExits ? ([['early exits', inShort(report.earlyExits, images)]] as [string, string][]) : []),
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

/** What early exits saved. */
function inShort({ images: early, spikes, synapticEvents, window }: EarlyExits, images: number): string {
  const saved = `${formatCount(spikes / images)} spikes and ${formatCount(synapticEvents / images)} events`;
  return `${formatPercent(early / images)} of images; ${saved} and ${formatPercent(window / images)} of the last window saved per image`;
}
