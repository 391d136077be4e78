/**
 * Recounts a finished layout from what is written to the chip alone: formats, lists, axons, compartments. It shares
 * nothing with the compiler but the chip's numbers. Every limit is counted anew, and every spike is followed: from each
 * source compartment over its axons to the synapses that it reaches, which must be those of the network, each once.
 */

import { type Extent, neurons } from '../codes/topology.js';
import { LayoutError, type Problem } from '../errors.js';
import type { ChipDescription } from './chip.js';
import type { CoreLayout, Layout, Part, SynapseFormat } from './layout.js';
import type { ChipNetwork, Synapses } from './network.js';
import { type Pause, pauses } from './pause.js';

/** What is wrong with a layout. */
export interface Violation {
  /** Limit that is broken, or rule: `synapses` that are not those of the network, `structure` that makes no sense. */
  readonly limit: string;
  /** Index of the core. */
  readonly core?: number;
  /** Layer concerned; all layers of the core, where a limit is one of the core. */
  readonly layer?: string;
  /** What was counted. */
  readonly count: number;
  /** What may be. */
  readonly most: number;
}

/** Most violations that are reported. */
const REPORTED = 64;

/**
 * Checks a layout.
 *
 * @param pause is called between cores and groups.
 * @throws LayoutError `LAYOUT_INVALID` with limit, core, layer and number of each violation (of the first 64).
 */
export async function verify(layout: Layout, pause: Pause = pauses()): Promise<void> {
  const found = await violations(layout, pause);
  if (found.length === 0) return;
  throw new LayoutError('LAYOUT_INVALID', found.slice(0, REPORTED).map(inWords));
}

function inWords({ limit, core, layer, count, most }: Violation): Problem {
  const place = core === undefined ? '' : `core ${core}: `;
  const message = `${place}${limit} is ${count}, where ${most} may be.`;
  return {
    layer,
    message,
    remedy: 'Lay the network out again; if this is the output of mapToLoihi, please report it.',
  };
}

/** All that is wrong with a layout; nothing if it is sound. */
export async function violations(layout: Layout, pause: Pause = pauses()): Promise<Violation[]> {
  const found: Violation[] = [];
  checkPositions(layout, found);
  const places = checkParts(layout, found);
  for (const index of layout.cores.keys()) {
    await pause();
    checkCore(layout, index, found);
  }
  await checkAxons(layout, found, pause);
  // Spikes are followed only where nothing leads astray.
  if (found.length === 0) await followSpikes(layout, places, found, pause);
  return found;
}

/** Layers of which a core holds parts. */
function layersOf({ groups }: ChipNetwork, parts: readonly Part[]): string | undefined {
  const layers = new Set(parts.map(({ group }) => groups[group]?.layer ?? '?'));
  return layers.size > 0 ? [...layers].join(', ') : undefined;
}

function sizeOf({ rows, columns, channels }: Part): number {
  return (rows[1] - rows[0]) * (columns[1] - columns[0]) * (channels[1] - channels[0]);
}

/** Cores lie on the mesh, each on a place of its own. */
function checkPositions({ chip, cores, chips }: Layout, found: Violation[]): void {
  const { tiles, coresPerTile } = chip.mesh;
  const taken = new Set<string>();
  cores.forEach(({ position }, core) => {
    const { chip: index, row, column, core: own } = position;
    const key = `${index} ${row} ${column} ${own}`;
    const inside =
      index >= 0 && row >= 0 && row < tiles[0] && column >= 0 && column < tiles[1] && own >= 0 && own < coresPerTile;
    if (!inside || taken.has(key)) found.push({ limit: 'structure: place on the mesh', core, count: 0, most: 1 });
    taken.add(key);
  });
  const used = new Set(cores.map(({ position }) => position.chip)).size;
  if (used !== chips) found.push({ limit: 'structure: chips', count: used, most: chips });
}

/** Where each compartment of each group is: core and index there. */
interface Places {
  readonly core: Int32Array;
  readonly compartment: Int32Array;
}

