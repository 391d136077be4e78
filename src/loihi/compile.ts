/** From a network in the chip's terms to its finished layout. */

import { LayoutError } from '../errors.js';
import { assemble } from './assemble.js';
import { type ChipDescription, coresOf } from './chip.js';
import type { Layout, Position } from './layout.js';
import type { ChipNetwork } from './network.js';
import { type Partition, partition } from './partition.js';
import type { Pause } from './pause.js';
import { moved, place, trafficOf } from './place.js';

/** Times that a network is cut anew, because output axons that leave their chip take more. */
const ROUNDS = 6;

/**
 * Lays a network out on as few cores as the search finds. Groups whose axons leave their chip are cut anew until they are
 * within all limits too.
 *
 * @param spikes of each group, of an image: they decide where cores lie.
 * @throws LayoutError `CHIP_UNSUPPORTED` with all groups that do not fit.
 */
export async function compile(
  network: ChipNetwork,
  chip: ChipDescription,
  spikes: readonly number[],
  pause: Pause,
): Promise<Layout> {
  const crossing = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    const parts = await partition(network, chip, crossing, pause);
    const near = parts.bins.map((): Position => ({ chip: 0, row: 0, column: 0, core: 0 }));
    const layout = await assemble(network, chip, parts, near, pause);
    const traffic = await trafficOf(layout, spikes, pause);
    const positions = await place(chip, layout.cores.length, traffic, pause);
    const final = moved(layout, positions);
    const over = final.cores.flatMap(({ use }, core) => (use.outputEntries > chip.core.outputEntries ? [core] : []));
    if (over.length === 0) return final;
    for (const wiring of leaving(final, parts, over)) crossing.add(wiring);
  }
  const message = `its axons between chips of ${coresOf(chip)} cores are too many.`;
  throw new LayoutError('CHIP_UNSUPPORTED', { message, remedy: 'Make the layers at the borders of chips smaller.' });
}

/** Wirings from groups on some cores to groups on other chips. */
function leaving({ cores }: Layout, { wirings, bins }: Partition, over: readonly number[]): number[] {
  const chipsOf = (group: number) =>
    new Set(
      bins.flatMap(({ items }, core) =>
        items.some((item) => item.group === group) ? [cores[core].position.chip] : [],
      ),
    );
  return wirings.flatMap(({ source, target }, wiring) => {
    const from = over.filter((core) => bins[core].items.some(({ group }) => group === source));
    const to = chipsOf(target);
    return from.some((core) => to.size > 1 || !to.has(cores[core].position.chip)) ? [wiring] : [];
  });
}
