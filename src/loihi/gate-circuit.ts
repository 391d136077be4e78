/**
 * Circuits whose neurons spike at most once, each in a step of its own: those of `amos`, and few-spike neurons, which are
 * unrolled: a compartment has one threshold, is reset to 0 and sends one weight, so that each step of a neuron takes one.
 *
 * A layer is as many groups as its circuits have neurons. Each of them sums up all that the layer receives; its threshold
 * is out of reach until, in its step, a helper lifts all potentials of the group; what has spiked before inhibits it over
 * ordinary synapses. What a spike is worth lies in the weights of the synapses behind it. An image comes as binary digits.
 */

import { neurons, type Population, readout, type Stage, type Topology } from '../codes/topology.js';
import { ConvertError, type Problem } from '../errors.js';
import { checkCount } from '../simulate/check.js';
import { biasOf, Circuit, fansOf, type RealFan, relativeError, splitIntegers, straight, sumsOnto } from './circuit.js';
import { Clock } from './clock.js';
import { maximaAsDifferences } from './maximum.js';
import type { CompartmentProfile, Connectivity } from './network.js';
import { type ChipProgram, checkInputRange, type LayerLoss } from './program.js';
import { weightsOf } from './weights.js';

/** A circuit: neuron `i` spikes if `input_i x - sum of inhibition_ij > threshold_i` over those before it that have. */
export interface UnrolledGate {
  readonly input: readonly number[];
  readonly threshold: readonly number[];
  /** Of neuron `i` by neuron `j < i`. */
  inhibition(i: number, j: number): number;
  /** What each spike is worth. */
  readonly output: readonly number[];
}

/** A network of such circuits. */
export interface GateNetwork {
  /** Name of the code. */
  readonly code: string;
  readonly topology: Topology;
  /** Circuit of each population that stands for an activation function, by name. */
  readonly gates: Readonly<Record<string, UnrolledGate>>;
  /** Smallest and largest element of an image. */
  readonly inputRange: readonly [number, number];
  /** Binary digits of an element. */
  readonly digits: number;
}

/** Largest sum of mantissas of a step that is made use of: the accumulator holds 32,767. */
const ACCUMULATOR = 32000;

/** Largest mantissa of a threshold. */
const THRESHOLD = 131071;

/**
 * Lists of these circuits hold both signs, so that all of a core's need no more formats than exponents. Their mantissas are
 * even; the largest exponent is as large as what a step may bring needs.
 */
const MIXED = { signs: 'mixed', most: 254, exponent: 6 } as const;

/** Compartments that sum up what arrives. */
const SUMMING: CompartmentProfile = {
  currentDecay: 4096,
  voltageDecay: 0,
  threshold: THRESHOLD,
  biasExponent: 0,
  refractory: 1,
  axonDelay: 0,
};

/** A population as spikes: a group for each step. */
interface Sent {
  readonly groups: readonly number[];
  /** What a spike of each group is worth. */
  readonly worth: readonly number[];
  /** Added to their sum. */
  readonly shift: number;
  /** Step in which the first group spikes. */
  readonly start: number;
}

/**
 * Puts a network of circuits together.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all layers that have no circuit on the chip, `OPTION_INVALID`.
 */
