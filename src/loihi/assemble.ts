/** From parts on cores to the finished layout: every list, every axon. */

import type { ChipDescription } from './chip.js';
import { CoreBuilder } from './core-builder.js';
import type { Look, StrandEncoding } from './cost.js';
import { LEAST_ATOMS } from './edges.js';
import { fieldFor, type Segment, segmentFor, writeEntries } from './encoding.js';
import type { FanOut } from './fan-out.js';
import { type CoreLayout, compartmentAt, compartments, type Layout, type Part, type Position } from './layout.js';
import { eachSegment } from './lists.js';
import type { ChipNetwork } from './network.js';
import type { Partition } from './partition.js';
import type { Pause } from './pause.js';
import type { Kind } from './wiring.js';

/** Where the parts of a group are. */
interface Placed {
  readonly core: number;
  readonly part: Part;
}

/**
 * Writes the layout of a partition.
 *
 * @param positions of its bins, in their order.
 */
export async function assemble(
  network: ChipNetwork,
  chip: ChipDescription,
  partition: Partition,
  positions: readonly Position[],
  pause: Pause,
): Promise<Layout> {
  const placed: Placed[][] = network.groups.map(() => []);
  const builders = partition.bins.map(({ items }, core) => {
    let base = 0;
    const parts = items.map(({ group, part: index }): Part => {
      const { box, strides } = partition.cuts[group].pieces[index];
      const part = { group, ...box, base, strides };
      placed[group][index] = { core, part };
      base += compartments(box);
      return part;
    });
    const profiles = items.map(({ profile }) => profile);
    return new CoreBuilder(chip, parts, profiles, base);
  });
  const writer = new Writer(chip, partition, placed, builders);
  for (const [group, parts] of placed.entries()) {
    for (const [index, { core }] of parts.entries()) {
      await writer.part(group, index, core, pause);
    }
  }
  const chipOf = (core: number) => positions[core].chip;
  const cores: CoreLayout[] = [];
  for (const [core, builder] of builders.entries()) {
    await pause();
    cores.push(builder.build(positions[core], chipOf));
  }
  return { chip, network, chips: new Set(positions.map((position) => position.chip)).size, cores };
}

/** Lists of the atoms of a source, one behind the other, and which of them have synapses. */
interface Lists {
  readonly first: number;
  readonly filled: readonly boolean[];
  /** Whether they are all as long as the longest. */
  padded: boolean;
}

/** A source pixel as it reaches a part. */
interface Pixel {
  readonly row: number;
  readonly column: number;
  readonly kinds: readonly [Kind, Kind];
  /** Names its lists: its kinds, and the copy of them. */
  readonly key: string;
  /** Distance on the core from the part's first compartment to the first that the pixel reaches. */
  readonly shift: number;
}

class Writer {
  readonly #segment: Segment;
  /** Formats of the part that is being written, by strand, sign and offset. */
  readonly #formats = new Map<string, number>();

  constructor(
    readonly chip: ChipDescription,
    readonly partition: Partition,
    readonly placed: readonly (readonly Placed[])[],
    readonly builders: readonly CoreBuilder[],
  ) {
    this.#segment = segmentFor(chip.core.compartments);
  }

  /** Writes all synapses onto a part, and the axons that lead to them. */
  async part(group: number, index: number, core: number, pause: Pause): Promise<void> {
    const { part } = this.placed[group][index];
    this.#formats.clear();
    const look = { exact: true, plain: this.partition.cuts[group].pieces[index].plain };
    for (const [wiring, { target, shared }] of this.partition.wirings.entries()) {
      if (target !== group) continue;
      const pixels = this.#pixels(wiring, part);
      if (shared) await this.#shared(wiring, index, part, core, pixels, look, pause);
      else await this.#unshared(wiring, part, core, pixels, look, pause);
    }
  }

