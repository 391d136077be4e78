/** Work of the kernel as a promise that can be cancelled and fails with typed errors. */

import { DataError, FirstspikeError } from '../errors.js';
import { type BindingTask, kernel } from '../kernel.js';

/**
 * Handles of work that has ended. Not one for each piece of work, since Node keeps objects of the kernel until it collects all
 * garbage: in a stream, its heap would grow with every batch.
 */
const spare: BindingTask[] = [];

/**
 * Starts work of the kernel. Rejects with the signal's reason as soon as it aborts; the kernel stops at the next image.
 */
export async function runTask<T>(
  signal: AbortSignal | undefined,
  start: (task: BindingTask) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const task = spare.pop() ?? new kernel.BindingTask();
  const work = start(task).catch((error) => {
    throw typed(error);
  });
  const result = await orAborted(work, signal, () => task.cancel());
  // Nothing cancels it any more.
  spare.push(task);
  return result;
}

/** A promise, or the signal's reason as soon as it aborts; nobody waits for the promise then. */
export function orAborted<T>(promise: Promise<T>, signal?: AbortSignal, cancel = () => {}): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const callOff = whenAborted(signal, () => {
      cancel();
      reject(signal.reason);
    });
    // Whatever becomes of it after an abort, it does not count as unhandled.
    promise.then(
      (value) => {
        callOff();
        resolve(value);
      },
      (error) => {
        callOff();
        reject(error);
      },
    );
  });
}

/** What is to be done when a signal aborts, and the listener that does it. */
interface Plan {
  readonly acts: (() => void)[];
  readonly listener: () => void;
}

const plans = new WeakMap<AbortSignal, Plan>();

/**
 * Acts when a signal aborts, at once if it has, until it is called off by the function that is returned. A signal has one
 * listener for all of these: of listeners at the same time Node links those that were removed to the ones behind them, so
 * that once one has come to the old part of the heap, all that follow do.
 */
function whenAborted(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) {
    act();
    return () => {};
  }
  const { acts, listener } = plans.get(signal) ?? listen(signal);
  acts.push(act);
  return () => {
    acts.splice(acts.indexOf(act), 1);
    if (acts.length > 0) return;
    plans.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

function listen(signal: AbortSignal): Plan {
  const acts: (() => void)[] = [];
  const listener = () => {
    for (const act of acts) act();
  };
  signal.addEventListener('abort', listener);
  const plan = { acts, listener };
  plans.set(signal, plan);
  return plan;
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
