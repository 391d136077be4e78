/** Weights of projections as numbers, in the order in which a chip's network stores them. */

import { type Extent, type Geometry, neurons, type Pooling, type Projection } from '../codes/topology.js';
import { visibleTaps } from '../graph/geometry.js';
import type { ConvNode, DenseNode } from '../graph/graph.js';
import { readElements } from '../graph/weights.js';
import type { Connectivity } from './network.js';

/** Synapses with real weights. */
export interface RealSynapses {
  readonly connectivity: Connectivity;
  /** In the order that {@link Connectivity} says. */
  readonly weights: Float64Array;
}

/** Most weights that pooling which is no kernel may be spread out to. */
const MOST_WEIGHTS = 1 << 24;

/**
 * Weights of a projection; pooling on its way is merged into them. Nothing where that is neither a kernel nor a small
 * matrix: pooling over a border, say, whose windows have different divisors.
 *
 * @param source arrangement of the presynaptic neurons, before any pooling.
 */
export function weightsOf({ synapse, pool }: Projection, source: Extent): RealSynapses | undefined {
  switch (synapse.kind) {
    case 'conv': {
      const plain = convolution(synapse.node, synapse.geometry);
      return pool ? poolThenConv(pool, synapse.geometry, plain) : plain;
    }
    case 'dense': {
      const { node, input, outputs, order } = synapse;
      const weights = matrix(node, neurons(input), outputs);
      if (pool) return poolThenDense(pool, source, outputs, weights, order);
      return { connectivity: { kind: 'dense', order }, weights };
    }
    case 'identity': {
      if (pool) return averages(pool, source);
      return { connectivity: { kind: 'pairwise' }, weights: new Float64Array(neurons(synapse.extent)).fill(1) };
    }
  }
}

/** Average pooling as a kernel of its own, channel by channel; nothing where its windows have different divisors. */
export function averages(pool: Pooling, source: Extent): (RealSynapses & { connectivity: Convolution }) | undefined {
  const divisor = divisorOf(pool);
  if (!divisor) return undefined;
  const { kernel } = pool.geometry;
  const weights = new Float64Array(kernel[0] * kernel[1] * source.channels).fill(1 / divisor);
  return { connectivity: { kind: 'conv', geometry: pool.geometry, groups: source.channels }, weights };
}

type Convolution = Extract<Connectivity, { kind: 'conv' }>;

/** `[C_out, C_in / groups, ky, kx]`, with the scales folded into them, as `[ky][kx][C_in / groups][C_out]`. */
function convolution({ weights: stored, kernel, groups }: ConvNode, geometry: Geometry): RealSynapses {
  const { values, inputScale, outputScale } = stored;
  const numbers = readElements(values);
  const outputs = geometry.output.channels;
  const inputs = geometry.input.channels / groups;
  const taps = kernel[0] * kernel[1];
  const weights = new Float64Array(numbers.length);
  for (let o = 0, at = 0; o < outputs; o++) {
    const first = Math.floor((o * groups) / outputs) * inputs;
    for (let i = 0; i < inputs; i++) {
      const scale = (inputScale?.[first + i] ?? 1) * (outputScale?.[o] ?? 1);
      for (let tap = 0; tap < taps; tap++) weights[(tap * inputs + i) * outputs + o] = numbers[at++] * scale;
    }
  }
  return { connectivity: { kind: 'conv', geometry, groups }, weights };
}

/** `[in][out]`, whatever the layout of the stored matrix. */
function matrix({ weights: stored, layout }: DenseNode, inputs: number, outputs: number): Float64Array {
  const { values, inputScale, outputScale } = stored;
  const numbers = readElements(values);
  const weights = new Float64Array(numbers.length);
  for (let i = 0, at = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++, at++) {
      const value = layout === 'in-out' ? numbers[at] : numbers[o * inputs + i];
      weights[at] = value * (inputScale?.[i] ?? 1) * (outputScale?.[o] ?? 1);
    }
  }
  return weights;
}

/** Elements that a window at `position` divides by, along both axes: those that it sees and the zeros that count. */
function divisorAt({ geometry, counted }: Pooling, y: number, x: number): number {
  const along = (axis: 0 | 1, position: number, size: number) => {
    const before = Math.max(counted[axis], 0);
    const after = Math.max(counted[axis + 2], 0);
    // The window's first tap, on the axis that counted zeros make longer.
    const first = position * geometry.stride[axis] - geometry.pad[axis] + before;
    const window = { kernel: geometry.kernel[axis], stride: 1, dilation: geometry.dilation[axis] };
    const [from, to] = visibleTaps(0, size + before + after, { ...window, pads: [-first, 0] });
    return to - from;
  };
  return along(0, y, geometry.input.height) * along(1, x, geometry.input.width);
}

