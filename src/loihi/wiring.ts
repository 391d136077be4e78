/**
 * Synapses between two groups as the compiler sees them: along each axis, which taps lead from a source's row or column
 * to which of the target's. Sources whose taps into a part are the same, but for a shift, share their lists of synapses;
 * so what a part costs follows from the few *kinds* of rows and columns, and never from single connections.
 */

import type { Extent } from '../codes/topology.js';
import type { Span } from './layout.js';
import type { ChipNetwork, Synapses } from './network.js';

/** One way from a source's row (or column) to a target's. */
export interface Tap {
  /** Index of the kernel's tap; of the row itself, where each has weights of its own. */
  readonly tap: number;
  /** Row (or column) of the target; relative to the first one that the source reaches, in a {@link Kind}. */
  readonly target: number;
}

/** The synapses of one entry of the network. */
export interface Strand {
  readonly synapses: Synapses;
  /** Taps of each source row and of each source column, by increasing target. */
  readonly taps: readonly [rows: readonly (readonly Tap[])[], columns: readonly (readonly Tap[])[]];
  /** Signs that its weights have; 0 stands for both, where lists are of mixed signs. */
  readonly signs: readonly (-1 | 0 | 1)[];
  /** Target channels that a source channel reaches. */
  reach(channel: number): Span;
  /** Where the weights onto the channels of one target pixel begin, for a source channel and taps. */
  offset(row: Tap, column: Tap, channel: number): number;
}

/** All synapses from one group to another: a spike needs one axon for all of them. */
export interface Wiring {
  readonly source: number;
  readonly target: number;
  readonly sourceExtent: Extent;
  readonly targetExtent: Extent;
  readonly strands: readonly Strand[];
  /** Whether pixels share lists at all; if not, each source neuron has one of its own. */
  readonly shared: boolean;
}

/** Source rows (or columns) whose taps into a span of the target's differ by a shift only. */
export interface Kind {
  /** Of each strand; targets are relative to the anchor. */
  readonly taps: readonly (readonly Tap[])[];
  /** First target row that the first source row of this kind reaches: all do, where each target has weights of its own. */
  readonly anchor: number;
}

/** How a span of the target's rows (or columns) is reached. */
export interface Reach {
  /** Source rows that reach it, in order. */
  readonly positions: readonly number[];
  /** For each of them: the first target row that it reaches, relative to the span. */
  readonly anchors: readonly number[];
  /** For each of them: index of its kind. */
  readonly kindOf: readonly number[];
  readonly kinds: readonly Kind[];
  /** Names all kinds: equal keys mean equal lists of synapses. */
  readonly key: string;
}

/** Bundles the synapses of a network by the groups that they join. */
export function wiringsOf(network: ChipNetwork): Wiring[] {
  const bundles = new Map<string, Synapses[]>();
  for (const synapses of network.synapses) {
    const key = `${synapses.source} ${synapses.target}`;
    const bundle = bundles.get(key);
    if (bundle) bundle.push(synapses);
    else bundles.set(key, [synapses]);
  }
  return [...bundles.values()].map((bundle) => {
    const { source, target } = bundle[0];
    const sourceExtent = network.groups[source].extent;
    const targetExtent = network.groups[target].extent;
    const strands = bundle.map((synapses) => strandOf(synapses, sourceExtent, targetExtent));
    const shared = bundle.some(({ connectivity }) => connectivity.kind !== 'dense');
    return { source, target, sourceExtent, targetExtent, strands, shared };
  });
}

function strandOf(synapses: Synapses, source: Extent, target: Extent): Strand {
  return { ...waysOf(synapses, source, target), signs: signsOf(synapses) };
}

function signsOf({ signs, mantissas }: Synapses): Strand['signs'] {
  if (signs === 'mixed') return [0];
  return ([1, -1] as const).filter((sign) => mantissas.some((mantissa) => mantissa * sign > 0));
}