/** Every compartment of the network lies on one core, at a place of its own. */
function checkParts({ network, cores, chip }: Layout, found: Violation[]): Places[] {
  const places = network.groups.map(({ extent }): Places => {
    const size = neurons(extent);
    return { core: new Int32Array(size).fill(-1), compartment: new Int32Array(size).fill(-1) };
  });
  cores.forEach(({ parts }, core) => {
    const taken = new Set<number>();
    for (const part of parts) {
      const group = network.groups[part.group];
      const layer = group?.layer;
      const wrong = (limit: string, count: number, most: number) => found.push({ limit, core, layer, count, most });
      if (!group || !within(part, group.extent)) {
        wrong('structure: part of a group', part.group, network.groups.length - 1);
        continue;
      }
      const { extent } = group;
      for (let y = part.rows[0]; y < part.rows[1]; y++) {
        for (let x = part.columns[0]; x < part.columns[1]; x++) {
          for (let c = part.channels[0]; c < part.channels[1]; c++) {
            const neuron = (y * extent.width + x) * extent.channels + c;
            const [dy, dx, dc] = [y - part.rows[0], x - part.columns[0], c - part.channels[0]];
            const at = part.base + dy * part.strides[0] + dx * part.strides[1] + dc * part.strides[2];
            if (at < 0 || at >= chip.core.compartments) wrong('compartments', at + 1, chip.core.compartments);
            if (taken.has(at)) wrong('structure: neurons of a compartment', 2, 1);
            if (places[part.group].core[neuron] >= 0) wrong('structure: compartments of a neuron', 2, 1);
            taken.add(at);
            places[part.group].core[neuron] = core;
            places[part.group].compartment[neuron] = at;
          }
        }
      }
    }
    if (taken.size > chip.core.compartments) {
      found.push({
        limit: 'compartments',
        core,
        layer: layersOf(network, parts),
        count: taken.size,
        most: chip.core.compartments,
      });
    }
  });
  places.forEach(({ core }, group) => {
    const missing = core.reduce((sum, one) => sum + (one < 0 ? 1 : 0), 0);
    const { layer } = network.groups[group];
    if (missing > 0) found.push({ limit: 'structure: neurons without a compartment', layer, count: missing, most: 0 });
  });
  return places;
}

function within({ rows, columns, channels }: Part, extent: Extent): boolean {
  const inside = ([from, to]: readonly [number, number], size: number) => from >= 0 && from < to && to <= size;
  return inside(rows, extent.height) && inside(columns, extent.width) && inside(channels, extent.channels);
}

/** Counts what one core holds. */
function checkCore(layout: Layout, index: number, found: Violation[]): void {
  const { chip, network, cores } = layout;
  const core = cores[index];
  const layer = layersOf(network, core.parts);
  const limit = (name: string, count: number, most: number) => {
    if (count > most) found.push({ limit: name, core: index, layer, count, most });
  };
  limit('input axons', core.inputs.list.length, chip.core.inputAxons);
  limit('synapse formats', core.formats.length, chip.core.synapseFormats);
  const profiles = core.parts.flatMap(({ group }) => network.groups[group]?.profile ?? []);
  const kinds = profiles.map(({ currentDecay, voltageDecay, refractory, biasExponent, axonDelay }) =>
    [currentDecay, voltageDecay, refractory, biasExponent, axonDelay].join(),
  );
  limit('compartment profiles', new Set(kinds).size, chip.core.profiles);
  limit('thresholds', new Set(profiles.map(({ threshold }) => threshold)).size, chip.core.thresholds);
  core.formats.forEach((format) => {
    checkFormat(format, chip, index, layer, found);
  });
  checkMemory(core, chip, index, layer, found);
  let entries = 0;
  const axonsOf = new Map<number, number>();
  core.outputs.core.forEach((destination, i) => {
    const away = cores[destination]?.position.chip === core.position.chip ? 0 : 1;
    const isPopulation = core.outputs.isPopulation[i] === 1;
    entries += (isPopulation ? chip.axons.population : chip.axons.discrete)[away];
    const from = core.outputs.from[i];
    if (!isPopulation) axonsOf.set(from, (axonsOf.get(from) ?? 0) + 1);
  });
  limit('output entries', entries, chip.core.outputEntries);
  for (const count of axonsOf.values()) limit('axons of a compartment', count, chip.core.axonsPerCompartment);
  const compartments = core.parts.reduce((sum, part) => sum + sizeOf(part), 0);
  const delays = Math.min(...chip.synapses.delayBits);
  const longest = core.formats.reduce((most, { delayBits }) => Math.max(most, delayBits), delays);
  limit('accumulators', compartments * 2 ** longest, chip.core.accumulators);
  const { use } = core;
  const claims: [string, number, number][] = [
    ['use: compartments', use.compartments, compartments],
    ['use: input axons', use.inputAxons, core.inputs.list.length],
    ['use: output entries', use.outputEntries, entries],
    ['use: synapse words', use.synapseWords, core.memory.words.reduce((sum, words) => sum + words, 0)],
    ['use: synapse formats', use.synapseFormats, core.formats.length],
  ];
  for (const [name, claimed, count] of claims) {
    if (claimed !== count) found.push({ limit: name, core: index, layer, count: claimed, most: count });
  }
}

