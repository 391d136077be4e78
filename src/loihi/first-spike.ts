/**
 * Circuits whose neurons spike once, at a time that is their value: those of Quartz. Lenz, Orchard and Sheik,
 * arXiv 2309.16795, and the authors' network for Loihi.
 *
 * A compartment's current does not decay: a spike that arrives `T - k` steps before the reference adds its weight that
 * often to the potential. In the step behind the last arrival (the *reference*) a counterweight from the layer's
 * synchronisation brings all currents to one and the same slope, on which potentials rise to the threshold: the step of
 * the spike is the value. A rectifier makes those spike that have not at the end of the window, and each spike inhibits
 * its own compartment so strongly that there is no second one. Of a pool, the first spike silences the others.
 *
 * The schedule is the authors': a layer takes `T + 2` steps, one for each of the `T + 1` times and one for a pooling
 * neuron, so that an image takes `layers (T + 2) + 1` steps, the input being one of the layers. Other than theirs, a bias
 * is a spike at a fixed time whose weight is the value, which needs one compartment for a layer and keeps more digits; the
 * unit of a layer's weights follows from the widths of the registers; and times are rounded to the nearest.
 *
 * Where the last layer's range is not known, its potentials are read at the reference, where they are its values, and the
 * image ends there.
 */

import { neurons, type Population, readout, type Stage, type Topology } from '../codes/topology.js';
import { ConvertError, type Problem } from '../errors.js';
import { checkCount } from '../simulate/check.js';
import {
  biasOf,
  Circuit,
  fansOf,
  INSTANT,
  type RealFan,
  type Route,
  relativeError,
  rerouted,
  splitIntegers,
  straight,
  sumsOnto,
} from './circuit.js';
import { Clock } from './clock.js';
import type { CompartmentProfile } from './network.js';
import { type ChipProgram, checkInputRange, type LayerLoss } from './program.js';
import { weightsOf } from './weights.js';

/** A network whose values are to be times. */
export interface FirstSpikes {
  /** Name of the code. */
  readonly code: string;
  readonly topology: Topology;
  /** T: a value is one of `T + 1` times. */
  readonly levels: number;
  /** Activation of each population of neurons that spikes at the first of its times, by name. */
  readonly scales: Readonly<Record<string, number>>;
  /** Smallest and largest element of an image. */
  readonly inputRange: readonly [number, number];
}

/** Largest sum of mantissas that the accumulator of a step holds: 21 bits and a sign, in units of 64. */
const ACCUMULATOR = 32767;

/** Largest mantissa of a threshold. */
const THRESHOLD = 131071;

/** Steps that synapses delay at most. */
const LONGEST_DELAY = 62;

/** Values down to minus this many times a layer's range are rectified at once, where registers allow it. */
const REACH = 4;

/** What a spike at the best time of a group's window stands for, and what one at the end: `shift + scale`, and `shift`. */
interface Worth {
  readonly scale: number;
  readonly shift: number;
  /** Step in which the largest value spikes; the smallest does so `T` steps later. */
  readonly start: number;
  /** Where the window of its layer began, before any pooling. */
  readonly slot: number;
}

/**
 * Puts a network together whose neurons spike once.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all layers that have no circuit on the chip, `OPTION_INVALID`.
 */
