/** `firstspike fit --function NAME`: a few-spike neuron or a circuit for any activation function. */

import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Importance } from '../codes/fitting.js';
import { type FunctionName, functions, isFitted } from '../codes/functions.js';
import { lower } from '../codes/lower.js';
import { statisticsOf } from '../codes/ranges.js';
import { FirstspikeError } from '../errors.js';
import { FIT_DEFAULTS, type FitOptions, fitGate, type GateFit } from '../fit/fit.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCalibrationOptions,
  type CalibrationOptions,
  calibrateFor,
  DATA_HELP,
  loadFile,
  number,
  wholeNumber,
} from './options.js';

interface FitCommandOptions extends CalibrationOptions {
  readonly function?: string;
  readonly code: 'fs' | 'amos';
  readonly steps?: number;
  readonly range?: [number, number];
  readonly secondRange?: [number, number];
  readonly importance?: Importance;
  readonly price: number;
  readonly bits?: number;
  readonly restarts: number;
  readonly seed: number;
  readonly model?: string;
  readonly layer?: string;
  readonly output?: string;
  readonly json?: boolean;
}

const FUNCTIONS_HELP = `
NAME is one of
${Object.entries(functions)
  .map(([name, { formula }]) => `  ${name.padEnd(14)}${formula}`)
  .join('\n')}
  product       x y, of two inputs (amos)

IMPORTANCE is uniform (the default), or gaussian:MEAN,DEVIATION. With --model, --layer and --calibrate it is what was
measured at the inputs of a layer; function and range are the layer's then.`;

/** Cells of a measured histogram. */
const CELLS = 8192;

export function fitCommand(context: Context): Command {
  const { print, signal } = context;
  const command = new Command('fit')
    .description('Fit a few-spike neuron, or a circuit of neurons that spike at most once, to a function')
    .option('--function <NAME>', 'function to fit (see below)')
    .addOption(new Option('--code <CODE>', 'what to fit').choices(['fs', 'amos']).default('fs'))
    .option('--steps <K>', 'steps of a neuron, neurons of a circuit', wholeNumber(1))
    .option('--range <LOW,HIGH>', 'inputs to fit for', range)
    .option('--second-range <LOW,HIGH>', 'product: range of the second input', range)
    .option('--importance <IMPORTANCE>', 'how much each input matters (see below)', importance)
    .option('--price <X>', "what a spike costs, as a share of the function's variance", number, FIT_DEFAULTS.price)
    .option('--bits <N>', 'bits of a parameter (default: single precision)', wholeNumber(2))
    .option('--restarts <N>', 'starting points to try', wholeNumber(1), FIT_DEFAULTS.restarts)
    .option('--seed <N>', 'of the random numbers', wholeNumber(0), FIT_DEFAULTS.seed)
    .option('--model <MODEL>', 'model with the layer to fit for')
    .option('--layer <NAME>', 'the layer');
  return addCalibrationOptions(command)
    .option('-o, --output <FILE.json>', 'where to write the fit')
    .option('--json', 'print JSON')
    .addHelpText('after', `${FUNCTIONS_HELP}\n${DATA_HELP}`)
    .action(async (options: FitCommandOptions) => {
      const { code, steps, price, bits, restarts, seed, threads } = options;
      const target = options.model === undefined ? targetOf(options) : await layerOf(options.model, options, context);
      const progress = createProgress('fitting', 100);
      try {
        const onProgress = (share: number) => progress.update(Math.round(100 * share));
        const settings = { code, steps, price, bits, restarts, seed, threads, signal, onProgress };
        const found = { function: target.function, ...(await fitGate({ ...settings, ...target })) };
        progress.stop();
        const text = JSON.stringify(found, null, 2);
        if (options.output) await writeFile(options.output, `${text}\n`);
        print(options.json ? text : formatFit(found) + (options.output ? `\n\nwritten to ${options.output}` : ''));
      } finally {
        progress.stop();
      }
    });
}

function targetOf({ function: name, range, secondRange, importance, layer }: FitCommandOptions) {
  if (name === undefined || layer !== undefined) {
    const message = name === undefined ? 'no function is named.' : `the layer ${layer} is of no model.`;
    throw new FirstspikeError('OPTION_INVALID', { message, remedy: 'Give --function, or --model and --layer.' });
  }
  return { function: name as FunctionName, range, secondRange, importance };
}

