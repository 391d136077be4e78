/** The cheapest settings of a code that lose no more than they may. */

import type { Calibration } from '../codes/calibration.js';
import { type CodeName, type CodeOptions, codeNamed } from '../codes/index.js';
import { reachOf } from '../codes/reach.js';
import { type ConvertOptions, convert } from '../convert/convert.js';
import { FirstspikeError } from '../errors.js';
import { elements, type Graph, shapeOf } from '../graph/graph.js';
import { checkCount } from '../simulate/check.js';
import { addCounters, type Counters, spikesPerNeuron, total } from '../simulate/counters.js';
import type { Precision, RunResult } from '../simulate/run.js';
import { SpikingNetwork } from '../simulate/spiking-network.js';
import type { LabelledBatch } from './evaluate.js';
import { type Held, hold } from './held.js';
import { timing } from './latency.js';
import { bestPercentile } from './layer-range.js';
import { rank, TOP5_CLASSES } from './rank.js';

/** What {@link tune} is asked for. */
export interface TuneOptions<Name extends CodeName = CodeName> {
  /** The code. */
  readonly code: Name;
  /** Statistics of the graph's activations, from `calibrate`. */
  readonly calibration?: Calibration;
  /** Options of the code that are to stay as they are; all others may be changed. */
  readonly options?: CodeOptions[Name];
  /** Loss that is allowed: of accuracy, or of agreement without labels. 0.01 (a point) if absent. */
  readonly within?: number;
  /** Most images to use; all are held in memory. 1000 if absent. */
  readonly limit?: number;
  /** `f32` if absent. */
  readonly precision?: Precision;
  /** Threads; one per processor if absent or 0. */
  readonly threads?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called with each setting that was tried. */
  readonly onTrial?: (trial: Trial) => void;
}

/** Settings of a code, and what they cost. */
export interface Trial {
  /** Options of the code. */
  readonly options: object;
  /** Share of images whose label is right; absent without labels. */
  readonly accuracy?: number;
  /** Share of images whose label is among the five largest logits; only with more than ten classes. */
  readonly accuracyTop5?: number;
  /** Share of images with the label of the original network. */
  readonly agreement: number;
  /** Accuracy lost; without labels, disagreement. */
  readonly loss: number;
  /** Root mean square of the differences of the logits, relative to that of the original's logits. */
  readonly logits: number;
  /** Mean over images. */
  readonly spikesPerNeuron: number;
  /** Mean over images. */
  readonly synapticEvents: number;
  /** From the beginning of an image to its logits, in units of the code's clock; 0 if nothing spikes. */
  readonly latency: number;
}

/** What {@link tune} found. */
export interface Tuned {
  readonly code: string;
  readonly images: number;
  /** Accuracy of the original network; absent without labels. */
  readonly annAccuracy?: number;
  /** The loss that was allowed. */
  readonly within: number;
  /** Whether the loss is met. */
  readonly met: boolean;
  /** The cheapest settings that meet it, of those that cost the same the ones whose logits are closest; if none does, those that lose least. */
  readonly best: Trial;
  /** All that was tried, in this order. */
  readonly trials: readonly Trial[];
  /** Those of which no other is better or as good in accuracy, spikes and latency; the most sparing first. */
  readonly pareto: readonly Trial[];
}

/** How a code is made cheaper or better: one option, from the cheapest value on, and what goes with it. */
interface Ladder {
  readonly option: string;
  readonly values: readonly number[];
  /** Options that come with a value. */
  readonly with?: (value: number) => object;
  /** Further options of which each is tried. */
  readonly variants?: readonly object[];
}

const RATE_STEPS = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const ZETAS = [-0.75, -0.5, -0.3, -0.2, -0.1, 0, 0.1, 0.25, 0.5];
const GATE_STEPS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16];

const WAITING = { phases: 'two', bias: 'weight', input: 'shifted' };
const QUARTZ_VARIANTS = [{ phases: 'one' }, { phases: 'two' }, WAITING];

