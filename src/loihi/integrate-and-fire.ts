/**
 * The code `if` on the chip: one compartment for each neuron, which a spike sets to 0 (a subtractive reset would take
 * two), and weights of 8 bits whose lists hold one sign each.
 */

import { depthwise } from '../codes/depthwise.js';
import {
  ceilingOf,
  type Extent,
  neurons,
  type Pooling,
  type Population,
  type Projection,
  readout,
  type Topology,
} from '../codes/topology.js';
import { ConvertError, type Problem } from '../errors.js';
import type { Bias } from '../graph/graph.js';
import { Circuit, fansOf, type RealFan, type Route, rerouted, straight } from './circuit.js';
import type { ChipNetwork, CompartmentProfile } from './network.js';
import { type Pause, pauses } from './pause.js';
import { type QuantisedWeights, quantiseTogether } from './quantise.js';
import { averages, weightsOf } from './weights.js';

/** Largest mantissas of thresholds (17 bits) and biases (13 bits with sign), and largest exponent of biases (3 bits). */
const MOST = { threshold: 131071, bias: 4095, biasExponent: 7 };

/** Potentials count 64ths of a weight's mantissa, and so do biases. */
const PER_MANTISSA = 64;

/** How a network becomes one for the chip. */
export interface IntegrateAndFireOptions {
  /**
   * Activation that a spike in every step stands for, by the name of a population: one number, or one for each channel.
   * 1 where absent. Parameters of the code `if` have them.
   */
  readonly thresholds?: Readonly<Record<string, readonly number[]>>;
  /** Poolings, by their order, that have compartments of their own instead of being merged into synapses; none if absent. */
  readonly separate?: ReadonlySet<number>;
}

/** A network for the chip, and what became of its weights. */
export interface ChipConversion {
  readonly network: ChipNetwork;
  /** For each synapses of the network, the relative root mean square error of its weights. */
  readonly losses: readonly number[];
  /** Poolings that may be merged or separate. */
  readonly poolings: number;
}

/**
 * Puts a topology in the terms of the chip. What follows the readout is left to the host, which reads its potentials.
 *
 * @throws ConvertError `CODE_UNSUPPORTED` with all that compartments cannot do.
 */
export async function integrateAndFireNetwork(
  topology: Topology,
  options: IntegrateAndFireOptions = {},
  pause: Pause = pauses(),
): Promise<ChipConversion> {
  const builder = new Builder(topology, options);
  const conversion = await builder.build(pause);
  if (builder.problems.length > 0) throw new ConvertError('CODE_UNSUPPORTED', builder.problems);
  return conversion;
}

class Builder {
  readonly problems: Problem[] = [];
  readonly #topology: Topology;
  readonly #options: IntegrateAndFireOptions;
  readonly #circuit = new Circuit();
  readonly #losses: number[] = [];
  readonly #routes: (Route | undefined)[] = [];
  /** Worth of the spikes of each group. */
  readonly #worths: (readonly number[])[] = [];
  /** Groups of poolings, by what they pool. */
  readonly #pools = new Map<string, number>();
  /** Poolings for which there is a choice, by what they pool. */
  readonly #choices = new Map<string, number>();

  constructor(topology: Topology, options: IntegrateAndFireOptions) {
    this.#topology = topology;
    this.#options = options;
  }

