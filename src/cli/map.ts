/** `firstspike map MODEL --chip loihi1`: the network on the cores of a chip. */

import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FirstspikeError } from '../errors.js';
import { type ChipName, type CoreLimits, chips } from '../loihi/chip.js';
import { CHIP_CODES, discretise } from '../loihi/discretise.js';
import { energyModels, STANDBY } from '../loihi/energy.js';
import type { Estimate } from '../loihi/estimate.js';
import { compartments } from '../loihi/layout.js';
import { type ChipMap, mapToLoihi } from '../loihi/map.js';
import { type ChipReport, measureOnLoihi } from '../loihi/measure.js';
import type { ChipProgram } from '../loihi/program.js';
import { discretiseIf } from '../loihi/rate.js';
import { type CoreMapData, coreMapSvg } from '../report/core-map.js';
import { formatCount, formatPercent, formatQuantity } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import {
  addCodingOptions,
  addSelectionOptions,
  type CodingOptions,
  chosenImages,
  codedNetwork,
  DATA_HELP,
  inputShape,
  type Loaded,
  loadFile,
  openData,
  type SelectionOptions,
} from './options.js';

interface MapCommandOptions extends CodingOptions, SelectionOptions {
  readonly code: string;
  readonly chip: ChipName;
  readonly board?: string;
  readonly core?: Partial<CoreLimits>;
  readonly data?: string;
  readonly reset: 'subtract' | 'zero';
  readonly svg?: string;
  readonly json?: boolean;
}

/** Names of the limits, for people. */
const NAMES: Readonly<Record<string, string>> = {
  compartments: 'compartments',
  inputAxons: 'input axons',
  outputEntries: 'output entries',
  synapseWords: 'synapse words',
  synapseFormats: 'synapse formats',
  profiles: 'compartment profiles',
  thresholds: 'thresholds',
};

export function mapCommand(context: Context): Command {
  const { print } = context;
  const boards = Object.entries(chips).map(([chip, { boards }]) => `${chip}: ${Object.keys(boards).join(', ')}`);
  const command = new Command('map')
    .description('Lay a network out on the cores of a neuromorphic chip, and estimate what images take there')
    .argument('<MODEL>', 'ONNX model, or a network that was saved');
  addCodingOptions(command, new Option('--code <CODE>', 'code').choices(CHIP_CODES).default('if'));
  return addSelectionOptions(command)
    .option('--data <DATA>', 'images to run in the integers of the chip, for energy and latency')
    .addOption(
      new Option('--reset <HOW>', 'if: a spike sets the sum to zero, or subtracts the threshold')
        .choices(['zero', 'subtract'])
        .default('zero'),
    )
    .addOption(new Option('--chip <CHIP>', 'chip').choices(Object.keys(chips)).default('loihi1'))
    .option('--board <BOARD>', `board whose chips must do (${boards.join('; ')})`)
    .option('--core <LIMIT=N>', 'another limit of a core, such as synapseFormats=15; may be repeated', coreLimit)
    .option('--svg <FILE>', 'draw the cores')
    .option('--json', 'print JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (path: string, options: MapCommandOptions) => {
      const loaded = await loadFile(path, options);
      const { map, report } = await laidOut(loaded, options, context);
      if (options.svg) await writeFile(options.svg, coreMapSvg(coreMapOf(map, loaded.graph.name)));
      const { layout: _, ...rest } = map;
      const { cores: lowerBound, ...bounds } = map.lowerBound;
      print(
        options.json
          ? JSON.stringify({ ...rest, lowerBound, bounds, ...(report && measured(report)) }, null, 2)
          : [formatMap(map, report !== undefined), ...(report ? ['', formatReport(report)] : [])].join('\n'),
      );
    });
}

/** `NAME=N` of a limit that there is. */
function coreLimit(text: string, earlier: Partial<CoreLimits> = {}): Partial<CoreLimits> {
  const [name, number] = text.split('=');
  const value = Number(number);
  if (!Object.hasOwn(chips.loihi1.core, name)) {
    throw new InvalidArgumentError(`Choose a limit of ${Object.keys(chips.loihi1.core).join(', ')}.`);
  }
  if (!(Number.isSafeInteger(value) && value >= 1))
    throw new InvalidArgumentError('A limit is a whole number from 1 on.');
  return { ...earlier, [name]: value };
}

