/** The kernel's fitter. */

import { checkRequest, type FitRequest, type FitResult } from '../codes/fitting.js';
import { type BindingFitRequest, kernel } from '../kernel.js';
import { checkThreads } from '../simulate/check.js';
import { runTask } from '../simulate/task.js';

/** How a fit runs. */
export interface FitRun {
  /** Threads; one per processor if absent or 0. The result does not depend on it. */
  readonly threads?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called now and then with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Milliseconds between reports of progress. */
const INTERVAL = 100;

/**
 * Searches for the parameters of a gate.
 *
 * @throws ConvertError if the request makes no sense.
 */
export async function runFit(
  request: FitRequest,
  { threads = 0, signal, onProgress }: FitRun = {},
): Promise<FitResult> {
  checkRequest(request);
  checkThreads(threads);
  const bound = bind(request);
  const work = kernel.fitWork(bound);
  const found = await runTask(signal, async (task) => {
    const timer = onProgress && setInterval(() => onProgress(task.done / work), INTERVAL);
    try {
      return await kernel.fit(bound, threads, task);
    } finally {
      clearInterval(timer);
    }
  });
  onProgress?.(1);
  return found;
}

function bind({ code, range, secondRange, ...request }: FitRequest): BindingFitRequest {
  return {
    ...request,
    circuit: code === 'amos',
    range: [...range],
    ...(secondRange && { secondRange: [...secondRange] }),
  };
}
