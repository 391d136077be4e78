/** `firstspike compare MODEL --data DATA`: all codes on one network. */

import { Command } from 'commander';
import type { Calibration } from '../codes/calibration.js';
import { type CodeName, codes } from '../codes/index.js';
import { FirstspikeError, type Problem } from '../errors.js';
import { type CodeReport, type CodeSettings, type Comparison, compare } from '../evaluate/compare.js';
import type { Difference } from '../evaluate/paired.js';
import type { Tuned } from '../evaluate/tune.js';
import { type TunedCodes, tuneCodes } from '../evaluate/tune-codes.js';
import type { Graph } from '../graph/graph.js';
import { formatCount, formatPercent } from '../report/format.js';
import { createProgress, type Progress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCalibrationOptions,
  addSelectionOptions,
  addSimulationOptions,
  type CalibrationNote,
  type CalibrationOptions,
  calibrateFor,
  chosenImages,
  DATA_HELP,
  inputShape,
  loadFile,
  number,
  openData,
  type SelectionOptions,
  type SimulationOptions,
  wholeNumber,
} from './options.js';
import { byChannel, parseSettings, settable } from './settings.js';

interface CompareCommandOptions extends CalibrationOptions, SelectionOptions, SimulationOptions {
  readonly data: string;
  readonly codes?: string;
  readonly within?: number;
  readonly tuneOn?: string;
  readonly batch: number;
  readonly json?: boolean;
}

const CODES_HELP = `
CODES are names with settings of their own, such as ttfs,fs:steps=6,quartz:steps=32:latch=true;
'firstspike inspect --json' shows the settings of each code and their defaults`;

export function compareCommand(context: Context): Command {
  const { print, signal } = context;
  const command = new Command('compare')
    .description('Compare the codes on one model: accuracy, spikes, events, memory accesses, latency, energy')
    .argument('<MODEL>', 'ONNX model, or a network that was saved')
    .requiredOption('--data <DATA>', 'images to evaluate')
    .option('--codes <CODES>', `codes to compare (default: all): ${Object.keys(codes).join(', ')}`);
  return addSimulationOptions(addSelectionOptions(addCalibrationOptions(command)))
    .option('--within <POINTS>', 'tune each code to this loss of accuracy first (see tune)', number)
    .option('--tune-on <DATA>', 'images to tune on (default: those of --calibrate, which need labels)')
    .option('--batch <N>', 'images of one run when speed is measured', wholeNumber(1), 128)
    .option('--json', 'print JSON')
    .addHelpText('after', `${CODES_HELP}\n${DATA_HELP}`)
    .action(async (path: string, options: CompareCommandOptions) => {
      const wanted = options.codes === undefined ? undefined : parseCodes(options.codes);
      const { graph } = await loadFile(path, options);
      const { skip, limit, engine, precision, threads, batch } = options;
      const dataset = await openData(options.data, inputShape(graph), options);
      const fallback = { what: options.data, dataset, skip, limit };
      const channelPercentiles = options.within !== undefined || wanted?.some(byChannel);
      const { calibration, note } = await calibrateFor(graph, { ...options, channelPercentiles }, fallback, context);
      const { codes: compared, tuned } = await tunedCodes(graph, wanted, calibration, options, context);
      const images = () => dataset.batches({ size: Math.max(batch, 64), skip, limit, signal });
      let shown: { readonly what: string; readonly settings: CodeSettings; readonly progress: Progress } | undefined;
      const show = (what: string, settings: CodeSettings, done: number, all: number) => {
        if (shown?.settings !== settings || shown.what !== what) {
          shown?.progress.stop();
          shown = { what, settings, progress: createProgress(what, all) };
        }
        shown.progress.update(done);
      };
      try {
        const comparison = await compare(graph, images, {
          ...{ engine, precision, threads, batch, signal, codes: compared, calibration },
          onFit: (settings, share) => show(`fitting ${settings.code}`, settings, Math.round(100 * share), 100),
          onProgress: (settings, done) => show(settings.code, settings, done, chosenImages(dataset, options)),
        });
        shown?.progress.stop();
        print(
          options.json
            ? JSON.stringify({ ...comparison, ...(tuned && { tuned }), calibration: note }, null, 2)
            : [formatComparison(comparison, note), ...formatTuning(tuned)].join('\n'),
        );
      } finally {
        shown?.progress.stop();
      }
    });
}

