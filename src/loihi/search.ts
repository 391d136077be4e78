/**
 * Chooses how each group is cut. What a cut takes of compartments, words and formats is its own; what it takes of axons
 * depends on how its neighbours are cut. So the search goes from the output to the input, keeps the best of all ways so
 * far that differ in what is still open, and looks at a way's neighbours before it judges: for a chain of layers that is
 * dynamic programming.
 */

import type { Node } from './candidates.js';
import type { ChipDescription, CoreLimits } from './chip.js';
import type { Costs } from './cost.js';
import type { Candidate } from './cut.js';
import { type Axons, axonsOf } from './edges.js';
import type { Pause } from './pause.js';
import type { Wiring } from './wiring.js';

/** What a part needs of its core. */
export interface Need {
  readonly compartments: number;
  readonly words: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly formats: readonly string[];
}

/** A way to cut all groups: the index of a candidate of each. */
export type Choice = Int32Array;

/** The group where the search found no way on. */
export interface Stuck {
  readonly group: number;
}

/** Ways that are kept. */
const WIDTH = 16;

interface State {
  readonly choice: Choice;
  /** Cost of each group as far as it is known. */
  readonly costs: Float64Array;
  readonly cost: number;
}

/** Groups, their candidates, and what is known of the axons between them. */
export class Plan {
  readonly #axons = new Map<string, Axons>();

  /**
   * @param crossing wirings whose axons may leave the chip.
   */
  constructor(
    readonly chip: ChipDescription,
    readonly nodes: readonly Node[],
    readonly wirings: readonly Wiring[],
    readonly costs: Costs,
    readonly candidates: readonly (readonly Candidate[])[],
    readonly crossing: ReadonlySet<number>,
  ) {}

  /** Axons of a wiring between candidates. */
  axons(wiring: number, source: number, target: number): Axons {
    const key = `${wiring} ${source} ${target}`;
    let axons = this.#axons.get(key);
    if (!axons) {
      const one = this.wirings[wiring];
      const from = this.candidates[one.source][source];
      const to = this.candidates[one.target][target];
      const fanOut = this.costs.fanOut(wiring, to.tile);
      axons = axonsOf(fanOut, one.shared, from, to, this.crossing.has(wiring), this.chip.axons);
      this.#axons.set(key, axons);
    }
    return axons;
  }

  /** What the parts of a group need, as far as its neighbours are chosen. */
  needs(group: number, choice: Choice): Need[] {
    const { incoming, outgoing } = this.nodes[group];
    const { pieces } = this.candidates[group][choice[group]];
    const open = incoming.some((w) => choice[this.wirings[w].source] < 0);
    const inputs = new Float64Array(pieces.length);
    const outputs = new Float64Array(pieces.length);
    for (const w of incoming) {
      const { source } = this.wirings[w];
      if (choice[source] < 0) continue;
      add(inputs, this.axons(w, choice[source], choice[group]).inputs);
    }
    for (const w of outgoing) {
      const { target } = this.wirings[w];
      if (choice[target] < 0) continue;
      add(outputs, this.axons(w, choice[group], choice[target]).outputs);
    }
    return pieces.map(({ compartments, words, formats }, i) => ({
      compartments,
      words,
      formats,
      // What is least needed is known before all sources are cut.
      inputs: open ? Math.max(inputs[i], pieces[i].inputs) : inputs[i],
      outputs: outputs[i],
    }));
  }
}

function add(sums: Float64Array, values: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] += values[i];
}

/** Share of a core that a part needs: of what it needs most. */
export function shareOf({ compartments, words, inputs, outputs }: Need, core: CoreLimits): number {
  return Math.max(
    compartments / core.compartments,
    words / core.synapseWords,
    inputs / core.inputAxons,
    outputs / core.outputEntries,
  );
}

/**
 * The best ways to cut all groups (or the group for which there was none), if a part counts as `whole` and the rest of a core as its share.
 *
 * @param whole from 0 (parts share cores freely) to 1 (each has its own).
 * @param pause is called between groups.
 */
export async function search(plan: Plan, whole: number, pause: Pause): Promise<Choice[] | Stuck> {
  const { nodes, wirings } = plan;
  const count = nodes.length;
  let states: State[] = [{ choice: new Int32Array(count).fill(-1), costs: new Float64Array(count), cost: 0 }];
  for (let group = count - 1; group >= 0; group--) {
    const { incoming, outgoing } = nodes[group];
    const touched = new Set([
      group,
      ...incoming.map((w) => wirings[w].source),
      ...outgoing.map((w) => wirings[w].target),
    ]);
    const best = new Map<string, State>();
    const open = openGroups(plan, group);
    for (const state of states) {
      await pause();
      for (let candidate = 0; candidate < plan.candidates[group].length; candidate++) {
        const next = extend(plan, state, group, candidate, touched, whole);
        if (!next) continue;
        const key = open.map((other) => next.choice[other]).join();
        const known = best.get(key);
        if (!known || next.cost < known.cost) best.set(key, next);
      }
    }
    states = [...best.values()].sort((a, b) => a.cost - b.cost).slice(0, WIDTH);
    if (states.length === 0) return { group };
  }
  return states.map(({ choice }) => choice);
}

/** Groups chosen so far that have neighbours which are not. */
function openGroups({ nodes, wirings }: Plan, from: number): number[] {
  return nodes.flatMap(({ index, incoming, outgoing }) => {
    const isOpen = incoming.some((w) => wirings[w].source < from) || outgoing.some((w) => wirings[w].target < from);
    return index >= from && isOpen ? [index] : [];
  });
}

function extend(
  plan: Plan,
  state: State,
  group: number,
  candidate: number,
  touched: ReadonlySet<number>,
  whole: number,
): State | undefined {
  const choice = state.choice.slice();
  choice[group] = candidate;
  const costs = state.costs.slice();
  let { cost } = state;
  for (const other of touched) {
    if (choice[other] < 0) continue;
    let own = 0;
    for (const need of plan.needs(other, choice)) {
      const share = shareOf(need, plan.chip.core);
      if (share > 1) return undefined;
      // Axons cost a little even where they bind nothing.
      own += whole + (1 - whole) * share + 1e-6 * (need.inputs + need.outputs);
    }
    cost += own - costs[other];
    costs[other] = own;
  }
  return { choice, costs, cost };
}
