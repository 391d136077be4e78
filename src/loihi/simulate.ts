/** Runs of networks in the chip's integers: every spike, every integer. */

import { neurons } from '../codes/topology.js';
import { FirstspikeError } from '../errors.js';
import { type BindingChipConnectivity, type BindingChipNetwork, kernel } from '../kernel.js';
import { checkCount, checkThreads } from '../simulate/check.js';
import { runTask, typed } from '../simulate/task.js';
import { checkRules, type Rules } from './arithmetic.js';
import type { ChipNetwork, Connectivity } from './network.js';

/** Images as spikes and biases. Compartments are numbered through all groups, see {@link firstCompartments}. */
export interface ChipInput {
  /** Images. */
  readonly count: number;
  /** Where each image's spikes begin, and where the last one's end. */
  readonly offsets: Uint32Array;
  /** Step in which each spike arrives if nothing delays it; what a compartment sends in step `t` arrives in `t + 1`. */
  readonly steps: Uint32Array;
  /** Compartment that spikes, whatever its potential. */
  readonly compartments: Uint32Array;
  /** A group whose biases are the image. */
  readonly biased?: {
    /** Its index. */
    readonly group: number;
    /** Mantissas, image after image. */
    readonly mantissas: Int16Array;
  };
}

/** How a network of the chip is run. */
export interface SimulateOptions {
  /** Steps of each image, which begins at rest. */
  readonly steps: number;
  /** `chip` if absent. */
  readonly rules?: Rules;
  /** Threads; one per processor if absent or 0. The result does not depend on it. */
  readonly threads?: number;
  /** What to keep beside outputs and counts. */
  readonly record?: {
    /** Every spike. */
    readonly spikes?: boolean;
    /** Spikes of each compartment, summed over images. */
    readonly compartments?: boolean;
    /** Currents and potentials of all compartments after the last step. */
    readonly states?: boolean;
  };
  /** Cancels; the promise is rejected with the signal's reason at once. */
  readonly signal?: AbortSignal;
}

/** What a group did in each step, summed over images. */
export interface GroupCounts {
  readonly name: string;
  /** Spikes sent. */
  readonly spikes: Float64Array;
  /** Synapses onto the group that spikes of the step went over; delays come after them. */
  readonly synapticEvents: Float64Array;
  /** Compartments that had anything to do: of input, current, potential and bias one was not zero. */
  readonly updates: Float64Array;
  /** Compartments whose registers could not hold a sum, so that it is wrong; potentials end at limits instead. */
  readonly overflows: Float64Array;
}

/** What a run gives. */
export interface Simulation {
  /** Potentials of the outputs after the last step, image after image. */
  readonly potentials: Int32Array;
  /** Spikes of each output. */
  readonly outputSpikes: Uint32Array;
  /** Step of the first spike of each output; -1 for none. */
  readonly firstSpikes: Int32Array;
  /** Spikes of each image. */
  readonly imageSpikes: Uint32Array;
  /** Of each group. */
  readonly counts: readonly GroupCounts[];
  /** If recorded: spikes of each compartment. */
  readonly compartmentSpikes?: Uint32Array;
  /** If recorded: all spikes of each image in the order of steps. */
  readonly rasters?: readonly { readonly steps: Uint32Array; readonly compartments: Uint32Array }[];
  /** If recorded: of each image, currents and potentials of all compartments. */
  readonly states?: { readonly currents: Int32Array; readonly voltages: Int32Array };
  /** Time that the kernel took, in seconds. */
  readonly seconds: number;
}

/** Number of the first compartment of each group, all compartments numbered through. */
export function firstCompartments({ groups }: ChipNetwork): number[] {
  let next = 0;
  return groups.map(({ extent }) => {
    const first = next;
    next += neurons(extent);
    return first;
  });
}

/** A network of the chip, packed for runs. */
export class ChipSimulator {
  readonly network: ChipNetwork;
  readonly #kernel: BindingChipNetwork;

  /**
   * Packs a network.
   *
   * @throws FirstspikeError `MODEL_INVALID` if parts contradict each other, do not fit the chip's registers, or ask for what
   * the rules do not know.
   */
  constructor(network: ChipNetwork, rules: Rules = 'chip') {
    checkRules(rules);
    this.network = network;
    const groups = network.groups.map(({ name, extent, profile, bias }) => {
      return { name, size: neurons(extent), profile, bias };
    });
    const synapses = network.synapses.map(({ connectivity, signs, ...synapses }) => {
      return { ...synapses, connectivity: bindConnectivity(connectivity), mixed: signs === 'mixed' };
    });
    try {
      this.#kernel = new kernel.BindingChipNetwork(groups, synapses, network.output, rules);
    } catch (cause) {
      const { code, message } = cause as { code?: string; message: string };
      if (code !== 'InvalidArg') throw typed(cause);
      const remedy = 'Change the network, or choose other rules.';
      throw new FirstspikeError('MODEL_INVALID', { message: `${message}.`, remedy }, { cause });
    }
  }

  /**
   * Runs images, each from rest.
   *
   * @throws FirstspikeError `OPTION_INVALID` for steps or threads out of range, `INPUT_INVALID` if spikes or biases are of
   * no compartment or no step.
   */
  async run(input: ChipInput, options: Omit<SimulateOptions, 'rules'>): Promise<Simulation> {
    const { steps, threads = 0, record = {}, signal } = options;
    checkCount('steps', steps, 1, 1 << 20);
    checkThreads(threads);
    const bound = {
      count: input.count,
      offsets: input.offsets,
      steps: input.steps,
      compartments: input.compartments,
      biased: input.biased?.group,
      biases: input.biased?.mantissas ?? new Int16Array(),
    };
    const asked = {
      steps,
      threads,
      recordSpikes: record.spikes ?? false,
      recordCompartments: record.compartments ?? false,
      recordStates: record.states ?? false,
    };
    const outcome = await runTask(signal, (task) => this.#kernel.run(bound, asked, task));
    const { counts, compartmentSpikes, rasters, currents, voltages, ...outputs } = outcome;
    return {
      ...outputs,
      counts: counts.map((group, index) => ({ name: this.network.groups[index].name, ...group })),
      ...(record.compartments && { compartmentSpikes }),
      ...(record.spikes && { rasters }),
      ...(record.states && { states: { currents, voltages } }),
    };
  }
}

/**
 * Runs images through a network in the chip's integers, each from rest.
 *
 * @throws FirstspikeError see {@link ChipSimulator}.
 */
export async function simulateChip(
  network: ChipNetwork,
  input: ChipInput,
  options: SimulateOptions,
): Promise<Simulation> {
  return new ChipSimulator(network, options.rules).run(input, options);
}

function bindConnectivity(connectivity: Connectivity): BindingChipConnectivity {
  switch (connectivity.kind) {
    case 'conv': {
      const { geometry, groups } = connectivity;
      const pair = ([vertical, horizontal]: readonly [number, number]): [number, number] => [vertical, horizontal];
      return {
        kind: 'conv',
        groups,
        geometry: {
          ...geometry,
          kernel: pair(geometry.kernel),
          stride: pair(geometry.stride),
          dilation: pair(geometry.dilation),
          pad: pair(geometry.pad),
        },
      };
    }
    case 'dense':
      return { kind: 'dense', order: connectivity.order };
    case 'pairwise':
      return { kind: 'pairwise' };
  }
}
