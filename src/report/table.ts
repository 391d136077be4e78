/** Plain text tables, without colours: the same in a terminal, a log and a README. */

import CliTable from 'cli-table3';
import { printable } from './format.js';

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Where absent, the first column is left-aligned, others right if all their cells are numbers. */
  readonly align?: 'left' | 'right';
}

/** Content of a cell; what is undefined or NaN is printed as `-`. */
export type Cell = string | number | undefined;

const NO_LINES = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};

/**
 * A table with a rule below its titles and no other lines; no line break at the end.
 *
 * @param rows cells in the order of the columns
 */
export function formatTable(columns: readonly (Column | string)[], rows: readonly (readonly Cell[])[]): string {
  const heads = columns.map((column) => (typeof column === 'string' ? { title: column } : column));
  const cells = rows.map((row) => heads.map((_, i) => text(row[i])));
  const table = new CliTable({
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    head: heads.map(({ title }) => printable(title)),
    colAligns: heads.map(
      ({ align }, i) => align ?? (i > 0 && cells.every((row) => isNumber(row[i])) ? 'right' : 'left'),
    ),
  });
  table.push(...cells);
  const [head, ...lines] = table.toString().split('\n');
  return [head, '─'.repeat(table.width), ...lines].map((line) => line.trimEnd()).join('\n');
}

function text(cell: Cell): string {
  return cell === undefined || Number.isNaN(cell) ? '-' : printable(String(cell));
}

function isNumber(cell: string): boolean {
  return /^(-$|[-+]?[\d.∞])/.test(cell);
}