/** The codes with settings tuned to a loss, if one is asked for. */
async function tunedCodes(
  graph: Graph,
  wanted: readonly CodeSettings[] | undefined,
  calibration: Calibration | undefined,
  { within, tuneOn, calibrate, calibrateLimit: limit, preprocess, threads }: CompareCommandOptions,
  { signal }: Context,
): Promise<Partial<TunedCodes>> {
  if (within === undefined) return { codes: wanted };
  const source = tuneOn ?? calibrate;
  if (source === undefined) {
    const message = '--within needs images to tune the codes on, which are not those of --data.';
    throw new FirstspikeError('OPTION_INVALID', { message, remedy: 'Name them: --tune-on DATA or --calibrate DATA.' });
  }
  const dataset = await openData(source, inputShape(graph), { preprocess });
  const progress = createProgress('tuning');
  try {
    let tried = 0;
    const images = () => dataset.batches({ size: 64, limit, signal });
    const onTrial = () => progress.update(++tried);
    const run = { calibration, limit, threads, signal, onTrial };
    return await tuneCodes(graph, images, { codes: wanted, within: within / 100, ...run });
  } finally {
    progress.stop();
  }
}

/** What tuning found, in words. */
function formatTuning(tuned: readonly Tuned[] = []): string[] {
  if (tuned.length === 0) return [];
  const lines = tuned.map(({ code, met, best, within, images }) => {
    const outcome = met ? 'within' : 'not within';
    return `${code}: ${outcome} ${100 * within} points on the ${images} images that it was tuned on (${(100 * best.loss).toFixed(2)} lost).`;
  });
  return ['', ...lines];
}

/** How far each code is from the first, with what is sure of it. */
function formatDifferences(reports: readonly CodeReport[]): string[] {
  const rows = reports.flatMap((report) => {
    const { against } = report;
    if (!against) return [];
    const interval = ({ mean, low, high }: Difference, format: (x: number) => string) =>
      `${format(mean)} (${format(low)} to ${format(high)})`;
    return [
      [
        title(report),
        against.accuracy && interval(against.accuracy, (x) => (100 * x).toFixed(2)),
        interval(against.spikes, formatCount),
        interval(against.synapticEvents, formatCount),
        interval(against.energy, (x) => x.toFixed(3)),
      ],
    ];
  });
  const [first] = reports.flatMap(({ against }) => (against ? [reports[against.other]] : []));
  if (!first) return [];
  const columns = ['points of accuracy', 'spikes', 'synaptic events', 'energy'];
  return [
    '',
    `Differences from ${title(first)}, image by image (95 % confidence):`,
    formatTable(['code', ...columns.map((name) => ({ title: name, align: 'right' as const }))], rows),
  ];
}

/**
 * Codes and their settings from text such as `ttfs,fs:steps=6`.
 *
 * @throws FirstspikeError `OPTION_INVALID` with all that is wrong.
 */
export function parseCodes(text: string): CodeSettings[] {
  const problems: Problem[] = [];
  const parsed = text.split(',').map((entry) => {
    const [name, ...settings] = entry.trim().split(':');
    if (!Object.hasOwn(codes, name)) {
      problems.push({ message: `there is no code "${name}".`, remedy: `Codes are ${Object.keys(codes).join(', ')}.` });
      return [];
    }
    const code = name as CodeName;
    return [{ code, ...parseSettings(code, settings, problems) } as CodeSettings];
  });
  if (problems.length > 0) throw new FirstspikeError('OPTION_INVALID', problems);
  return parsed.flat();
}

