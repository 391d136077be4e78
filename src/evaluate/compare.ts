/** All codes on one network, side by side. */

import type { Calibration } from '../codes/calibration.js';
import { type CodeName, type CodeOptions, codeNamed, codes } from '../codes/index.js';
import { type ConvertOptions, convert } from '../convert/convert.js';
import { ConvertError, type Problem } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { total } from '../simulate/counters.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import { energyRatio } from './energy.js';
import { type BatchReport, type EvaluateOptions, type Evaluation, evaluate, type LabelledBatch } from './evaluate.js';
import { type Timing, timing } from './latency.js';
import { type Difference, pairedDifference } from './paired.js';

/** A code and options of its own, as {@link convert} takes them; what is absent has the code's default. */
export type CodeSettings = { [Name in CodeName]: { readonly code: Name } & CodeOptions[Name] }[CodeName];

/** Options of {@link compare}. */
export interface CompareOptions extends Omit<EvaluateOptions, 'onProgress' | 'onBatch' | 'onState' | 'from'> {
  /** Statistics of the graph's activations, from `calibrate`; most codes need them. */
  readonly calibration?: Calibration;
  /** The codes to compare; a code may be among them more than once. All, with their defaults, if absent. */
  readonly codes?: readonly CodeSettings[];
  /** Called after each batch with the code that runs and the number of images that it has done. */
  readonly onProgress?: (settings: CodeSettings, images: number) => void;
  /** Called before that, with the share of the gates of a code that are fitted. */
  readonly onFit?: (settings: CodeSettings, share: number) => void;
}

/** One code of a {@link Comparison}. */
export interface CodeReport extends Evaluation {
  /** All options that the network was converted with. */
  readonly options: object;
  /** What is allowed of them, but hardly meant. */
  readonly warnings: readonly Problem[];
  /** Steps of its gates, ascending; only of codes whose gates may differ in them. */
  readonly gateSteps?: readonly number[];
  /** Latency and time between images; absent if nothing spikes. */
  readonly timing?: Timing;
  /** Whether times are those of the code's own clock; otherwise they are steps. */
  readonly continuous: boolean;
  /** Neurons that stand for one activation function of one value: 1, but for circuits of several neurons. */
  readonly neuronsPerGate: number;
  /** Spikes of these neurons: mean over values and images. */
  readonly spikesPerGate: number;
  /** How far it is from the first code that spikes; absent in that one, and where nothing spikes. */
  readonly against?: Against;
}

/** Differences between two codes on the same images, with confidence intervals of pairs. */
export interface Against {
  /** Index of the other code's report. */
  readonly other: number;
  /** Of the shares of right labels; absent without labels. */
  readonly accuracy?: Difference;
  /** Of the spikes of an image, of all layers together. */
  readonly spikes: Difference;
  /** Of the synaptic events of an image. */
  readonly synapticEvents: Difference;
  /** Of the energies relative to the original network. */
  readonly energy: Difference;
}

/** A code that cannot express the network. */
export interface RefusedCode {
  readonly code: CodeName;
  readonly problems: readonly Problem[];
}

/** What {@link compare} found. */
export interface Comparison {
  /** In the order of the codes asked for. */
  readonly codes: readonly CodeReport[];
  /** Codes that cannot express the network, each once. */
  readonly refused: readonly RefusedCode[];
}

/**
 * Converts a graph to several codes and evaluates each on the same images.
 *
 * All options are checked before anything runs. Networks are evaluated one after the other, so the memory needed is
 * that of the largest.
 *
 * @param images called once for each code; gives the batches from the first on.
 * @throws ConvertError with all options that are out of their domain, or if no code can express the network.
 */
export async function compare(
  graph: Graph,
  images: () => Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { calibration, codes: wanted = allCodes(), onProgress, onFit, ...evaluation } = options;
  const { converted, refused } = await convertAll(
    graph,
    { calibration, threads: evaluation.threads, signal: evaluation.signal },
    wanted,
    onFit,
  );
  const reports: CodeReport[] = [];
  let first: { readonly at: number; readonly figures: PairedFigures } | undefined;
  // Taken out of the list: what a network has packed is free again when the next one runs.
  for (let next = converted.shift(); next; next = converted.shift()) {
    const { settings, network, warnings } = next;
    const batches: BatchReport[] = [];
    const report = await evaluate(network, images(), {
      ...evaluation,
      onProgress: (done) => onProgress?.(settings, done),
      onBatch: (batch) => batches.push(batch),
    });
    const figures = pairedFigures(batches, network, report.macs / report.images);
    const spikes = network.layers.some(({ window }) => window);
    const against = spikes && first && { against: { other: first.at, ...differences(figures, first.figures) } };
    if (spikes) first ??= { at: reports.length, figures };
    reports.push({ ...report, warnings, ...describe(network, report, settings), ...against });
  }
  return { codes: reports, refused };
}

