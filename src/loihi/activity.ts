/** What the cores of a layout do in each step, from what the groups of its network did in a run. */

import { neurons } from '../codes/topology.js';
import type { SynapseKind } from './energy.js';
import type { Activity, CoreActivity, Flow, PartActivity } from './estimate.js';
import type { ChipEvaluation } from './evaluate.js';
import { type CoreLayout, compartmentAt, compartments, type Layout, type Part } from './layout.js';
import { firstCompartments } from './simulate.js';

/**
 * The mean activity of an image. Spikes and messages are those of each core's own compartments; in which steps they are is
 * known of each group only, and so is how many compartments have anything to do: cores have their share of that.
 */
export function activityOf(layout: Layout, evaluation: ChipEvaluation): Activity {
  const { network, cores } = layout;
  const first = firstCompartments(network);
  const spikesOf = (group: number, compartment: number) =>
    evaluation.compartmentSpikes[first[group] + compartment] / evaluation.images;
  const shapes = network.groups.map((_, group) => {
    const { spikes, updates } = evaluation.counts[group];
    const all = spikes.reduce((a, b) => a + b, 0);
    return { spikes: spikes.map((n) => (all === 0 ? 0 : n / all)), updates: updates.map((n) => n / evaluation.images) };
  });
  const places = cores.map((core) => placesOf(core, layout));
  return {
    steps: evaluation.steps,
    cores: cores.map((core, index): CoreActivity => {
      const flows = flowsOf(core, layout);
      const parts = core.parts.map((part, at): PartActivity => {
        const size = compartments(part);
        const share = size / neurons(network.groups[part.group].extent);
        let sent = 0;
        const messages = new Map<string, { messages: number; synapses: number }>();
        for (const { part: of, compartment, onCore } of places[index]) {
          if (of !== at) continue;
          const spikes = spikesOf(part.group, compartment);
          sent += spikes;
          for (const { to, kind, synapses } of flows.get(onCore) ?? []) {
            const key = `${to} ${kind}`;
            const sum = messages.get(key) ?? { messages: 0, synapses: 0 };
            sum.messages += spikes;
            sum.synapses += spikes * synapses;
            messages.set(key, sum);
          }
        }
        const { spikes, updates } = shapes[part.group];
        return {
          compartments: size,
          spikes: spikes.map((n) => n * sent),
          updates: updates.map((n) => n * share),
          flows: [...messages].flatMap(([key, sum]): Flow[] => {
            if (sum.messages === 0) return [];
            const [to, kind] = key.split(' ');
            return [
              {
                to: Number(to),
                kind: kind as SynapseKind,
                messages: sum.messages / sent,
                synapses: sum.synapses / sum.messages,
              },
            ];
          }),
        };
      });
      return { position: core.position, parts };
    }),
  };
}

/** The compartments of a core: of which part, which one of its group, and where on the core. */
function placesOf({ parts }: CoreLayout, { network }: Layout) {
  return parts.flatMap((part, index) => {
    const { extent } = network.groups[part.group];
    return within(part).map(([row, column, channel]) => ({
      part: index,
      compartment: (row * extent.width + column) * extent.channels + channel,
      onCore: compartmentAt(part, row, column, channel),
    }));
  });
}

function within({ rows, columns, channels }: Part): [number, number, number][] {
  const places: [number, number, number][] = [];
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column++) {
      for (let channel = channels[0]; channel < channels[1]; channel++) places.push([row, column, channel]);
    }
  }
  return places;
}

/** Messages that a spike of each compartment of a core makes, and the synapses that each of them meets. */
function flowsOf({ outputs, population, atom }: CoreLayout, { cores }: Layout) {
  const members = new Map<number, number[]>();
  population.forEach((id, compartment) => {
    if (id < 0) return;
    const list = members.get(id);
    if (list) list.push(compartment);
    else members.set(id, [compartment]);
  });
  const flows = new Map<number, { to: number; kind: SynapseKind; synapses: number }[]>();
  const add = (compartment: number, to: number, kind: SynapseKind | undefined, list: number) => {
    const { memory } = cores[to];
    const [from, end] = [memory.entryStart[list], memory.entryStart[list + 1]];
    const synapses = memory.synapseStart[end] - memory.synapseStart[from];
    const compression = end > from ? cores[to].formats[memory.format[from]].compression : 'sparse';
    const stored = compression === 'dense' ? 'dense' : 'sparse';
    const flow = { to, kind: kind ?? stored, synapses } as const;
    const known = flows.get(compartment);
    if (known) known.push(flow);
    else flows.set(compartment, [flow]);
  };
  outputs.from.forEach((from, i) => {
    const to = outputs.core[i];
    const list = cores[to].inputs.list[outputs.axon[i]];
    if (outputs.isPopulation[i] === 0) add(from, to, undefined, list);
    else for (const compartment of members.get(from) ?? []) add(compartment, to, 'shared', list + atom[compartment]);
  });
  return flows;
}
