/**
 * What is wrong with the layers of a spiking network, and what would help. Rules, from what was measured of a layer
 * alone, what its neurons can say, and the statistics of the original activations.
 */

import { type LayerStatistics, shareBeyond } from '../codes/calibration.js';
import { codeNamed } from '../codes/index.js';
import type { Reach } from '../codes/reach.js';
import { sources } from '../codes/topology.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import type { Finding, LayerDiagnosis, OutputError, Remedy } from './diagnosis.js';
import { bestPercentile, expectedError, rangeAt } from './layer-range.js';

/** Relative error of the logits below which nothing is said of a layer. */
const HARMLESS = 0.003;

/** How much smaller an error has to become for advice to be given. */
const WORTHWHILE = 0.7;

/** Error of a layer that more steps should lead to. */
const FINE = 0.01;

/** Share of a layer's activations that are larger than its neurons can send. */
export function shareAbove(statistics: LayerStatistics, { largest }: Reach): number {
  if (largest.length === 1) return shareBeyond(statistics, [-largest[0], largest[0]]);
  const shares = largest.map((most, channel) => channelShareAbove(statistics, channel, most));
  return shares.reduce((a, b) => a + b, 0) / shares.length;
}

function channelShareAbove(statistics: LayerStatistics, channel: number, most: number): number {
  const { min, max } = statistics.channels[channel];
  if (Math.max(max, -min) <= most) return 0;
  // Percentiles rise: where they pass the largest is found by halving.
  let [low, high] = [0, 100];
  for (let i = 0; i < 14; i++) {
    const middle = (low + high) / 2;
    if (statistics.percentile(middle, channel) > most) high = middle;
    else low = middle;
  }
  return 1 - low / 100;
}

/** All findings, the costliest first. */
export function findAll(
  network: SpikingNetwork,
  layers: readonly LayerDiagnosis[],
  output: OutputError,
  statistics: (layer: LayerDiagnosis) => LayerStatistics | undefined,
): Finding[] {
  const image = layers.find(({ role }) => role === 'input');
  const negative = image !== undefined && (statistics(image)?.min ?? 0) < 0;
  const found = layers.flatMap((layer): Finding[] => {
    if (layer.alone.logits < HARMLESS) return [];
    const stats = statistics(layer);
    const cost = { layer: layer.name, cost: layer.alone.logits, accuracyLost: layer.alone.accuracyLost };
    return inLayer(network, layer, stats, negative).map((finding) => ({ ...finding, ...cost }));
  });
  return [...shared(found), ...together(network, layers, output)].sort((a, b) => b.cost - a.cost);
}

/** Findings of single layers; those that ask for more steps of all layers are one. */
function shared(findings: readonly Finding[]): Finding[] {
  const asking = findings.filter(({ options }) => options?.steps !== undefined).sort((a, b) => b.cost - a.cost);
  if (asking.length < 2) return [...findings];
  const steps = Math.max(...asking.map(({ options }) => options?.steps ?? 0));
  const [{ layer, message, kind }] = asking;
  const one: Finding = {
    kind,
    message: `${asking.length} layers tell too few levels apart; the costliest is ${layer}: ${message}`,
    remedy: moreSteps(steps),
    options: { steps },
    cost: Math.sqrt(asking.reduce((sum, { cost }) => sum + cost ** 2, 0)),
  };
  return [...findings.filter((finding) => !asking.includes(finding)), one];
}

function moreSteps(steps: number): string {
  return `Give the network more steps: --steps ${steps}.`;
}

type Symptom = Omit<Finding, 'cost'>;

function inLayer(
  network: SpikingNetwork,
  layer: LayerDiagnosis,
  stats: LayerStatistics | undefined,
  negative: boolean,
): Symptom[] {
  const ranges = [...ofChannels(network, layer, stats), ...ofInputs(layer, stats)];
  if (ranges.length === 0) ranges.push(...ofRange(network, layer, stats));
  // With a range that is far too small, all else is wrong too.
  if (ranges.some(({ kind }) => kind === 'clipped' || kind === 'channels')) return ranges;
  const found = [
    ...ranges,
    ...ofBias(network, layer),
    ...ofTiming(network, layer),
    ...(negative ? ofImage(network, layer) : []),
  ];
  // Whatever else is wrong may be why an error is large; only then is it the number of levels.
  return found.length > 0 ? found : ofLevels(network, layer);
}