/** Fields of a format have codes for what they say. */
function checkFormat(
  { indexBits, skipBits, weightBits, delayBits, exponent, indexOffset, indexFactor, compression }: SynapseFormat,
  { synapses }: ChipDescription,
  core: number,
  layer: string | undefined,
  found: Violation[],
): void {
  const wrong = (limit: string, count: number, most: number) => found.push({ limit, core, layer, count, most });
  if (!synapses.indexBits.includes(indexBits)) wrong('index bits', indexBits, Math.max(...synapses.indexBits));
  if (compression === 'runlength' && !synapses.skipBits.includes(skipBits))
    wrong('skip bits', skipBits, Math.max(...synapses.skipBits));
  if (weightBits < 1 || weightBits > 8 || weightBits === 7) wrong('weight bits', weightBits, 8);
  if (delayBits !== 0 && !synapses.delayBits.includes(delayBits))
    wrong('delay bits', delayBits, Math.max(...synapses.delayBits));
  if (exponent < -8 || exponent > 7) wrong('weight exponent', exponent, 7);
  if (indexOffset < 0 || indexOffset > synapses.indexField) wrong('index offset', indexOffset, synapses.indexField);
  if (indexFactor < 1 || indexFactor > synapses.indexField + 1)
    wrong('index factor', indexFactor, synapses.indexField + 1);
}

/** Entries hold what their formats can say, and lists take the words that they take. */
function checkMemory(
  core: CoreLayout,
  { synapses: costs, core: limits }: ChipDescription,
  index: number,
  layer: string | undefined,
  found: Violation[],
): void {
  const { memory, formats, inputs } = core;
  const wrong = (limit: string, count: number, most: number) => found.push({ limit, core: index, layer, count, most });
  let total = 0;
  const needed = memory.words.map((_, list) => {
    let bits = 0;
    for (let entry = memory.entryStart[list]; entry < memory.entryStart[list + 1]; entry++) {
      bits += checkEntry(core, entry, costs, wrong);
    }
    if (bits === 0) return 0;
    const rest = bits % costs.word;
    const full = Math.ceil(bits / costs.word);
    return rest === 0 || rest >= costs.spareFrom ? full + 1 : full;
  });
  memory.words.forEach((words, list) => {
    if (words < needed[list]) wrong('structure: words of a list', needed[list], words);
    if (words > limits.wordsPerList) wrong('words of a list', words, limits.wordsPerList);
    total += words;
  });
  if (total > limits.synapseWords) wrong('synapse words', total, limits.synapseWords);
  if (memory.format.some((format) => format >= formats.length))
    wrong('structure: format', formats.length, formats.length - 1);
  inputs.list.forEach((list, axon) => {
    const atoms = inputs.atoms[axon];
    if (list + Math.max(atoms, 1) > memory.words.length) {
      wrong('structure: list of an axon', list, memory.words.length - 1);
      return;
    }
    // The list of an atom is found by its number: all are of one length.
    for (let atom = 1; atom < atoms; atom++) {
      if (memory.words[list + atom] !== memory.words[list]) {
        wrong('structure: words of an atom', memory.words[list + atom], memory.words[list]);
        return;
      }
    }
    if (inputs.base[axon] > limits.indexBase) wrong('base of an axon', inputs.base[axon], limits.indexBase);
  });
}

/** Bits of an entry, whose synapses its format can say. */
function checkEntry(
  { memory, formats }: CoreLayout,
  entry: number,
  costs: ChipDescription['synapses'],
  wrong: (limit: string, count: number, most: number) => void,
): number {
  const format = formats[memory.format[entry]];
  if (!format) return 0;
  const { compression, indexBits, skipBits, weightBits, delayBits, signs } = format;
  const from = memory.synapseStart[entry];
  const to = memory.synapseStart[entry + 1];
  const count = to - from;
  if (count < 1 || count > costs.perEntry) wrong('synapses of an entry', count, costs.perEntry);
  const delay = memory.delay[entry];
  if (delay > 0 && (delayBits === 0 || delay >= 2 ** delayBits)) wrong('delay', delay, 2 ** delayBits - 1);
  for (let i = from; i < to; i++) {
    if (memory.index[i] >= 2 ** indexBits) wrong('index', memory.index[i], 2 ** indexBits - 1);
    const gap = i === from ? 0 : memory.index[i] - memory.index[i - 1] - 1;
    const widest =
      compression === 'sparse' ? Number.POSITIVE_INFINITY : compression === 'runlength' ? 2 ** skipBits - 1 : 0;
    if (gap < 0 || gap > widest) wrong('gap between targets', gap, widest);
    const weight = memory.mantissa[i];
    const step = 2 ** (8 - weightBits + (signs === 'mixed' ? 1 : 0));
    const sound = signs === 'mixed' || weight === 0 || weight > 0 === (signs === 'excitatory');
    if (!sound || Math.abs(weight) > 256 || (signs !== 'mixed' && Math.abs(weight) > 255)) wrong('weight', weight, 255);
    if (weight % step !== 0) wrong('weight beyond its bits', weight, step);
  }
  const head = compression === 'sparse' ? 0 : indexBits;
  const each = compression === 'sparse' ? indexBits : compression === 'runlength' ? skipBits : 0;
  return costs.prefix + head + count * (weightBits + delayBits + each);
}