export function firstSpikeProgram({ code, topology, levels, scales, inputRange }: FirstSpikes): ChipProgram {
  checkCount('steps', levels, 4, 1024);
  checkInputRange(inputRange);
  const [low, high] = inputRange;
  const [image] = topology.populations;
  const circuit = new Circuit();
  const clock = new Clock(circuit);
  const extents = topology.populations.map(({ extent }) => extent);
  const input = circuit.add({ ...named(image), role: 'input', profile: INSTANT });
  const routes: (Route | undefined)[] = [straight(input, circuit.size(input))];
  const worths: Worth[] = [{ scale: high - low, shift: low, start: 1, slot: 1 }];
  const problems: Problem[] = [];
  const losses: LayerLoss[] = [];
  const last = readout(topology).indexOf(true);
  // Where the window of the layer at hand begins; in the end that of the last.
  let window = 1;
  let output = input;
  let reference = 0;
  const reads = scales[topology.populations[last].name] === undefined;
  for (const [index, population] of topology.populations.entries()) {
    const { name, extent, stage } = population;
    if (index === 0 || index > last) continue;
    if (stage.kind === 'neurons') {
      if (stage.activation !== 'relu' && index !== last) {
        problems.push(noCircuit(name, 'what is not rectified has no window of times'));
        continue;
      }
      const arriving = stage.projections.flatMap((projection): RealFan[] => {
        const route = routes[projection.source];
        const real = route && weightsOf(projection, extents[projection.source]);
        const fans = real && fansOf(route, real, circuit);
        if (route && !fans) problems.push(noCircuit(name, 'its synapses are no kernels or matrices of the chip'));
        return fans ?? [];
      });
      const start = Math.max(...arriving.map(({ source }) => worths[source].start));
      const early = arriving.filter(({ source }) => start - worths[source].start > LONGEST_DELAY);
      if (early.length > 0) problems.push(noCircuit(name, `its inputs are more than ${LONGEST_DELAY} steps apart`));
      if (problems.length > 0) continue;
      const slot = Math.max(...arriving.map(({ source }) => worths[source].slot));
      window = Math.max(slot + levels + 2, start + levels + 1);
      reference = start + levels + 1;
      const times = { start, window, levels };
      const built = buildLayer(circuit, clock, population, arriving, worths, times, {
        own: scales[name] ?? 1,
        kind: index !== last ? 'rectified' : scales[name] ? 'spiking' : 'read',
      });
      worths[built.group] = { scale: scales[name] ?? 1, shift: 0, start: window, slot: window };
      routes[index] = straight(built.group, neurons(extent));
      losses.push(built.loss);
      output = built.group;
    } else if (stage.kind === 'maxpool') {
      if (stage.minimum?.some((channel) => channel !== 0)) {
        problems.push(noCircuit(name, 'it pools minima of some channels'));
        continue;
      }
      const route = routes[stage.source];
      const group = route && pool(circuit, population, stage, route);
      if (group !== undefined) {
        const [source] = route?.groups ?? [];
        worths[group] = { ...worths[source], start: worths[source].start + 1 };
        routes[index] = straight(group, neurons(extent));
      } else if (route) {
        problems.push(noCircuit(name, 'only a maximum of one layer at a time is a circuit'));
      }
    } else {
      routes[index] = rerouted(stage, routes, extents);
    }
  }
  for (const { name, stage } of topology.populations.slice(last + 1)) {
    const plain = stage.kind === 'neurons' && stage.projections.every((p) => p.synapse.kind === 'identity' && !p.pool);
    if (!plain) problems.push(noCircuit(name, 'what follows the last weights is not on the chip'));
  }
  if (problems.length > 0) throw new ConvertError('CODE_UNSUPPORTED', problems);
  return {
    code,
    network: circuit.network(output),
    // Until the last spike has reached its reader; potentials are those of the reference, a step before the window's first.
    steps: reads ? reference + 1 : window + levels + 2,
    encoder: { kind: 'times', group: input, low, high, levels, first: 1 },
    order: image.stage.kind === 'input' ? image.stage.order : undefined,
    triggers: clock.wind(),
    reader: { kind: reads ? 'potential' : 'first spike' },
    inputShape: topology.inputShape,
    times: worths.flatMap((worth, group) => (worth ? [{ group, levels, ...worth }] : [])),
    losses,
  };
}

function noCircuit(layer: string, why: string): Problem {
  return {
    layer,
    message: `it has no circuit of first spikes on the chip: ${why}.`,
    remedy: 'Run it in the code itself.',
  };
}

function named({ name, extent }: Population) {
  return { name, layer: name, extent };
}

/** Neurons of which the first to spike silences the others: any input makes one spike, once. */
function pool(
  circuit: Circuit,
  population: Population,
  { geometry }: Extract<Stage, { kind: 'maxpool' }>,
  route: Route,
): number | undefined {
  const { kernel, output } = geometry;
  const mantissas = new Int16Array(kernel[0] * kernel[1] * output.channels).fill(1);
  const connectivity = { kind: 'conv' as const, geometry, groups: output.channels };
  const fans = fansOf(route, { connectivity, weights: Float64Array.from(mantissas) }, circuit);
  if (fans?.length !== 1) return undefined;
  const group = circuit.add({ ...named(population), role: 'pool', profile: { ...INSTANT, voltageDecay: 0 } });
  circuit.join(fans[0].source, group, connectivity, mantissas);
  const inhibition = new Int16Array(circuit.size(group)).fill(-255);
  circuit.join(group, group, { kind: 'pairwise' }, inhibition, { exponent: 6 });
  return group;
}

