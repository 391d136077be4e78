/** What a spiking code is to the rest of the program. */

import type { Problem } from '../errors.js';
import type { Bias } from '../graph/graph.js';
import type { BindingEncoder, BindingNeuron } from '../kernel.js';
import type { Calibration } from './calibration.js';
import type { FitRequest, FitResult } from './fitting.js';
import type { Extent, Projection, Topology } from './topology.js';

/** What a population's neurons are there for. */
export type Role =
  /** Encodes the image. */
  | 'input'
  /** Stands for an activation function of the original network, or for a product in it. */
  | 'activation'
  /** Hands a value on that the original network does not rectify. */
  | 'relay'
  /** Pools. */
  | 'pool'
  /** No neurons: new addresses for those of others. */
  | 'route'
  /** Hands values on that do not spike: sums and products that the code leaves to ordinary arithmetic. */
  | 'value'
  /** Potentials that are read, and what is computed from them. */
  | 'readout';

/** When a population may spike. Times are in units of the code's clock. */
export interface Window {
  readonly start: number;
  readonly width: number;
}

/** What a code makes of one population of the topology. */
export interface CodedPopulation {
  readonly role: Role;
  /** Neurons that it takes; none for routing. */
  readonly neurons: number;
  /** When it may spike; absent where it does not. */
  readonly window?: Window;
  /** Of an input that spikes. */
  readonly encoder?: BindingEncoder;
  /** Of neurons; of a product, if they take two inputs. */
  readonly neuron?: BindingNeuron;
  /** Synapses and bias of neurons, where they differ from the topology's. */
  readonly projections?: readonly Projection[];
  readonly bias?: Bias;
  /** The original activation is `value * scale + shift`; scales are one for all neurons, or one for each channel. */
  readonly decode?: { readonly scale: readonly number[]; readonly shift: number };
}

/** A topology with neurons: ready for the kernel. */
export interface CodedTopology {
  readonly topology: Topology;
  /** One for each population of the topology. */
  readonly populations: readonly CodedPopulation[];
}

/** What the choice of parameters may ask of the rest of the program. */
export interface Tools {
  /**
   * Sums of the weighted values that each neuron receives over synapses, in double precision.
   *
   * @param values one for each presynaptic neuron.
   * @param source arrangement of the presynaptic neurons.
   * @param target arrangement of those that receive.
   */
  respond(projection: Projection, values: Float64Array, source: Extent, target: Extent): Promise<Float64Array>;
  /** Parameters of gates, one for each request; those that were found before are not sought again. */
  fit(requests: readonly FitRequest[]): Promise<readonly FitResult[]>;
  /** Tells the user of something that is allowed, but hardly meant. */
  warn(problem: Problem): void;
}

/** A code: how values become spikes. Its parameters are plain data, so that a network can be saved and loaded. */
export interface Code<Options, Parameters> {
  /** As the command line and {@link convert} name it. */
  readonly name: string;
  /** What it is, in a line. */
  readonly title: string;
  /** Of its parameters' form; a file of another version is refused. */
  readonly version: number;
  /** Whether spikes come at any time of the code's own clock; if absent they come in steps. */
  readonly continuous?: boolean;
  /** Whether it needs statistics of the original network's activations. */
  readonly needsCalibration: boolean;
  /** The options that it takes where none are given. */
  readonly defaults: Options;
  /** All of a network that the code cannot express. */
  unsupported(topology: Topology): readonly Problem[];
  /**
   * Chooses the parameters for a network.
   *
   * @throws ConvertError with all that the code cannot express.
   */
  parametrise(
    topology: Topology,
    calibration: Calibration | undefined,
    options: Options,
    tools: Tools,
  ): Parameters | Promise<Parameters>;
  /** Gives the populations their neurons. */
  build(topology: Topology, parameters: Parameters): CodedTopology;
}