/** Axons lead from compartments that exist to axons that exist, one to one. */
async function checkAxons({ cores }: Layout, found: Violation[], pause: Pause): Promise<void> {
  const senders = cores.map(({ inputs }) => new Uint8Array(inputs.list.length));
  for (const [core, { outputs, population, atom, parts }] of cores.entries()) {
    await pause();
    const members = new Map<number, number[]>();
    population.forEach((one, compartment) => {
      if (one < 0) return;
      const list = members.get(one);
      if (list) list.push(atom[compartment]);
      else members.set(one, [atom[compartment]]);
    });
    const compartments = parts.reduce((sum, part) => sum + sizeOf(part), 0);
    const used = new Set<number>();
    outputs.from.forEach((from, i) => {
      const wrong = (limit: string, count: number, most: number) => found.push({ limit, core, count, most });
      const destination = cores[outputs.core[i]];
      const axon = outputs.axon[i];
      if (!destination || axon >= destination.inputs.list.length) {
        wrong('structure: destination of an axon', axon, (destination?.inputs.list.length ?? 0) - 1);
        return;
      }
      senders[outputs.core[i]][axon]++;
      const atoms = destination.inputs.atoms[axon];
      if (outputs.isPopulation[i] === 0) {
        if (atoms !== 0) wrong('structure: atoms of a discrete axon', atoms, 0);
        if (from >= compartments) wrong('structure: compartment of an axon', from, compartments - 1);
        return;
      }
      const own = members.get(from) ?? [];
      if (own.length === 0 || Math.max(...own) >= atoms) wrong('structure: atoms of a population', own.length, atoms);
      if (used.has(from)) wrong('destinations of a population', 2, 1);
      used.add(from);
    });
  }
  senders.forEach((counts, core) => {
    const lost = counts.findIndex((count) => count !== 1);
    if (lost >= 0) found.push({ limit: 'structure: senders to an axon', core, count: counts[lost], most: 1 });
  });
}

/** Follows the spike of every compartment, and compares what it reaches with the network's synapses. */
async function followSpikes(
  layout: Layout,
  places: readonly Places[],
  found: Violation[],
  pause: Pause,
): Promise<void> {
  const { network, cores } = layout;
  const starts: number[] = [];
  let total = 0;
  for (const { extent } of network.groups) {
    starts.push(total);
    total += neurons(extent);
  }
  const neuronAt = cores.map(({ parts }) =>
    new Int32Array(parts.reduce((sum, part) => sum + sizeOf(part), 0)).fill(-1),
  );
  places.forEach(({ core, compartment }, group) => {
    core.forEach((one, neuron) => {
      neuronAt[one][compartment[neuron]] = starts[group] + neuron;
    });
  });
  await pause();
  const axons = cores.map(axonsByCompartment);
  // Weights of one exponent and delay add up in a target, so that each has sums of its own.
  const classes = new Map<number, Float64Array>();
  const sumsOf = (exponent: number, delay: number) => {
    const key = exponent * 256 + delay;
    const known = classes.get(key);
    if (known) return known;
    const made = new Float64Array(total);
    classes.set(key, made);
    return made;
  };
  for (const [group, { extent, layer }] of network.groups.entries()) {
    const outgoing = network.synapses.filter(({ source }) => source === group);
    for (let neuron = 0; neuron < neurons(extent); neuron++) {
      if (neuron % 16 === 0) await pause();
      const core = places[group].core[neuron];
      const touched: number[] = [];
      for (const { axon, destination, atom } of axons[core](places[group].compartment[neuron])) {
        const known = neuronAt[destination];
        eachEntry(cores[destination], axon, atom, (exponent, delay, targets, mantissas) => {
          const sums = sumsOf(exponent, delay);
          targets.forEach((target, i) => {
            const id = target < known.length ? known[target] : -1;
            if (id < 0) {
              found.push({
                limit: 'target of a synapse',
                core: destination,
                layer,
                count: target,
                most: known.length - 1,
              });
              return;
            }
            sums[id] -= mantissas[i];
            touched.push(id);
          });
        });
      }
      for (const synapses of outgoing) {
        const sums = sumsOf(synapses.exponent, synapses.delay);
        const start = starts[synapses.target];
        eachTarget(synapses, network, neuron, (target, mantissa) => {
          sums[start + target] += mantissa;
          touched.push(start + target);
        });
      }
      let wrong = 0;
      for (const sums of classes.values()) {
        for (const id of touched) {
          if (sums[id] !== 0) wrong++;
          sums[id] = 0;
        }
      }
      if (wrong > 0)
        found.push({ limit: 'synapses that are not those of the network', core, layer, count: wrong, most: 0 });
      if (found.length > REPORTED) return;
    }
  }
}

