/** How long a spiking network takes for an image, and how soon the next one may follow. */

import type { Layer } from '../simulate/run.js';

/** Timing of a network; in units of its code's clock. */
export interface Timing {
  /** From the beginning of an image to the end of the last window, when the logits are there. */
  readonly latency: number;
  /**
   * Between successive images when the layers work as a pipeline, each on an image of its own: the longest window.
   *
   * A neuron then keeps two states, since it integrates the next image while it still sends this one; hardware with
   * one state for each neuron takes twice as long between images. Spikes on a path that skips layers wait until the
   * layers beside it have ended: they are delayed by the time between the end of their window and the beginning of
   * their target's, in a queue that holds as many images as there are windows in between.
   */
  readonly interval: number;
  /** Most windows that follow one another. */
  readonly windows: number;
}

/** Timing of a network with these layers; nothing if none of them spikes. */
export function timing(layers: readonly Pick<Layer, 'window'>[]): Timing | undefined {
  const windows = layers
    .flatMap(({ window }) => (window ? [{ ...window, end: window.start + window.width }] : []))
    .sort((a, b) => a.end - b.end);
  if (windows.length === 0) return undefined;
  let free = Number.NEGATIVE_INFINITY;
  const successive = windows.filter(({ start, width, end }) => {
    // Windows that meet may differ by rounding.
    const follows = start >= free - 1e-9 * width;
    if (follows) free = end;
    return follows;
  });
  const begin = Math.min(...windows.map(({ start }) => start));
  const interval = Math.max(...windows.map(({ width }) => width));
  return { latency: windows[windows.length - 1].end - begin, interval, windows: successive.length };
}
