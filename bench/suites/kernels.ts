/** Single layers at given densities of spikes, against ONNX Runtime on the same layer with one thread. */

import { barsSvg } from '../chart.js';
import { firstImages } from '../data.js';
import { calibrate, convert, readOnnx, type SpikingNetwork } from '../firstspike.js';
import { type Case, type Duration, type MeasuredCase, measureRounds, ratios, timedCase } from '../measure.js';
import { type LayerShape, layerModel, randomNumbers, spikingLayerModel } from '../models.js';
import { type FloatBatch, OnnxRuntimeLayer } from '../onnxruntime.js';
import { median } from '../statistics.js';
import type { Goal, Outcome, SuiteOptions, Table } from '../suite.js';

/** One layer at one density. */
interface KernelResult {
  readonly layer: string;
  /** Multiply-adds of the dense layer for one image, without those on padding, which neither side has to do. */
  readonly connections: number;
  /** Synaptic events over connections, as counted. */
  readonly density: number;
  /** Multiply-adds of ONNX Runtime, in 10⁹ per second. */
  readonly gigaMacsPerSecond: number;
  /** Spikes added up one by one. */
  readonly events: Path;
  /** As the layer chooses. */
  readonly chosen: Path & {
    /** Share of the images that were added up with all neurons that did not spike. */
    readonly dense: number;
  };
}

/** How fast spikes reach their targets. */
interface Path {
  /** In 10⁹ per second. */
  readonly gigaEventsPerSecond: number;
  /** Events per second over ONNX Runtime's multiply-adds per second: median over the rounds. */
  readonly ratio: number;
  /** Of each round. */
  readonly ratios: readonly number[];
  /** Images per second over ONNX Runtime's: median over the rounds. */
  readonly speedup: number;
}

const conv = (channels: number, size: number, kernel = 3, stride = 1): LayerShape => ({
  name: `${kernel}x${kernel}-${channels}${stride > 1 ? `-stride-${stride}` : ''}`,
  ...{ kind: 'conv', channels, size, kernel, stride },
});
const depthwise = (channels: number, size: number): LayerShape => ({
  name: `depthwise-${channels}`,
  ...{ kind: 'depthwise', channels, size, kernel: 3, stride: 1 },
});
const dense = (channels: number): LayerShape => ({
  name: `dense-${channels}`,
  ...{ kind: 'dense', channels, size: 1, kernel: 1, stride: 1 },
});

const LAYERS: readonly LayerShape[] = [
  ...[conv(16, 56), conv(32, 56), conv(64, 56), conv(128, 28), conv(256, 14), conv(512, 7)],
  ...[conv(64, 56, 1), conv(256, 14, 1), conv(64, 28, 5), conv(128, 28, 3, 2)],
  ...[depthwise(256, 28), dense(256), dense(1024), dense(4096)],
];

const DENSITIES = [1, 0.5, 0.3, 0.1, 0.05];

/** Least events per second over ONNX Runtime's multiply-adds per second, by density, of the layers in question. */
const GOALS: Readonly<Record<number, number>> = { 0.3: 0.45, 0.1: 0.35, 0.05: 0.3 };
const LAYERS_WITH_GOALS = ['3x3-64', '3x3-128', '3x3-256', '3x3-512'];

/** Images of one call; ONNX Runtime runs at its best of these batches. */
const BATCHES = [1, 8];
const IMAGES = Math.max(...BATCHES);

/** Measures layers one after another. */
export async function benchKernels({ layers, ...duration }: SuiteOptions): Promise<Outcome> {
  const unknown = layers.find((name) => !LAYERS.some((layer) => layer.name === name));
  if (unknown !== undefined) {
    throw new Error(`there is no layer "${unknown}". Choose among ${LAYERS.map(({ name }) => name).join(', ')}.`);
  }
  const chosen = LAYERS.filter(({ name }) => layers.length === 0 || layers.includes(name));
  const results: KernelResult[] = [];
  for (const layer of chosen) results.push(...(await compare(layer, duration)));
  return { results, table: asTable(results), goals: goals(results), picture: draw(results) };
}

