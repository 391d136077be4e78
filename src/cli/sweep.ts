/** `firstspike sweep MODEL --data DATA --noise KNOB=VALUES`: what a network bears. */

import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { codeNamed } from '../codes/index.js';
import { FirstspikeError } from '../errors.js';
import { type Knob, LIMITS, type Spread, type Sweep, sweep } from '../evaluate/sweep.js';
import { type CurveColumn, curveSvg } from '../report/curve.js';
import { formatPercent } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCodingOptions,
  addSelectionOptions,
  addSimulationOptions,
  type CalibrationNote,
  type Coded,
  type CodingOptions,
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

/** What is varied, and its values. */
interface Range {
  readonly name: string;
  readonly values: readonly number[];
}

interface SweepCommandOptions extends CodingOptions, SelectionOptions, SimulationOptions {
  readonly data: string;
  readonly noise?: readonly Range[];
  readonly vary?: readonly Range[];
  readonly trials: number;
  readonly output?: string;
  readonly json?: boolean;
}

/** What the knobs mean: on an axis, and what a help text adds. */
const KNOBS: Readonly<Record<Knob, readonly [string, string?]>> = {
  jitter: ['standard deviation of spike times', 'as a share of the window (ttfs), or in steps'],
  loss: ['share of spikes that are lost'],
  delay: ["standard deviation of each neuron's own delay", 'in units of the jitter'],
  timeLevels: ['levels that times are rounded to', 'or off (ttfs, if, lif)'],
  thresholdMismatch: ["standard deviation of each neuron's threshold", 'relative to it'],
  weightNoise: ['standard deviation of weights', 'relative to the largest'],
  weightBits: ['bits of a weight', 'or off'],
};

const NOISE_HELP = `
KNOB is one of
${Object.entries(KNOBS)
  .map(([knob, meaning]) => `  ${knob.padEnd(20)}${meaning.join(', ')}`)
  .join('\n')}`;

export function sweepCommand(context: Context): Command {
  const { print, signal } = context;
  const command = new Command('sweep')
    .description('Measure accuracy and spikes over the values of a disturbance, or of an option of the code')
    .argument('<MODEL>', 'ONNX model, or a network that was saved')
    .requiredOption('--data <DATA>', 'images to evaluate')
    .option('--noise <KNOB=V,V,...>', 'disturb the network (see below); may be repeated', range)
    .option('--vary <OPTION=V,V,...>', 'vary a numeric option of the code, such as steps or zeta', range)
    .option('--trials <N>', 'trials for each value, with seeds from 0 on', wholeNumber(1), 5);
  addCodingOptions(command, codeOption('code (default: ttfs, or that of the saved network)'));
  return addSimulationOptions(addSelectionOptions(command))
    .option('-o, --output <FILE.svg>', 'where to draw the curves')
    .option('--json', 'print JSON')
    .addHelpText('after', `${NOISE_HELP}\n${DATA_HELP}`)
    .action(async (path: string, options: SweepCommandOptions) => {
      const { noise = [], vary = [], skip, limit, engine, precision, threads, trials } = options;
      if (noise.length + vary.length === 0) {
        const remedy = 'Give --noise KNOB=V,V,... or --vary OPTION=V,V,...';
        throw new FirstspikeError('OPTION_INVALID', { message: 'nothing is varied.', remedy });
      }
      const loaded = await loadFile(path, options);
      const dataset = await openData(options.data, inputShape(loaded.graph), options);
      const chosen = { ...options, code: options.code ?? loaded.network?.code.name ?? 'ttfs' };
      const fallback = { what: options.data, dataset, skip, limit };
      const coded = await codedNetwork(loaded, chosen, fallback, context);
      const images = () => dataset.batches({ size: 128, skip, limit, signal });
      const jobs = [
        ...noise.map((knob) => ({ ...knob, network: coded.network })),
        ...vary.map((option) => ({ ...option, network: varied(coded, option.name) })),
      ];
      const sweeps: Sweep[] = [];
      for (const { name, values, network } of jobs) {
        const progress = createProgress(name);
        try {
          const onProgress = (done: number, all: number) => progress.update(done, all);
          const settings = { knob: name, values, trials, engine, precision, threads, signal, onProgress };
          sweeps.push(await sweep(network, images, settings));
        } finally {
          progress.stop();
        }
      }
      if (options.output) await writeFile(options.output, drawSweeps(sweeps));
      const { calibration, warnings } = coded;
      if (options.json) print(JSON.stringify({ sweeps, calibration, warnings, output: options.output }, null, 2));
      else print(formatSweeps(sweeps, calibration) + (options.output ? `\n\ndrawn in ${options.output}` : ''));
    });
}