const LADDERS: Partial<Record<CodeName, Ladder>> = {
  ttfs: { option: 'zeta', values: ZETAS, with: () => ({ saturate: true }) },
  'ttfs-alpha': { option: 'zeta', values: ZETAS },
  fs: { option: 'steps', values: GATE_STEPS },
  amos: { option: 'steps', values: GATE_STEPS },
  quartz: { option: 'steps', values: RATE_STEPS.slice(0, 13), variants: QUARTZ_VARIANTS },
  if: { option: 'steps', values: RATE_STEPS, variants: [{}, { balance: 'channel' }] },
  lif: { option: 'steps', values: RATE_STEPS, with: (steps) => ({ from: Math.floor(steps / 5) }) },
};

/** Whether there is anything to tune about a code. */
export function isTunable(code: CodeName): boolean {
  return code in LADDERS;
}

/** Percentiles to which windows of single layers are narrowed, one after the other. */
const NARROWER = [99.99, 99.9, 99.5, 99];

/**
 * Searches the cheapest settings of a code that lose no more than a given accuracy on some images: first the number of
 * steps (the width of windows) of all layers, from the smallest on, with the range of each layer that promises the
 * least error; then, where a code allows it, fewer steps or narrower windows for single layers, those with the most
 * spikes first.
 *
 * @param dataset images to tune on: not those that the result is reported on.
 * @throws ConvertError if the code cannot express the network.
 */
export async function tune(
  graph: Graph,
  dataset: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  options: TuneOptions,
): Promise<Tuned> {
  const { code, within = 0.01, limit = 1000, onTrial } = options;
  checkCount('limit', limit, 1);
  if (!(within >= 0 && within < 1)) {
    const message = `a loss of ${within} cannot be allowed.`;
    throw new FirstspikeError('OPTION_INVALID', { message, remedy: 'Give a share of the images, such as 0.01.' });
  }
  const ladder = LADDERS[code];
  if (!ladder) {
    const message = `the code ${code} has nothing to tune.`;
    throw new FirstspikeError('OPTION_INVALID', {
      message,
      remedy: `Choose one of ${Object.keys(LADDERS).join(', ')}.`,
    });
  }
  const held = await hold(dataset, shapeOf(graph, graph.input), { limit, size: 64 });
  const bench = await Bench.of(graph, held, options);
  const trials: Trial[] = [];
  const attempt = async (settings: object): Promise<Trial> => {
    const known = trials.find((trial) => JSON.stringify(trial.options) === JSON.stringify(settings));
    if (known) return known;
    const trial = await bench.measure(settings);
    trials.push(trial);
    onTrial?.(trial);
    return trial;
  };

  let best: Trial | undefined;
  for (const settings of rungs(ladder, options, knowsChannels(options.calibration))) {
    const found = await climb(settings);
    if (!best || better(found, best)) best = found;
    if (best.loss <= within) break;
  }
  if (!best) throw new Error('a ladder has a rung');
  const met = best.loss <= within;
  if (met) best = await shrink(best);
  const { annAccuracy } = bench;
  return {
    ...{ code, images: held.count, ...(annAccuracy !== undefined && { annAccuracy }), within },
    ...{ met, best, trials, pareto: pareto(trials) },
  };

  /** Of the variants of one value, which cost the same, the one whose logits are closest. */
  async function climb(settings: readonly object[]): Promise<Trial> {
    let found: Trial | undefined;
    for (const one of settings) {
      for (const variant of [one, ...(await bench.withBestRanges(one))]) {
        const trial = await attempt(variant);
        // Of few images logits tell more than labels do.
        if (!found || trial.logits < found.logits) found = trial;
      }
    }
    if (!found) throw new Error('a rung has a setting');
    return found;
  }

  /** Takes from single layers what they do not need. */
  async function shrink(from: Trial): Promise<Trial> {
    let now = from;
    for (const layer of bench.layersBySpikes(from)) {
      for (const smaller of cheaper(now.options, layer, options)) {
        const trial = await attempt(smaller);
        if (trial.loss > within) break;
        now = trial;
      }
    }
    return now;
  }
}