/** Measures one layer: ONNX Runtime, all densities and both ways of adding spikes up take turns. */
async function compare(shape: LayerShape, duration: Duration): Promise<KernelResult[]> {
  const model = layerModel(shape);
  const graph = await readOnnx(spikingLayerModel(shape));
  const images = DENSITIES.map((density) => randomImages(shape, density));
  const calibration = await calibrate(graph, [images[0]]);
  // A pixel that is 0 sends no spike.
  const network = await convert(graph, { code: 'ttfs', calibration, inputRange: [0, 1] });
  const { connections } = layerOf(network.layers, network);

  const original = BATCHES.map((batch) => onnxruntimeCase(model, shape, firstImages(images[0], batch)));
  const events = images.map((batch, i) => layerCase(network, batch, `events at ${DENSITIES[i]}`, false));
  const chosen = images.map((batch, i) => layerCase(network, batch, `chosen at ${DENSITIES[i]}`, true));
  const measured = await measureRounds(shape.name, [...original, ...events, ...chosen], duration);
  const best = measured.slice(0, BATCHES.length).reduce((a, b) => (median(b.rounds) > median(a.rounds) ? b : a));

  return Promise.all(
    DENSITIES.map(async (_, i) => {
      const { counters } = await network.run(images[i], { threads: 1 });
      const { synapticEvents, dense } = layerOf(counters.layers, network);
      const perImage = synapticEvents / IMAGES;
      const density = perImage / connections;
      const path = (of: MeasuredCase): Path => {
        const speedups = ratios(of, best);
        const ofRounds = speedups.map((speedup) => speedup * density);
        return {
          gigaEventsPerSecond: (perImage * median(of.rounds)) / 1e9,
          ratio: median(ofRounds),
          ratios: ofRounds,
          speedup: median(speedups),
        };
      };
      return {
        layer: shape.name,
        connections,
        density,
        gigaMacsPerSecond: (connections * median(best.rounds)) / 1e9,
        events: path(measured[BATCHES.length + i]),
        chosen: { ...path(measured[BATCHES.length + DENSITIES.length + i]), dense: dense / IMAGES },
      };
    }),
  );
}

function onnxruntimeCase(model: Uint8Array, { kind }: LayerShape, images: FloatBatch): Case {
  const layer = new OnnxRuntimeLayer(model, kind === 'dense' ? 'Gemm' : 'Conv');
  const [batch] = images.shape;
  return { side: 'onnxruntime', batch, run: () => layer.run(images), takeTimes: () => layer.takeTimes() };
}

/** What belongs to the layer in question: the first with connections. */
function layerOf<T>(ofLayers: readonly T[], network: SpikingNetwork): T {
  return ofLayers[network.layers.findIndex(({ connections }) => connections > 0)];
}

/** The layer alone, timed by the kernel. */
function layerCase(network: SpikingNetwork, images: FloatBatch, side: string, dense: boolean): Case {
  return timedCase(side, images.shape[0], async () => {
    const { counters } = await network.run(images, { threads: 1, dense, record: { times: true } });
    return layerOf(counters.layers, network).seconds ?? 0;
  });
}

/** Images of which a share of the elements is not 0, but up to 1. */
function randomImages({ kind, channels, size }: LayerShape, density: number): FloatBatch {
  const numbers = randomNumbers(1);
  const shape = kind === 'dense' ? [channels] : [channels, size, size];
  const data = new Float32Array(shape.reduce((product, n) => product * n, IMAGES));
  for (let i = 0; i < data.length; i++) {
    const [chance, value] = [numbers.next().value, numbers.next().value];
    if (chance < density) data[i] = 1 - value;
  }
  return { data, shape: [IMAGES, ...shape] };
}

function asTable(results: readonly KernelResult[]): Table {
  return {
    columns: [
      'layer',
      'M connections',
      'ORT G MAC/s',
      'density',
      'events: G/s',
      'over ORT',
      'of rounds',
      'chosen',
      'G events/s',
      'images/s over ORT',
    ],
    rows: results.map(({ layer, connections, density, gigaMacsPerSecond, events, chosen }) => [
      layer,
      (connections / 1e6).toFixed(2),
      gigaMacsPerSecond.toFixed(1),
      density.toFixed(3),
      events.gigaEventsPerSecond.toFixed(1),
      events.ratio.toFixed(2),
      `${Math.min(...events.ratios).toFixed(2)} to ${Math.max(...events.ratios).toFixed(2)}`,
      chosen.dense > 0.5 ? 'dense' : 'events',
      chosen.gigaEventsPerSecond.toFixed(1),
      chosen.speedup.toFixed(2),
    ]),
  };
}

/** The density of {@link DENSITIES} that was aimed at. */
function aimedAt(density: number): number {
  return DENSITIES.reduce((a, b) => (Math.abs(b - density) < Math.abs(a - density) ? b : a));
}

function goalOf({ layer, density }: KernelResult): number | undefined {
  return LAYERS_WITH_GOALS.includes(layer) ? GOALS[aimedAt(density)] : undefined;
}

function goals(results: readonly KernelResult[]): Goal[] {
  return results.flatMap((result) => {
    const goal = goalOf(result);
    if (goal === undefined) return [];
    const what = `${result.layer} at density ${aimedAt(result.density)}, events/s over ONNX Runtime's MAC/s`;
    return [{ what, measured: result.events.ratio, goal }];
  });
}

function draw(results: readonly KernelResult[]): string {
  const layers = [...new Set(results.map(({ layer }) => layer))];
  return barsSvg({
    title: 'Single layers: spikes against dense inference',
    subtitle: "Synaptic events per second over ONNX Runtime's multiply-adds per second, one thread; marks are goals",
    groups: layers.map((name) => ({
      name,
      bars: results
        .filter(({ layer }) => layer === name)
        .map((result) => ({
          name: `density ${aimedAt(result.density)}`,
          value: result.events.ratio,
          goal: goalOf(result),
        })),
    })),
  });
}