/** The function of a layer, and what was measured at its inputs. */
async function layerOf(
  path: string,
  options: FitCommandOptions,
  context: Context,
): Promise<Pick<FitOptions, 'function' | 'range' | 'importance'>> {
  const { graph } = await loadFile(path, options);
  const layers = lower(graph).populations.flatMap(({ name, stage }) =>
    stage.kind === 'neurons' && stage.activation !== 'identity' ? [{ name, fn: stage.activation, stage }] : [],
  );
  const fitted = layers.filter(({ fn }) => isFitted(fn));
  const layer = fitted.find(({ name }) => name === options.layer);
  if (!layer) {
    const message =
      options.layer === undefined ? 'no layer is named.' : 'there is no such layer with an activation function to fit.';
    const names = fitted.map(({ name }) => name).join(', ');
    const remedy = names === '' ? 'All layers of the model are ReLU, which needs no fit.' : `Layers are ${names}.`;
    throw new FirstspikeError('OPTION_INVALID', { layer: options.layer, message, remedy });
  }
  const { calibration } = await calibrateFor(graph, options, undefined, context);
  if (!calibration) {
    const problem = { message: 'there is nothing to measure the inputs on.', remedy: 'Give --calibrate DATA.' };
    throw new FirstspikeError('OPTION_INVALID', problem);
  }
  const inputs = statisticsOf(calibration, layer.name).inputs;
  const range = options.range ?? (inputs && ([inputs.min, inputs.max] as const));
  const measured = inputs && range && { range, counts: inputs.histogram(range, CELLS) };
  const { parameters } = layer.stage;
  const fn = layer.fn as FunctionName;
  const { family } = functions[fn];
  const target = family && parameters ? (x: number) => family(x, ...parameters) : fn;
  return { function: target, range, importance: options.importance ?? measured };
}

/** `LOW,HIGH`. */
function range(text: string): [number, number] {
  const values = text.split(',').map((value) => (value.trim() === '' ? Number.NaN : Number(value)));
  if (values.length === 2 && values.every(Number.isFinite)) return [values[0], values[1]];
  throw new InvalidArgumentError('It must be two numbers with a comma between them.');
}

/** `uniform` or `gaussian:MEAN,DEVIATION`. */
function importance(text: string): Importance {
  if (text === 'uniform') return text;
  const [, place] = text.match(/^gaussian:(.*)$/) ?? [];
  if (place === undefined) throw new InvalidArgumentError('It must be uniform or gaussian:MEAN,DEVIATION.');
  const [mean, deviation] = range(place);
  if (deviation <= 0) throw new InvalidArgumentError('The deviation must be above zero.');
  return { mean, deviation };
}

/** A fit as tables for people. */
export function formatFit(found: { readonly function: FitOptions['function'] } & GateFit): string {
  const { code, gate, settings, mse, weightedMse, maxError, spikes, grids } = found;
  const [low, high] = gate.range;
  const short = (x: number) => x.toPrecision(4);
  const figures: [string, string][] = [
    ['mean squared error', `${short(mse)} (weighted by importance ${short(weightedMse)})`],
    ['largest error', short(maxError)],
    ['spikes', spikes.toFixed(3)],
    ['starting points', `${settings.restarts}, seed ${settings.seed}`],
    ...(grids
      ? ([['grids', `${settings.bits} bits, steps of ${grids.map(short).join(', ')}`]] as [string, string][])
      : []),
  ];
  const columns =
    found.code === 'fs'
      ? { threshold: found.gate.threshold, reset: found.gate.reset, output: found.gate.output }
      : {
          input: found.gate.input,
          ...(found.gate.second.length > 0 && { second: found.gate.second }),
          threshold: found.gate.threshold,
          output: found.gate.output,
        };
  const rows = Array.from({ length: settings.steps }, (_, t) => [t + 1, ...Object.values(columns).map((of) => of[t])]);
  const width = Math.max(...figures.map(([title]) => title.length));
  return [
    `${found.function} on ${low} to ${high}, ${code}, K = ${settings.steps}`,
    '',
    ...figures.map(([title, value]) => `${title.padEnd(width)}  ${value}`),
    '',
    formatTable([code === 'fs' ? 'step' : 'neuron', ...Object.keys(columns)], rows),
    ...(code === 'amos' ? ['', 'What neurons take from later ones is in --json and in FILE.'] : []),
  ].join('\n');
}