/** The network on the chip: from the model alone, or with what images show of it. */
async function laidOut(
  loaded: Loaded,
  options: MapCommandOptions,
  context: Context,
): Promise<{ map: ChipMap; report?: ChipReport }> {
  const { chip, board, core: limits, code, skip, limit, threads } = options;
  const { signal } = context;
  const images = options.data ?? options.calibrate;
  if (!images && code === 'if' && !loaded.network) {
    refuseCoding(options);
    const progress = createProgress('laying out', 100);
    const onProgress = (share: number) => progress.update(Math.round(share * 100));
    try {
      return { map: await mapToLoihi(loaded.graph, { chip, board, limits, signal, onProgress }) };
    } finally {
      progress.stop();
    }
  }
  const dataset = images ? await openData(images, inputShape(loaded.graph), options) : undefined;
  const fallback = dataset && { what: images ?? '', dataset, skip, limit };
  const { network } = await codedNetwork(loaded, options, fallback, context);
  const inputRange = dataset && (await rangeOfImages(dataset.batches({ size: 64, limit: RANGE_IMAGES, signal })));
  const given = network.code.name === 'ttfs' ? {} : { inputRange };
  const program: ChipProgram =
    network.code.name === 'if'
      ? await discretiseIf(network, { ...given, reset: options.reset })
      : await discretise(network, given);
  if (!options.data || !dataset) return { map: await mapToLoihi(program.network, { chip, board, limits, signal }) };
  const progress = createProgress('running', chosenImages(dataset, options));
  try {
    const onProgress = (done: number) => progress.update(done);
    const batches = dataset.batches({ size: 128, skip, limit, signal });
    const report = await measureOnLoihi(program, batches, {
      ...{ chip, board, limits, signal },
      evaluation: { threads, onProgress },
    });
    return { map: report.map, report };
  } finally {
    progress.stop();
  }
}

/** Images that show how large elements are. */
const RANGE_IMAGES = 1000;

