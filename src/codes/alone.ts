/** One layer of a spiking network alone: all others do what the original network does. */

import { analog } from './ann.js';
import type { CodedPopulation, CodedTopology } from './code.js';
import { type ChannelMap, channelMap, foldSource, relay, withSources } from './edit.js';
import { type Population, type Projection, sources } from './topology.js';

/** A topology in which one population spikes. */
export interface Alone extends CodedTopology {
  /** Where that population is. */
  readonly index: number;
}

/** Whether a population's neurons, or the encoder of its values, can be run {@link alone}. */
export function runsAlone({ encoder, neuron }: CodedPopulation): boolean {
  return encoder !== undefined || (neuron !== undefined && neuron.kind !== 'analog' && neuron.kind !== 'mean');
}

/**
 * The topology with the neurons of one population, and no others. The population receives the original activations of
 * its sources, in its own units and without loss (on a grid of time: shared out to the steps on both sides), and what it
 * sends is decoded, so that the rest computes what the original network would.
 *
 * @throws Error if the population does not spike by itself (see {@link runsAlone}).
 */
export function alone({ topology, populations: coded }: CodedTopology, wanted: number): Alone {
  if (!runsAlone(coded[wanted])) throw new Error(`${topology.populations[wanted].name} does not spike by itself`);
  const populations: Population[] = [];
  const made: CodedPopulation[] = [];
  const places: number[] = [];
  const add = (population: Population, as: CodedPopulation) => {
    made.push(as);
    return populations.push(population) - 1;
  };
  let index = 0;
  topology.populations.forEach((population, at) => {
    const { name, extent, stage } = population;
    const moved = (source: number) => places[source];
    const plain = { ...population, stage: withSources(stage, moved) };
    if (at !== wanted) {
      places[at] = add(plain, analog(plain, coded[at].role));
      return;
    }
    const inputs = new Map(
      sources(stage).map((source): [number, number] => {
        const encoder = encode(
          coded[wanted],
          coded[source],
          relay(`${name}/from ${source}`, places[source], extentOf(source)),
        );
        return [source, encoder ? add(...encoder) : places[source]];
      }),
    );
    const from = (source: number) => inputs.get(source) ?? 0;
    const { projections } = coded[at];
    const own = projections?.map((projection): Projection => ({ ...projection, source: from(projection.source) }));
    index = add({ ...population, stage: withSources(stage, from) }, { ...coded[at], ...(own && { projections: own }) });
    const { scale = [1], shift = 0 } = coded[at].decode ?? {};
    const decoded = channelMap(extent.channels, scale, shift);
    places[at] = add(...values(relay(`${name}/decoded`, index, extent), decoded));
  });
  return { topology: { ...topology, populations }, populations: made, index };

  function extentOf(source: number) {
    return topology.populations[source].extent;
  }
}

/** What hands the original activations of a source to a population in its units; nothing if they need no change. */
function encode(
  { neuron }: CodedPopulation,
  { decode = { scale: [1], shift: 0 } }: CodedPopulation,
  population: Population,
): [Population, CodedPopulation] | undefined {
  const { scale, shift } = channelMap(population.extent.channels, decode.scale, decode.shift);
  const inverse = { scale: scale.map((factor) => 1 / factor), shift: shift.map((by, i) => -by / scale[i]) };
  const [, exact] = values(population, inverse);
  if (neuron?.kind === 'quartz') {
    return [population, { ...exact, neuron: { kind: 'quartzinput', levels: neuron.levels, between: true } }];
  }
  const plain = scale.every((factor) => factor === 1) && decode.shift === 0;
  return plain ? undefined : [population, exact];
}

/** A relay whose neurons hand on `scale x + shift`. */
function values(population: Population, map: ChannelMap): [Population, CodedPopulation] {
  const plain = analog(population, 'value');
  if (population.stage.kind !== 'neurons') return [population, plain];
  const [own] = population.stage.projections;
  const { projection, bias } = foldSource(own, map);
  return [population, { ...plain, projections: [projection], ...(bias && { bias }) }];
}
