/** `firstspike tune MODEL --code CODE --data DATA`: the cheapest settings that lose no more than they may. */

import { Command } from 'commander';
import { type CodeName, codeNamed } from '../codes/index.js';
import { type ConvertOptions, convert } from '../convert/convert.js';
import { type Trial, type Tuned, tune } from '../evaluate/tune.js';
import { formatCount, formatPercent } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCodingOptions,
  addSelectionOptions,
  type CalibrationNote,
  type CodingOptions,
  calibrateFor,
  chosenImages,
  codeOption,
  codeOptions,
  DATA_HELP,
  inputShape,
  loadFile,
  number,
  openData,
  type SelectionOptions,
} from './options.js';
import { byChannel } from './settings.js';

interface TuneCommandOptions extends CodingOptions, SelectionOptions {
  readonly code: CodeName;
  readonly data: string;
  readonly within: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function tuneCommand(context: Context): Command {
  const { print, remark, signal } = context;
  const command = new Command('tune')
    .description('Find the fewest steps, and the range of each layer, that keep the accuracy within a loss')
    .argument('<MODEL>', 'ONNX model')
    .requiredOption('--data <DATA>', 'images to tune on (not those that results are reported on)');
  addSelectionOptions(addCodingOptions(command, codeOption('code').makeOptionMandatory()));
  return command
    .option(
      '--within <POINTS>',
      'loss that is allowed, in points of accuracy (of agreement, without labels)',
      number,
      1,
    )
    .option('--out <FILE>', 'save the network with the settings found')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nSettings that are given stay as they are; the others are tuned.\n${DATA_HELP}`)
    .action(async (path: string, options: TuneCommandOptions) => {
      const { graph } = await loadFile(path, options);
      const { code, skip, limit = 1000, within, threads, out } = options;
      const own = codeOptions(code, options);
      const dataset = await openData(options.data, inputShape(graph), options);
      const fallback = { what: options.data, dataset, skip, limit };
      const balanced = Object.hasOwn(codeNamed(code).defaults as object, 'balance') && !('balance' in own);
      const channels = { ...options, channelPercentiles: balanced || byChannel(own) };
      const { calibration, note } = await calibrateFor(graph, channels, fallback, context);
      const progress = createProgress('settings');
      let tuned: Tuned;
      try {
        let tried = 0;
        const images = dataset.batches({ size: 64, skip, limit, signal });
        const onTrial = () => progress.update(++tried);
        const most = Math.min(limit, chosenImages(dataset, options));
        const settings = {
          code,
          calibration,
          options: own,
          within: within / 100,
          limit: most,
          threads,
          signal,
          onTrial,
        };
        tuned = await tune(graph, images, settings);
      } finally {
        progress.stop();
      }
      if (!tuned.met) remark(`No setting loses less than ${within} points; the best is given.`);
      if (out) {
        const all = { code, calibration, threads, signal, ...tuned.best.options } as ConvertOptions;
        const network = await convert(graph, all);
        await network.save(out);
      }
      print(options.json ? JSON.stringify({ ...tuned, calibration: note }, null, 2) : formatTuned(tuned, note));
    });
}

/** The outcome of tuning as a table for people. */
export function formatTuned(tuned: Tuned, calibration?: CalibrationNote): string {
  const { code, images, annAccuracy, within, met, best, pareto } = tuned;
  const top5 = best.accuracyTop5 !== undefined;
  const rows = pareto.map((trial) => [
    trial === best ? '*' : undefined,
    trial.accuracy === undefined ? undefined : formatPercent(trial.accuracy),
    ...(top5 ? [trial.accuracyTop5 === undefined ? undefined : formatPercent(trial.accuracyTop5)] : []),
    formatPercent(trial.agreement),
    trial.spikesPerNeuron.toFixed(3),
    formatCount(trial.synapticEvents),
    formatCount(trial.latency),
    settingsInWords(trial),
  ]);
  const numbers = ['accuracy', ...(top5 ? ['top 5'] : []), 'agreement', 'spikes/neuron', 'synaptic events', 'latency'];
  const columns = numbers.map((title) => ({ title, align: 'right' as const }));
  const original = annAccuracy === undefined ? '' : ` (original network ${formatPercent(annAccuracy)})`;
  const outcome = met
    ? `within ${100 * within} points with ${settingsInWords(best)}`
    : `nothing within ${100 * within} points; least is lost with ${settingsInWords(best)}`;
  return [
    `${code}, ${images} images${original}${calibration ? `, calibrated on ${calibration.images} of ${calibration.data}` : ''}`,
    outcome,
    '',
    formatTable(['', ...columns, 'settings'], rows),
    '',
    `The best of ${tuned.trials.length} settings in accuracy, spikes or latency; * is the one chosen.`,
    ...layersInWords(best),
  ].join('\n');
}

/** Settings of all layers. */
function settingsInWords({ options }: Trial): string {
  const words = Object.entries(options).map(([name, value]) => {
    return typeof value === 'object' ? `${name} of ${Object.keys(value as object).length} layers` : `${name}=${value}`;
  });
  return words.join(' ');
}

/** Settings of single layers, as options of a command. */
function layersInWords({ options }: Trial): string[] {
  const of = (option: string, key: string) => {
    const layers = (options as Record<string, Record<string, number> | undefined>)[key] ?? {};
    return Object.entries(layers).map(([layer, value]) => `--${option} ${layer}=${value}`);
  };
  const all = [...of('steps', 'layerSteps'), ...of('percentile', 'layerPercentiles')];
  return all.length === 0 ? [] : ['', 'Its settings of single layers:', ...all.map((one) => `  ${one}`)];
}