/** Settings to try, the cheapest first: for each value of the ladder one or more. */
function rungs(
  { option, values, with: more, variants = [{}] }: Ladder,
  { options = {} }: TuneOptions,
  byChannel: boolean,
): object[][] {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const fixed = (given as Record<string, number>)[option];
  return (fixed === undefined ? values : [fixed]).map((value) => {
    const all = variants.map((variant) => ({ [option]: value, ...more?.(value), ...variant, ...given }));
    // What is given is no choice: variants that differ in nothing else are one.
    const possible = all.filter((one) => byChannel || !('balance' in one) || one.balance !== 'channel');
    return possible.filter(
      (one, at) => possible.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)) === at,
    );
  });
}

/** Whether a calibration has percentiles of single channels. */
function knowsChannels(calibration: Calibration | undefined): boolean {
  const [layer] = calibration?.layers.values() ?? [];
  try {
    return layer !== undefined && Number.isFinite(layer.percentile(50, 0));
  } catch {
    return false;
  }
}

/** Options that give one layer less and less. */
function* cheaper(options: object, layer: string, { code, options: given = {} }: TuneOptions): Generator<object> {
  const own = { ...(codeNamed(code).defaults as object), ...options } as {
    readonly steps?: number;
    readonly layerSteps?: Readonly<Record<string, number>>;
    readonly layerPercentiles?: Readonly<Record<string, number>>;
  };
  if (own.layerSteps && !('layerSteps' in given)) {
    const { steps = 0, layerSteps } = own;
    for (let fewer = (layerSteps[layer] ?? steps) - 1; fewer > 0; fewer--) {
      yield { ...options, layerSteps: { ...layerSteps, [layer]: fewer } };
    }
  } else if (code === 'ttfs' && !('layerPercentiles' in given)) {
    for (const percentile of NARROWER) {
      yield { ...options, layerPercentiles: { ...own.layerPercentiles, [layer]: percentile } };
    }
  }
}

/** Whether one trial loses less than another; of two that lose the same, the one whose logits are closer. */
function better(a: Trial, b: Trial): boolean {
  return a.loss < b.loss || (a.loss === b.loss && a.logits < b.logits);
}

/** Trials of which no other is better or as good in all that counts. */
function pareto(trials: readonly Trial[]): Trial[] {
  const figures = ({ loss, spikesPerNeuron, latency }: Trial) => [loss, spikesPerNeuron, latency];
  const beaten = (one: Trial) =>
    trials.some((other, at) => {
      const [a, b] = [figures(one), figures(other)];
      const equal = a.every((x, i) => x === b[i]);
      return other !== one && b.every((x, i) => x <= a[i]) && (!equal || at < trials.indexOf(one));
    });
  return trials.filter((trial) => !beaten(trial)).sort((a, b) => a.spikesPerNeuron - b.spikesPerNeuron);
}

/** Runs settings on the same images, beside what the original network says of them. */
class Bench {
  readonly #graph: Graph;
  readonly #held: Held;
  readonly #options: TuneOptions;
  readonly #original: readonly RunResult[];
  readonly #spikes = new Map<Trial, ReadonlyMap<string, number>>();

  private constructor(graph: Graph, held: Held, options: TuneOptions, original: readonly RunResult[]) {
    this.#graph = graph;
    this.#held = held;
    this.#options = options;
    this.#original = original;
  }

  static async of(graph: Graph, held: Held, options: TuneOptions): Promise<Bench> {
    const twin = new SpikingNetwork(graph, 'ann', {});
    const { precision, threads, signal } = options;
    const original: RunResult[] = [];
    for (const { images } of held.batches) original.push(await twin.runImages(images, { precision, threads, signal }));
    return new Bench(graph, held, options, original);
  }

  get annAccuracy(): number | undefined {
    return this.#share(this.#original);
  }