export function gateProgram({ code, topology: given, gates, inputRange, digits }: GateNetwork): ChipProgram {
  checkCount('digits', digits, 1, 16);
  checkInputRange(inputRange);
  const [low, high] = inputRange;
  const { topology, ranges } = maximaAsDifferences(given);
  const { populations } = topology;
  const circuit = new Circuit();
  const clock = new Clock(circuit);
  const [image] = populations;
  const digitWorth = (t: number) => ((high - low) * 2 ** (digits - 1 - t)) / (2 ** digits - 1);
  const inputs = Array.from({ length: digits }, (_, t) =>
    circuit.add({
      name: `${image.name}/digit ${t + 1}`,
      layer: image.name,
      role: 'input',
      extent: image.extent,
      profile: SUMMING,
    }),
  );
  const sent: (Sent | undefined)[] = [
    { groups: inputs, worth: inputs.map((_, t) => digitWorth(t)), shift: low, start: 1 },
  ];
  const problems: Problem[] = [];
  const losses: LayerLoss[] = [];
  const last = readout(topology).indexOf(true);
  // Differences are rectified: by the circuits of what they are differences of, if those rectify.
  const rectifying = (source: string | undefined) => {
    const stage = populations.find(({ name }) => name === source)?.stage;
    return source !== undefined && stage?.kind === 'neurons' && stage.activation === 'relu' ? gates[source] : undefined;
  };
  let output = 0;
  let end = 0;
  for (const [index, population] of populations.entries()) {
    const { name, stage } = population;
    if (index === 0 || index > last) continue;
    const gate = index === last ? undefined : (gates[name] ?? rectifying(ranges.get(name)));
    if (stage.kind !== 'neurons' || !(gate || index === last)) {
      problems.push(noCircuit(name, ranges.has(name) ? 'it pools what may be negative' : reasonFor(stage)));
      continue;
    }
    const before = stage.projections.map(({ source }) => sent[source]);
    if (before.some((one) => one === undefined)) continue;
    const receiving: Receiving[] = [];
    let start = 0;
    for (const [i, projection] of stage.projections.entries()) {
      const source = before[i] as Sent;
      const real = weightsOf(projection, populations[projection.source].extent);
      if (!real) {
        problems.push(noCircuit(name, 'its synapses are no kernels or matrices of the chip'));
        continue;
      }
      start = Math.max(start, source.start + source.groups.length);
      const size = neurons(populations[projection.source].extent);
      source.groups.forEach((group, t) => {
        const [fan] = fansOf(straight(group, size), real, circuit) ?? [];
        if (fan) receiving.push({ fan, worth: source.worth[t], shift: t === 0 ? source.shift : 0 });
      });
    }
    if (problems.length > 0) continue;
    const layer = new Layer(population, receiving);
    if (gate) {
      sent[index] = layer.gate(circuit, clock, gate, start);
    } else {
      output = layer.sum(circuit, clock, start);
      end = start;
    }
    losses.push({ layer: name, weights: layer.loss });
  }
  for (const { name, stage } of populations.slice(last + 1)) {
    const plain = stage.kind === 'neurons' && stage.projections.every((p) => p.synapse.kind === 'identity' && !p.pool);
    if (!plain) problems.push(noCircuit(name, 'what follows the last weights is not on the chip'));
  }
  if (problems.length > 0) throw new ConvertError('CODE_UNSUPPORTED', problems);
  return {
    code,
    network: circuit.network(output),
    steps: end + 1,
    encoder: { kind: 'digits', group: inputs[0], low, high, digits, first: 1 },
    order: image.stage.kind === 'input' ? image.stage.order : undefined,
    triggers: clock.wind(),
    reader: { kind: 'potential' },
    inputShape: topology.inputShape,
    losses,
  };
}

function noCircuit(layer: string, why: string): Problem {
  return { layer, message: `it has no circuit on the chip: ${why}.`, remedy: 'Run it in the code itself.' };
}

function reasonFor(stage: Stage): string {
  switch (stage.kind) {
    case 'product':
      return 'compartments add, and the values that a product takes are no spikes yet';
    case 'neurons':
      return 'values that are no activations are left to arithmetic in this code, and compartments only know spikes';
    case 'maxpool':
      return 'it pools minima of some channels';
    default:
      return 'spikes of different steps cannot be given new addresses together';
  }
}

/** Synapses onto a layer; the spikes of one step of a population. */
interface Receiving {
  readonly fan: RealFan;
  readonly worth: number;
  readonly shift: number;
}

/** The compartments of a layer under construction. */
class Layer {
  readonly #population: Population;
  readonly #receiving: readonly Receiving[];
  readonly #size: number;
  readonly #bias: Float64Array<ArrayBuffer>;
  /** Largest sums of what arrives, of either sign, of any compartment. */
  readonly #most: number;
  #loss = 0;