  async build(pause: Pause): Promise<ChipConversion> {
    const { populations } = this.#topology;
    const tail = readout(this.#topology).indexOf(true);
    const last = populations[tail].stage.kind === 'neurons' ? tail : populations.length - 1;
    const extents = populations.map(({ extent }) => extent);
    for (const [index, population] of populations.slice(0, last + 1).entries()) {
      await pause();
      const { stage } = population;
      if (stage.kind === 'concat' || stage.kind === 'permute') {
        this.#routes[index] = rerouted(stage, this.#routes, extents);
      } else if (stage.kind === 'input') {
        this.#routes[index] = this.#add(population, 'input', profile(MOST.threshold), this.#worth(population.name));
      } else if (this.#isExpressible(population, index === last)) {
        this.#routes[index] = this.#neurons(population);
      }
    }
    const output = Math.max(0, this.#circuit.groups.length - 1);
    return { network: this.#circuit.network(output), losses: this.#losses, poolings: this.#choices.size };
  }

  #isExpressible({ name, stage }: Population, isLast: boolean): boolean {
    const refuse = (op: string, message: string, remedy: string) => {
      this.problems.push({ layer: name, op, message, remedy });
      return false;
    };
    if (stage.kind === 'maxpool') {
      return refuse('MaxPool', 'a compartment adds; it takes no maximum.', 'Pool by averages instead.');
    }
    if (stage.kind === 'product') {
      return refuse('Mul', 'a compartment adds; it does not multiply.', 'Leave out gates and attention.');
    }
    if (stage.kind !== 'neurons' || isLast || stage.activation === 'relu' || ceilingOf(stage) !== undefined)
      return true;
    if (stage.activation === 'identity') {
      const message = 'what is not rectified may be negative, and a spike has no sign.';
      return refuse('Identity', message, 'Put a ReLU behind this layer.');
    }
    const message = `${stage.activation} is no rate of these compartments; only ReLU is.`;
    return refuse(stage.activation, message, 'Train the network with ReLU.');
  }

  #worth(name: string): readonly number[] {
    return this.#options.thresholds?.[name] ?? [1];
  }

  #add(
    { name, extent }: Pick<Population, 'name' | 'extent'>,
    role: 'input' | 'neuron' | 'pool',
    kind: CompartmentProfile,
    worth: readonly number[],
    bias?: Int16Array,
  ): Route {
    const group = this.#circuit.add({ name, layer: name, role, extent, profile: kind, ...(bias && { bias }) });
    this.#worths[group] = worth;
    return straight(group, neurons(extent));
  }

