/** Results for people, and for later comparison. */

import { mkdir, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.js';
import { type Goal, isReached, type Outcome, type Table } from './suite.js';

const RESULTS = new URL('results/', import.meta.url);

/** What a suite found, and on what. */
export interface Report extends Outcome {
  readonly machine: Machine;
  /** Processors that other processes kept busy meanwhile, on average. */
  readonly othersBusy: number;
}

/** Processors kept busy by others above which a comparison says little. */
const MOST_OTHERS_BUSY = 0.1;

/** A report for people: the machine, the table in Markdown, and what became of the goals. */
export function formatReport(report: Report): string {
  const { table, goals } = report;
  const parts = [formatMachine(report), markdownTable(table)];
  if (goals.length > 0) parts.push(markdownTable(goalTable(goals)));
  return parts.join('\n\n');
}

/** The machine in one line, and a warning in another if it was not left alone. */
function formatMachine({ machine: { cpu, cores, kernelLevels, versions }, othersBusy }: Report): string {
  const { firstspike, onnxruntime, node } = versions;
  const machine =
    `${cpu}, ${kernelLevels.at(-1)}, ${cores} cores; ` +
    `firstspike ${firstspike}, ONNX Runtime ${onnxruntime}, Node ${node}`;
  if (othersBusy <= MOST_OTHERS_BUSY) return machine;
  return `${machine}\nNot to be trusted: other processes kept ${othersBusy.toFixed(2)} of the cores busy meanwhile.`;
}

function goalTable(goals: readonly Goal[]): Table {
  return {
    columns: ['goal', 'measured', 'wanted', ''],
    rows: goals.map((goal) => [
      goal.what,
      fourDigits(goal.measured).toLocaleString('en'),
      `${goal.atMost ? '<=' : '>='} ${goal.goal.toLocaleString('en')}`,
      isReached(goal) ? 'reached' : 'missed',
    ]),
  };
}

/**
 * Saves a report in `results/NAME.json`, and its picture in `results/NAME.svg`.
 *
 * @returns the files' paths, relative to where this process runs.
 */
export async function saveReport(name: string, report: Report): Promise<string[]> {
  const { machine, othersBusy, goals, results, picture } = report;
  const figures = JSON.stringify({ machine, othersBusy, goals, results }, rounded, 2);
  const files = [[`${name}.json`, `${figures}\n`], ...(picture ? [[`${name}.svg`, picture]] : [])];
  await mkdir(RESULTS, { recursive: true });
  return Promise.all(
    files.map(async ([file, content]) => {
      const path = fileURLToPath(new URL(file, RESULTS));
      await writeFile(path, content);
      return relative('', path);
    }),
  );
}

/** Columns padded to one width; the first is left-aligned, the others right. */
function markdownTable({ columns, rows }: Table): string {
  const widths = columns.map((title, i) =>
    Math.max(...[title, ...rows.map((row) => row[i])].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(columns), line(rule), ...rows.map(line)].join('\n');
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? fourDigits(value) : value;
}

function fourDigits(value: number): number {
  return Number(value.toPrecision(4));
}