function waysOf(synapses: Synapses, source: Extent, target: Extent): Omit<Strand, 'signs'> {
  const { connectivity, mantissas } = synapses;
  const { channels } = target;
  switch (connectivity.kind) {
    case 'conv': {
      const { geometry, groups } = connectivity;
      const inputs = source.channels / groups;
      const outputs = channels / groups;
      const [, width] = geometry.kernel;
      return {
        synapses,
        taps: [kernelTaps(geometry, 0), kernelTaps(geometry, 1)],
        reach(channel) {
          const group = Math.floor(channel / inputs);
          return [group * outputs, (group + 1) * outputs];
        },
        offset: (row, column, channel) => ((row.tap * width + column.tap) * inputs + (channel % inputs)) * channels,
      };
    }
    case 'dense': {
      const { order } = connectivity;
      const outputs = target.height * target.width * channels;
      const rowOf = order && inverse(order);
      const all = (size: number, targets: number) =>
        Array.from({ length: size }, (_, tap) => Array.from({ length: targets }, (_, i) => ({ tap, target: i })));
      return {
        synapses,
        taps: [all(source.height, target.height), all(source.width, target.width)],
        reach: () => [0, channels],
        offset(row, column, channel) {
          const neuron = (row.tap * source.width + column.tap) * source.channels + channel;
          return (rowOf ? rowOf[neuron] : neuron) * outputs + (row.target * target.width + column.target) * channels;
        },
      };
    }
    case 'pairwise': {
      // Where all pixels have the same weights, they are a kernel of one tap.
      const uniform = mantissas.every((mantissa, i) => mantissa === mantissas[i % channels]);
      const each = (size: number) => Array.from({ length: size }, (_, i) => [{ tap: uniform ? 0 : i, target: i }]);
      return {
        synapses,
        taps: [each(source.height), each(source.width)],
        reach: (channel) => [channel, channel + 1],
        offset: (row, column) => (row.tap * target.width + column.tap) * channels,
      };
    }
  }
}

function inverse(order: Uint32Array): Uint32Array {
  const rows = new Uint32Array(order.length);
  order.forEach((neuron, row) => {
    rows[neuron] = row;
  });
  return rows;
}

type ConvGeometry = Extract<Synapses['connectivity'], { kind: 'conv' }>['geometry'];

function kernelTaps({ input, output, kernel, stride, dilation, pad }: ConvGeometry, axis: 0 | 1): Tap[][] {
  const [size, targets] = axis === 0 ? [input.height, output.height] : [input.width, output.width];
  return Array.from({ length: size }, (_, position) => {
    const taps: Tap[] = [];
    for (let tap = kernel[axis] - 1; tap >= 0; tap--) {
      const target = (position + pad[axis] - tap * dilation[axis]) / stride[axis];
      if (Number.isInteger(target) && target >= 0 && target < targets) taps.push({ tap, target });
    }
    return taps;
  });
}

/** How the sources of some wiring reach a span of the target's rows (axis 0) or columns (axis 1). */
export function reachOf({ strands }: Wiring, axis: 0 | 1, [from, to]: Span): Reach {
  const positions: number[] = [];
  const anchors: number[] = [];
  const kindOf: number[] = [];
  const kinds: Kind[] = [];
  const known = new Map<string, number>();
  const size = strands[0].taps[axis].length;
  for (let position = 0; position < size; position++) {
    const inside = strands.map(({ taps }) =>
      taps[axis][position].filter(({ target }) => target >= from && target < to),
    );
    const anchor = Math.min(...inside.flatMap((taps) => taps.map(({ target }) => target)));
    if (anchor === Number.POSITIVE_INFINITY) continue;
    const taps = inside.map((own) => own.map(({ tap, target }) => ({ tap, target: target - anchor })));
    const key = taps.map((own) => own.map(({ tap, target }) => `${tap}>${target}`).join()).join(';');
    let kind = known.get(key);
    if (kind === undefined) {
      kind = kinds.push({ taps, anchor }) - 1;
      known.set(key, kind);
    }
    positions.push(position);
    anchors.push(anchor - from);
    kindOf.push(kind);
  }
  return { positions, anchors, kindOf, kinds, key: [...known.keys()].join('|') };
}
