/** Work of the kernel as a promise that can be cancelled and fails with typed errors. */

import { DataError, FirstspikeError } from '../errors.js';
import { type BindingTask, kernel } from '../kernel.js';

/**
 * Starts work of the kernel. Rejects with the signal's reason as soon as it aborts; the kernel stops at the next image.
 */
export async function runTask<T>(
  signal: AbortSignal | undefined,
  start: (task: BindingTask) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const task = new kernel.BindingTask();
  const work = start(task).catch((error) => {
    throw typed(error);
  });
  return orAborted(work, signal, () => task.cancel());
}

/** A promise, or the signal's reason as soon as it aborts; nobody waits for the promise then. */
export async function orAborted<T>(promise: Promise<T>, signal?: AbortSignal, cancel = () => {}): Promise<T> {
  if (!signal) return promise;
  // Whatever becomes of it after an abort, it does not count as unhandled.
  promise.catch(() => {});
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The kernel's error as one of ours. */
export function typed(error: unknown): FirstspikeError {
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'InvalidArg') {
    return new DataError('INPUT_INVALID', {
      message: `${message}.`,
      remedy: 'Give finite numbers of the right shape, in the range that the network was trained for.',
    });
  }
  const problem = {
    message: `the kernel failed: ${message}.`,
    remedy: 'This is a defect of firstspike: please report it.',
  };
  return new FirstspikeError('INTERNAL', problem, { cause: error });
}
