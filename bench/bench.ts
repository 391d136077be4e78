/** `npm run bench [-- --suite NAME,... and more options]`: measures, prints and saves. */

import { parseArgs } from 'node:util';
import { networksNamed } from './data.js';
import { describeMachine, watchOthers } from './machine.js';
import { formatReport, saveReport } from './report.js';
import type { Suite, SuiteOptions } from './suite.js';
import { benchCodes } from './suites/codes.js';
import { benchEndurance } from './suites/endurance.js';
import { benchKernels } from './suites/kernels.js';
import { benchNetworks } from './suites/networks.js';
import { benchRoofline } from './suites/roofline.js';
import { benchSparsity } from './suites/sparsity.js';

/** In the order in which they run: memory is watched before others have filled it. */
const SUITES: Readonly<Record<string, Suite>> = {
  endurance: benchEndurance,
  kernels: benchKernels,
  networks: benchNetworks,
  codes: benchCodes,
  sparsity: benchSparsity,
  roofline: benchRoofline,
};

const { values } = parseArgs({
  options: {
    /** Suites to run; all if absent. */
    suite: { type: 'string', default: '' },
    /** Networks to measure; if absent, those of each suite's choice that are here. */
    networks: { type: 'string', default: '' },
    /** Layers that the suite `kernels` measures; all if absent. */
    layers: { type: 'string', default: '' },
    /** Numbers of threads, of both sides. */
    threads: { type: 'string', default: '1,2' },
    /** How often everything is measured. */
    rounds: { type: 'string', default: '5' },
    /** How long a case is repeated within a round, in seconds. */
    seconds: { type: 'string', default: '0.5' },
    /** Images that the suite `endurance` runs. */
    images: { type: 'string', default: '1000000' },
    /** The processor's clock in GHz, for the suite `roofline`; measured if absent. */
    clock: { type: 'string' },
    /** Results are saved in `bench/results/NAME-SUITE.json`; in `SUITE.json` if absent. */
    name: { type: 'string' },
  },
});

const suites = list(values.suite);
for (const suite of suites) {
  if (!Object.hasOwn(SUITES, suite)) {
    throw new Error(`there is no suite "${suite}". Choose among ${Object.keys(SUITES).join(', ')}.`);
  }
}
const options: SuiteOptions = {
  networks: networksNamed(list(values.networks)),
  layers: list(values.layers),
  threads: list(values.threads).map(wholeNumber),
  rounds: wholeNumber(values.rounds),
  seconds: positive(values.seconds),
  images: wholeNumber(values.images),
  ...(values.clock && { clock: 1e9 * positive(values.clock) }),
};

for (const [name, suite] of Object.entries(SUITES)) {
  if (suites.length > 0 && !suites.includes(name)) continue;
  const machine = describeMachine();
  const othersBusy = watchOthers();
  const report = { ...(await suite(options)), machine, othersBusy: othersBusy() };
  console.log(`\n${formatReport(report)}\n`);
  const files = await saveReport(values.name ? `${values.name}-${name}` : name, report);
  console.log(`Saved as ${files.join(' and ')}.\n`);
}

function list(text: string): string[] {
  return text.split(',').filter(Boolean);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`"${text}" must be a whole number from 1 on.`);
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`"${text}" must be a number above 0.`);
}