/** A comparison as a table for people. */
export function formatComparison({ codes: reports, refused }: Comparison, calibration?: CalibrationNote): string {
  const [{ images, macs }] = reports;
  const top5 = reports.some(({ accuracyTop5 }) => accuracyTop5 !== undefined);
  const rows = reports.map((report) => {
    const { timing, accuracy } = report;
    const each = (count: number) => formatCount(count / images);
    const clock = (time: number) => (report.continuous ? formatCount(time) : `${time} steps`);
    const windows = report.continuous ? ` (${timing?.windows} windows)` : '';
    return [
      title(report),
      accuracy === undefined ? undefined : formatPercent(accuracy),
      ...(top5 ? [report.accuracyTop5 === undefined ? undefined : formatPercent(report.accuracyTop5)] : []),
      timing && formatPercent(report.agreement),
      timing && report.spikesPerNeuron.toFixed(3),
      timing ? each(report.synapticEvents) : `${each(macs)} MACs`,
      timing && each(report.memoryReads),
      timing && each(report.memoryWrites),
      timing && clock(timing.latency) + windows,
      timing && clock(timing.interval),
      report.energyRatio.toFixed(3),
      report.imagesPerSecond === undefined ? undefined : formatCount(report.imagesPerSecond),
    ];
  });
  const numbers = [
    'accuracy',
    ...(top5 ? ['top 5'] : []),
    'agreement',
    'spikes/neuron',
    'synaptic events',
    'reads',
    'writes',
    'latency',
  ];
  const columns = [...numbers, 'interval', 'energy', 'images/s'].map((name) => ({
    title: name,
    align: 'right' as const,
  }));
  return [
    `${images} images${calibration ? `, calibrated on ${calibration.images} of ${calibration.data}` : ''}`,
    '',
    formatTable(['code', ...columns], rows),
    ...formatDifferences(reports),
    '',
    ...notes(reports),
    ...reports.flatMap((report) => reasons(report.warnings).map((reason) => `${title(report)}: ${reason}`)),
    ...(refused.length > 0 ? [''] : []),
    ...refused.flatMap(({ code, problems }) => [
      `${code} cannot express the network:`,
      ...reasons(problems).map((reason) => `  ${reason}`),
    ]),
  ].join('\n');
}

/** Problems, each once with the layers that have it. */
function reasons(problems: readonly Problem[]): string[] {
  const layers = new Map<string, string[]>();
  for (const { layer = '', message, remedy } of problems) {
    const reason = `${message} ${remedy}`;
    layers.set(reason, [...(layers.get(reason) ?? []), layer]);
  }
  return [...layers].map(([reason, [first, ...others]]) => {
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    return `${first}${more}: ${reason}`;
  });
}

/** Name of a code with its number of steps, where it has one, and the settings that differ from the defaults. */
function title({ code, options, gateSteps }: CodeReport): string {
  const { steps: usual, ...defaults } = settable(codes[code as CodeName].defaults as object);
  const { steps = usual, ...settings } = settable(options);
  const own = Object.entries(settings).filter(([key, value]) => value !== defaults[key]);
  const all = [...(steps === undefined ? [] : [['steps', gateSteps?.join('/') ?? steps]]), ...own];
  return [code, ...all.map(([key, value]) => `${key}=${value}`)].join(' ');
}

function notes(reports: readonly CodeReport[]): string[] {
  const circuits = reports.filter(({ neuronsPerGate }) => neuronsPerGate > 1);
  return [
    'Events, reads and writes are means per image. Interval: time between images when layers work as a pipeline.',
    'Energy: model figure relative to the original network (0.08 per event, 0.25 per update; 2 per MAC, 1 per neuron).',
    ...(reports.some(({ continuous }) => continuous)
      ? ["Times without a unit are those of the code's own clock; in ttfs, a value larger by 1 spikes earlier by 1."]
      : []),
    ...circuits.map((report) => {
      const { neuronsPerGate, spikesPerGate } = report;
      const neurons = `${formatCount(neuronsPerGate)} neurons and ${spikesPerGate.toFixed(3)} spikes`;
      return `${title(report)}: ${neurons} for each activation.`;
    }),
  ];
}
