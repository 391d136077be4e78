/** The verb `mapToLoihi`: onto how many cores a network goes, where they lie, and what binds. */

import { lower } from '../codes/lower.js';
import { neurons } from '../codes/topology.js';
import { FirstspikeError, LayoutError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { type LowerBound, lowerBound } from './bound.js';
import { type ChipName, type CoreLimits, chipNamed, chipsOnBoard } from './chip.js';
import { compile } from './compile.js';
import { integrateAndFireNetwork } from './integrate-and-fire.js';
import type { CoreUse, Layout } from './layout.js';
import type { ChipNetwork } from './network.js';
import { type Pause, pauses } from './pause.js';
import { type TrafficCost, trafficCost } from './place.js';
import { type LayerUse, layerUses } from './uses.js';
import { verify } from './verify.js';

/** Options of {@link mapToLoihi}. */
export interface MapOptions {
  /** The chip. `loihi1` if absent. */
  readonly chip?: ChipName;
  /** A board, whose chips must do; any number of chips if absent. */
  readonly board?: string;
  /** The code that a graph is put in: `if`, one compartment for each neuron. */
  readonly code?: 'if';
  /** Activation that a spike in every step stands for, by layer: see the parameters of the code `if`. */
  readonly thresholds?: Readonly<Record<string, readonly number[]>>;
  /** Spikes of an image, by the name of a group; the compartments of others spike once each. They decide where cores lie. */
  readonly spikes?: Readonly<Record<string, number>>;
  /** Other limits of a core than those of the chip's description. */
  readonly limits?: Partial<CoreLimits>;
  /** Whether the finished layout is recounted by the verifier; it is if absent. */
  readonly verified?: boolean;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Called with the share of the work that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** A network on a chip. */
export interface ChipMap {
  readonly chip: ChipName;
  readonly cores: number;
  /** Fewest cores that the limits allow, whatever the layout. */
  readonly lowerBound: LowerBound;
  readonly chips: number;
  readonly layers: readonly LayerUse[];
  /** Of each limit of a core: what is allowed, and the most that a core uses. */
  readonly limits: readonly { readonly name: keyof CoreUse; readonly limit: number; readonly most: number }[];
  readonly traffic: TrafficCost;
  readonly layout: Layout;
}

/** Compartments up to which several choices of poolings are laid out; of larger networks the first that can be. */
const SMALL = 1 << 16;

/**
 * Lays a network out on cores: a graph in the code `if`, or a network that is in the chip's terms already.
 *
 * @throws LayoutError `CHIP_UNSUPPORTED` if it does not fit, ConvertError `CODE_UNSUPPORTED` with all that the chip cannot
 *   do, or the reason of the signal.
 */
export async function mapToLoihi(source: Graph | ChipNetwork, options: MapOptions = {}): Promise<ChipMap> {
  const { board, signal, onProgress = () => {} } = options;
  signal?.throwIfAborted();
  const described = chipNamed(options.chip ?? 'loihi1');
  const chip = { ...described, core: { ...described.core, ...options.limits } };
  const room = board === undefined ? Number.POSITIVE_INFINITY : chipsOnBoard(chip, board);
  const pause = pauses(signal);
  const networks = 'groups' in source ? [source] : await variantsOf(source, options, pause);
  let best: { readonly network: ChipNetwork; readonly layout: Layout } | undefined;
  let refusal: unknown;
  for (const [index, network] of networks.entries()) {
    // What cannot do with fewer cores need not be tried, and large networks only as long as none is laid out.
    const fewer = best && !isLarge(network) && lowerBound(network, chip).cores < best.layout.cores.length;
    if (best && !fewer) continue;
    try {
      const layout = await compile(network, chip, spikesOf(network, options), pause);
      if (!best || layout.cores.length < best.layout.cores.length) best = { network, layout };
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      refusal ??= error;
    }
    onProgress(((index + 1) / networks.length) * 0.8);
  }
  if (!best) throw refusal;
  const { network, layout } = best;
  if (layout.chips > room) {
    const message = `${layout.cores.length} cores need ${layout.chips} chips; ${board} has ${room}.`;
    const boards = Object.entries(chip.boards).filter(([, count]) => count >= layout.chips);
    const remedy =
      boards.length > 0 ? `Choose ${boards.map(([name]) => name).join(' or ')}.` : 'Make the network smaller.';
    throw new LayoutError('CHIP_UNSUPPORTED', { message, remedy });
  }
  if (options.verified ?? true) await verify(layout, pause);
  onProgress(1);
  const limits = LIMITS.map((name) => ({
    name,
    limit: chip.core[name],
    most: Math.max(...layout.cores.map(({ use }) => use[name])),
  }));
  return {
    chip: chip.name,
    cores: layout.cores.length,
    lowerBound: lowerBound(network, chip),
    chips: layout.chips,
    layers: layerUses(layout),
    limits,
    traffic: trafficCost(layout, spikesOf(network, options)),
    layout,
  };
}

const LIMITS = [
  'compartments',
  'inputAxons',
  'outputEntries',
  'synapseWords',
  'synapseFormats',
  'profiles',
  'thresholds',
] as const satisfies readonly (keyof CoreUse)[];

/** The networks that a graph may become: average pooling merged into synapses, or in compartments of its own. */
async function variantsOf(graph: Graph, { code = 'if', thresholds }: MapOptions, pause: Pause): Promise<ChipNetwork[]> {
  if (code !== 'if') {
    const message = `a graph is not put in the code "${code}" here.`;
    const remedy = 'Choose if, or discretise the network first and pass that.';
    throw new FirstspikeError('OPTION_INVALID', { message, remedy });
  }
  const topology = lower(graph);
  const merged = await integrateAndFireNetwork(topology, { thresholds }, pause);
  if (merged.poolings === 0) return [merged.network];
  const all = Array.from({ length: merged.poolings }, (_, i) => i);
  const choices = all.length === 1 || isLarge(merged.network) ? [all] : [all, ...all.map((pool) => [pool])];
  const networks = [merged.network];
  for (const choice of choices) {
    const separate = new Set(choice);
    networks.push((await integrateAndFireNetwork(topology, { thresholds, separate }, pause)).network);
  }
  return networks;
}

function isLarge({ groups }: ChipNetwork): boolean {
  return groups.reduce((sum, { extent }) => sum + neurons(extent), 0) > SMALL;
}

function spikesOf({ groups }: ChipNetwork, { spikes }: MapOptions): number[] {
  return groups.map(({ name, extent }) => spikes?.[name] ?? neurons(extent));
}
