/** What the neurons of a population can say: how much at most, and how finely. */

import type { CodedPopulation } from './code.js';

/** What neurons can say, in units of the original activation. Lists have one number for all, or one for each channel. */
export interface Reach {
  /** The largest activation that can be sent; infinite where none is too large. */
  readonly largest: readonly number[];
  /** The difference between two activations that can be told apart; 0 where all can. */
  readonly step: readonly number[];
  /** K, of gates. */
  readonly steps?: number;
  /** Of fitted gates: the inputs that they were made for. */
  readonly inputs?: readonly [number, number];
}

/** The reach of a population's neurons; nothing if they do not spike. */
export function reachOf({ neuron, decode, encoder }: CodedPopulation): Reach | undefined {
  const scale = decode?.scale ?? [1];
  if (encoder)
    return { largest: [encoder.saturate ? scale[0] + (decode?.shift ?? 0) : Number.POSITIVE_INFINITY], step: [0] };
  switch (neuron?.kind) {
    case 'ttfs':
      return { largest: [neuron.saturate || neuron.bounded ? neuron.window : Number.POSITIVE_INFINITY], step: [0] };
    case 'ttfsalpha':
      return { largest: Array.from(neuron.slope, (slope) => neuron.origin + slope * neuron.window), step: [0] };
    case 'fewspike':
    case 'amos': {
      const positive = neuron.output.filter((x) => x > 0);
      const reach = {
        largest: [positive.reduce((a, b) => a + b, 0)],
        step: [Math.min(...neuron.output.map(Math.abs))],
        steps: neuron.output.length,
      };
      const [low, high] = neuron.range;
      return Number.isFinite(low) ? { ...reach, inputs: [low, high] } : reach;
    }
    case 'quartz':
    case 'quartzinput':
      return { largest: scale, step: scale.map((largest) => largest / (neuron.levels - 1)) };
    case 'integrateandfire': {
      const { threshold, presentation } = neuron;
      return { largest: threshold, step: threshold.map((value) => value / presentation.steps) };
    }
    case 'lif': {
      const { worth, presentation, dt, tauRef } = neuron;
      const steps = presentation.steps - presentation.from;
      return {
        largest: worth.map((value) => value * Math.min(1, dt / tauRef)),
        step: worth.map((value) => value / steps),
      };
    }
    default:
      return undefined;
  }
}
