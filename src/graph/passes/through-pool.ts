import type { Affine } from '../affine.js';
import type { AveragePoolNode, MaxPoolNode } from '../graph.js';

/**
 * The pooling that gives the same where an affine map per channel changes sides with it. A negative scale makes the
 * maximum of a channel its minimum and back; an average passes a shift only where no padding is counted.
 *
 * @returns nothing where there is none.
 */
export function throughPool<T extends MaxPoolNode | AveragePoolNode>(pool: T, affine: Affine): T | undefined {
  if (affine.per !== 'channel') return undefined;
  if (pool.op === 'AveragePool') {
    const exact = pool.counted.every((n) => n === 0) || affine.shift.every((value) => value === 0);
    return exact ? pool : undefined;
  }
  const minimum = Uint8Array.from(affine.scale, (s, channel) => (pool.minimum?.[channel] ? 1 : 0) ^ (s < 0 ? 1 : 0));
  const { minimum: _, ...maximum } = pool;
  return (minimum.includes(1) ? { ...pool, minimum } : maximum) as T;
}
