/** Results for people, and for later comparison. */

import { mkdir, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.js';
import type { Comparison, Speed } from './suites/networks.js';

const RESULTS = new URL('results/', import.meta.url);

/** What was measured, and on what. */
export interface Report {
  readonly machine: Machine;
  /** Processors that other processes kept busy meanwhile, on average. */
  readonly othersBusy: number;
  readonly results: readonly Comparison[];
}

/** Processors kept busy by others above which a comparison says little. */
const MOST_OTHERS_BUSY = 0.1;

/** The machine in one line, and a warning in another if it was not left alone. */
export function formatMachine({ machine: { cpu, cores, kernelLevels, versions }, othersBusy }: Report): string {
  const { firstspike, onnxruntime, node } = versions;
  const machine =
    `${cpu}, ${kernelLevels.at(-1)}, ${cores} cores; ` +
    `firstspike ${firstspike}, ONNX Runtime ${onnxruntime}, Node ${node}`;
  if (othersBusy <= MOST_OTHERS_BUSY) return machine;
  return `${machine}\nNot to be trusted: other processes kept ${othersBusy.toFixed(2)} of the cores busy meanwhile.`;
}

/** A table of comparisons in Markdown. */
export function formatResults({ results }: Report): string {
  const rows = results.map(({ firstspike, onnxruntime, ...row }) => [
    row.network,
    `${row.threads}`,
    `${row.engine} ${row.precision}`,
    row.ratio.toFixed(2),
    `${Math.min(...row.ratios).toFixed(2)} to ${Math.max(...row.ratios).toFixed(2)}`,
    imagesPerSecond(firstspike),
    imagesPerSecond(onnxruntime) + (onnxruntime.fixedBatch ? ' fixed' : ''),
    row.eventsPerMac.toFixed(3),
    row.gigaEventsPerSecond.toFixed(2),
    row.gigaMacsPerSecond.toFixed(2),
    `${(row.agreement * 100).toFixed(1)} %`,
  ]);
  return markdownTable(
    [
      'network',
      'threads',
      'engine',
      'ratio',
      'of rounds',
      'firstspike images/s (batch)',
      'ORT images/s (batch)',
      'events/MAC',
      'G events/s',
      'ORT G MAC/s',
      'same label',
    ],
    rows,
  );
}

/**
 * Saves a report in `results/NAME.json`.
 *
 * @returns the file's path, relative to where this process runs.
 */
export async function saveReport(name: string, report: Report): Promise<string> {
  const file = fileURLToPath(new URL(`${name}.json`, RESULTS));
  await mkdir(RESULTS, { recursive: true });
  await writeFile(file, `${JSON.stringify(report, fourDigits, 2)}\n`);
  return relative('', file);
}

function imagesPerSecond({ imagesPerSecond, batch }: Speed): string {
  return `${Math.round(imagesPerSecond)} (${batch})`;
}

/** Columns padded to one width; the first is left-aligned, the others right. */
function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i])].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(titles), line(rule), ...rows.map(line)].join('\n');
}

function fourDigits(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
