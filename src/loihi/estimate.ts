/**
 * Energy and time of a run on the chip, from what its cores do in each step.
 *
 * The energy is a sum over counted events. A step takes as long as the slowest core, and then the barrier: a core goes
 * through its compartments one after another, and sends what each spike makes it send at once; what arrives at a core is
 * worked off in the order of arrival. Congestion of links is left out, and so are links between chips, for which there
 * are no published costs: messages that cross them are counted.
 */

import type { EnergyModel, EnergyModelName, SynapseKind } from './energy.js';
import { STANDBY } from './energy.js';
import type { Position } from './layout.js';

/** Messages from some compartments to a core. */
export interface Flow {
  /** Index of the core where they end. */
  readonly to: number;
  /** Messages for each spike, in the mean. */
  readonly messages: number;
  /** Synapses for each message, in the mean. */
  readonly synapses: number;
  readonly kind: SynapseKind;
}

/** What compartments of a core do, in the order in which the core goes through them. */
export interface PartActivity {
  readonly compartments: number;
  /** Of each step: spikes, in the mean over images. */
  readonly spikes: ArrayLike<number>;
  /** Of each step: compartments that have anything to do. */
  readonly updates: ArrayLike<number>;
  readonly flows: readonly Flow[];
  /** Whether it only stands for spikes from outside, which take no compartments. */
  readonly outside?: boolean;
}

/** What a core does. */
export interface CoreActivity {
  readonly position: Position;
  readonly parts: readonly PartActivity[];
}

/** What all cores do for an image. */
export interface Activity {
  readonly steps: number;
  readonly cores: readonly CoreActivity[];
}

/** Energies of operations, in pJ. */
export interface DynamicEnergy {
  readonly total: number;
  readonly synapses: number;
  readonly compartments: number;
  /** Messages and hops. */
  readonly network: number;
}

/** Energy and time of an image. */
export interface Estimate {
  readonly model: EnergyModelName;
  /** Of operations, in pJ. */
  readonly dynamic: DynamicEnergy;
  /** Of standing by for the time of the image, in pJ. */
  readonly static: number;
  /** Of the reset of the state behind the image, in pJ. */
  readonly reset: number;
  /** From the first step to the last, in ns. */
  readonly latency: number;
  /** Images in a second, one behind the other. */
  readonly throughput: number;
  /** Energy-delay product of all three energies, in pJ s. */
  readonly product: number;
  /** Messages, tiles that they pass, synapses, spikes, and messages between chips. */
  readonly counts: {
    readonly spikes: number;
    readonly updates: number;
    readonly messages: number;
    readonly hops: number;
    readonly synapticEvents: number;
    readonly chipCrossings: number;
  };
  /** Of each step: energy of operations in pJ, and time in ns. */
  readonly perStep: { readonly energy: Float64Array; readonly time: Float64Array };
}

/** Estimates what an image takes. */
export function estimate({ steps, cores }: Activity, model: EnergyModel): Estimate {
  const tiles = new Set(cores.map(({ position: { chip, row, column } }) => `${chip} ${row} ${column}`)).size;
  const barrier = model.barrier(tiles);
  const energy = new Float64Array(steps);
  const time = new Float64Array(steps);
  const sums = { synapses: 0, compartments: 0, network: 0 };
  const counts = { spikes: 0, updates: 0, messages: 0, hops: 0, synapticEvents: 0, chipCrossings: 0 };
  for (let step = 0; step < steps; step++) {
    const queues = cores.map(() => new Queue());
    let slowest = 0;
    for (const { position, parts } of cores) {
      let clock = 0;
      for (const part of parts) {
        const spikes = part.spikes[step];
        const updates = part.updates[step];
        const looked = part.outside ? 0 : 1;
        const own = looked * (part.compartments * model.access.energy + updates * model.update.energy);
        const spiking = looked * spikes * model.spike.energy;
        sums.compartments += own + spiking;
        energy[step] += own + spiking;
        counts.spikes += spikes;
        counts.updates += updates;
        const busy =
          looked * (part.compartments * model.access.time + updates * model.update.time + spikes * model.spike.time);
        const sent = part.flows.reduce((sum, { messages }) => sum + messages, 0) * spikes;
        for (const { to, messages: perSpike, synapses: perMessage, kind } of part.flows) {
          const messages = perSpike * spikes;
          if (messages === 0) continue;
          const way = hops(position, cores[to].position);
          const synapses = messages * perMessage;
          const network =
            messages *
            (model.send.energy +
              model.receive.energy +
              model.route.energy +
              way.row * model.hop.row.energy +
              way.column * model.hop.column.energy);
          sums.network += network;
          sums.synapses += synapses * model.synapse[kind].energy;
          energy[step] += network + synapses * model.synapse[kind].energy;
          counts.messages += messages;
          counts.hops += messages * (way.row + way.column);
          counts.synapticEvents += synapses;
          counts.chipCrossings += way.crosses ? messages : 0;
          // Spikes are evenly spread over the compartments: the first is sent when its share of them is done.
          const first = clock + busy / Math.max(spikes, 1) + model.send.time;
          const last = clock + busy + sent * model.send.time;
          const travel = model.route.time + way.row * model.hop.row.time + way.column * model.hop.column.time;
          const work = model.receive.time + perMessage * model.synapse[kind].time;
          queues[to].add(messages, first + travel, last + travel, work);
        }
        clock += busy + sent * model.send.time;
      }
      slowest = Math.max(slowest, clock);
    }
    time[step] = queues.reduce((most, queue) => Math.max(most, queue.end()), slowest) + barrier;
  }
  const latency = time.reduce((a, b) => a + b, 0);
  const chips = new Set(cores.map(({ position }) => position.chip)).size;
  // A watt is a thousand picojoules in a nanosecond.
  const standing = STANDBY.powerPerCore * cores.length * latency * 1e3;
  const reset = STANDBY.resetPerChip * chips;
  const total = sums.synapses + sums.compartments + sums.network;
  return {
    model: model.name,
    dynamic: { total, ...sums },
    static: standing,
    reset,
    latency,
    throughput: 1e9 / latency,
    product: (total + standing + reset) * latency * 1e-9,
    counts,
    perStep: { energy, time },
  };
}

/** Tiles between two cores, along rows and columns of the mesh; of another chip, those of one mesh behind the other. */
function hops(from: Position, to: Position): { row: number; column: number; crosses: boolean } {
  return {
    row: Math.abs(from.column - to.column),
    column: Math.abs(from.row - to.row),
    crosses: from.chip !== to.chip,
  };
}

/** Messages that a core works off in the order of arrival. */
class Queue {
  #work = 0;
  #first = Number.POSITIVE_INFINITY;
  #end = 0;

  /** Messages that arrive from a time on to another, each of which takes so long. */
  add(messages: number, first: number, last: number, work: number): void {
    this.#work += messages * work;
    this.#first = Math.min(this.#first, first);
    this.#end = Math.max(this.#end, last + work);
  }

  /** When all is done: behind the last arrival, or later if they have piled up. */
  end(): number {
    return this.#work === 0 ? 0 : Math.max(this.#end, this.#first + this.#work);
  }
}