/** Figures of a network, image by image or batch by batch. */
interface PairedFigures {
  /** Images of each batch. */
  readonly counts: readonly number[];
  readonly right?: readonly number[];
  readonly spikes: readonly number[];
  readonly synapticEvents: readonly number[];
  readonly energy: readonly number[];
}

function pairedFigures(batches: readonly BatchReport[], { layers }: SpikingNetwork, macs: number): PairedFigures {
  const labelled = batches.every(({ right }) => right);
  return {
    counts: batches.map(({ counters }) => counters.images),
    ...(labelled && { right: batches.flatMap(({ right = [] }) => [...right]) }),
    spikes: batches.flatMap(({ spikes }) => [...spikes]),
    synapticEvents: batches.map(({ counters }) => total(counters, 'synapticEvents') / counters.images),
    energy: batches.map(({ counters }) => energyRatio(counters, layers, macs)),
  };
}

function differences(own: PairedFigures, other: PairedFigures): Omit<Against, 'other'> {
  const { counts } = own;
  return {
    ...(own.right && other.right && { accuracy: pairedDifference(own.right, other.right) }),
    spikes: pairedDifference(own.spikes, other.spikes),
    synapticEvents: pairedDifference(own.synapticEvents, other.synapticEvents, counts),
    energy: pairedDifference(own.energy, other.energy, counts),
  };
}

/** All codes, with their defaults. */
export function allCodes(): CodeSettings[] {
  return Object.keys(codes).map((code) => ({ code: code as CodeName }));
}

interface Converted {
  readonly settings: CodeSettings;
  readonly network: SpikingNetwork;
  readonly warnings: readonly Problem[];
}

/** Converts to all codes that can express the graph; what is wrong with any options is thrown together. */
async function convertAll(
  graph: Graph,
  run: Pick<ConvertOptions, 'calibration' | 'threads' | 'signal'>,
  wanted: readonly CodeSettings[],
  onFit: CompareOptions['onFit'],
): Promise<{ converted: Converted[]; refused: RefusedCode[] }> {
  const converted: Converted[] = [];
  const refused: RefusedCode[] = [];
  const invalid: Problem[] = [];
  for (const settings of wanted) {
    const { code } = settings;
    const warnings: Problem[] = [];
    const onWarning = (problem: Problem) => warnings.push(problem);
    const onProgress = (share: number) => onFit?.(settings, share);
    try {
      const network = await convert(graph, { ...settings, ...run, onProgress, onWarning });
      converted.push({ settings, network, warnings });
    } catch (error) {
      if (!(error instanceof ConvertError)) throw error;
      const { problems } = error;
      if (error.code !== 'CODE_UNSUPPORTED') {
        invalid.push(...problems.map((problem) => ({ ...problem, message: `${code}: ${problem.message}` })));
      } else if (!refused.some((other) => other.code === code)) {
        refused.push({ code, problems });
      }
    }
  }
  if (invalid.length > 0) throw new ConvertError('OPTION_INVALID', invalid);
  if (converted.length === 0 && refused.length > 0) {
    throw new ConvertError(
      'CODE_UNSUPPORTED',
      refused.flatMap(({ problems }) => problems),
    );
  }
  return { converted, refused };
}

function describe(
  network: SpikingNetwork,
  { spikesPerNeuron }: Evaluation,
  { code, ...own }: CodeSettings,
): Omit<CodeReport, keyof Evaluation | 'warnings' | 'against'> {
  const gates = network.layers.filter(({ role }) => role === 'activation');
  const values = gates.reduce((sum, { shape: [height, width, channels] }) => sum + height * width * channels, 0);
  const neurons = gates.reduce((sum, layer) => sum + layer.neurons, 0);
  const neuronsPerGate = values === 0 ? 0 : neurons / values;
  const { defaults, continuous = false } = codeNamed(code);
  const options = { ...(defaults as object), ...own };
  const gateSteps = [...new Set(gates.flatMap(({ window }) => window?.width ?? []))].sort((a, b) => a - b);
  const clock = timing(network.layers);
  return {
    options,
    ...('gates' in options && { gateSteps }),
    ...(clock && { timing: clock }),
    continuous,
    neuronsPerGate,
    spikesPerGate: spikesPerNeuron * neuronsPerGate,
  };
}
