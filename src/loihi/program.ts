/** A network of the chip with what is around it: how images become spikes and biases, and how the outputs are read. */

import { FirstspikeError } from '../errors.js';
import type { Shape } from '../graph/graph.js';
import type { Images } from '../simulate/images.js';
import type { ChipNetwork } from './network.js';
import { type ChipInput, firstCompartments, type Simulation } from './simulate.js';

/** How an image becomes input of the group of its elements. */
export type ChipEncoder =
  /** Each element spikes once: `high` in step `first`, `low` `levels` steps later. What is beyond is clipped. */
  | {
      readonly kind: 'times';
      readonly group: number;
      readonly low: number;
      readonly high: number;
      readonly levels: number;
      readonly first: number;
    }
  /** Each element is the bias of its compartment: a mantissa of `scale` times its value. What is beyond is clipped. */
  | { readonly kind: 'bias'; readonly group: number; readonly scale: number };

/** How outputs are read. */
export type ChipReader =
  /** The first to spike; of several the one with the smaller index. Those that have not spiked come after all others. */
  | { readonly kind: 'first spike' }
  /** The largest potential after the last step. */
  | { readonly kind: 'potential' }
  /** The most spikes. */
  | { readonly kind: 'spikes' };

/** How the one spike of each compartment of a group is a value. */
export interface SpikeTimes {
  /** Its index. */
  readonly group: number;
  /** Step in which a compartment spikes for `scale + shift`. */
  readonly start: number;
  /** Steps later, it does for `shift`. */
  readonly levels: number;
  /** In units of the original network's activations. */
  readonly scale: number;
  readonly shift: number;
}

/** What discretisation did to a layer. */
export interface LayerLoss {
  /** Name of the layer. */
  readonly layer: string;
  /** Root mean square of the weights' error, relative to that of the weights. */
  readonly weights: number;
  /** The same of biases and thresholds, where there are any. */
  readonly biases: number;
}

/** A network in a code, discretised. */
export interface ChipProgram {
  /** Name of the code. */
  readonly code: string;
  readonly network: ChipNetwork;
  /** Steps of an image. */
  readonly steps: number;
  readonly encoder: ChipEncoder;
  /** The compartment of each element of the image; the same index where absent. */
  readonly order?: Uint32Array;
  /** Spikes from outside that every image begins with: a group of one compartment, and the step in which it spikes. */
  readonly triggers: readonly { readonly group: number; readonly step: number }[];
  readonly reader: ChipReader;
  /** Shape of one image. */
  readonly inputShape: Shape;
  /** Where values are times of spikes: of each group that has such. */
  readonly times?: readonly SpikeTimes[];
  /** Of each layer, in the order of the network. */
  readonly losses: readonly LayerLoss[];
}

/** Images as spikes and biases from outside. */
export function encodeImages(program: ChipProgram, { data, count }: Images): ChipInput {
  const { network, encoder, order, triggers } = program;
  const first = firstCompartments(network);
  const size = data.length / count;
  const place = (element: number) => (order ? order[element] : element);
  const perImage = triggers.length + (encoder.kind === 'times' ? size : 0);
  const steps = new Uint32Array(count * perImage);
  const compartments = new Uint32Array(count * perImage);
  const mantissas = new Int16Array(encoder.kind === 'bias' ? data.length : 0);
  let at = 0;
  for (let image = 0; image < count; image++) {
    for (const { group, step } of triggers) {
      // What a compartment sends in a step arrives in the next one.
      steps[at] = step + 1;
      compartments[at++] = first[group];
    }
    for (let element = 0; element < size; element++) {
      const value = data[image * size + element];
      if (!Number.isFinite(value)) throw notFinite(image);
      if (encoder.kind === 'times') {
        const { low, high, levels } = encoder;
        const share = (value - low) / (high - low);
        steps[at] = encoder.first + Math.round(levels * (1 - Math.min(Math.max(share, 0), 1))) + 1;
        compartments[at++] = first[encoder.group] + place(element);
      } else {
        const mantissa = Math.round(value * encoder.scale);
        mantissas[image * size + place(element)] = Math.min(Math.max(mantissa, -4096), 4095);
      }
    }
  }
  const offsets = Uint32Array.from({ length: count + 1 }, (_, image) => image * perImage);
  const biased = encoder.kind === 'bias' ? { group: encoder.group, mantissas } : undefined;
  return { count, offsets, steps, compartments, biased };
}

function notFinite(image: number): FirstspikeError {
  const message = `image ${image} holds a value that is not finite.`;
  return new FirstspikeError('INPUT_INVALID', { message, remedy: 'Give finite numbers.' });
}

/** What each output of each image is worth: the label is the largest, the first of several. */
export function scores({ reader, steps }: ChipProgram, run: Simulation): Float64Array {
  const { firstSpikes, outputSpikes, potentials } = run;
  switch (reader.kind) {
    case 'first spike':
      return Float64Array.from(firstSpikes, (step) => -(step < 0 ? steps : step));
    case 'potential':
      return Float64Array.from(potentials);
    case 'spikes':
      return Float64Array.from(outputSpikes);
  }
}

/** Index of the largest score of each image. */
export function labelsOf(program: ChipProgram, run: Simulation, count: number): Int32Array {
  const values = scores(program, run);
  const classes = values.length / count;
  return Int32Array.from({ length: count }, (_, image) => {
    let best = 0;
    for (let i = 1; i < classes; i++) if (values[image * classes + i] > values[image * classes + best]) best = i;
    return best;
  });
}