/** A layer's neurons and its helpers. */
function buildLayer(
  circuit: Circuit,
  clock: Clock,
  population: Population,
  arriving: readonly RealFan[],
  worths: readonly Worth[],
  { start, window, levels }: { readonly start: number; readonly window: number; readonly levels: number },
  { own, kind }: { readonly own: number; readonly kind: 'rectified' | 'spiking' | 'read' },
): { readonly group: number; readonly loss: LayerLoss } {
  const { name, extent, stage } = population;
  const size = neurons(extent);
  const bias = biasOf((stage as NeuronStage).bias, extent).map((value) => value / own);
  const fans = arriving.map(({ source, connectivity, weights }) => {
    const { scale, shift } = worths[source];
    // A spike stands for `shift + scale x`: what does not depend on x is bias.
    if (shift !== 0) sumsOnto(size, { connectivity, weights: weights.map((weight) => (weight * shift) / own) }, bias);
    return { source, connectivity, weights: weights.map((weight) => (weight * scale) / own) };
  });
  const steps = window - start;
  const { one, exponent } = chooseUnit(name, size, fans, bias, levels, steps, kind === 'read');
  const quantised = fans.map(({ weights, ...fan }) => {
    const mantissas = Int16Array.from(weights, (weight) => Math.round((weight * one) / 2 ** exponent));
    return { ...fan, weights, mantissas };
  });
  const biases = Int32Array.from(bias, (value) => Math.round(value * one));

  // What a step may bring, at most, and what all inputs bring together: exact, of the integers.
  const positive = Float64Array.from(biases, (value) => Math.max(value, 0));
  const negative = Float64Array.from(biases, (value) => Math.max(-value, 0));
  for (const { connectivity, mantissas } of quantised) {
    sumsOnto(size, { connectivity, weights: mantissas.map((m) => Math.max(m, 0) << exponent) }, positive);
    sumsOnto(size, { connectivity, weights: mantissas.map((m) => Math.max(-m, 0) << exponent) }, negative);
  }
  const most = largest(positive, negative) + one;
  const counter = Int32Array.from(positive, (sum, i) => one - (sum - negative[i]));
  // A spike's inhibition outweighs all that may arrive, and with what arrives beside it fits the accumulator.
  const inhibition = Math.min(255, Math.floor((ACCUMULATOR - most) / 128));
  const needed = Math.ceil((levels * largest(negative) + one) / 128);
  const kick = Math.min(needed, inhibition - Math.ceil((2 * most) / 128) - 1, 255);

  const profile: CompartmentProfile = {
    currentDecay: 0,
    voltageDecay: 0,
    threshold: kind === 'read' ? THRESHOLD : Math.round(one * (steps - 0.5)),
    biasExponent: 0,
    refractory: 1,
    axonDelay: 0,
  };
  const group = circuit.add({ ...named(population), role: 'neuron', profile });
  for (const { source, connectivity, mantissas } of quantised) {
    circuit.join(source, group, connectivity, mantissas, { exponent, delay: start - worths[source].start });
  }
  const send = (pulse: number, values: Int32Array) => {
    for (const { mantissas, exponent } of splitIntegers(values)) {
      circuit.join(pulse, group, { kind: 'dense' }, mantissas, { exponent });
    }
  };
  if (biases.some((value) => value !== 0)) send(clock.at(start, name, `${name}/bias`), biases);
  send(clock.at(start + levels, name, `${name}/sync`), counter);
  if (kind === 'rectified') {
    const pulse = clock.at(window + levels - 1, name, `${name}/rectifier`);
    circuit.join(pulse, group, { kind: 'dense' }, new Int16Array(size).fill(kick), { exponent: 7 });
  }
  if (kind !== 'read') {
    circuit.join(group, group, { kind: 'pairwise' }, new Int16Array(size).fill(-inhibition), { exponent: 7 });
  }
  const scaled = (mantissas: Int16Array) => Float64Array.from(mantissas, (m) => (m * 2 ** exponent) / one);
  const loss: LayerLoss = {
    layer: name,
    weights: relativeError(quantised.map(({ weights, mantissas }) => [weights, scaled(mantissas)])),
    biases: relativeError([[bias, Float64Array.from(biases, (value) => value / one)]]),
  };
  return { group, loss };
}

type NeuronStage = Extract<Stage, { kind: 'neurons' }>;

/**
 * The slope that all currents are brought to, and what a weight of 1 adds to the current: as large as a mantissa of the
 * largest weight allows, where the sums of a step fit the accumulator beside inhibition and rectifier.
 */
function chooseUnit(
  layer: string,
  size: number,
  fans: readonly RealFan[],
  bias: Float64Array,
  levels: number,
  steps: number,
  read: boolean,
): { readonly one: number; readonly exponent: number } {
  const positive = bias.map((value) => Math.max(value, 0));
  const negative = bias.map((value) => Math.max(-value, 0));
  let heaviest = 0;
  for (const { connectivity, weights } of fans) {
    for (const weight of weights) heaviest = Math.max(heaviest, Math.abs(weight));
    sumsOnto(size, { connectivity, weights: weights.map((weight) => Math.max(weight, 0)) }, positive);
    sumsOnto(size, { connectivity, weights: weights.map((weight) => Math.max(-weight, 0)) }, negative);
  }
  const most = largest(positive, negative) + 1;
  const reach = Math.min(largest(negative), REACH);
  const fitting = Math.floor(
    Math.min((ACCUMULATOR - 1024) / (3 * most + levels * reach), THRESHOLD / (read ? steps * most : steps)),
  );
  // A unit of 64 or more keeps slopes and biases fine; weights that are too large for it have an exponent.
  const one = Math.min(fitting, Math.max(64, Math.floor(255 / heaviest)));
  const exponent = Math.max(0, Math.ceil(Math.log2((heaviest * one) / 255)));
  if (one >= 2 && exponent <= 7) return { one, exponent };
  throw new ConvertError('CODE_UNSUPPORTED', noCircuit(layer, 'the sum of its weights exceeds the accumulators'));
}

function largest(...lists: readonly Float64Array[]): number {
  return lists.reduce((most, list) => list.reduce((a, b) => Math.max(a, b), most), 0);
}
