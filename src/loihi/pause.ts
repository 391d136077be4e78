/** Long work in pieces, so that the event loop goes on meanwhile. */

import { setImmediate } from 'node:timers/promises';

/** Waits for the event loop if it has waited long enough itself. */
export type Pause = () => Promise<void>;

/** Longest time between two turns of the event loop, in ms. */
const TURN = 4;

/** What long work calls between its pieces; it throws the signal's reason once that is aborted. */
export function pauses(signal?: AbortSignal): Pause {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN) return;
    await setImmediate();
    signal?.throwIfAborted();
    since = performance.now();
  };
}
