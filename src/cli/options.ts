/** Options that several commands take, and what they stand for. */

import { open } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Calibration } from '../codes/calibration.js';
import { type CodeName, codeNamed, codes } from '../codes/index.js';
import { calibrate } from '../convert/calibrate.js';
import { type ConversionRun, type ConvertOptions, convert } from '../convert/convert.js';
import { type Dataset, openDataset } from '../data/dataset.js';
import { FirstspikeError, inWords, type Problem } from '../errors.js';
import { type Graph, type Shape, shapeOf } from '../graph/graph.js';
import { APPROXIMATIONS, type Approximation, readOnnx } from '../import/index.js';
import { createProgress } from '../report/progress.js';
import type { Engine, Precision } from '../simulate/run.js';
import { loadNetwork, SpikingNetwork } from '../simulate/spiking-network.js';
import type { Context } from './context.js';
import { byChannel, parseSettings } from './settings.js';

/** What ranges are chosen from. */
export interface CalibrationOptions extends ModelOptions {
  readonly calibrate?: string;
  readonly calibrateLimit: number;
  readonly preprocess?: string;
  readonly threads: number;
  /** Whether ranges are to be known of single channels; no by default. */
  readonly channelPercentiles?: boolean;
}

/** Numbers by the name of a layer; that of all others has the empty name. */
type ByLayer = Readonly<Record<string, number>>;

/** How a code is chosen and calibrated. */
export interface CodingOptions extends CalibrationOptions {
  readonly code?: string;
  readonly steps?: ByLayer;
  readonly zeta?: number;
  readonly rounding?: string;
  readonly gates?: string;
  readonly product?: string;
  readonly price?: number;
  readonly saturate?: boolean;
  readonly percentile?: ByLayer;
  readonly set?: readonly string[];
}

/** Which images of DATA are used. */
export interface SelectionOptions {
  readonly skip: number;
  readonly limit?: number;
}

/** How networks are simulated. */
export interface SimulationOptions {
  readonly engine: Engine;
  readonly precision: Precision;
  readonly threads: number;
}

/** What DATA may be, for help texts. */
export const DATA_HELP = `
DATA is one of
  idx:IMAGES[,LABELS]     MNIST's format, gzip or plain
  cifar:FILE[,FILE...]    CIFAR-10 binary records
  cifar100:FILE[,FILE...]
  images:FOLDER           JPEG and PNG, classes in labels.csv (file,label)
  npy:FILE[,LABELS]       one image per entry of the first axis

PREPROCESS is unit (x/255, the default), raw, torchvision, tf, caffe, or JSON
  { "scale", "mean", "std", "channels": "RGB"|"BGR", "layout": "NCHW"|"NHWC", "size": [h, w], "shape": [...] }`;

/** Parses a whole number from `least` on. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} on.`);
  };
}

/** Parses a finite number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}

/** `X` for all layers or `LAYER=X` for one; may be repeated. */
function byLayer(parse: (text: string) => number): (text: string, earlier?: ByLayer) => ByLayer {
  return (text, earlier = {}) => {
    const at = text.lastIndexOf('=');
    return { ...earlier, [at < 0 ? '' : text.slice(0, at)]: parse(text.slice(at + 1)) };
  };
}

