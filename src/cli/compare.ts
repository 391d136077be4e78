/** `firstspike compare MODEL --data DATA`: all codes on one network. */

import { Command } from 'commander';
import { type CodeName, codes } from '../codes/index.js';
import { FirstspikeError, type Problem } from '../errors.js';
import { type CodeReport, type CodeSettings, type Comparison, compare } from '../evaluate/compare.js';
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
  openData,
  type SelectionOptions,
  type SimulationOptions,
  wholeNumber,
} from './options.js';
import { byChannel, parseSettings, settable } from './settings.js';

interface CompareCommandOptions extends CalibrationOptions, SelectionOptions, SimulationOptions {
  readonly data: string;
  readonly codes?: string;
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
    .option('--batch <N>', 'images of one run when speed is measured', wholeNumber(1), 128)
    .option('--json', 'print JSON')
    .addHelpText('after', `${CODES_HELP}\n${DATA_HELP}`)
    .action(async (path: string, options: CompareCommandOptions) => {
      const wanted = options.codes === undefined ? undefined : parseCodes(options.codes);
      const { graph } = await loadFile(path, options);
      const { skip, limit, engine, precision, threads, batch } = options;
      const dataset = await openData(options.data, inputShape(graph), options);
      const fallback = { what: options.data, dataset, skip, limit };
      const channelPercentiles = wanted?.some(byChannel);
      const { calibration, note } = await calibrateFor(graph, { ...options, channelPercentiles }, fallback, context);
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
          ...{ engine, precision, threads, batch, signal, codes: wanted, calibration },
          onFit: (settings, share) => show(`fitting ${settings.code}`, settings, Math.round(100 * share), 100),
          onProgress: (settings, done) => show(settings.code, settings, done, chosenImages(dataset, options)),
        });
        shown?.progress.stop();
        print(
          options.json
            ? JSON.stringify({ ...comparison, calibration: note }, null, 2)
            : formatComparison(comparison, note),
        );
      } finally {
        shown?.progress.stop();
      }
    });
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
  const rows = reports.map((report) => {
    const { timing, accuracy } = report;
    const each = (count: number) => formatCount(count / images);
    const clock = (time: number) => (report.continuous ? formatCount(time) : `${time} steps`);
    const windows = report.continuous ? ` (${timing?.windows} windows)` : '';
    return [
      title(report),
      accuracy === undefined ? undefined : formatPercent(accuracy),
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
  const numbers = ['accuracy', 'agreement', 'spikes/neuron', 'synaptic events', 'reads', 'writes', 'latency'];
  const columns = [...numbers, 'interval', 'energy', 'images/s'].map((name) => ({
    title: name,
    align: 'right' as const,
  }));
  return [
    `${images} images${calibration ? `, calibrated on ${calibration.images} of ${calibration.data}` : ''}`,
    '',
    formatTable(['code', ...columns], rows),
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