/** Axons of a compartment: those of its own, and those of its population. */
function axonsByCompartment({ outputs, population, atom }: CoreLayout) {
  const own = new Map<number, number[]>();
  outputs.from.forEach((from, i) => {
    const key = outputs.isPopulation[i] === 1 ? -1 - from : from;
    const list = own.get(key);
    if (list) list.push(i);
    else own.set(key, [i]);
  });
  return (compartment: number) => {
    const discrete = (own.get(compartment) ?? []).map((i) => ({
      axon: outputs.axon[i],
      destination: outputs.core[i],
      atom: 0,
    }));
    const member = population[compartment];
    if (member < 0) return discrete;
    const shared = own.get(-1 - member) ?? [];
    return [
      ...discrete,
      ...shared.map((i) => ({ axon: outputs.axon[i], destination: outputs.core[i], atom: atom[compartment] })),
    ];
  };
}

/** Visits the entries of an axon's list: targets and mantissas, filled gaps with a mantissa of 0. */
function eachEntry(
  { memory, formats, inputs }: CoreLayout,
  axon: number,
  atom: number,
  visit: (exponent: number, delay: number, targets: Uint16Array, mantissas: Int16Array) => void,
): void {
  const list = inputs.list[axon] + atom;
  for (let entry = memory.entryStart[list]; entry < memory.entryStart[list + 1]; entry++) {
    const { indexOffset, indexFactor, exponent } = formats[memory.format[entry]];
    const [from, to] = [memory.synapseStart[entry], memory.synapseStart[entry + 1]];
    const first = inputs.base[axon] + indexOffset;
    const targets = memory.index.subarray(from, to).map((index) => first + index * indexFactor);
    visit(exponent, memory.delay[entry], targets, memory.mantissa.subarray(from, to));
  }
}

/** Visits the synapses of a neuron as the network has them. */
function eachTarget(
  { connectivity, mantissas, source, target }: Synapses,
  { groups }: ChipNetwork,
  neuron: number,
  visit: (target: number, mantissa: number) => void,
): void {
  const from = groups[source].extent;
  const to = groups[target].extent;
  switch (connectivity.kind) {
    case 'pairwise':
      if (mantissas[neuron] !== 0) visit(neuron, mantissas[neuron]);
      return;
    case 'dense': {
      const row = connectivity.order ? connectivity.order.indexOf(neuron) : neuron;
      const count = neurons(to);
      for (let i = 0; i < count; i++) if (mantissas[row * count + i] !== 0) visit(i, mantissas[row * count + i]);
      return;
    }
    case 'conv': {
      const { geometry, groups: count } = connectivity;
      const { kernel, stride, dilation, pad } = geometry;
      const channel = neuron % from.channels;
      const column = Math.floor(neuron / from.channels) % from.width;
      const row = Math.floor(neuron / from.channels / from.width);
      const inputs = from.channels / count;
      const outputs = to.channels / count;
      const first = Math.floor(channel / inputs) * outputs;
      for (let ky = 0; ky < kernel[0]; ky++) {
        const y = (row + pad[0] - ky * dilation[0]) / stride[0];
        if (!Number.isInteger(y) || y < 0 || y >= to.height) continue;
        for (let kx = 0; kx < kernel[1]; kx++) {
          const x = (column + pad[1] - kx * dilation[1]) / stride[1];
          if (!Number.isInteger(x) || x < 0 || x >= to.width) continue;
          const weights = ((ky * kernel[1] + kx) * inputs + (channel % inputs)) * to.channels;
          for (let o = first; o < first + outputs; o++) {
            if (mantissas[weights + o] !== 0) visit((y * to.width + x) * to.channels + o, mantissas[weights + o]);
          }
        }
      }
    }
  }
}
