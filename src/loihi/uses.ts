/** What each layer takes of the cores, counted from the finished layout. */

import { neurons } from '../codes/topology.js';
import { type CoreLayout, compartments, type Layout } from './layout.js';

/** What a layer takes. */
export interface LayerUse {
  readonly name: string;
  readonly compartments: number;
  /** Cores that hold some of it; others may hold parts of several layers. */
  readonly cores: number;
  /** Boxes that each of its groups is cut into, along rows, columns and channels. */
  readonly grid: readonly (readonly [rows: number, columns: number, channels: number])[];
  readonly inputAxons: number;
  readonly outputEntries: number;
  readonly synapseWords: number;
  /** What its fullest core is fullest of. */
  readonly binds: 'compartments' | 'inputAxons' | 'outputEntries' | 'synapseWords';
}

/** Use of one group. */
interface Sums {
  inputAxons: number;
  outputEntries: number;
  synapseWords: number;
}

/** Uses of all layers, in the order of the network. */
export function layerUses(layout: Layout): LayerUse[] {
  const { network, cores } = layout;
  const sums = network.groups.map((): Sums => ({ inputAxons: 0, outputEntries: 0, synapseWords: 0 }));
  for (const core of cores) addUses(core, layout, sums);
  const layers = [...new Set(network.groups.map(({ layer }) => layer))];
  return layers.map((name): LayerUse => {
    const groups = network.groups.flatMap(({ layer }, group) => (layer === name ? [group] : []));
    const holders = cores.filter(({ parts }) => parts.some(({ group }) => groups.includes(group)));
    const total = (key: keyof Sums) => groups.reduce((sum, group) => sum + sums[group][key], 0);
    return {
      name,
      compartments: groups.reduce((sum, group) => sum + neurons(network.groups[group].extent), 0),
      cores: holders.length,
      grid: groups.map((group) => gridOf(cores, group)),
      inputAxons: total('inputAxons'),
      outputEntries: total('outputEntries'),
      synapseWords: total('synapseWords'),
      binds: binding(holders, layout),
    };
  });
}

function gridOf(cores: readonly CoreLayout[], group: number): [number, number, number] {
  const parts = cores.flatMap((core) => core.parts.filter((part) => part.group === group));
  const along = (key: 'rows' | 'columns' | 'channels') => new Set(parts.map((part) => part[key][0])).size;
  return [along('rows'), along('columns'), along('channels')];
}

/** What the fullest core of a layer is fullest of. */
function binding(holders: readonly CoreLayout[], { chip }: Layout): LayerUse['binds'] {
  const names = ['compartments', 'synapseWords', 'inputAxons', 'outputEntries'] as const;
  const fullest = (name: (typeof names)[number]) =>
    holders.reduce((most, { use }) => Math.max(most, use[name] / chip.core[name]), 0);
  return names.reduce((best, name) => (fullest(name) > fullest(best) ? name : best));
}

/** Adds what lies on a core to the groups that it is for. */
function addUses(core: CoreLayout, { chip, cores }: Layout, sums: readonly Sums[]): void {
  const { parts, inputs, memory, formats, outputs, population, position } = core;
  const groupAt = new Int32Array(population.length);
  for (const part of parts) groupAt.fill(part.group, part.base, part.base + compartments(part));
  // A list belongs to the group of its first target.
  const groupOfList = new Int32Array(memory.words.length).fill(-1);
  inputs.list.forEach((first, axon) => {
    const atoms = Math.max(inputs.atoms[axon], 1);
    let group = -1;
    for (let list = first; list < first + atoms && group < 0; list++) {
      const entry = memory.entryStart[list];
      if (entry === memory.entryStart[list + 1]) continue;
      const { indexOffset, indexFactor } = formats[memory.format[entry]];
      group = groupAt[inputs.base[axon] + indexOffset + memory.index[memory.synapseStart[entry]] * indexFactor];
    }
    if (group < 0) return;
    sums[group].inputAxons++;
    groupOfList.fill(group, first, first + atoms);
  });
  let last = parts[0]?.group ?? 0;
  memory.words.forEach((words, list) => {
    // Lists that no axon names are those of channels beside one that is named.
    if (groupOfList[list] >= 0) last = groupOfList[list];
    sums[last].synapseWords += words;
  });
  const firstMember = new Map<number, number>();
  population.forEach((one, compartment) => {
    if (one >= 0 && !firstMember.has(one)) firstMember.set(one, compartment);
  });
  outputs.from.forEach((from, i) => {
    const away = cores[outputs.core[i]].position.chip === position.chip ? 0 : 1;
    const isPopulation = outputs.isPopulation[i] === 1;
    const compartment = isPopulation ? (firstMember.get(from) ?? 0) : from;
    sums[groupAt[compartment]].outputEntries += (isPopulation ? chip.axons.population : chip.axons.discrete)[away];
  });
}
