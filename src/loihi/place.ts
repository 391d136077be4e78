/**
 * Where cores lie: on which chip, and where on its mesh. Chips take runs of cores in the order of the network, cut where
 * fewest messages cross; on a chip, cores change places as long as messages then take fewer hops. Nothing is random.
 */

import { type ChipDescription, coresOf } from './chip.js';
import type { CoreLayout, Layout, Position } from './layout.js';
import type { Pause } from './pause.js';

/** Messages from core to core, per spike count given. */
export interface Traffic {
  /** Of each core: the cores that it exchanges messages with, and how many, in both directions. */
  readonly neighbours: readonly ReadonlyMap<number, number>[];
}

/** What messages cost. */
export interface TrafficCost {
  /** Steps from tile to tile, over all messages within chips. */
  readonly hops: number;
  /** Messages between chips. */
  readonly betweenChips: number;
  readonly messages: number;
}

/** Passes over all pairs of cores. */
const PASSES = 12;

/**
 * Messages between the cores of a layout.
 *
 * @param spikes of each group: spikes of all its compartments together, of an image, say.
 */
export async function trafficOf({ cores, network }: Layout, spikes: readonly number[], pause: Pause): Promise<Traffic> {
  const neighbours = cores.map(() => new Map<number, number>());
  const rates = network.groups.map(
    ({ extent }, group) => spikes[group] / (extent.height * extent.width * extent.channels),
  );
  for (const [from, core] of cores.entries()) {
    await pause();
    eachMessage(core, rates, (to, count) => {
      if (to === from) return;
      neighbours[from].set(to, (neighbours[from].get(to) ?? 0) + count);
      neighbours[to].set(from, (neighbours[to].get(from) ?? 0) + count);
    });
  }
  return { neighbours };
}

/** Visits the axons of a core, with the messages that each carries. */
function eachMessage(core: CoreLayout, rates: readonly number[], visit: (to: number, count: number) => void): void {
  const { parts, outputs, population } = core;
  const rate = new Float64Array(population.length);
  for (const { group, rows, columns, channels, base } of parts) {
    const size = (rows[1] - rows[0]) * (columns[1] - columns[0]) * (channels[1] - channels[0]);
    rate.fill(rates[group], base, base + size);
  }
  const together: number[] = [];
  population.forEach((one, compartment) => {
    if (one >= 0) together[one] = (together[one] ?? 0) + rate[compartment];
  });
  outputs.from.forEach((from, i) => {
    visit(outputs.core[i], outputs.isPopulation[i] === 1 ? together[from] : rate[from]);
  });
}

/** Places for all cores. */
export async function place(chip: ChipDescription, count: number, traffic: Traffic, pause: Pause): Promise<Position[]> {
  const chipOf = chipsOf(count, coresOf(chip), traffic);
  const positions: Position[] = new Array(count);
  for (let index = 0; index <= Math.max(...chipOf); index++) {
    const own = chipOf.flatMap((one, core) => (one === index ? [core] : []));
    const slots = await arrange(own, chip, traffic, pause);
    own.forEach((core, i) => {
      positions[core] = { chip: index, ...slotAt(slots[i], chip) };
    });
  }
  return positions;
}

/** Chip of each core: as few chips as can be, and cut where fewest messages cross. */
function chipsOf(count: number, room: number, { neighbours }: Traffic): number[] {
  const chips = Math.ceil(count / room);
  if (chips === 1) return new Array(count).fill(0);
  // Messages that cross the place before each core.
  const crossing = new Float64Array(count + 1);
  neighbours.forEach((others, core) => {
    for (const [other, messages] of others) {
      if (other <= core) continue;
      crossing[core + 1] += messages;
      crossing[other + 1] -= messages;
    }
  });
  for (let i = 1; i <= count; i++) crossing[i] += crossing[i - 1];
  // least[k][i]: fewest messages that cross cuts if the first i cores are on k chips.
  const least = Array.from({ length: chips + 1 }, () => new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY));
  const before = Array.from({ length: chips + 1 }, () => new Int32Array(count + 1));
  least[0][0] = 0;
  for (let k = 1; k <= chips; k++) {
    for (let i = 1; i <= count; i++) {
      for (let j = Math.max(0, i - room); j < i; j++) {
        const cost = least[k - 1][j] + (j > 0 ? crossing[j] : 0);
        if (cost < least[k][i]) {
          least[k][i] = cost;
          before[k][i] = j;
        }
      }
    }
  }
  const chipOf = new Array<number>(count).fill(0);
  for (let k = chips, end = count; k > 0; k--) {
    const start = before[k][end];
    chipOf.fill(k - 1, start, end);
    end = start;
  }
  return chipOf;
}

