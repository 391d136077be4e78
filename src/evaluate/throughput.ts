/** Images per second of a simulation alone. */

import { type Images, joinImages } from '../simulate/images.js';
import type { Engine, Precision } from '../simulate/run.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';

/** What is measured, and for how long. */
export interface ThroughputOptions {
  readonly engine: Engine;
  readonly precision: Precision;
  readonly threads: number;
  readonly earlyExit?: boolean;
  /** Images of one run. */
  readonly batch: number;
  /** Most seconds to spend; at least one run is measured. */
  readonly seconds: number;
  readonly signal?: AbortSignal;
}

/**
 * Runs images again and again, warm, and divides their number by the time that the kernel took: reading data and
 * crossing into the kernel are left out.
 */
export async function measureThroughput(
  network: SpikingNetwork,
  images: readonly Images[],
  { batch, seconds, ...run }: ThroughputOptions,
): Promise<number> {
  const { data, count } = joinImages(images);
  const perImage = data.length / count;
  const runs = Array.from({ length: Math.ceil(count / batch) }, (_, i): Images => {
    const part = data.subarray(i * batch * perImage, (i + 1) * batch * perImage);
    return { data: part, count: part.length / perImage };
  });
  const start = performance.now();
  const spent = () => (performance.now() - start) / 1000;
  // The first run warms caches and memory up, unless it is slow enough to be all there is time for.
  let kernelSeconds = 0;
  let done = 0;
  for (let i = 0; done === 0 || spent() < seconds; i++) {
    const part = runs[i % runs.length];
    const result = await network.runImages(part, run);
    if (i > 0 || spent() >= seconds) {
      kernelSeconds += result.seconds;
      done += part.count;
    }
  }
  return done / kernelSeconds;
}