/** Whether the range is what is wrong. */
function ofRange(
  network: SpikingNetwork,
  { name, role, reach, saturated, alone }: LayerDiagnosis,
  stats?: LayerStatistics,
): Symptom[] {
  // Only layers of the original network have a percentile; what puts the image on a grid does not.
  const chosen = role === 'activation' || role === 'relay';
  if (!chosen || !stats || reach.inputs || !takes(network, 'layerPercentiles')) return [];
  const range = mean(reach.largest);
  const levels = levelsOf(reach);
  if (!Number.isFinite(range)) return [];
  const { percentile: best, error } = bestPercentile(stats, levels);
  const gain = Math.sqrt(error / expectedError(stats, range, levels));
  if (!(gain < WORTHWHILE)) return [];
  const enough = rangeAt(stats, best);
  const clipped = enough > range;
  // Where a better range is not enough, more levels are needed.
  if (!clipped && gain * alone.relativeRms > 3 * FINE) return [];
  const options = { layerPercentiles: { [name]: best } };
  const remedy = `Choose the percentile of this layer: --percentile ${name}=${best}.`;
  const share = `${(100 * saturated).toPrecision(2)} %`;
  const message = clipped
    ? `its range ends at ${brief(range)}, and ${share} of the activations lie beyond it (the largest at ${brief(Math.max(stats.max, -stats.min))}).`
    : `its range ends at ${brief(range)}, far above nearly all activations (${best} % are below ${brief(enough)}).`;
  return [{ kind: clipped ? 'clipped' : 'wide', message, remedy, options }];
}

/** Whether ranges of single channels are what is wrong. */
function ofChannels(network: SpikingNetwork, { reach }: LayerDiagnosis, stats?: LayerStatistics): Symptom[] {
  if (!stats || reach.largest.length < 2) return [];
  const needs = stats.channels.map((_, channel) => stats.percentile(99.9, channel));
  const clipped = reach.largest.flatMap((most, channel) => (needs[channel] > 1.5 * most ? [channel] : []));
  const wide = reach.largest.flatMap((most, channel) =>
    needs[channel] > 0 && needs[channel] < most / 2 ? [channel] : [],
  );
  if (clipped.length === 0) return [];
  const channels = [...clipped, ...wide].sort((a, b) => a - b);
  const others = wide.length > 0 ? `, and those of ${list(wide)} are too wide` : '';
  return [
    {
      kind: 'channels',
      channels,
      message: `the ranges of channels ${list(clipped)} are too small for their activations${others}: scales that are not those of these channels.`,
      remedy:
        'Calibrate again, on images like these, and convert anew with a range for each channel: --set balance=channel.',
      ...(takes(network, 'balance') && { options: { balance: 'channel' as const } }),
    },
  ];
}

/** Whether a fitted gate sees other inputs than it was fitted to. */
function ofInputs({ reach: { inputs } }: LayerDiagnosis, stats?: LayerStatistics): Symptom[] {
  if (!inputs || !stats?.inputs) return [];
  const beyond = shareBeyond(stats.inputs, inputs);
  if (beyond < 0.002) return [];
  const seen = `[${brief(inputs[0])}, ${brief(inputs[1])}]`;
  return [
    {
      kind: 'inputs',
      message: `${(100 * beyond).toPrecision(2)} % of its inputs lie outside of ${seen}, for which its gate was made.`,
      remedy: 'Fit gates to the inputs of each layer, calibrated on images like these: --gates fitted.',
      options: { gates: 'fitted' },
    },
  ];
}

/** Whether neurons spike before all inputs are in. */
function ofTiming({ code }: SpikingNetwork, { early = 0, saturated }: LayerDiagnosis): Symptom[] {
  if ((code.parameters as Remedy).phases === 'two') return [];
  // A value beyond the range is early by nature.
  if (early < 0.005 || early < 2 * saturated) return [];
  return [
    {
      kind: 'early',
      message: `${(100 * early).toPrecision(2)} % of its neurons spike before all inputs are in, and say a wrong value.`,
      remedy: 'Let neurons wait for all inputs: --set phases=two.',
      options: { phases: 'two' },
    },
  ];
}

/** Whether the layer reads an image with negative values, which come too late for it. */
function ofImage({ coded, code }: SpikingNetwork, layer: LayerDiagnosis): Symptom[] {
  const { name, alone } = layer;
  if (code.name !== 'quartz') return [];
  const { populations } = coded.topology;
  const at = populations.findIndex((population) => population.name === name);
  const [image, placed] = [coded.populations[1], populations[1].name];
  const late = (image.decode?.shift ?? 0) === 0 && sources(populations[at].stage).includes(1);
  // Rounding alone makes an error of about a level, relative to activations of a third of the range.
  if (!late || alone.relativeRms < 3 / levelsOf(layer.reach)) return [];
  return [
    {
      kind: 'negative',
      message: `it is off by ${(100 * alone.relativeRms).toPrecision(2)} %: negative values of ${placed} spike after its readout.`,
      remedy: 'Shift the image so that its smallest value is 0: --set input=shifted --set bias=weight.',
      options: { input: 'shifted', bias: 'weight' },
    },
  ];
}

