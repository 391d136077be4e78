/** EfficientNet-B0 as PyTorch exports it (batch norms folded), with random weights; the same for the same seed. */

import { int64s, type NodeSpec, node, onnxModel, type TensorSpec, tensor } from './onnx-model.js';

/** What of the network varies. */
export interface EfficientNetOptions {
  /** `silu` with squeeze-and-excite as published, or `relu6` without: the variant for devices without either. */
  readonly activation: 'silu' | 'relu6';
  /** Height and width of the images; 224 if absent. */
  readonly size?: number;
  /** Blocks of each stage, at most as published; all if absent. */
  readonly depth?: number;
}

/** Expansion, channels, blocks, stride and kernel of each stage. */
const STAGES = [
  [1, 16, 1, 1, 3],
  [6, 24, 2, 2, 3],
  [6, 40, 2, 2, 5],
  [6, 80, 3, 2, 3],
  [6, 112, 3, 1, 5],
  [6, 192, 4, 2, 5],
  [6, 320, 1, 1, 3],
] as const;

/** The file. Its input is `x`, its output `y`, of a thousand classes. */
export function efficientNet({ activation, size = 224, depth = Number.POSITIVE_INFINITY }: EfficientNetOptions) {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [tensor('zero', [], 0), tensor('six', [], 6), int64s('rest', 0, -1)];
  let last = 'x';
  const add = (op: string, inputs: string, attributes: NodeSpec['attributes'] = {}): string => {
    const output = `t${nodes.length}`;
    nodes.push(node(op, inputs, output, attributes));
    return output;
  };
  const weights = (name: string, dims: readonly number[], gain: number) => {
    const inputs = dims.slice(1).reduce((product, n) => product * n, 1);
    initializers.push({ name, dims, raw: new Uint8Array(random(dims, gain / Math.sqrt(inputs), initializers.length)) });
  };
  // So that values neither grow nor fade from block to block.
  const [inside, behind] = activation === 'silu' ? [1.7, 0.9] : [2.2, 1.2];
  const conv = (x: string, from: number, to: number, kernel = 1, stride = 1, groups = 1, gain = inside): string => {
    const name = `w${nodes.length}`;
    weights(name, [to, from / groups, kernel, kernel], gain);
    weights(`${name}b`, [to], 0.1);
    const pad = (kernel - 1) / 2;
    const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
    return add('Conv', `${x} ${name} ${name}b`, { ...attributes, group: groups });
  };
  const act = (x: string) =>
    activation === 'silu' ? add('Mul', `${x} ${add('Sigmoid', x)}`) : add('Clip', `${x} zero six`);

  last = act(conv(last, 3, 32, 3, 2));
  let channels = 32;
  for (const [expansion, width, blocks, firstStride, kernel] of STAGES) {
    for (let block = 0; block < Math.min(blocks, depth); block++) {
      const stride = block === 0 ? firstStride : 1;
      const inner = channels * expansion;
      const expanded = expansion > 1 ? act(conv(last, channels, inner)) : last;
      let x = act(conv(expanded, inner, inner, kernel, stride, inner));
      if (activation === 'silu') {
        const squeezed = Math.floor(channels / 4);
        const reduced = act(conv(add('GlobalAveragePool', x), inner, squeezed));
        x = add('Mul', `${add('Sigmoid', conv(reduced, squeezed, inner))} ${x}`);
      }
      const projected = conv(x, inner, width, 1, 1, 1, behind);
      last = stride === 1 && channels === width ? add('Add', `${projected} ${last}`) : projected;
      channels = width;
    }
  }
  const pooled = add('GlobalAveragePool', act(conv(last, channels, 1280)));
  weights('classes', [1000, 1280], 1);
  weights('bias', [1000], 0.1);
  nodes.push(node('Gemm', `${add('Reshape', `${pooled} rest`)} classes bias`, 'y', { transB: 1 }));
  return onnxModel({ nodes, initializers, inputs: { x: ['N', 3, size, size] } });
}

/** Single-precision numbers spread evenly around zero, of the standard deviation given. */
function random(dims: readonly number[], deviation: number, seed: number): ArrayBuffer {
  let state = (seed * 2654435761 + 1) >>> 0;
  const numbers = Float32Array.from({ length: dims.reduce((product, n) => product * n, 1) }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return (state / 2 ** 31 - 1) * Math.sqrt(3) * deviation;
  });
  return numbers.buffer as ArrayBuffer;
}

/** An image of the network, `[3, size, size]`; the same for the same seed. */
export function imageOf(size: number, seed: number): Float32Array {
  return new Float32Array(random([3, size, size], 1, seed + 1000));
}