  #neurons(population: Population): Route | undefined {
    const { name, extent, stage } = population;
    if (stage.kind !== 'neurons') return undefined;
    // A compartment that spikes in every step sends no more: that is the ceiling of an activation function that has one.
    const ceiling = ceilingOf(stage) ?? Number.POSITIVE_INFINITY;
    const worth = this.#worth(name).map((one) => Math.min(one, ceiling));
    const fans = stage.projections.flatMap((projection) => this.#fans(name, projection));
    const scaled = fans.map((fan) => normalised(fan, this.#worths[fan.source], worth, extent.channels));
    const quantised = quantiseTogether(scaled, { leastUnit: 1 / MOST.threshold });
    const unit = quantised[0]?.unit ?? 1;
    const { mantissas, exponent } = biases(stage.bias, extent, worth, unit);
    const threshold = Math.max(Math.round(1 / unit), 1);
    const kind = { ...profile(threshold), biasExponent: exponent };
    const route = this.#add(population, 'neuron', kind, worth, mantissas);
    fans.forEach((fan, i) => {
      this.#join(fan, route.groups[0], quantised[i]);
    });
    return route;
  }

  #join({ source, connectivity }: RealFan, target: number, { mantissas, exponent, loss }: QuantisedWeights): void {
    this.#circuit.join(source, target, connectivity, mantissas, { exponent });
    this.#losses.push(loss);
  }

  /** The synapses of a projection, by the groups that they come from. */
  #fans(layer: string, projection: Projection): RealFan[] {
    const { source, pool } = projection;
    const route = this.#routes[source];
    // What this reads is refused already.
    if (!route) return [];
    const { extent } = this.#topology.populations[source];
    const merged = weightsOf(asKernel(projection), extent);
    const fans = merged && fansOf(route, merged, this.#circuit);
    const whole = new Set(route.groups).size === 1;
    if (pool && whole && (!fans || this.#isSeparate(route.groups[0], pool))) {
      return this.#pooled(layer, projection, pool, route.groups[0]);
    }
    if (fans) return fans;
    const message = 'it reads neurons in an order over which no kernel slides.';
    this.problems.push({ layer, message, remedy: 'Leave out the transposition in front of it, or the pooling.' });
    return [];
  }

  #isSeparate(group: number, pool: Pooling): boolean {
    const key = keyOf(group, pool);
    const choice = this.#choices.get(key) ?? this.#choices.size;
    this.#choices.set(key, choice);
    return this.#options.separate?.has(choice) ?? false;
  }

  /** Synapses from compartments that pool; what their spikes are worth is what those of their sources are. */
  #pooled(layer: string, { pool: _, ...plain }: Projection, pool: Pooling, source: number): RealFan[] {
    const key = keyOf(source, pool);
    let group = this.#pools.get(key);
    if (group === undefined) {
      const { name, extent } = this.#circuit.groups[source];
      const real = averages(pool, extent);
      if (!real) {
        const message = 'the windows of its pooling have different divisors at the border, and share no kernel.';
        this.problems.push({ layer, op: 'AveragePool', message, remedy: 'Pool without padding, or count it.' });
        return [];
      }
      const [weights] = quantiseTogether([real.weights]);
      const population = { name: `${name}/pool ${this.#pools.size}`, extent: pool.geometry.output };
      const kind = profile(Math.max(Math.round(1 / weights.unit), 1));
      [group] = this.#add(population, 'pool', kind, this.#worths[source]).groups;
      this.#join({ source, ...real }, group, weights);
      this.#pools.set(key, group);
    }
    const { extent } = this.#circuit.groups[group];
    const real = weightsOf(plain, extent);
    return (real && fansOf(straight(group, neurons(extent)), real, this.#circuit)) ?? [];
  }
}

function keyOf(group: number, { geometry, counted }: Pooling): string {
  return JSON.stringify([group, geometry, counted]);
}

/** One-to-one synapses as a kernel of one tap, which may slide over joined channels. */
function asKernel(projection: Projection): Projection {
  const { synapse, pool } = projection;
  if (synapse.kind !== 'identity' || pool) return projection;
  const { extent } = synapse;
  const none = { values: new Float64Array(extent.channels) };
  const ones = new Float64Array(extent.channels).fill(1);
  const kernel = depthwise({ name: '', inputs: [], output: '', origin: [] }, extent, ones, none);
  return { ...projection, synapse: { kind: 'conv', ...kernel } };
}

/** Integrators that a spike sets to 0, with instant currents. */
function profile(threshold: number): CompartmentProfile {
  return { currentDecay: 4096, voltageDecay: 0, threshold, biasExponent: 0, refractory: 1, axonDelay: 0 };
}

/** Weights between neurons whose spikes are worth what they are, in units of the target's threshold. */
function normalised(
  { connectivity, weights }: RealFan,
  source: readonly number[],
  target: readonly number[],
  channels: number,
): Float64Array {
  const plain = source.length === 1 && target.length === 1;
  if (plain && source[0] === target[0]) return weights;
  if (plain) return weights.map((weight) => (weight * source[0]) / target[0]);
  const of = (worth: readonly number[], channel: number) => worth[channel % worth.length];
  return weights.map((weight, i) => {
    const to = i % channels;
    let from = to;
    if (connectivity.kind === 'conv') {
      const { geometry, groups } = connectivity;
      const inputs = geometry.input.channels / groups;
      from = Math.floor((to * groups) / channels) * inputs + (Math.floor(i / channels) % inputs);
    } else if (connectivity.kind === 'dense') {
      const row = Math.floor(i / channels);
      from = connectivity.order ? connectivity.order[row] : row;
    }
    return (weight * of(source, from)) / of(target, to);
  });
}

/** Biases of all compartments: mantissas of 13 bits with the smallest exponent that holds the largest. */
function biases(
  { values, classes }: Bias,
  { height, width, channels }: Extent,
  worth: readonly number[],
  unit: number,
): { readonly mantissas?: Int16Array; readonly exponent: number } {
  const real = Float64Array.from({ length: height * width * channels }, (_, i) => {
    const channel = i % channels;
    const own = values[(classes?.[Math.floor(i / channels)] ?? 0) * channels + channel];
    return ((own / worth[channel % worth.length]) * PER_MANTISSA) / unit;
  });
  let largest = 0;
  for (const value of real) largest = Math.max(largest, Math.abs(value));
  if (largest < 0.5) return { exponent: 0 };
  const exponent = Math.min(Math.max(Math.ceil(Math.log2(largest / MOST.bias)), 0), MOST.biasExponent);
  const mantissas = Int16Array.from(real, (value) =>
    Math.min(Math.max(Math.round(value / 2 ** exponent), -MOST.bias), MOST.bias),
  );
  return { mantissas, exponent };
}
