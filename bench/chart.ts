/** Bars as a picture. */

import { escapeXml, FAINT, FONT, fixed, INK } from '../src/report/svg.js';

/** One bar. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  /** What the value should be at least: a mark. */
  readonly goal?: number;
}

/** Bars below one heading. */
export interface BarGroup {
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** What a picture of bars shows. */
export interface BarData {
  readonly title: string;
  /** A line below the title: what the values are. */
  readonly subtitle: string;
  readonly groups: readonly BarGroup[];
}

const WIDTH = 760;
const MARGIN = 24;
const HEADER = 84;
/** Room for the names of bars. */
const NAMES = 190;
/** Room for values behind the longest bar. */
const VALUES = 60;
/** Width of a value. */
const LABEL = 36;
const [GROUP, ROW, BAR] = [26, 20, 13];
const REACHED = '#0d9488';
const MISSED = '#ea8a0b';
const PLAIN = '#2563eb';

/** Draws horizontal bars from zero on as a self-contained SVG file; a bar with a goal says by its colour if it is reached. */
export function barsSvg({ title, subtitle, groups }: BarData): string {
  const bars = groups.flatMap(({ bars }) => bars);
  const largest = Math.max(...bars.flatMap(({ value, goal = 0 }) => [value, goal]));
  const length = (value: number) => (value / largest) * (WIDTH - 2 * MARGIN - NAMES - VALUES);
  const left = MARGIN + NAMES;
  let y = HEADER;
  const drawn = groups.flatMap(({ name, bars }) => {
    y += GROUP;
    const heading = text(name, MARGIN, y - 8, 'font-weight="600"');
    const rows = bars.flatMap((bar) => {
      y += ROW;
      return drawBar(bar, left, y - ROW, length);
    });
    y += 6;
    return [heading, ...rows];
  });
  const height = y + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      `role="img" font-family="${FONT}" font-size="12" fill="${INK}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="#ffffff"/>`,
    text(title, MARGIN, 42, 'font-size="19" font-weight="600"'),
    text(subtitle, MARGIN, 64, `fill="${FAINT}"`),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function drawBar({ name, value, goal }: Bar, left: number, top: number, length: (value: number) => number): string[] {
  const colour = goal === undefined ? PLAIN : value >= goal ? REACHED : MISSED;
  const end = left + length(value);
  const at = left + length(goal ?? 0);
  // The value stands behind the bar, or else behind the mark that it would be crossed by.
  const crossed = at >= end && at < end + LABEL;
  return [
    text(name, left - 10, top + 11, 'text-anchor="end"'),
    `<rect x="${left}" y="${top}" width="${fixed(end - left)}" height="${BAR}" rx="2" fill="${colour}"/>`,
    ...(goal === undefined ? [] : [`<path d="M${fixed(at)} ${top - 2}v${BAR + 4}" stroke="${INK}" stroke-width="2"/>`]),
    text(value.toFixed(2), (crossed ? at : end) + 6, top + 11, `fill="${FAINT}"`),
  ];
}

function text(content: string, x: number, y: number, style: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${style}>${escapeXml(content)}</text>`;
}
