/** What the figures were measured on, and with. */

import { availableParallelism, cpus, totalmem } from 'node:os';
import { kernelLevels, kernelVersion } from './firstspike.js';
import { onnxruntimeVersion } from './onnxruntime.js';

/** A machine and the versions on it. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  /** Processors that this process may use. */
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Instruction sets that the kernel can use, slowest first; it uses the last. */
  readonly kernelLevels: readonly string[];
  readonly versions: { readonly firstspike: string; readonly onnxruntime: string; readonly node: string };
}

/** Describes this machine, now. */
export function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0].model.trim(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform}-${process.arch}`,
    kernelLevels: kernelLevels(),
    versions: { firstspike: kernelVersion(), onnxruntime: onnxruntimeVersion, node: process.versions.node },
  };
}

/**
 * Begins to watch the processors. Others' work distorts a comparison, most of all one with as many threads as there
 * are processors.
 *
 * @returns ends it, and gives the number of processors that other processes kept busy meanwhile, on average.
 */
export function watchOthers(): () => number {
  const before = { busy: busySeconds(), own: ownSeconds(), now: performance.now() };
  return () => {
    const others = busySeconds() - before.busy - (ownSeconds() - before.own);
    return Math.max(others / ((performance.now() - before.now) / 1000), 0);
  };
}

function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