  /** Source pixels that reach a part. */
  #pixels(wiring: number, { rows, columns, strides }: Part): Pixel[] {
    const { costs } = this.partition;
    const [vertical, horizontal] = [costs.reach(wiring, 0, rows), costs.reach(wiring, 1, columns)];
    return vertical.positions.flatMap((row, y) =>
      horizontal.positions.map((column, x): Pixel => {
        const shift = vertical.anchors[y] * strides[0] + horizontal.anchors[x] * strides[1];
        const bank = Math.floor(shift / (this.chip.core.indexBase + 1));
        const [k, l] = [vertical.kindOf[y], horizontal.kindOf[x]];
        return { row, column, kinds: [vertical.kinds[k], horizontal.kinds[l]], key: `${k} ${l} ${bank}`, shift };
      }),
    );
  }

  /** Lists for each kind of pixel, and a population for the channels of a pixel that go nowhere else. */
  async #shared(
    wiring: number,
    index: number,
    part: Part,
    core: number,
    pixels: readonly Pixel[],
    look: Look,
    pause: Pause,
  ): Promise<void> {
    const { wirings, costs, cuts } = this.partition;
    const { source, sourceExtent } = wirings[wiring];
    const builder = this.builders[core];
    const encodings = costs.of(wiring, part, part.strides, look).strands;
    const known = new Map<string, Lists>();
    const fanOut = costs.fanOut(wiring, cuts[part.group].tile);
    const tile = index % cuts[part.group].spans[2].length;
    for (const pixel of pixels) {
      await pause();
      const bank = Math.floor(pixel.shift / (this.chip.core.indexBase + 1)) * (this.chip.core.indexBase + 1);
      let lists = known.get(pixel.key);
      if (!lists) {
        const first = builder.lists;
        const filled: boolean[] = [];
        for (let channel = 0; channel < sourceExtent.channels; channel++) {
          await pause();
          filled.push(this.#list(wiring, encodings, part, builder, pixel.kinds, channel, bank));
        }
        lists = { first, filled, padded: false };
        known.set(pixel.key, lists);
      }
      const base = pixel.shift - bank + residueOf(part, encodings);
      const alone = isAlone(fanOut, pixel);
      for (const { core: from, part: own } of this.placed[source]) {
        if (!holds(own, pixel)) continue;
        const sender = this.builders[from];
        const members: number[] = [];
        for (let channel = own.channels[0]; channel < own.channels[1]; channel++) {
          if (alone && goesTo(fanOut, channel, tile)) members.push(channel);
          else if (lists.filled[channel]) {
            const axon = builder.input(lists.first + channel, 0, base);
            sender.output(compartmentAt(own, pixel.row, pixel.column, channel), false, core, axon);
          }
        }
        this.#send(lists, members, (channel) => channel, own, pixel, builder, sender, core, base);
      }
    }
  }

  /** Sends the members of a pixel that go nowhere else: as a population, or each by itself. */
  #send(
    lists: Lists,
    members: readonly number[],
    listOf: (channel: number) => number,
    own: Part,
    { row, column }: Pixel,
    builder: CoreBuilder,
    sender: CoreBuilder,
    core: number,
    base: number,
  ): void {
    const filled = members.filter((channel) => lists.filled[listOf(channel)]);
    const compartment = (channel: number) => compartmentAt(own, row, column, channel);
    if (filled.length < LEAST_ATOMS) {
      for (const channel of filled) {
        const axon = builder.input(lists.first + listOf(channel), 0, base);
        sender.output(compartment(channel), false, core, axon);
      }
      return;
    }
    if (!lists.padded) builder.pad(lists.first, lists.filled.length);
    lists.padded = true;
    const axon = builder.input(lists.first + listOf(members[0]), members.length, base);
    sender.output(sender.addPopulation(members.map(compartment)), true, core, axon);
  }

  /** A list for each source neuron; those of a part that go nowhere else are one population. */
  async #unshared(
    wiring: number,
    part: Part,
    core: number,
    pixels: readonly Pixel[],
    look: Look,
    pause: Pause,
  ): Promise<void> {
    const { wirings, costs, cuts } = this.partition;
    const { source } = wirings[wiring];
    const builder = this.builders[core];
    const encodings = costs.of(wiring, part, part.strides, look).strands;
    const fanOut = costs.fanOut(wiring, cuts[part.group].tile);
    const base = residueOf(part, encodings);
    for (const { core: from, part: own } of this.placed[source]) {
      const sender = this.builders[from];
      const members: { readonly list: number; readonly compartment: number }[] = [];
      const first = builder.lists;
      let any = false;
      for (const pixel of pixels) {
        if (!holds(own, pixel)) continue;
        await pause();
        for (let channel = own.channels[0]; channel < own.channels[1]; channel++) {
          const list = builder.lists;
          const filled = this.#list(wiring, encodings, part, builder, pixel.kinds, channel, 0);
          const compartment = compartmentAt(own, pixel.row, pixel.column, channel);
          any ||= filled;
          if (fanOut.shares) members.push({ list, compartment });
          else if (filled) sender.output(compartment, false, core, builder.input(list, 0, base));
        }
      }
      if (!any || members.length === 0) continue;
      if (members.length < LEAST_ATOMS) {
        sender.output(members[0].compartment, false, core, builder.input(first, 0, base));
        continue;
      }
      builder.pad(first, members.length);
      const population = sender.addPopulation(members.map(({ compartment }) => compartment));
      sender.output(population, true, core, builder.input(first, members.length, base));
    }
  }

  /** Writes the list of one channel of a kind of pixel; whether it has synapses. */
  #list(
    wiring: number,
    encodings: readonly StrandEncoding[],
    part: Part,
    builder: CoreBuilder,
    kinds: readonly [Kind, Kind],
    channel: number,
    bank: number,
  ): boolean {
    const own = this.partition.wirings[wiring];
    const start = part.base - residueOf(part, encodings) + bank;
    builder.beginList();
    own.strands.forEach(({ synapses, signs }, strand) => {
      const { encoding, factor } = encodings[strand];
      const delayBits = synapses.delay > 0 ? fieldFor(synapses.delay, this.chip.synapses.delayBits) : 0;
      // One size of indices for all of the core: parts may share formats.
      const indexBits = fieldFor(Math.floor((builder.compartments - 1) / factor), this.chip.synapses.indexBits);
      eachSegment(own, strand, kinds, channel, part, part.strides, factor, this.#segment, (offset) => {
        const { index, length } = this.#segment;
        for (let i = 0; i < length; i++) index[i] += start / factor;
        for (const sign of signs) {
          const key = `${wiring} ${strand} ${sign} ${offset}`;
          let format = this.#formats.get(key);
          if (format === undefined) {
            format = builder.format({
              compression: encoding.compression,
              indexBits,
              skipBits: encoding.skipBits,
              weightBits: synapses.bits,
              delayBits,
              signs: sign === 0 ? 'mixed' : sign > 0 ? 'excitatory' : 'inhibitory',
              exponent: synapses.exponent,
              indexOffset: offset,
              indexFactor: factor,
            });
            this.#formats.set(key, format);
          }
          builder.write(format, synapses.delay);
          writeEntries(this.#segment, sign, encoding, this.chip.synapses, builder);
        }
      });
    });
    return builder.endList();
  }
}

/** What of a part's first compartment an axon's base takes over, so that indices are whole multiples of the factor. */
function residueOf({ base }: Part, encodings: readonly StrandEncoding[]): number {
  return base % Math.max(...encodings.map(({ factor }) => factor));
}

function holds({ rows, columns }: Part, { row, column }: Pixel): boolean {
  return row >= rows[0] && row < rows[1] && column >= columns[0] && column < columns[1];
}

/** Whether the neurons of a pixel that reach one tile of channels reach one part only. */
function isAlone({ shares, rows, columns }: FanOut, { row, column }: Pixel): boolean {
  const single = ({ single: sums }: FanOut['rows'], position: number) => sums[position + 1] > sums[position];
  return shares && single(rows, row) && single(columns, column);
}

/** Whether a source channel reaches that tile of channels, and no other. */
function goesTo({ channels: runs }: FanOut, channel: number, tile: number): boolean {
  const run = runs.find(({ channels }) => channel >= channels[0] && channel < channels[1]);
  return run?.tiles.length === 1 && run.tiles[0] === tile;
}