  /** Share of images with the right label. */
  #share(results: readonly RunResult[]): number | undefined {
    const { batches, count } = this.#held;
    if (!batches.every(({ labels }) => labels)) return undefined;
    const right = results.map(({ labels }, i) => labels.filter((label, image) => label === batches[i].labels?.[image]));
    return right.reduce((sum, { length }) => sum + length, 0) / count;
  }

  /** Share of images whose right label is among the five largest logits. */
  #shareTop5(results: readonly RunResult[], classes: number): number {
    const { batches, count } = this.#held;
    const among = results.map(({ labels, logits: { data } }, i) =>
      labels.filter((_, image) => {
        const own = data.subarray(image * classes, (image + 1) * classes);
        return rank(own, batches[i].labels?.[image] ?? -1) < 5;
      }),
    );
    return among.reduce((sum, { length }) => sum + length, 0) / count;
  }

  #convert(settings: object): Promise<SpikingNetwork> {
    const { code, calibration, threads, signal } = this.#options;
    const all = { code, calibration, threads, signal, ...settings, onWarning() {} };
    return convert(this.#graph, all as ConvertOptions);
  }

  async measure(settings: object): Promise<Trial> {
    const { precision, threads, signal } = this.#options;
    const network = await this.#convert(settings);
    const results: RunResult[] = [];
    for (const { images } of this.#held.batches) {
      results.push(await network.runImages(images, { precision, threads, signal }));
    }
    const counters = results.map((result): Counters => result.counters).reduce(addCounters);
    const classes = elements(network.outputShape);
    const [accuracy, annAccuracy] = [this.#share(results), this.annAccuracy];
    const agreeing = results.map(({ labels }, i) => labels.filter((x, image) => x === this.#original[i].labels[image]));
    const agreement = agreeing.reduce((sum, { length }) => sum + length, 0) / counters.images;
    const trial: Trial = {
      options: settings,
      ...(accuracy !== undefined && { accuracy }),
      ...(accuracy !== undefined && classes > TOP5_CLASSES && { accuracyTop5: this.#shareTop5(results, classes) }),
      agreement,
      loss: accuracy === undefined || annAccuracy === undefined ? 1 - agreement : annAccuracy - accuracy,
      logits: this.#logitError(results, classes),
      spikesPerNeuron: spikesPerNeuron(counters),
      synapticEvents: total(counters, 'synapticEvents') / counters.images,
      latency: timing(network.layers)?.latency ?? 0,
    };
    const layers = counters.layers.filter(({ role }) => role === 'activation');
    this.#spikes.set(trial, new Map(layers.map(({ name, spikes }) => [name, spikes])));
    return trial;
  }

  #logitError(results: readonly RunResult[], classes: number): number {
    let [squares, originals] = [0, 0];
    results.forEach(({ logits, counters }, i) => {
      const own = this.#original[i].logits.data;
      for (let j = 0; j < counters.images * classes; j++) {
        squares += (logits.data[j] - own[j]) ** 2;
        originals += own[j] ** 2;
      }
    });
    return squares === 0 ? 0 : Math.sqrt(squares / originals);
  }

  /** Names of the layers that stand for activation functions, those with the most spikes first. */
  layersBySpikes(trial: Trial): string[] {
    const spikes = [...(this.#spikes.get(trial) ?? [])];
    return spikes.sort(([, a], [, b]) => b - a).map(([name]) => name);
  }

  /** The settings with the range of each layer that promises the least error; nothing if ranges are given or fixed. */
  async withBestRanges(settings: object): Promise<object[]> {
    const { code, calibration, options = {} } = this.#options;
    const chosen = 'percentile' in options || 'layerPercentiles' in options;
    if (chosen || !calibration || !Object.hasOwn(codeNamed(code).defaults as object, 'layerPercentiles')) return [];
    const network = await this.#convert(settings);
    const ranges = network.coded.topology.populations.flatMap(({ name }, index): [string, number][] => {
      const { role } = network.coded.populations[index];
      const statistics = calibration.layers.get(name);
      const reach = reachOf(network.coded.populations[index]);
      if ((role !== 'activation' && role !== 'relay') || !statistics || !reach || reach.inputs) return [];
      const levels = reach.largest[0] / reach.step[0];
      return Number.isFinite(levels) ? [[name, bestPercentile(statistics, levels).percentile]] : [];
    });
    return ranges.length === 0 ? [] : [{ ...settings, layerPercentiles: Object.fromEntries(ranges) }];
  }
}
