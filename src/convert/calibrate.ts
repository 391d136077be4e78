/** Statistics of the original network's activations over a data set: what the codes choose their ranges from. */

import { ann } from '../codes/ann.js';
import type { ActivationStatistics, Calibration, Distribution, LayerStatistics } from '../codes/calibration.js';
import { exposeInputs } from '../codes/edit.js';
import { lower } from '../codes/lower.js';
import { DataError, FirstspikeError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { type BindingCalibration, kernel } from '../kernel.js';
import { bindNetwork } from '../simulate/bind.js';
import { checkCount, checkThreads } from '../simulate/check.js';
import { type ImageSource, imageBatches } from '../simulate/images.js';
import { runTask } from '../simulate/task.js';

/** Options of {@link calibrate}. */
export interface CalibrateOptions {
  /** Most images to use; all of the source if absent. */
  readonly limit?: number;
  /** Whether to keep percentiles of single channels (12 kB of memory for each channel). */
  readonly channelPercentiles?: boolean;
  /** Threads; one per processor if absent or 0. */
  readonly threads?: number;
  /** Images per step of the kernel: bounds the memory. 64 if absent. */
  readonly batch?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called after each step with the number of images seen. */
  readonly onProgress?: (images: number) => void;
}

/**
 * Runs images through the original network (in single precision) and gathers statistics of every layer. Images are
 * streamed: any number fits in memory.
 *
 * @param images tensors of one image, or of batches of them.
 * @throws DataError if an image does not fit the graph, or there is none.
 */
export async function calibrate(
  graph: Graph,
  images: ImageSource,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  const { limit, threads = 0, batch = 64, signal, onProgress } = options;
  checkThreads(threads);
  checkCount('batch', batch, 1);
  checkCount('limit', limit ?? 1, 1);
  const original = lower(graph);
  const { topology, places, inputs } = exposeInputs(original);
  const network = bindNetwork(ann.build(topology, {}), false);
  const calibration = new kernel.BindingCalibration(network, options.channelPercentiles ?? false);
  let seen = 0;
  try {
    for await (const { data, count } of imageBatches(images, topology.inputShape, { size: batch, limit, signal })) {
      await runTask(signal, (task) => calibration.observe(network, data, count, threads, task));
      seen += count;
      onProgress?.(seen);
    }
  } finally {
    network.release();
  }
  if (seen === 0) {
    throw new DataError('DATA_INVALID', {
      message: 'there is no image to calibrate on.',
      remedy: 'Give at least one image; a thousand make good statistics.',
    });
  }
  const layers = original.populations.map(({ name }, i) => layerStatistics(calibration, name, places[i], inputs[i]));
  return { images: seen, layers: new Map(layers.map((layer) => [layer.name, layer])) };
}

function layerStatistics(
  calibration: BindingCalibration,
  name: string,
  index: number,
  inputs: number | undefined,
): LayerStatistics {
  const plain = ({ count, min, max, zeros }: ActivationStatistics) => ({ count, min, max, zeros: zeros / count });
  let channels: ActivationStatistics[] | undefined;
  const ofChannels = () => {
    channels ??= calibration.channels(index).map(plain);
    return channels;
  };
  return {
    name,
    ...plain(calibration.population(index)),
    get channels() {
      return ofChannels();
    },
    ...(inputs !== undefined && { inputs: distribution(calibration, name, inputs) }),
    histogram: (range, cells) => histogram(calibration, index, range, cells),
    percentile(percent, channel) {
      checkPercent(name, percent);
      const exists = channel === undefined || channel in ofChannels();
      const value = exists ? calibration.percentile(index, percent, channel) : null;
      if (value === null) {
        throw new FirstspikeError('OPTION_INVALID', {
          layer: name,
          message: `no percentile of channel ${channel} was kept.`,
          remedy: 'Calibrate with channelPercentiles, and ask for a channel that exists.',
        });
      }
      return value;
    },
  };
}

function distribution(calibration: BindingCalibration, name: string, index: number): Distribution {
  const { count, min, max } = calibration.population(index);
  return {
    ...{ count, min, max },
    histogram: (range, cells) => histogram(calibration, index, range, cells),
    percentile(percent) {
      checkPercent(name, percent);
      return calibration.percentile(index, percent) ?? Number.NaN;
    },
  };
}

function histogram(
  calibration: BindingCalibration,
  index: number,
  [low, high]: readonly [number, number],
  cells: number,
): Float64Array {
  return calibration.histogram(index, low, high, cells) ?? new Float64Array(cells);
}

function checkPercent(layer: string, percent: number): void {
  if (percent >= 0 && percent <= 100) return;
  const problem = { layer, message: `${percent} is no percentile.`, remedy: 'Percentiles lie between 0 and 100.' };
  throw new FirstspikeError('OPTION_INVALID', problem);
}
