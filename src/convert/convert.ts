/** From a graph to a spiking network. */

import process from 'node:process';
import type { Calibration } from '../codes/calibration.js';
import type { Tools } from '../codes/code.js';
import { type CodeName, type CodeOptions, codeNamed } from '../codes/index.js';
import { lower } from '../codes/lower.js';
import { ConvertError, inWords, type Problem } from '../errors.js';
import { cachedFit } from '../fit/cache.js';
import type { FitRun } from '../fit/run.js';
import type { Graph } from '../graph/graph.js';
import { respond } from '../simulate/respond.js';
import { SpikingNetwork } from '../simulate/spiking-network.js';

/** Options of {@link convert}: the code, what it is calibrated on, and its own options. */
export type ConvertOptions = {
  [Name in CodeName]: {
    /** The code. */
    readonly code: Name;
    /** Statistics of the graph's activations, from `calibrate`; most codes need them. */
    readonly calibration?: Calibration;
  } & ConversionRun &
    CodeOptions[Name];
}[CodeName];

/** How a conversion runs. */
export interface ConversionRun extends FitRun {
  /** Told of what is allowed, but hardly meant; Node's own warnings if absent. */
  readonly onWarning?: (problem: Problem) => void;
}

/**
 * Converts a graph to a spiking network.
 *
 * @throws ConvertError with all layers that the code cannot express, or if it needs a calibration and has none.
 */
export async function convert(graph: Graph, options: ConvertOptions): Promise<SpikingNetwork> {
  const { code: name, calibration, threads, signal, onProgress, onWarning = warn, ...own } = options;
  const code = codeNamed(name);
  if (code.needsCalibration && !calibration) {
    throw new ConvertError('OPTION_INVALID', {
      message: `the code ${name} chooses its parameters from a calibration, and none is given.`,
      remedy: 'Pass { calibration: await calibrate(graph, images) }.',
    });
  }
  // An option that is undefined is one that is absent.
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  refuseUnknown(name, given, code.defaults as object);
  signal?.throwIfAborted();
  const fit = fitter({ threads, signal, onProgress });
  const parameters = await code.parametrise(lower(graph), calibration, given, { respond, fit, warn: onWarning });
  return new SpikingNetwork(graph, name, parameters);
}

/** Refuses options that a code does not have: what is not understood is not ignored. */
function refuseUnknown(code: string, given: object, defaults: object): void {
  const problems = Object.keys(given)
    .filter((option) => !Object.hasOwn(defaults, option))
    .map((option) => ({
      message: `the code ${code} has no option "${option}".`,
      remedy: `Its options are ${Object.keys(defaults).join(', ') || 'none'}.`,
    }));
  if (problems.length > 0) throw new ConvertError('OPTION_INVALID', problems);
}

/** Fits of one conversion, with the progress of all of them. */
function fitter({ onProgress, ...run }: FitRun): Tools['fit'] {
  const shares: number[] = [];
  return (requests) =>
    Promise.all(
      requests.map((request) => {
        const index = shares.push(0) - 1;
        const report = (share: number) => {
          shares[index] = share;
          onProgress?.(shares.reduce((a, b) => a + b, 0) / shares.length);
        };
        return cachedFit(request, { ...run, onProgress: report });
      }),
    );
}

function warn(problem: Problem): void {
  process.emitWarning(inWords(problem), 'FirstspikeWarning');
}
