/**
 * Time per image against spikes per image, where only the work is done that spikes cause. All layers become sparse alike: of the
 * image and of each layer the left part is kept, and what lies right of it is silent. Biases make neurons spike that see nothing, so
 * networks lose theirs.
 */

import { chosenOr, loadNetwork, type NetworkFiles } from '../data.js';
import { convert, curveSvg, type Graph, total } from '../firstspike.js';
import { type Duration, measureRounds } from '../measure.js';
import type { FloatBatch } from '../onnxruntime.js';
import { type Line, straightLine } from '../statistics.js';
import type { Outcome, SuiteOptions, Table } from '../suite.js';

/** A network over all sparsities. */
interface SparsityResult {
  readonly network: string;
  readonly points: readonly SparsityPoint[];
  /** Microseconds per image against spikes per image. */
  readonly againstSpikes: Line;
  /** Microseconds per image against synaptic events per image. */
  readonly againstEvents: Line;
}

/** A network on images of one sparsity. */
interface SparsityPoint {
  /** Share of the image and of each layer that is kept. */
  readonly kept: number;
  /** Of one image. */
  readonly spikes: number;
  /** Of one image. */
  readonly synapticEvents: number;
  /** Of one image, as the kernel takes it with one thread: the least of all calls, since what disturbs a machine only adds. */
  readonly microseconds: number;
}

const DEFAULT_NETWORKS = ['digits-bn', 'quartz-convnet', 'vgg-sparse', 'cifar_base'];

/** Shares of the image and of each layer that are kept. */
const KEPT = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0];

/** A bias with which no neuron spikes. */
const SILENCING = -1e6;

/** Share of the variance of times that a straight line should explain. */
const GOAL = 0.98;

/** Images of one call. */
const IMAGES = 64;

/** Turns of a round: they are short, so that slow phases of a machine meet all sparsities. */
const TURNS = 8;

/** Measures networks one after another. */
export async function benchSparsity({ networks, ...duration }: SuiteOptions): Promise<Outcome> {
  const results: SparsityResult[] = [];
  for (const files of chosenOr(networks, DEFAULT_NETWORKS)) results.push(await sweepSparsity(files, duration));
  return {
    results,
    table: asTable(results),
    goals: results.map(({ network, againstSpikes: { rSquared } }) => ({
      what: `${network}, r² of time against spikes`,
      measured: rSquared,
      goal: GOAL,
    })),
    picture: draw(results),
  };
}

/** Measures one network: all sparsities take turns. */
async function sweepSparsity(files: NetworkFiles, duration: Duration): Promise<SparsityResult> {
  const { graph, calibration, images } = await loadNetwork({ ...files, preprocess: 'unit' }, IMAGES, withoutBiases);
  const sparse = await Promise.all(
    KEPT.map(async (share) => ({
      network: await convert(keepLeft(graph, share), { code: 'ttfs', calibration, inputRange: [0, 1] }),
      batch: keepColumns(images, share),
    })),
  );
  const least = KEPT.map(() => Number.POSITIVE_INFINITY);
  const cases = sparse.map(({ network, batch }, i) => ({
    side: `${100 * KEPT[i]} % of all layers`,
    batch: IMAGES,
    async run() {
      const { seconds } = await network.run(batch, { threads: 1, dense: false });
      least[i] = Math.min(least[i], seconds);
    },
  }));
  await measureRounds(files.name, cases, { rounds: TURNS * duration.rounds, seconds: duration.seconds / TURNS });
  const points = await Promise.all(
    sparse.map(async ({ network, batch }, i): Promise<SparsityPoint> => {
      const { counters } = await network.run(batch, { dense: false });
      return {
        kept: KEPT[i],
        spikes: total(counters, 'spikes') / IMAGES,
        synapticEvents: total(counters, 'synapticEvents') / IMAGES,
        microseconds: (1e6 * least[i]) / IMAGES,
      };
    }),
  );
  return {
    network: files.name,
    points,
    againstSpikes: straightLine(points.map(({ spikes, microseconds }) => ({ x: spikes, y: microseconds }))),
    againstEvents: straightLine(
      points.map(({ synapticEvents, microseconds }) => ({ x: synapticEvents, y: microseconds })),
    ),
  };
}

function withoutBiases(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'Conv' && node.op !== 'Dense') return node;
    return { ...node, bias: { ...node.bias, values: node.bias.values.map(() => 0) } };
  });
  return { ...graph, nodes };
}

/** The same network, without biases, in whose layers only the left part can spike: a share of the columns, or of all neurons. */
function keepLeft(graph: Graph, share: number): Graph {
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'Conv' && node.op !== 'Dense') return node;
    const shape = graph.shapes.get(node.output) ?? [];
    const [channels, height, width] = node.op === 'Conv' ? shape : [1, 1, shape[0]];
    const isKept = (column: number) => column < Math.round(share * width);
    if (node.op === 'Dense') {
      return { ...node, bias: { values: Float64Array.from({ length: width }, (_, i) => (isKept(i) ? 0 : SILENCING)) } };
    }
    const values = Float64Array.from({ length: 2 * channels }, (_, i) => (i < channels ? 0 : SILENCING));
    const classes = Uint16Array.from({ length: height * width }, (_, i) => (isKept(i % width) ? 0 : 1));
    return { ...node, bias: { values, classes } };
  });
  return { ...graph, nodes };
}

/** Images `[n, channels, height, width]` of which the left part is kept: a share of the columns. The rest is 0 and sends no spike. */
function keepColumns({ data, shape }: FloatBatch, share: number): FloatBatch {
  const width = shape[3];
  const kept = data.slice();
  const columns = Math.round(share * width);
  for (let row = 0; row < kept.length; row += width) kept.fill(0, row + columns, row + width);
  return { data: kept, shape };
}

function asTable(results: readonly SparsityResult[]): Table {
  return {
    columns: ['network', 'spikes/image', 'µs/image', 'µs without spikes', 'ns per spike', 'r²', 'r² against events'],
    rows: results.map(({ network, points, againstSpikes, againstEvents }) => [
      network,
      range(points.map(({ spikes }) => spikes)),
      range(points.map(({ microseconds }) => microseconds)),
      againstSpikes.intercept.toFixed(1),
      (1000 * againstSpikes.slope).toFixed(2),
      againstSpikes.rSquared.toFixed(4),
      againstEvents.rSquared.toFixed(4),
    ]),
  };
}

function range(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
}

function draw(results: readonly SparsityResult[]): string {
  return curveSvg({
    title: 'Time against spikes',
    subtitle: 'Microseconds per image with one thread over spikes per image, from all that layers send to none',
    columns: results.map(({ network, points, againstSpikes: { intercept, slope } }) => {
      const spikes = points.map((point) => point.spikes);
      const ends = [Math.min(...spikes), Math.max(...spikes)];
      return {
        title: `${network}: spikes per image`,
        plots: [
          {
            series: [
              { name: 'measured', points: points.map((point) => ({ x: point.spikes, y: point.microseconds })) },
              { name: 'straight line', points: ends.map((x) => ({ x, y: intercept + slope * x })) },
            ],
          },
        ],
      };
    }),
  });
}
