/** `firstspike map MODEL --chip loihi1`: the network on the cores of a chip. */

import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { type ChipName, chips } from '../loihi/chip.js';
import { compartments } from '../loihi/layout.js';
import { type ChipMap, mapToLoihi } from '../loihi/map.js';
import { type CoreMapData, coreMapSvg } from '../report/core-map.js';
import { formatCount } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { Context } from './context.js';
import { addModelOptions, loadFile, type ModelOptions } from './options.js';

interface MapCommandOptions extends ModelOptions {
  readonly code: 'if';
  readonly chip: ChipName;
  readonly board?: string;
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

export function mapCommand({ print, signal }: Context): Command {
  const boards = Object.entries(chips).map(([chip, { boards }]) => `${chip}: ${Object.keys(boards).join(', ')}`);
  const command = new Command('map')
    .description('Lay a network out on the cores of a neuromorphic chip')
    .argument('<MODEL>', 'ONNX model, or a network that was saved');
  return addModelOptions(command)
    .addOption(new Option('--code <CODE>', 'code').choices(['if']).default('if'))
    .addOption(new Option('--chip <CHIP>', 'chip').choices(Object.keys(chips)).default('loihi1'))
    .option('--board <BOARD>', `board whose chips must do (${boards.join('; ')})`)
    .option('--svg <FILE>', 'draw the cores')
    .option('--json', 'print JSON')
    .action(async (path: string, options: MapCommandOptions) => {
      const { graph } = await loadFile(path, options);
      const progress = createProgress('laying out', 100);
      const onProgress = (share: number) => progress.update(Math.round(share * 100));
      try {
        const { code, chip, board } = options;
        const map = await mapToLoihi(graph, { code, chip, board, signal, onProgress });
        progress.stop();
        if (options.svg) await writeFile(options.svg, coreMapSvg(coreMapOf(map, graph.name)));
        const { layout: _, ...rest } = map;
        const { cores: lowerBound, ...bounds } = map.lowerBound;
        print(options.json ? JSON.stringify({ ...rest, lowerBound, bounds }, null, 2) : formatMap(map));
      } finally {
        progress.stop();
      }
    });
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

/** A map as tables for people. */
export function formatMap(map: ChipMap): string {
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
    `${formatCount(messages)} messages if every compartment spikes once: ${formatCount(hops)} steps from tile to tile, ` +
      `${formatCount(betweenChips)} messages between chips.`,
    'A grid is the parts that a layer is cut into, along rows, columns and channels; layers may share cores.',
    ...chips[chip].assumed.map((note) => `Not public: ${note}.`),
  ].join('\n');
}
