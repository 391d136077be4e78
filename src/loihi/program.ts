/** A network of the chip with what is around it: how images become spikes, and how the outputs are read. */

import { ConvertError, FirstspikeError } from '../errors.js';
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
  /**
   * Each element is binary digits, of which the most significant spikes in step `first` in the first group, the next in the
   * next step in the next group. `low` is all zeros, `high` all ones.
   */
  | {
      readonly kind: 'digits';
      readonly group: number;
      readonly low: number;
      readonly high: number;
      readonly digits: number;
      readonly first: number;
    }
  /** Each element spikes as often as it is large: `high` in each of so many steps, `low` in none, in between evenly. */
  | {
      readonly kind: 'rate';
      readonly group: number;
      readonly low: number;
      readonly high: number;
      readonly steps: number;
    };

/** How outputs are read. */
export type ChipReader =
  /** The first to spike; of several the one with the smaller index. Those that have not spiked come after all others. */
  | { readonly kind: 'first spike' }
  /** The largest sum of potential after the last step and of what spikes took from it. */
  | { readonly kind: 'potential' };

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
  /** The same of biases; absent where they were not measured apart. */
  readonly biases?: number;
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

/** Images as spikes from outside. */
export function encodeImages(program: ChipProgram, { data, count }: Images): ChipInput {
  const { network, encoder, order, triggers } = program;
  const first = firstCompartments(network);
  const size = data.length / count;
  const { low, high } = encoder;
  const place = (element: number) => (order ? order[element] : element);
  const share = (i: number) => Math.min(Math.max((data[i] - low) / (high - low), 0), 1);
  const spikesOf = (i: number) => {
    if (encoder.kind === 'times') return 1;
    return encoder.kind === 'rate'
      ? Math.floor(share(i) * encoder.steps + 0.5)
      : ones(digitsOf(share(i), encoder.digits));
  };
  const offsets = new Uint32Array(count + 1);
  for (let image = 0; image < count; image++) {
    let spikes = triggers.length;
    for (let i = image * size; i < (image + 1) * size; i++) {
      if (!Number.isFinite(data[i])) throw notFinite(image);
      spikes += spikesOf(i);
    }
    offsets[image + 1] = offsets[image] + spikes;
  }
  const steps = new Uint32Array(offsets[count]);
  const compartments = new Uint32Array(offsets[count]);
  let at = 0;
  // What a compartment sends in a step arrives in the next one.
  const send = (compartment: number, step: number) => {
    steps[at] = step + 1;
    compartments[at++] = compartment;
  };
  for (let image = 0; image < count; image++) {
    for (const { group, step } of triggers) send(first[group], step);
    for (let element = 0; element < size; element++) {
      const value = share(image * size + element);
      const compartment = first[encoder.group] + place(element);
      if (encoder.kind === 'times') {
        send(compartment, encoder.first + Math.round(encoder.levels * (1 - value)));
      } else if (encoder.kind === 'digits') {
        const bits = digitsOf(value, encoder.digits);
        for (let t = 0; t < encoder.digits; t++) {
          const step = encoder.first + t;
          if ((bits >> (encoder.digits - 1 - t)) & 1) send(first[encoder.group + t] + place(element), step);
        }
      } else {
        // The n-th spike is due when half a spike more than n - 1 has come together.
        const spikes = spikesOf(image * size + element);
        for (let n = 0; n < spikes; n++) {
          send(compartment, Math.min(Math.ceil((n + 0.5) / value), encoder.steps) - 1);
        }
      }
    }
  }
  return { count, offsets, steps, compartments };
}

/** A share of all ones, in binary digits. */
function digitsOf(share: number, digits: number): number {
  return Math.round(share * (2 ** digits - 1));
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

/**
 * Refuses a range without extent.
 *
 * @throws ConvertError `OPTION_INVALID`
 */
export function checkInputRange([low, high]: readonly [number, number]): void {
  if (low < high && Number.isFinite(high - low)) return;
  const message = `images from ${low} to ${high} have no range.`;
  throw new ConvertError('OPTION_INVALID', { message, remedy: 'Give the smallest and the largest element.' });
}

function notFinite(image: number): FirstspikeError {
  const message = `image ${image} holds a value that is not finite.`;
  return new FirstspikeError('INPUT_INVALID', { message, remedy: 'Give finite numbers.' });
}

/** What each output of each image is worth: the label is the largest, the first of several. */
export function scores({ network, reader, steps }: ChipProgram, run: Simulation): Float64Array {
  const { firstSpikes, outputSpikes, potentials } = run;
  switch (reader.kind) {
    case 'first spike':
      return Float64Array.from(firstSpikes, (step) => -(step < 0 ? steps : step));
    case 'potential': {
      const { threshold } = network.groups[network.output].profile;
      return Float64Array.from(potentials, (potential, i) => potential + 64 * threshold * outputSpikes[i]);
    }
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
