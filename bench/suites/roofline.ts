/** Layers of whole networks against the limits of a core: where each one's time goes. */

import { chosenOr, loadNetwork, type NetworkFiles } from '../data.js';
import { addCounters, type Counters, convert, type SpikingNetwork } from '../firstspike.js';
import { type Limits, measureLimits } from '../limits.js';
import { type Duration, measureRounds } from '../measure.js';
import type { Outcome, SuiteOptions, Table } from '../suite.js';

/** One layer of a network with one thread; numbers are of one image. */
interface LayerResult {
  readonly network: string;
  readonly layer: string;
  /** Spikes added up one by one. */
  readonly microseconds: number;
  readonly synapticEvents: number;
  /** In 10⁹ per second. */
  readonly gigaEventsPerSecond: number;
  /** Bytes that go from or to memory if no cache holds them from image to image. */
  readonly bytes: Bytes;
  /** Share of what the load ports of the first-level cache could take. */
  readonly loads: number;
  /** Share of what memory could take. */
  readonly memory: number;
  /** As the layer chooses. */
  readonly chosen: {
    readonly microseconds: number;
    /** Share of the images that were added up with all neurons that did not spike. */
    readonly dense: number;
  };
}

/** What a layer moves. */
interface Bytes {
  /** Each weight that a spike meets, once: of dense layers the rows of neurons that spiked. */
  readonly weights: number;
  /** Potentials, written and read again. */
  readonly potentials: number;
  /** The layer's own spikes, written, and read by the next. */
  readonly spikes: number;
}

/** Bytes of a number in single precision. */
const FLOAT = 4;
/** Bytes of an entry of a spike list: key and value. */
const SPIKE = 8;

/** Images of one call. */
const IMAGES = 128;

/** Measures the machine, then networks one after another. */
export async function benchRoofline({ networks, clock, ...duration }: SuiteOptions): Promise<Outcome> {
  const limits = measureLimits(clock);
  const layers: LayerResult[] = [];
  for (const files of chosenOr(networks, ['digits-bn', 'vgg-sparse', 'cifar_base'])) {
    layers.push(...(await measureLayers(files, limits, duration)));
  }
  return { results: { limits, layers }, table: asTable(layers, limits), goals: [] };
}

/** Measures one network: both ways of adding spikes up take turns. */
async function measureLayers(files: NetworkFiles, limits: Limits, duration: Duration): Promise<LayerResult[]> {
  const { graph, calibration, images } = await loadNetwork(files, IMAGES);
  const network = await convert(graph, { code: 'ttfs', calibration });
  const counted = (side: string, dense: boolean) => {
    const runs: Counters[] = [];
    const run = async () => {
      const { counters } = await network.run(images, { threads: 1, dense, record: { times: true } });
      runs.push(counters);
    };
    return { side, batch: IMAGES, run, counters: () => runs.reduce(addCounters) };
  };
  const cases = [counted('events', false), counted('chosen', true)];
  await measureRounds(files.name, cases, duration);
  const [events, chosen] = cases.map(({ counters }) => counters());

  const weights = numbersOfWeights(network);
  return network.layers.flatMap(({ name, shape, connections }, i): LayerResult[] => {
    if (connections === 0) return [];
    const one = perImage(events, i);
    const other = perImage(chosen, i);
    const bytes = {
      weights: FLOAT * Math.min(weights[i], one.synapticEvents),
      potentials: 2 * FLOAT * shape.reduce((product, n) => product * n, 1),
      spikes: 2 * SPIKE * one.spikes,
    };
    const bytesPerSecond = totalBytes(bytes) / one.seconds;
    const eventsPerSecond = one.synapticEvents / one.seconds;
    return [
      {
        network: files.name,
        layer: name,
        microseconds: 1e6 * one.seconds,
        synapticEvents: one.synapticEvents,
        gigaEventsPerSecond: eventsPerSecond / 1e9,
        bytes,
        loads: (FLOAT * eventsPerSecond) / limits.loads,
        memory: bytesPerSecond / limits.memory,
        chosen: { microseconds: 1e6 * other.seconds, dense: other.dense },
      },
    ];
  });
}

/** Means over the images of what one layer did. */
function perImage({ images, layers }: Counters, index: number) {
  const { seconds = 0, synapticEvents, spikes, dense } = layers[index];
  return {
    seconds: seconds / images,
    synapticEvents: synapticEvents / images,
    spikes: spikes / images,
    dense: dense / images,
  };
}

/** Numbers of weights that the synapses of each layer have. */
function numbersOfWeights({ coded }: SpikingNetwork): number[] {
  return coded.topology.populations.map(({ stage }) => {
    if (stage.kind !== 'neurons') return 0;
    const synapses = stage.projections.map(({ synapse }) => synapse);
    return synapses.reduce((sum, synapse) => {
      if (synapse.kind === 'identity') return sum;
      return sum + synapse.node.weights.values.shape.reduce((product, n) => product * n, 1);
    }, 0);
  });
}

function totalBytes({ weights, potentials, spikes }: Bytes): number {
  return weights + potentials + spikes;
}

function asTable(layers: readonly LayerResult[], { clock, loads, memory }: Limits): Table {
  const limit = ['limits', `at ${(clock / 1e9).toFixed(2)} GHz`, '', '', (loads / FLOAT / 1e9).toFixed(1)];
  return {
    columns: [
      'network',
      'layer',
      'µs/image',
      'k events/image',
      'G events/s',
      'of load ports',
      'kB/image',
      'GB/s',
      'of memory',
      'chosen',
      'µs/image as chosen',
    ],
    rows: [
      ...layers.map((row) => [
        row.network,
        row.layer,
        row.microseconds.toFixed(2),
        (row.synapticEvents / 1e3).toFixed(1),
        row.gigaEventsPerSecond.toFixed(2),
        percent(row.loads),
        (totalBytes(row.bytes) / 1e3).toFixed(1),
        (totalBytes(row.bytes) / row.microseconds / 1e3).toFixed(2),
        percent(row.memory),
        row.chosen.dense > 0.5 ? 'dense' : 'events',
        row.chosen.microseconds.toFixed(2),
      ]),
      [...limit, '100 %', '', (memory / 1e9).toFixed(2), '100 %', '', ''],
    ],
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