/** The divisor of all windows; nothing where they differ. */
function divisorOf(pool: Pooling): number | undefined {
  const { height, width } = pool.geometry.output;
  const divisor = divisorAt(pool, 0, 0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) if (divisorAt(pool, y, x) !== divisor) return undefined;
  }
  return divisor || undefined;
}

/** A kernel over pooled pixels as one over pixels; nothing where the border would tell them apart. */
function poolThenConv(pool: Pooling, geometry: Geometry, { connectivity, weights }: RealSynapses) {
  const divisor = divisorOf(pool);
  if (!divisor || connectivity.kind !== 'conv') return undefined;
  const merged = [0, 1].map((axis) => mergedAxis(pool.geometry, geometry, axis as 0 | 1));
  const [vertical, horizontal] = merged;
  if (!vertical || !horizontal) return undefined;
  const perTap = weights.length / (geometry.kernel[0] * geometry.kernel[1]);
  const sums = new Float64Array(vertical.kernel * horizontal.kernel * perTap);
  for (const [ky, ys] of vertical.taps.entries()) {
    for (const [kx, xs] of horizontal.taps.entries()) {
      const from = (ky * geometry.kernel[1] + kx) * perTap;
      for (const y of ys) {
        for (const x of xs) {
          const to = (y * horizontal.kernel + x) * perTap;
          for (let i = 0; i < perTap; i++) sums[to + i] += weights[from + i] / divisor;
        }
      }
    }
  }
  const whole: Geometry = {
    input: pool.geometry.input,
    output: geometry.output,
    kernel: [vertical.kernel, horizontal.kernel],
    stride: [vertical.stride, horizontal.stride],
    dilation: [1, 1],
    pad: [vertical.pad, horizontal.pad],
  };
  return { connectivity: { ...connectivity, geometry: whole }, weights: sums };
}

/** One axis of a window over windows: the taps of the whole that each outer tap stands for. */
function mergedAxis(inner: Geometry, outer: Geometry, axis: 0 | 1) {
  const side = axis === 0 ? 'height' : 'width';
  const stride = inner.stride[axis];
  const kernel =
    (outer.kernel[axis] - 1) * outer.dilation[axis] * stride + (inner.kernel[axis] - 1) * inner.dilation[axis] + 1;
  const pad = outer.pad[axis] * stride + inner.pad[axis];
  const taps = Array.from({ length: outer.kernel[axis] }, (_, k) =>
    Array.from({ length: inner.kernel[axis] }, (_, j) => k * outer.dilation[axis] * stride + j * inner.dilation[axis]),
  );
  // Where the outer kernel sees padding, the whole must see none of the image.
  for (let position = 0; position < outer.output[side]; position++) {
    for (let k = 0; k < outer.kernel[axis]; k++) {
      const pooled = position * outer.stride[axis] - outer.pad[axis] + k * outer.dilation[axis];
      if (pooled >= 0 && pooled < outer.input[side]) continue;
      const start = pooled * stride - inner.pad[axis];
      const last = start + (inner.kernel[axis] - 1) * inner.dilation[axis];
      if (last >= 0 && start < inner.input[side]) return undefined;
    }
  }
  return { kernel, stride: outer.stride[axis] * stride, pad, taps };
}

/** A matrix over pooled pixels as one over pixels. */
function poolThenDense(
  pool: Pooling,
  source: Extent,
  outputs: number,
  weights: Float64Array,
  order: Uint32Array | undefined,
): RealSynapses | undefined {
  if (neurons(source) * outputs > MOST_WEIGHTS) return undefined;
  const { geometry } = pool;
  const rows = new Uint32Array(neurons(geometry.output));
  for (let i = 0; i < rows.length; i++) rows[order ? order[i] : i] = i;
  const sums = new Float64Array(neurons(source) * outputs);
  const axis = (a: 0 | 1) => ({
    kernel: geometry.kernel[a],
    stride: geometry.stride[a],
    dilation: geometry.dilation[a],
    pads: [geometry.pad[a], 0] as const,
  });
  const { height, width, channels } = geometry.output;
  for (let y = 0; y < height; y++) {
    const ys = visibleTaps(y, source.height, axis(0));
    for (let x = 0; x < width; x++) {
      const xs = visibleTaps(x, source.width, axis(1));
      const divisor = divisorAt(pool, y, x);
      for (let ky = ys[0]; ky < ys[1]; ky++) {
        const row = y * geometry.stride[0] - geometry.pad[0] + ky * geometry.dilation[0];
        for (let kx = xs[0]; kx < xs[1]; kx++) {
          const pixel = row * source.width + x * geometry.stride[1] - geometry.pad[1] + kx * geometry.dilation[1];
          for (let c = 0; c < channels; c++) {
            const from = rows[(y * width + x) * channels + c] * outputs;
            const to = (pixel * channels + c) * outputs;
            for (let o = 0; o < outputs; o++) sums[to + o] += weights[from + o] / divisor;
          }
        }
      }
    }
  }
  return { connectivity: { kind: 'dense' }, weights: sums };
}
