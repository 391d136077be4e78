/** What one core of this machine can do at most. */

import { kernelLevels } from './firstspike.js';
import { median } from './statistics.js';

/** Bytes of a register, by instruction set. */
const REGISTERS: Readonly<Record<string, number>> = { avx512: 64, avx2: 32, neon: 16, baseline: 16 };

/** Loads from the first-level cache that a core can begin in a cycle. */
const LOADS_PER_CYCLE = 2;

/** Cycles from one product to the next in {@link measureClock}: three of the multiplication and one of the addition. */
const CYCLES_PER_STEP = 4;

/** Of a few milliseconds, so that some of the chains are not interrupted. */
const STEPS = 2_000_000;
const CHAINS = 50;

const COPIED = 256 << 20;
const COPIES = 5;

/** The limits of one core. */
export interface Limits {
  /** In Hz. */
  readonly clock: number;
  /** Bytes per second that its two load ports take from the first-level cache, a register at a time. */
  readonly loads: number;
  /** Bytes per second that a copy reads from memory and writes to it, both counted. */
  readonly memory: number;
}

/** @param clock in Hz; measured if absent. */
export function measureLimits(clock = measureClock()): Limits {
  const register = REGISTERS[kernelLevels().at(-1) ?? ''] ?? 16;
  return { clock, loads: LOADS_PER_CYCLE * register * clock, memory: measureCopy() };
}

/** The clock in Hz, by a chain of whole-number operations each of which waits for the one before. */
function measureClock(): number {
  const seconds = Array.from({ length: CHAINS }, () => {
    const start = performance.now();
    chain(STEPS);
    return (performance.now() - start) / 1000;
  });
  // Nothing makes the chain faster than the clock: the shortest time is the truest.
  return (CYCLES_PER_STEP * STEPS) / Math.min(...seconds);
}

function chain(steps: number): number {
  let x = 1;
  for (let i = 0; i < steps; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

/** Bytes per second of a copy between buffers that no cache holds. */
function measureCopy(): number {
  const [from, to] = [new Uint8Array(COPIED).fill(1), new Uint8Array(COPIED).fill(2)];
  const seconds = Array.from({ length: COPIES }, () => {
    const start = performance.now();
    to.set(from);
    return (performance.now() - start) / 1000;
  });
  return (2 * COPIED) / median(seconds);
}
