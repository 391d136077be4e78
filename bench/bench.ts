/** `npm run bench [-- --networks NAME,... --threads N,... --rounds N --name NAME]`: measures, prints and saves. */

import { parseArgs } from 'node:util';
import { networksNamed } from './data.js';
import { describeMachine, watchOthers } from './machine.js';
import { formatMachine, formatResults, saveReport } from './report.js';
import { benchNetworks } from './suites/networks.js';

const { values } = parseArgs({
  options: {
    /** Networks to measure; all that are here if absent. */
    networks: { type: 'string', default: '' },
    /** Numbers of threads, of both sides. */
    threads: { type: 'string', default: '1,2' },
    /** How often everything is measured. */
    rounds: { type: 'string', default: '5' },
    /** Name of the file of results. */
    name: { type: 'string', default: 'networks' },
  },
});

const networks = networksNamed(values.networks.split(',').filter(Boolean));
const threads = values.threads.split(',').map(wholeNumber);
const rounds = wholeNumber(values.rounds);

const machine = describeMachine();
const othersBusy = watchOthers();
const results = await benchNetworks({ networks, threads, rounds });
const report = { machine, othersBusy: othersBusy(), results };

console.log(`\n${formatMachine(report)}\n\n${formatResults(report)}\n`);
console.log(`Saved as ${await saveReport(values.name, report)}.`);

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`"${text}" must be a whole number from 1 on.`);
}
