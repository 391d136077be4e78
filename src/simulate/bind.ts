/** From a coded topology to the kernel's network. */

import type { CodedPopulation, CodedTopology } from '../codes/code.js';
import type { Geometry, Population, Projection, Synapse } from '../codes/topology.js';
import { FirstspikeError } from '../errors.js';
import type { Weights } from '../graph/graph.js';
import {
  type BindingGeometry,
  type BindingNetwork,
  type BindingProjection,
  type BindingStage,
  type BindingSynapse,
  type BindingWeightDisturbance,
  type BindingWeights,
  kernel,
} from '../kernel.js';
import { typed } from './task.js';

/**
 * Packs a network for the kernel, in double or single precision.
 *
 * @throws FirstspikeError `MODEL_INVALID` if its parts contradict each other.
 */
export function bindNetwork(
  { topology, populations }: CodedTopology,
  double: boolean,
  weights?: BindingWeightDisturbance,
): BindingNetwork {
  const bound = topology.populations.map((population, index) => {
    const coded = populations[index];
    return {
      name: population.name,
      shape: population.extent,
      decodeScale: Float64Array.from(coded.decode?.scale ?? [1]),
      decodeShift: coded.decode?.shift ?? 0,
      stage: bindStage(population, coded),
    };
  });
  try {
    return new kernel.BindingNetwork(bound, double, weights);
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    if (code !== 'InvalidArg') throw typed(cause);
    const remedy = 'Check the model; if it runs elsewhere, this is a defect of firstspike: please report it.';
    throw new FirstspikeError('MODEL_INVALID', { message: `${message}.`, remedy }, { cause });
  }
}

function bindStage({ name, stage }: Population, coded: CodedPopulation): BindingStage {
  switch (stage.kind) {
    case 'input':
      return { kind: 'input', encoder: coded.encoder, order: stage.order };
    case 'neurons': {
      if (!coded.neuron) throw new Error(`${name} has no neurons`);
      const bias = coded.bias ?? stage.bias;
      return {
        kind: 'neurons',
        projections: (coded.projections ?? stage.projections).map(bindProjection),
        bias: bias.values,
        biasClasses: bias.classes,
        neuron: coded.neuron,
      };
    }
    case 'maxpool':
      return {
        kind: 'maxpool',
        source: stage.source,
        geometry: bindGeometry(stage.geometry),
        minimum: stage.minimum,
      };
    case 'concat':
      return { kind: 'concat', sources: [...stage.sources] };
    case 'permute':
      return { kind: 'permute', source: stage.source, to: stage.to };
    case 'product':
      return { kind: 'product', sources: [...stage.sources], circuit: coded.neuron };
  }
}

function bindProjection({ source, pool, synapse }: Projection): BindingProjection {
  return {
    source,
    pool: pool && { geometry: bindGeometry(pool.geometry), counted: pool.counted.map((n) => Math.max(n, 0)) },
    synapse: bindSynapse(synapse),
  };
}

function bindSynapse(synapse: Synapse): BindingSynapse {
  switch (synapse.kind) {
    case 'conv': {
      const { node, geometry } = synapse;
      const weights = bindWeights(node.weights);
      return { kind: 'conv2d', geometry: bindGeometry(geometry), groups: node.groups, weights };
    }
    case 'dense': {
      const { node, input, outputs, order } = synapse;
      const weights = bindWeights(node.weights);
      return { kind: 'dense', input, outputs, weights, order, transposed: node.layout === 'out-in' };
    }
    case 'identity':
      return { kind: 'identity', shape: synapse.extent };
  }
}

function bindGeometry({ input, output, kernel: taps, stride, dilation, pad }: Geometry): BindingGeometry {
  const pair = ([vertical, horizontal]: readonly [number, number]): [number, number] => [vertical, horizontal];
  return {
    input,
    output,
    kernel: pair(taps),
    stride: pair(stride),
    dilation: pair(dilation),
    pad: pair(pad),
  };
}

function bindWeights({ values, inputScale, outputScale }: Weights): BindingWeights {
  return { dataType: values.dataType, bytes: values.bytes, inputScale, outputScale };
}