/** `NAME=V,V,...`, with `off` for 0; may be repeated. */
function range(text: string, earlier: readonly Range[] = []): Range[] {
  const [name, list = ''] = text.split('=', 2);
  const values = list.split(',').map((value) => (value === 'off' ? 0 : value === '' ? Number.NaN : Number(value)));
  if (name === '' || !values.every(Number.isFinite)) {
    throw new InvalidArgumentError('It must be a name, = and numbers with commas between them.');
  }
  return [...earlier, { name, values }];
}

/** Networks that differ in one option of their code. */
function varied({ network, vary }: Coded, option: string): (value: number) => ReturnType<NonNullable<typeof vary>> {
  const { name } = network.code;
  const defaults = Object.entries(codeNamed(name).defaults as object);
  const numeric = defaults.filter(([, value]) => typeof value === 'number').map(([key]) => key);
  if (!vary) {
    const remedy = 'Give the model itself, and --code.';
    throw new FirstspikeError('OPTION_INVALID', { message: 'a saved network has no options to vary.', remedy });
  }
  if (!numeric.includes(option)) {
    const remedy = numeric.length > 0 ? `It has ${numeric.join(', ')}.` : 'Disturb it with --noise instead.';
    throw new FirstspikeError('OPTION_INVALID', { message: `${name} has no numeric option "${option}".`, remedy });
  }
  return (value) => vary({ [option]: value });
}

const isLimit = (knob: string) => (LIMITS as readonly string[]).includes(knob);

/** Sweeps as tables for people. */
export function formatSweeps(sweeps: readonly Sweep[], calibration?: CalibrationNote): string {
  const [{ code, images, annAccuracy }] = sweeps;
  const tables = sweeps.map(({ knob, points }) => {
    const percent = ({ mean, std }: Spread, trials: number) =>
      trials === 1 ? formatPercent(mean) : `${(100 * mean).toFixed(2)} ± ${formatPercent(std)}`;
    const top5 = points.some(({ accuracyTop5 }) => accuracyTop5);
    const rows = points.map(({ value, trials, accuracy, accuracyTop5, agreement, spikesPerNeuron: { mean, std } }) => [
      value === 0 && isLimit(knob) ? 'off' : value,
      accuracy && percent(accuracy, trials),
      ...(top5 ? [accuracyTop5 && percent(accuracyTop5, trials)] : []),
      percent(agreement, trials),
      trials === 1 ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${std.toFixed(3)}`,
      trials,
    ]);
    const columns = ['accuracy', ...(top5 ? ['top 5'] : []), 'agreement', 'spikes/neuron', 'trials'];
    return formatTable([knob, ...columns.map((title) => ({ title, align: 'left' as const }))], rows);
  });
  const original = annAccuracy === undefined ? '' : `; the original network is right on ${formatPercent(annAccuracy)}`;
  return [
    `${code} on ${images} images${original}`,
    ...(calibration ? [`calibrated on ${calibration.images} images of ${calibration.data}`] : []),
    ...tables.flatMap((table) => ['', table]),
    '',
    'Mean and standard deviation of the trials.',
  ].join('\n');
}

function axisTitle(knob: string, code: string): string {
  const [meaning] = KNOBS[knob as Knob] ?? [knob];
  const timed = knob === 'jitter' || knob === 'delay';
  return timed ? `${meaning} (${codeNamed(code).continuous ? 'windows' : 'steps'})` : meaning;
}

/** Sweeps as a picture: accuracy and agreement above spikes, a column for each. */
export function drawSweeps(sweeps: readonly Sweep[]): string {
  const [{ code, images }] = sweeps;
  const trials = Math.max(...sweeps.flatMap(({ points }) => points.map((point) => point.trials)));
  const columns = sweeps.map(({ knob, annAccuracy, points }): CurveColumn => {
    const curve = (name: string, of: (point: Sweep['points'][number]) => Spread | undefined) => ({
      name,
      points: points.flatMap((point) => {
        const spread = of(point);
        return spread ? [{ x: point.value, y: spread.mean, error: spread.std }] : [];
      }),
    });
    const shares = [curve('accuracy', ({ accuracy }) => accuracy), curve('agreement', ({ agreement }) => agreement)];
    return {
      title: axisTitle(knob, code),
      ...(isLimit(knob) && { zero: 'off' }),
      plots: [
        {
          percent: true,
          series: shares.filter((series) => series.points.length > 0),
          ...(annAccuracy !== undefined && { level: { name: 'original', y: annAccuracy } }),
        },
        { series: [curve('spikes per neuron', ({ spikesPerNeuron }) => spikesPerNeuron)] },
      ],
    };
  });
  const bars = trials > 1 ? `; bars are the standard deviation of ${trials} trials` : '';
  return curveSvg({
    title: `${code}: accuracy and spikes`,
    subtitle: `${images.toLocaleString('en-US')} images${bars}`,
    columns,
  });
}
