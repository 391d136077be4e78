/** From a network to parts on cores, on as few as the search finds. */

import { neurons } from '../codes/topology.js';
import { LayoutError, type Problem } from '../errors.js';
import { candidatesOf, cut, type Excess, excessOf, leastParts, type Node, slotsFor } from './candidates.js';
import type { ChipDescription } from './chip.js';
import { Costs } from './cost.js';
import type { Candidate } from './cut.js';
import type { ChipNetwork } from './network.js';
import { type Bin, type Item, pack } from './pack.js';
import type { Pause } from './pause.js';
import { type Choice, Plan, search } from './search.js';
import { type Wiring, wiringsOf } from './wiring.js';

/** Parts on cores, not yet placed. */
export interface Partition {
  readonly wirings: readonly Wiring[];
  readonly costs: Costs;
  /** How each group is cut. */
  readonly cuts: readonly Candidate[];
  readonly bins: readonly Bin[];
}

/** How much a part counts beside its share of a core; the search is repeated with each. */
const WHOLES = [1, 0.4, 0.05];

/** Ways to cut that are packed, of each search. */
const PACKED = 4;

/**
 * Cuts the groups of a network and packs the parts on cores.
 *
 * @param crossing indices of wirings whose axons are to be counted as leaving the chip.
 * @throws LayoutError `CHIP_UNSUPPORTED` with all groups that cannot be laid out.
 */
export async function partition(
  network: ChipNetwork,
  chip: ChipDescription,
  crossing: ReadonlySet<number>,
  pause: Pause,
): Promise<Partition> {
  const wirings = wiringsOf(network);
  const costs = new Costs(chip, wirings);
  const nodes = network.groups.map(({ extent }, index): Node => {
    const incoming = wirings.flatMap(({ target }, w) => (target === index ? [w] : []));
    const outgoing = wirings.flatMap(({ source }, w) => (source === index ? [w] : []));
    const onto = incoming.map((w) => wirings[w]);
    const slots = slotsFor(onto, chip);
    const most = Math.min(chip.core.compartments, Math.floor(chip.core.accumulators / slots));
    // Zeros may leave out destinations: nothing is claimed of sparse weights.
    const full = outgoing.filter((w) =>
      wirings[w].strands.every(({ synapses }) => synapses.mantissas.every((m) => m !== 0)),
    );
    const destinations = full.reduce((sum, w) => sum + leastParts(wirings[w], chip), 0);
    return { index, extent, slots, most, destinations, incoming, outgoing };
  });
  const candidates: Candidate[][] = [];
  const problems: Problem[] = [];
  for (const node of nodes) {
    candidates.push(await candidatesOf(node, wirings, costs, chip, pause));
    if (candidates[node.index].length === 0) problems.push(unfit(network, node, excessOf(node, costs, chip)));
  }
  refuse(problems);
  let best: Partition | undefined;
  // Costs are estimates at first; where a way that was chosen proves too large, what proved so is left out.
  for (let round = 0; round < ROUNDS && !best; round++) {
    const plan = new Plan(chip, nodes, wirings, costs, candidates, crossing);
    const seen = new Set<string>();
    let stuck: number | undefined;
    let found = false;
    for (const whole of WHOLES) {
      const choices = await search(plan, whole, pause);
      if (!Array.isArray(choices)) {
        stuck = choices.group;
        continue;
      }
      found = true;
      for (const choice of choices.slice(0, PACKED)) {
        if (seen.has(String(choice))) continue;
        seen.add(String(choice));
        if (!(await settle(plan, choice, pause))) continue;
        const bins = await pack(itemsOf(network, plan, choice), chip, pause);
        if (!best || bins.length < best.bins.length) {
          best = { wirings, costs, cuts: nodes.map(({ index }) => candidates[index][choice[index]]), bins };
        }
      }
    }
    if (!found) refuse([unfit(network, nodes[stuck ?? 0])]);
  }
  if (!best) throw new LayoutError('CHIP_UNSUPPORTED', unfit(network, nodes[0]));
  return best;
}

/** Times that the search begins anew. */
const ROUNDS = 12;

/** A group that cannot be laid out: for what one compartment needs, or else for the axons between it and its neighbours. */
function unfit({ groups }: ChipNetwork, { index }: Node, excess?: Excess): Problem {
  const { name, layer, extent } = groups[index];
  const message = excess
    ? `one compartment of ${name} takes ${excess.count} ${excess.limit}; a core has ${excess.most}.`
    : `no way was found to cut ${name} (${neurons(extent)} compartments) that keeps axons and synapses within the limits.`;
  const remedy =
    excess?.limit === 'synapse formats'
      ? 'Use fewer exponents, or allow more (limits.synapseFormats: the table of a core has 15).'
      : 'Make the layer or its kernels smaller, or choose a chip with larger cores.';
  return { layer, message, remedy };
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new LayoutError('CHIP_UNSUPPORTED', problems);
}

/**
 * Measures the candidates of a choice exactly; whether they all fit. Those that do take the place of their estimates, and
 * those that do not are left out from now on.
 */
async function settle(plan: Plan, choice: Choice, pause: Pause): Promise<boolean> {
  const { nodes, chip } = plan;
  let sound = true;
  for (const node of nodes) {
    const list = plan.candidates[node.index] as Candidate[];
    const candidate = list[choice[node.index]];
    if (candidate.exact) continue;
    const measured = await cut(node, candidate.tile, plan.wirings, plan.costs, chip, true, pause);
    const tooLarge = candidate.pieces.map((piece) => ({ ...piece, words: Number.POSITIVE_INFINITY }));
    list[choice[node.index]] = measured ?? { ...candidate, exact: true, pieces: tooLarge };
    sound &&= measured !== undefined;
  }
  return sound;
}

function itemsOf({ groups }: ChipNetwork, plan: Plan, choice: Choice): Item[] {
  return groups.flatMap(({ profile }, group) =>
    plan
      .needs(group, choice)
      .map((need, part): Item => ({ group, part, need, profile, slots: plan.nodes[group].slots })),
  );
}