  constructor(population: Population, receiving: readonly Receiving[]) {
    this.#population = population;
    this.#receiving = receiving;
    this.#size = neurons(population.extent);
    this.#bias = biasOf((population.stage as Extract<Stage, { kind: 'neurons' }>).bias, population.extent);
    const positive = new Float64Array(this.#size);
    const negative = new Float64Array(this.#size);
    for (const { fan, worth, shift } of receiving) {
      const { connectivity, weights } = fan;
      if (shift !== 0) sumsOnto(this.#size, { connectivity, weights: weights.map((w) => w * shift) }, this.#bias);
      sumsOnto(this.#size, { connectivity, weights: weights.map((w) => Math.max(w * worth, 0)) }, positive);
      sumsOnto(this.#size, { connectivity, weights: weights.map((w) => Math.max(-w * worth, 0)) }, negative);
    }
    this.#most = this.#bias.reduce(
      (most, bias, i) => Math.max(most, positive[i] + Math.max(bias, 0), negative[i] + Math.max(-bias, 0)),
      0,
    );
  }

  /** Largest relative error of the weights of a group. */
  get loss(): number {
    return this.#loss;
  }

  /** Neurons of circuits, of which the first may spike in a step. */
  gate(circuit: Circuit, clock: Clock, gate: UnrolledGate, start: number): Sent {
    const { name, extent } = this.#population;
    const groups: number[] = [];
    for (let i = 0; i < gate.input.length; i++) {
      const factor = gate.input[i];
      const inhibitions = groups.map((_, j) => gate.inhibition(i, j));
      const held = inhibitions.reduce((sum, c) => sum + Math.abs(c), 0);
      // What arrives stays below the threshold by itself; lifted by as much, it is compared with the circuit's own.
      const reach = this.#most * Math.abs(factor) + held + Math.abs(gate.threshold[i]);
      const one = ACCUMULATOR / (2 * reach || 1);
      const lift = Math.ceil((reach * one) / 128) * 128;
      const threshold = Math.round(gate.threshold[i] * one) + lift;
      const profile = { ...SUMMING, threshold };
      const step = `${name}/step ${i + 1}`;
      const group = circuit.add({ name: step, layer: name, role: 'neuron', extent, profile });
      this.#join(circuit, clock, group, one * factor, start - 1);
      groups.forEach((source, j) => {
        const taken = Math.round(inhibitions[j] * one);
        if (taken === 0) return;
        const values = new Int32Array(this.#size).fill(-taken);
        send(circuit, source, group, { kind: 'pairwise' }, values);
      });
      const helper = clock.at(start + i - 1, name, `${step}/lift`);
      send(circuit, helper, group, { kind: 'dense' }, new Int32Array(this.#size).fill(lift));
      groups.push(group);
    }
    return { groups, worth: gate.output, shift: 0, start };
  }

  /** Compartments whose potentials are read. */
  sum(circuit: Circuit, clock: Clock, start: number): number {
    const { name, extent } = this.#population;
    const group = circuit.add({ name, layer: name, role: 'neuron', extent, profile: SUMMING });
    this.#join(circuit, clock, group, ACCUMULATOR / (this.#most || 1), start - 1);
    return group;
  }

  /** Synapses and bias, of which the last arrives in the step behind `step`. */
  #join(circuit: Circuit, clock: Clock, group: number, one: number, step: number): void {
    const errors: [Float64Array, Float64Array][] = [];
    for (const { fan, worth } of this.#receiving) {
      const scaled = fan.weights.map((weight) => weight * worth * one);
      const heaviest = scaled.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
      const exponent = Math.max(0, Math.ceil(Math.log2(heaviest / MIXED.most)));
      const mantissas = Int16Array.from(scaled, (weight) => 2 * Math.round(weight / 2 ** (exponent + 1)));
      circuit.join(fan.source, group, fan.connectivity, mantissas, { exponent, signs: MIXED.signs });
      errors.push([scaled, Float64Array.from(mantissas, (mantissa) => mantissa * 2 ** exponent)]);
    }
    this.#loss = Math.max(this.#loss, relativeError(errors));
    const biases = Int32Array.from(this.#bias, (value) => Math.round(value * one));
    if (biases.every((value) => value === 0)) return;
    const helper = clock.at(step - 1, this.#population.name, `${circuit.groups[group].name}/bias`);
    send(circuit, helper, group, { kind: 'dense' }, biases);
  }
}

/** Synapses that add numbers, but for a last odd one. */
function send(circuit: Circuit, source: number, target: number, connectivity: Connectivity, values: Int32Array): void {
  const even = values.map((value) => 2 * Math.trunc(value / 2));
  for (const { mantissas, exponent } of splitIntegers(even, MIXED)) {
    circuit.join(source, target, connectivity, mantissas, { exponent, signs: MIXED.signs });
  }
}