function collect(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

/** Adds the options of reading a model. */
export function addModelOptions(command: Command): Command {
  const description = 'leave out what no code does exactly: lrn or quantization (of activations); may be repeated';
  return command.option('--approximate <WHAT>', description, approximation);
}

function approximation(text: string, earlier: readonly Approximation[] = []): Approximation[] {
  const what = APPROXIMATIONS.find((known) => known === text);
  if (what) return [...earlier, what];
  throw new InvalidArgumentError(`It must be one of ${APPROXIMATIONS.join(', ')}.`);
}

/** Adds the options of reading a model and of calibration. */
export function addCalibrationOptions(command: Command): Command {
  return addModelOptions(command)
    .option('--calibrate <DATA>', 'data set whose activations set the ranges (training images, best)')
    .option('--calibrate-limit <N>', 'images of it to use', wholeNumber(1), 1000)
    .option('--preprocess <PREPROCESS>', 'how pixels become numbers (see below)')
    .option('--threads <N>', 'threads; 0 means all', wholeNumber(0), 0);
}

/** Adds the options by which a code is chosen and calibrated. */
export function addCodingOptions(command: Command, code: Option): Command {
  return addCalibrationOptions(command.addOption(code))
    .option(
      '--steps <[LAYER=]N>',
      'time steps of codes that have them (fs, amos: also of one layer)',
      byLayer(wholeNumber(0)),
    )
    .option('--zeta <X>', 'ttfs, ttfs-alpha: windows are 1 + X times the largest activation (default: 0.5)', number)
    .option('--saturate', 'ttfs: clip values beyond their window, as hardware would')
    .addOption(new Option('--rounding <HOW>', 'fs, amos: to the nearest value, or down').choices(['nearest', 'down']))
    .addOption(
      new Option(
        '--gates <WHICH>',
        'fs, amos: gates other than ReLU (default: fitted to the inputs of each layer)',
      ).choices(['fitted', 'shipped', 'published']),
    )
    .option('--price <X>', 'fs, amos: what a spike of a fitted gate costs, as a share of the variance', number)
    .addOption(
      new Option('--product <HOW>', 'amos: products of tensors by circuits of two inputs (default), or exact').choices([
        'spiking',
        'exact',
      ]),
    )
    .option(
      '--percentile <[LAYER=]P>',
      'percentile that counts as the largest activation (default: 100)',
      byLayer(number),
    )
    .option('--set <NAME=VALUE>', 'any other setting of the code (see inspect --json); may be repeated', collect);
}

/** The option that names a code. */
export function codeOption(description: string): Option {
  return new Option('--code <CODE>', `${description}: ${Object.keys(codes).join(', ')}`);
}

/** Adds the options that choose among the images of DATA. */
export function addSelectionOptions(command: Command): Command {
  return command
    .option('--skip <N>', 'leave out the first N images', wholeNumber(0), 0)
    .option('--limit <N>', 'use at most N images', wholeNumber(1));
}

/** Adds the options of the simulation itself. */
export function addSimulationOptions(command: Command): Command {
  return command
    .addOption(new Option('--engine <ENGINE>', 'how to simulate').choices(['layered', 'event']).default('layered'))
    .addOption(new Option('--precision <PRECISION>', 'arithmetic').choices(['f32', 'f64']).default('f32'));
}

/** Options of {@link addModelOptions}. */
export interface ModelOptions {
  readonly approximate?: readonly Approximation[];
}

/** A file that a command reads: a model to convert, or a network that was saved. */
export type Loaded = { readonly graph: Graph; readonly network?: SpikingNetwork };

/** Reads an ONNX model or a saved network. */
export async function loadFile(path: string, { approximate }: ModelOptions): Promise<Loaded> {
  if (!(await isSavedNetwork(path))) return { graph: await readOnnx(path, { approximate }) };
  const network = await loadNetwork(path);
  return { graph: network.graph, network };
}

/** Whether a file begins as safetensors do: eight bytes of length, then a JSON object. */
async function isSavedNetwork(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await file?.read(Buffer.alloc(9), 0, 9)) ?? {};
    return bytesRead === 9 && buffer?.[8] === '{'.charCodeAt(0) && buffer.readUInt16LE(6) === 0;
  } catch {
    // Whatever is wrong with the file, the reader of models says it better.
    return false;
  } finally {
    await file?.close();
  }
}

/** Opens DATA for images of a shape. */
export function openData(
  spec: string,
  shape: Shape,
  { preprocess }: Pick<CalibrationOptions, 'preprocess'>,
): Promise<Dataset> {
  return openDataset(spec, { preprocess, shape });
}

/** How many images of DATA are chosen. */
export function chosenImages({ length }: Dataset, { skip, limit = length }: SelectionOptions): number {
  return Math.max(0, Math.min(limit, length - skip));
}

/** What a network was calibrated on. */
export interface CalibrationNote {
  readonly data: string;
  readonly images: number;
}

/** A network that a command runs. */
export interface Coded {
  readonly network: SpikingNetwork;
  /** What it was calibrated on, if it was. */
  readonly calibration?: CalibrationNote;
  /** What was found of its conversions that is allowed, but hardly meant. */
  readonly warnings: readonly Problem[];
  /** The same with other options of its code; absent if it was saved. */
  readonly vary?: (options: object) => Promise<SpikingNetwork>;
}

