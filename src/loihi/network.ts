/**
 * A network in the terms of the chip: groups of compartments, and synapses between them. It is what codes are
 * discretised to, what the compiler lays out on cores, and what the integer simulation runs. All numbers are the
 * chip's integers.
 */

import type { Extent, Geometry } from '../codes/topology.js';

/** What compartments are there for. */
export type CompartmentRole =
  /** Encode the image: their spikes come from outside. */
  | 'input'
  /** Stand for neurons of the spiking network. */
  | 'neuron'
  /** Pool. */
  | 'pool'
  /** Make a code's circuit work: synchronisation, rectifiers, biases, inhibition. */
  | 'helper';

/** What all compartments of a group have in common: one entry in a core's table of compartment profiles. */
export interface CompartmentProfile {
  /** Decay of the current, effective: 0 (none) to 4096 (at once). */
  readonly currentDecay: number;
  /** Decay of the potential, effective: 0 (none) to 4096 (at once). */
  readonly voltageDecay: number;
  /** Mantissa of the threshold, which is 64 times as large; 0 to 131071. A compartment spikes strictly above it. */
  readonly threshold: number;
  /** Exponent of the biases: 0 to 7. */
  readonly biasExponent: number;
  /** Refractory time in steps; 1 means none beyond the step of the spike. */
  readonly refractory: number;
  /** Further steps that each spike of the compartment waits. */
  readonly axonDelay: number;
}

/** Compartments that are alike. */
export interface CompartmentGroup {
  /** Unique. */
  readonly name: string;
  /** Layer of the network that it belongs to: the name of a population. */
  readonly layer: string;
  readonly role: CompartmentRole;
  /** Arrangement: compartment `(y * width + x) * channels + c`. */
  readonly extent: Extent;
  readonly profile: CompartmentProfile;
  /** Mantissas of the biases, one for each compartment; none if absent. */
  readonly bias?: Int16Array;
}

/** Which compartments synapses join, and in which order their weights are stored. */
export type Connectivity =
  /** A kernel: `[ky][kx][source channel of the group][target channel]`. Pooling is a kernel with as many groups as channels. */
  | { readonly kind: 'conv'; readonly geometry: Geometry; readonly groups: number }
  /** Each with each: `[source][target]`. `order[i]` is the source compartment of row `i`; row `i` if absent. */
  | { readonly kind: 'dense'; readonly order?: Uint32Array }
  /** Each with its like: one weight for each compartment. */
  | { readonly kind: 'pairwise' };

/** Synapses from one group to another (or to itself). */
export interface Synapses {
  /** Index of the presynaptic group. */
  readonly source: number;
  /** Index of the postsynaptic group. */
  readonly target: number;
  readonly connectivity: Connectivity;
  /** Signed mantissas: -255 to 255 with shared sign, even from -256 to 254 with mixed. A weight of 0 is no synapse. */
  readonly mantissas: Int16Array;
  /** Exponent of all weights: a spike adds `mantissa * 2^(6 + exponent)`. */
  readonly exponent: number;
  /** Bits of a stored weight. */
  readonly bits: number;
  /** Whether a list of synapses holds one sign only (shared: positive and negative weights are lists apart) or both. */
  readonly signs: 'shared' | 'mixed';
  /** Steps beyond the one that every spike takes. */
  readonly delay: number;
}

/** A network for the chip. */
export interface ChipNetwork {
  /** In the order of the network's layers, the input first; helpers stand beside the layer that they serve. */
  readonly groups: readonly CompartmentGroup[];
  readonly synapses: readonly Synapses[];
  /** Index of the group whose potentials or spikes are the outputs. */
  readonly output: number;
}
