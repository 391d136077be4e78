/** What the connectivity of a chip's synapses means. */

import type { RealSynapses } from '../../src/loihi/weights.js';

/** The sums that synapses make of values, straight from what the connectivity means. */
export function sums({ connectivity, weights }: RealSynapses, values: Float64Array, outputs: number): Float64Array {
  const out = new Float64Array(outputs);
  switch (connectivity.kind) {
    case 'pairwise':
      return out.map((_, i) => values[i] * weights[i]);
    case 'dense':
      return out.map((_, o) =>
        values.reduce((sum, _, i) => sum + values[connectivity.order?.[i] ?? i] * weights[i * outputs + o], 0),
      );
    case 'conv': {
      const { geometry, groups } = connectivity;
      const { input, output, kernel, stride, dilation, pad } = geometry;
      const inputs = input.channels / groups;
      const perGroup = output.channels / groups;
      return out.map((_, index) => {
        const o = index % output.channels;
        const x = Math.floor(index / output.channels) % output.width;
        const y = Math.floor(index / output.channels / output.width);
        let sum = 0;
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const row = y * stride[0] - pad[0] + ky * dilation[0];
            const column = x * stride[1] - pad[1] + kx * dilation[1];
            if (row < 0 || row >= input.height || column < 0 || column >= input.width) continue;
            for (let i = 0; i < inputs; i++) {
              const channel = Math.floor(o / perGroup) * inputs + i;
              const weight = weights[((ky * kernel[1] + kx) * inputs + i) * output.channels + o];
              sum += weight * values[(row * input.width + column) * input.channels + channel];
            }
          }
        }
        return sum;
      });
    }
  }
}