/** The network that a command runs: the one that was saved, or the model in a code, calibrated if the code needs it. */
export async function codedNetwork(
  { graph, network }: Loaded,
  options: CodingOptions,
  fallback: (CalibrationData & { readonly what: string }) | undefined,
  context: Context,
): Promise<Coded> {
  if (network && (options.code === undefined || options.code === network.code.name)) return { network, warnings: [] };
  const code = options.code ?? 'ann';
  if (code === 'ann') return { network: new SpikingNetwork(graph, 'ann', {}), warnings: [] };
  const own = codeOptions(code, options);
  const { calibration, note } = codeNamed(code).needsCalibration
    ? await calibrateFor(graph, { ...options, channelPercentiles: byChannel(own) }, fallback, context)
    : {};
  const warnings: Problem[] = [];
  const vary = async (others: object) => {
    const progress = createProgress('fitting', 100);
    const run: ConversionRun = {
      threads: options.threads,
      signal: context.signal,
      onProgress: (share) => progress.update(Math.round(100 * share)),
      onWarning(problem) {
        warnings.push(problem);
        context.remark(inWords(problem));
      },
    };
    try {
      return await convert(graph, { ...own, ...others, ...run, code, calibration } as ConvertOptions);
    } finally {
      progress.stop();
    }
  };
  return { network: await vary({}), calibration: note, warnings, vary };
}

/** Statistics of the images that --calibrate names, or else of those of a fallback; nothing if there is none. */
export async function calibrateFor(
  graph: Graph,
  options: CalibrationOptions,
  fallback: (CalibrationData & { readonly what: string }) | undefined,
  { signal, remark }: Context,
): Promise<{ calibration?: Calibration; note?: CalibrationNote }> {
  let data: CalibrationData | undefined = fallback;
  if (options.calibrate) data = { dataset: await openData(options.calibrate, inputShape(graph), options), skip: 0 };
  else if (fallback) remark(`Calibrating on ${fallback.what} itself; --calibrate names other data.`);
  if (!data) return {};
  const calibration = await calibrateOn(graph, data, options, signal);
  return { calibration, note: { data: data.dataset.source, images: calibration.images } };
}

/** Shape of one image of a graph. */
export function inputShape(graph: Graph): Shape {
  return shapeOf(graph, graph.input);
}

/** Images to calibrate on. */
export interface CalibrationData {
  readonly dataset: Dataset;
  readonly skip: number;
  readonly limit?: number;
}

async function calibrateOn(
  graph: Graph,
  { dataset, skip, limit }: CalibrationData,
  { calibrateLimit, threads, channelPercentiles }: CalibrationOptions,
  signal: AbortSignal,
): Promise<Calibration> {
  const most = Math.min(calibrateLimit, chosenImages(dataset, { skip, limit }));
  const progress = createProgress('calibrating', most);
  try {
    const images = dataset.batches({ size: 64, skip, limit: most, signal });
    const onProgress = (seen: number) => progress.update(seen);
    return await calibrate(graph, images, { threads, channelPercentiles, signal, onProgress });
  } finally {
    progress.stop();
  }
}

/** The options that a code takes; others that were given are refused. */
export function codeOptions(
  name: string,
  { zeta, saturate, rounding, gates, price, product, set = [], ...byLayers }: CodingOptions,
): object {
  const [steps, layerSteps] = separate(byLayers.steps);
  const [percentile, layerPercentiles] = separate(byLayers.percentile);
  const given = Object.entries({
    ...{ steps, layerSteps, zeta, saturate, rounding, gates, price, product, percentile, layerPercentiles },
  });
  const used = given.filter(([, value]) => value !== undefined);
  const known = Object.keys(codeNamed(name).defaults as object);
  const problems: Problem[] = used
    .filter(([option]) => !known.includes(option))
    .map(([option]) => ({ message: `the code ${name} has no ${option}.`, remedy: 'Leave the option out.' }));
  const settings = parseSettings(name as CodeName, set, problems);
  if (problems.length > 0) throw new FirstspikeError('OPTION_INVALID', problems);
  return { ...Object.fromEntries(used), ...settings };
}

/** The number of all layers, and those of single ones, if there are any. */
function separate(numbers: ByLayer = {}): [number | undefined, ByLayer | undefined] {
  const { '': all, ...layers } = numbers;
  return [all, Object.keys(layers).length > 0 ? layers : undefined];
}