/** Smallest and largest element of images. */
async function rangeOfImages(batches: AsyncIterable<{ readonly data: Float32Array }>): Promise<[number, number]> {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for await (const { data } of batches) {
    for (const value of data) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return [low, high];
}

/** Refuses options of the code where the model alone decides. */
function refuseCoding({ steps, percentile, set, reset }: MapCommandOptions): void {
  if (steps === undefined && percentile === undefined && set === undefined && reset === 'zero') return;
  throw new FirstspikeError('OPTION_INVALID', {
    message: 'steps, percentiles, resets and settings of the code need images.',
    remedy: 'Name images with --calibrate, or with --data; or leave the options out.',
  });
}

/** What is printed as JSON of a report; energies in pJ, times in ns. */
function measured({ evaluation, estimates }: ChipReport) {
  const { images, steps, accuracy, firstSpike } = evaluation;
  const of = <T>(what: (estimate: Estimate) => T) =>
    Object.fromEntries(Object.entries(estimates).map(([name, one]) => [name, what(one)]));
  return {
    images,
    steps,
    accuracy,
    firstSpike,
    overflows: overflowsOf(evaluation),
    energy: of(({ dynamic, static: standing, reset, product }) => {
      return { total: dynamic.total + standing + reset, dynamic, static: standing, reset, product };
    }),
    latency: of(({ latency, throughput }) => ({ image: latency, step: latency / steps, throughput })),
    counts: estimates.davies2018.counts,
  };
}

/** Sums that registers could not hold. */
function overflowsOf({ counts }: ChipReport['evaluation']): number {
  return counts.reduce((sum, { overflows }) => sum + overflows.reduce((a, b) => a + b, 0), 0);
}

/** What images take, as a table for people. */
export function formatReport({ map, evaluation, estimates }: ChipReport): string {
  const { images, steps, accuracy } = evaluation;
  const joules = (picojoules: number) => formatQuantity(picojoules * 1e-12, 'J');
  const rows = Object.values(estimates).map(({ model, dynamic, static: standing, reset, latency, product }) => [
    energyModels[model].title,
    joules(dynamic.compartments),
    joules(dynamic.synapses),
    joules(dynamic.network),
    joules(standing),
    joules(reset),
    joules(dynamic.total + standing + reset),
    formatQuantity(latency * 1e-9, 's'),
    formatQuantity(product * 1e-12, 'Js'),
  ]);
  const overflows = overflowsOf(evaluation);
  const { spikes, synapticEvents, messages } = estimates.davies2018.counts;
  const right = accuracy === undefined ? '' : `, ${formatPercent(accuracy)} right`;
  return [
    `${formatCount(images)} images of ${formatCount(steps)} steps each${right}: ${formatCount(spikes)} spikes, ` +
      `${formatCount(messages)} messages and ${formatCount(synapticEvents)} synaptic events of an image.`,
    '',
    formatTable(
      ['costs', 'compartments', 'synapses', 'network', 'standing by', 'reset', 'energy', 'latency', 'product'],
      rows,
    ),
    '',
    `Of an image, and the product of its energy and latency. Standing by is ${(STANDBY.powerPerCore * 1e3).toFixed(2)} mW ` +
      `of each of ${map.cores} cores. The chip's processors and transfers of images are not in it.`,
    ...(overflows === 0
      ? []
      : [`${formatCount(overflows)} sums overflowed their registers: potentials were wrong there.`]),
  ].join('\n');
}

/** What a picture of the cores shows. */
export function coreMapOf({ layout, layers, cores, chips: count, chip }: ChipMap, title: string): CoreMapData {
  const { mesh, core: limits } = layout.chip;
  const names = layers.map(({ name }) => name);
  const layerOf = layout.network.groups.map(({ layer }) => names.indexOf(layer));
  return {
    title,
    subtitle: `${cores} ${cores === 1 ? 'core' : 'cores'} of ${count} ${count === 1 ? 'chip' : 'chips'}, ${chips[chip].title}`,
    tiles: mesh.tiles,
    coresPerTile: mesh.coresPerTile,
    layers: names,
    gauges: ['synapse words', 'input axons', 'output entries'],
    cores: layout.cores.map(({ position, parts, use }) => ({
      ...position,
      parts: parts.map((part) => ({ layer: layerOf[part.group], share: compartments(part) / limits.compartments })),
      gauges: [
        use.synapseWords / limits.synapseWords,
        use.inputAxons / limits.inputAxons,
        use.outputEntries / limits.outputEntries,
      ],
    })),
  };
}

/** A map as tables for people; `counted` if spikes are those of images. */
export function formatMap(map: ChipMap, counted = false): string {
  const { chip, cores, chips: count, lowerBound, layers, limits, traffic } = map;
  const rows = layers.map(
    ({ name, compartments, cores: own, grid, inputAxons, outputEntries, synapseWords, binds }) => [
      name,
      formatCount(compartments),
      own,
      grid.map((sides) => sides.join('x')).join(' '),
      formatCount(inputAxons),
      formatCount(outputEntries),
      formatCount(synapseWords),
      NAMES[binds],
    ],
  );
  const limitRows = limits.map(({ name, limit, most }) => [NAMES[name], limit, most]);
  const { hops, betweenChips, messages } = traffic;
  const bound = `${lowerBound.cores} at least: ${lowerBound.byCompartments} by compartments, ${lowerBound.bySynapses} by synapses, ${lowerBound.byAxons} by axons`;
  return [
    `${cores} ${cores === 1 ? 'core' : 'cores'} of ${count} ${count === 1 ? 'chip' : 'chips'} (${chips[chip].title}; ${bound})`,
    '',
    formatTable(
      ['layer', 'compartments', 'cores', 'grid', 'input axons', 'output entries', 'synapse words', 'fullest of'],
      rows,
    ),
    '',
    formatTable(['limit of a core', 'allowed', 'most used'], limitRows),
    '',
    `${formatCount(messages)} messages ${counted ? 'of an image' : 'if every compartment spikes once'}: ${formatCount(hops)} steps from tile to tile, ` +
      `${formatCount(betweenChips)} messages between chips.`,
    'A grid is the parts that a layer is cut into, along rows, columns and channels; layers may share cores.',
    ...chips[chip].assumed.map((note) => `Not public: ${note}.`),
  ].join('\n');
}