/** Levels that neurons tell apart. */
function levelsOf({ largest, step }: Reach): number {
  return mean(largest) / mean(step);
}

/** Whether biases are larger than their spikes can say. */
function ofBias({ coded }: SpikingNetwork, { name }: LayerDiagnosis): Symptom[] {
  const index = coded.topology.populations.findIndex((population) => population.name === name);
  const { bias, neuron } = coded.populations[index];
  if (neuron?.kind !== 'quartz' || !bias) return [];
  const largest = bias.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest <= neuron.biasLimit) return [];
  const beyond = bias.values.filter((value) => Math.abs(value) > neuron.biasLimit).length;
  const message = `${beyond} of its biases are beyond the window: up to ${brief(largest)} times the range, where ${neuron.biasLimit} is the most.`;
  if (largest <= 2) {
    return [
      { kind: 'bias', message, remedy: 'Widen the window of biases: --set biasLimit=2.', options: { biasLimit: 2 } },
    ];
  }
  const remedy = `Give the layer a larger range: --percentile ${name}=100.`;
  return [{ kind: 'bias', message, remedy, options: { layerPercentiles: { [name]: 100 } } }];
}

/** Whether there are too few levels. */
function ofLevels(network: SpikingNetwork, { name, reach, alone, dead }: LayerDiagnosis): Symptom[] {
  const { relativeRms, logits } = alone;
  const levels = levelsOf(reach);
  if (!Number.isFinite(levels) || Math.max(relativeRms, logits) < 3 * FINE) return [];
  const silent = dead > 0.2 ? `; ${(100 * dead).toFixed(0)} % of the neurons that should be active are silent` : '';
  const gate = reach.inputs
    ? `its gate of ${reach.steps} steps is`
    : `its neurons tell ${Math.round(levels)} levels apart, and are`;
  const message = `${gate} off by ${(100 * relativeRms).toPrecision(2)} %${silent}.`;
  const kind = dead > 0.2 ? 'dead' : 'coarse';
  if (reach.steps !== undefined) {
    const more = Math.max(1, Math.ceil(Math.log2(relativeRms / FINE)));
    const steps = Math.min(24, reach.steps + more);
    return [
      {
        kind,
        message,
        remedy: `K is too small: --steps ${name}=${steps}.`,
        options: { layerSteps: { [name]: steps } },
      },
    ];
  }
  const { steps: now } = timeSteps(network);
  if (now === undefined) return [];
  const steps = Math.min(4096, Math.ceil(now * Math.min(4, Math.max(1.5, relativeRms / (2 * FINE)))));
  return [{ kind, message, remedy: moreSteps(steps), options: { steps } }];
}

/** Whether the layers lose more together than each alone. */
function together(network: SpikingNetwork, layers: readonly LayerDiagnosis[], output: OutputError): Finding[] {
  const { steps } = timeSteps(network);
  const expected = Math.sqrt(layers.reduce((sum, { alone }) => sum + alone.logits ** 2, 0));
  if (steps === undefined || output.logits < 10 * HARMLESS || output.logits < 2 * expected) return [];
  const percent = (share: number) => `${(100 * share).toPrecision(2)} %`;
  return [
    {
      kind: 'uneven',
      message: `the layers make an error of ${percent(output.logits)} of the logits together, and would make one of ${percent(expected)} each by itself: their spikes do not come evenly.`,
      remedy: moreSteps(Math.min(4096, 2 * steps)),
      options: { steps: Math.min(4096, 2 * steps) },
      cost: output.logits,
      accuracyLost: output.accuracyLost,
    },
  ];
}

/** The number of steps that all layers of a code share, if they do. */
function timeSteps({ code }: SpikingNetwork): { readonly steps?: number } {
  const { steps, levels } = code.parameters as { readonly steps?: number; readonly levels?: number };
  return { steps: steps ?? levels };
}

function takes({ code }: SpikingNetwork, option: string): boolean {
  return Object.hasOwn(codeNamed(code.name).defaults as object, option);
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

function brief(x: number): string {
  return String(Number(x.toPrecision(3)));
}

function list(channels: readonly number[]): string {
  return channels.length > 6
    ? `${channels.slice(0, 6).join(', ')} and ${channels.length - 6} more`
    : channels.join(', ');
}

/** The options of all findings together; the costliest counts where two say different things. */
export function allRemedies(findings: readonly Finding[]): Remedy {
  const options = findings.flatMap(({ options }) => options ?? []).reverse();
  const all: Remedy = Object.assign({}, ...options);
  const together = (key: 'layerSteps' | 'layerPercentiles') => {
    const layers = Object.assign({}, ...options.map((one) => one[key]));
    return Object.keys(layers).length > 0 ? { [key]: layers } : {};
  };
  return { ...all, ...together('layerSteps'), ...together('layerPercentiles') };
}