/** Row, column and core of a place on a chip; places run along the rows of tiles, to and fro. */
function slotAt(slot: number, { mesh }: ChipDescription): Omit<Position, 'chip'> {
  const tile = Math.floor(slot / mesh.coresPerTile);
  const row = Math.floor(tile / mesh.tiles[1]);
  const along = tile % mesh.tiles[1];
  return { row, column: row % 2 === 0 ? along : mesh.tiles[1] - 1 - along, core: slot % mesh.coresPerTile };
}

/** Steps from tile to tile. */
function distance(a: Omit<Position, 'chip'>, b: Omit<Position, 'chip'>): number {
  return Math.abs(a.row - b.row) + Math.abs(a.column - b.column);
}

/** A place on the chip for each of some cores. */
async function arrange(
  cores: readonly number[],
  chip: ChipDescription,
  { neighbours }: Traffic,
  pause: Pause,
): Promise<number[]> {
  const room = coresOf(chip);
  const places = Array.from({ length: room }, (_, slot) => slotAt(slot, chip));
  const index = new Map(cores.map((core, i) => [core, i]));
  const links = cores.map((core) =>
    [...neighbours[core]].flatMap(([other, messages]) => {
      const i = index.get(other);
      return i === undefined ? [] : [{ other: i, messages }];
    }),
  );
  const slotOf = cores.map((_, i) => i);
  const coreIn = Array.from({ length: room }, (_, slot) => (slot < cores.length ? slot : -1));
  const costAt = (core: number, slot: number, instead: number, there: number) =>
    links[core].reduce((sum, { other, messages }) => {
      const at = other === instead ? there : slotOf[other];
      return sum + messages * distance(places[slot], places[at]);
    }, 0);
  for (let pass = 0; pass < PASSES; pass++) {
    let improved = false;
    for (let core = 0; core < cores.length; core++) {
      await pause();
      for (let slot = 0; slot < room; slot++) {
        const from = slotOf[core];
        const other = coreIn[slot];
        if (slot === from || distance(places[slot], places[from]) === 0) continue;
        let gain = costAt(core, from, -1, 0) - costAt(core, slot, other, from);
        if (other >= 0) gain += costAt(other, slot, -1, 0) - costAt(other, from, core, slot);
        if (gain <= 1e-9) continue;
        slotOf[core] = slot;
        coreIn[slot] = core;
        coreIn[from] = other;
        if (other >= 0) slotOf[other] = from;
        improved = true;
      }
    }
    if (!improved) break;
  }
  return slotOf;
}

/** What the messages of a layout cost. */
export function trafficCost(layout: Layout, spikes: readonly number[]): TrafficCost {
  const rates = layout.network.groups.map(
    ({ extent }, group) => spikes[group] / (extent.height * extent.width * extent.channels),
  );
  let hops = 0;
  let betweenChips = 0;
  let messages = 0;
  for (const core of layout.cores) {
    eachMessage(core, rates, (to, count) => {
      const { position } = layout.cores[to];
      messages += count;
      if (position.chip === core.position.chip) hops += count * distance(position, core.position);
      else betweenChips += count;
    });
  }
  return { hops, betweenChips, messages };
}

/** The layout with its cores elsewhere, and the output entries that they then need. */
export function moved(layout: Layout, positions: readonly Position[]): Layout {
  const { discrete, population } = layout.chip.axons;
  const cores = layout.cores.map((core, index): CoreLayout => {
    const { outputs, use } = core;
    let outputEntries = 0;
    for (let i = 0; i < outputs.core.length; i++) {
      const away = positions[outputs.core[i]].chip === positions[index].chip ? 0 : 1;
      outputEntries += outputs.isPopulation[i] === 1 ? population[away] : discrete[away];
    }
    return { ...core, position: positions[index], use: { ...use, outputEntries } };
  });
  return { ...layout, cores, chips: new Set(positions.map(({ chip }) => chip)).size };
}
