/**
 * Maxima as sums of rates: `max(a, b) = a + relu(b - a)`. Compartments add and cannot compare, but one that receives what
 * another sends with a negative weight spikes as often as it is ahead. Of a window `x_0, x_1, ...` neuron `r_i` stands for
 * `relu(x_i - (x_0 + r_1 + ... + r_(i-1)))`, and the maximum is `x_0 + r_1 + r_2 + ...`.
 */

import { withSources } from '../codes/edit.js';
import type { Extent, Geometry, Population, Projection, Stage, Topology } from '../codes/topology.js';
import type { ConvNode } from '../graph/graph.js';

/** A topology without poolings of maxima, and of what each of the neurons that replace them has the range. */
export interface Differences {
  readonly topology: Topology;
  /** By the name of a neurons' population that replaces a pooling: that of the population whose range it shares. */
  readonly ranges: ReadonlyMap<string, string>;
}

/** Puts neurons in place of poolings. Values are not negative, so that padding is a zero like any other. */
export function maximaAsDifferences({ populations, ...rest }: Topology): Differences {
  const places: number[] = [];
  const ranges = new Map<string, string>();
  const made: Population[] = [];
  for (const population of populations) {
    const stage = withSources(population.stage, (source) => places[source]);
    if (stage.kind !== 'maxpool' || stage.minimum?.some((channel) => channel !== 0)) {
      places.push(made.push({ ...population, stage }) - 1);
      continue;
    }
    const pooled = differences(population, stage, made.length);
    const source = made[stage.source].name;
    for (const { name } of pooled) ranges.set(name, ranges.get(source) ?? source);
    made.push(...pooled);
    places.push(made.length - 1);
  }
  return { topology: { ...rest, populations: made }, ranges };
}

/** Neurons for a pooling; the last of them stand for the maxima. */
function differences(
  { name, extent }: Population,
  { source, geometry }: Extract<Stage, { kind: 'maxpool' }>,
  first: number,
): Population[] {
  const bias = { values: new Float64Array(extent.channels) };
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const neurons = (name: string, projections: Projection[]): Population => {
    return { name, extent, stage: { kind: 'neurons', projections, bias, activation: 'relu' } };
  };
  const of = (tap: number, weight: number): Projection => ({ source, synapse: tapOf(geometry, tap, weight) });
  const made: Population[] = [];
  const ahead = (weight: number) =>
    made.map((_, i): Projection => ({ source: first + i, synapse: tapOf(oneToOne(extent), 0, weight) }));
  for (let tap = 1; tap < taps; tap++) {
    made.push(neurons(`${name}/difference ${tap}`, [of(tap, 1), of(0, -1), ...ahead(-1)]));
  }
  made.push(neurons(name, [of(0, 1), ...ahead(1)]));
  return made;
}

function oneToOne(extent: Extent): Geometry {
  return { input: extent, output: extent, kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
}

/** One element of each window, channel by channel. */
function tapOf({ kernel, stride, dilation, pad, ...extents }: Geometry, tap: number, weight: number) {
  const { channels } = extents.input;
  const place = [Math.floor(tap / kernel[1]), tap % kernel[1]];
  const window = (axis: 0 | 1) => pad[axis] - place[axis] * dilation[axis];
  const geometry: Geometry = { ...extents, kernel: [1, 1], stride, dilation: [1, 1], pad: [window(0), window(1)] };
  const bytes = new Uint8Array(new Float64Array(channels).fill(weight).buffer);
  const node: ConvNode = {
    op: 'Conv',
    name: '',
    inputs: [],
    output: '',
    origin: [],
    weights: { values: { dataType: 'float64', shape: [channels, 1, 1, 1], bytes } },
    bias: { values: new Float64Array(channels) },
    kernel: [1, 1],
    strides: stride,
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
    groups: channels,
  };
  return { kind: 'conv' as const, node, geometry };
}
