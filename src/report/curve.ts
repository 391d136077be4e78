/** Curves as a picture: columns of plots, each with series of points and their error bars. */

import { DataError } from '../errors.js';
import { escapeXml, FAINT, FONT, fixed, INK, shorten } from './svg.js';

/** One point of a curve. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** Half the length of the error bar; none if absent or 0. */
  readonly error?: number;
}

/** One curve. */
export interface CurveSeries {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** One plot: curves over the same axes. */
export interface CurvePlot {
  /** Whether values are shares, 0 to 1, and labelled as percent. */
  readonly percent?: boolean;
  readonly series: readonly CurveSeries[];
  /** A value to compare with: a dashed line. */
  readonly level?: { readonly name: string; readonly y: number };
}

/** Plots below each other that share their horizontal axis. */
export interface CurveColumn {
  /** What the horizontal axis shows. */
  readonly title: string;
  /** What an x of 0 means where it is the absence of a limit, such as `off`: it is drawn apart, beyond the largest. */
  readonly zero?: string;
  readonly plots: readonly CurvePlot[];
}

/** What a picture of curves shows. */
export interface CurveData {
  readonly title: string;
  /** A line below the title. */
  readonly subtitle?: string;
  readonly columns: readonly CurveColumn[];
}

const COLOURS = ['#2563eb', '#ea8a0b', '#0d9488', '#a21caf'];
const MARGIN = 24;
const HEADER = 78;
/** Room left of a plot, for its labels. */
const LABELS = 50;
/** Room above a plot, for its title and legend. */
const TITLE = 36;
/** Room below a column, for its axis. */
const AXIS = 46;
/** Heights of the first plot of a column and of the others. */
const [TALL, LOW] = [220, 110];
/** Share of a plot's width that is kept for points apart. */
const APART = 0.13;
/** Between a plot's border and the outermost points. */
const INSET = 16;

/**
 * Draws curves as a self-contained SVG file. A horizontal axis is logarithmic where its positive values span a decade
 * or more and lie more evenly that way; an x of 0 is drawn apart then.
 *
 * @throws DataError `INPUT_INVALID` for no columns, plots, curves or points, or numbers that are not finite.
 */
export function curveSvg(data: CurveData): string {
  check(data);
  const { title, subtitle = '', columns } = data;
  const columnWidth = columns.length === 1 ? 672 : Math.max(340, Math.round(1000 / columns.length));
  const width = 2 * MARGIN + columns.length * columnWidth;
  const tops = (rows: number) => HEADER + rows * TITLE + (rows > 1 ? TALL + (rows - 2) * LOW : 0);
  const bottomOf = ({ plots: { length } }: CurveColumn) => tops(length) + (length > 1 ? LOW : TALL);
  const height = Math.max(...columns.map(bottomOf)) + AXIS + 18;
  const drawn = columns.flatMap((column, i): string[] => {
    const left = MARGIN + i * columnWidth + LABELS;
    const right = MARGIN + (i + 1) * columnWidth - (i < columns.length - 1 ? MARGIN : 0);
    const axis = horizontalAxis(column, left, right);
    let colour = 0;
    const plots = column.plots.map((plot, row) => {
      const top = tops(row + 1);
      const text = drawPlot(plot, { left, right, top, bottom: top + (row > 0 ? LOW : TALL) }, axis, colour);
      colour += plot.series.length;
      return text;
    });
    return [...plots, drawAxis(column.title, axis, { left, right }, bottomOf(column))];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `role="img" font-family="${FONT}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>`,
    label(shorten(title, Math.floor(width / 11)), MARGIN, 42, { size: 19, bold: true }),
    label(shorten(subtitle, Math.floor(width / 6.5)), MARGIN, 64, { size: 12, colour: FAINT }),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function check({ columns }: CurveData): void {
  const refuse = (message: string): never => {
    throw new DataError('INPUT_INVALID', {
      message,
      remedy: 'Give at least one point of finite numbers to each curve.',
    });
  };
  if (columns.length === 0) refuse('a picture of curves needs at least one column.');
  for (const { title, plots } of columns) {
    if (plots.length === 0) refuse(`the column "${title}" has no plot.`);
    for (const { series, level } of plots) {
      if (series.length === 0 || series.some(({ points }) => points.length === 0)) {
        refuse(`a plot of the column "${title}" has a curve without points, or none at all.`);
      }
      const numbers = series.flatMap(({ points }) => points.flatMap(({ x, y, error = 0 }) => [x, y, error]));
      if (![...numbers, level?.y ?? 0].every(Number.isFinite))
        refuse(`a plot of the column "${title}" has a point that is nowhere.`);
    }
  }
}

interface Tick {
  readonly at: number;
  readonly text: string;
}

interface Axis {
  readonly place: (value: number) => number;
  readonly ticks: readonly Tick[];
  /** Whether a value's point is apart from the curve. */
  readonly isApart: (value: number) => boolean;
  /** Where the axis is broken. */
  readonly gap?: number;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function horizontalAxis({ zero, plots }: CurveColumn, left: number, right: number): Axis {
  const all = plots.flatMap(({ series }) => series.flatMap(({ points }) => points.map(({ x }) => x)));
  const values = [...new Set(all)].sort((a, b) => a - b);
  const positive = values.filter((value) => value > 0);
  const log = values[0] >= 0 && isLogarithmic(positive);
  const apart = values.includes(0) && positive.length > 0 && (log || zero !== undefined);
  const regular = apart ? positive : values;
  const reserved = apart ? (right - left) * APART : 0;
  const beyond = zero !== undefined;
  const from = left + INSET + (beyond ? 0 : reserved);
  const to = right - INSET - (beyond ? reserved : 0);
  const [low, high] = [regular[0], regular[regular.length - 1]];
  const place = scale(low, high, from, to, log);
  const edge = beyond ? right - INSET : left + INSET;
  const room = to - from;
  const ticks = (log ? logarithmicTicks(low, high, room) : linearTicks(low, high, Math.min(8, room / 48)))
    .filter((value) => value >= low && value <= high)
    .map((value) => ({ at: place(value), text: log ? logarithmicText(value, low, high) : String(value) }));
  if (!apart) return { place, ticks, isApart: () => false };
  return {
    place: (value) => (value === 0 ? edge : place(value)),
    ticks: [...ticks, { at: edge, text: zero ?? '0' }],
    isApart: (value) => value === 0,
    gap: beyond ? right - reserved : left + reserved,
  };
}

/** Whether values from a decade on lie more evenly by their logarithms. */
function isLogarithmic(values: readonly number[]): boolean {
  const [low, high] = [values[0], values[values.length - 1]];
  if (!(high >= 10 * low)) return false;
  const closest = (numbers: readonly number[]) => {
    const gaps = numbers.slice(1).map((number, i) => number - numbers[i]);
    return Math.min(...gaps) / (numbers[numbers.length - 1] - numbers[0]);
  };
  return closest(values.map(Math.log)) > closest(values);
}

/** From values to pixels; a single value lies in the middle. */
function scale(low: number, high: number, from: number, to: number, log = false): (value: number) => number {
  const position = log ? Math.log : (value: number) => value;
  const [first, span] = [position(low), position(high) - position(low)];
  return (value) => (span === 0 ? (from + to) / 2 : from + ((position(value) - first) / span) * (to - from));
}

/** Round numbers, as many as wanted or fewer, that cover a range up to one step. */
function linearTicks(low: number, high: number, most: number): number[] {
  if (low === high) return [low];
  const least = (high - low) / most;
  const decade = 10 ** Math.floor(Math.log10(least));
  const step = decade * ([1, 2, 5].find((factor) => factor * decade >= least * (1 - 1e-9)) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten, and 2 and 5 times them where there is room for their labels. */
function logarithmicTicks(low: number, high: number, room: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const decade = room / Math.log10(high / low);
  const factors = decade >= 105 ? [1, 2, 5] : [1];
  const every = Math.ceil(36 / decade);
  const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((power) => power % every === 0);
  return powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)));
}

/** All of an axis alike: as `0.01`, or as `1e-2` where some are very small or large. */
function logarithmicText(value: number, low: number, high: number): string {
  return low >= 1e-3 && high <= 1e4 ? String(value) : value.toExponential(0).replace('+', '');
}

function drawPlot(plot: CurvePlot, box: Box, axis: Axis, firstColour: number): string {
  const { series, level, percent = false } = plot;
  const [low, high] = verticalRange(plot);
  const y = scale(low, high, box.bottom - 8, box.top + 8);
  const ticks = linearTicks(low, high, Math.round((box.bottom - box.top) / 40));
  const width = box.right - box.left;
  const colours = series.map((_, i) => COLOURS[(firstColour + i) % COLOURS.length]);
  const entries = series.map(({ name }, i) => ({ name, colour: colours[i] }));
  return [
    ...legend(level ? [...entries, { name: level.name }] : entries, box),
    `<rect x="${fixed(box.left)}" y="${box.top}" width="${fixed(width)}" height="${box.bottom - box.top}" rx="3" fill="#f6f7f9"/>`,
    ...axis.ticks.map(({ at }) => stroke(`M${fixed(at)} ${box.top}V${box.bottom}`, '#ffffff')),
    ...ticks.flatMap((tick) => [
      stroke(`M${fixed(box.left)} ${fixed(y(tick))}H${fixed(box.right)}`, '#ffffff', 1.5),
      label(percent ? percentage(tick, ticks) : String(tick), box.left - 8, y(tick) + 4, { anchor: 'end' }),
    ]),
    ...(level
      ? [stroke(`M${fixed(box.left)} ${fixed(y(level.y))}H${fixed(box.right)}`, FAINT, 1.3, 'stroke-dasharray="5 4"')]
      : []),
    ...series.flatMap((curve, i) => drawCurve(curve, axis, y, colours[i])),
  ].join('\n');
}

/** What a plot's vertical axis covers: all points with their bars, and no less than makes a difference. */
function verticalRange({ series, level, percent }: CurvePlot): [number, number] {
  const ends = series.flatMap(({ points }) => points.flatMap(({ y, error = 0 }) => [y - error, y + error]));
  const values = level ? [...ends, level.y] : ends;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const least = percent ? 0.02 : 0.05 * Math.max(Math.abs(low), Math.abs(high)) || 1;
  const margin = Math.max(0, least - (high - low)) / 2;
  const floor =
    Math.min(...series.flatMap(({ points }) => points.map(({ y }) => y))) >= 0 ? 0 : Number.NEGATIVE_INFINITY;
  return [Math.max(floor, low - margin), Math.min(percent ? 1 : Number.POSITIVE_INFINITY, high + margin)];
}

function percentage(share: number, all: readonly number[]): string {
  const step = all.length > 1 ? 100 * (all[1] - all[0]) : 1;
  return `${(100 * share).toFixed(step < 0.999 ? (step < 0.0999 ? 2 : 1) : 0)} %`;
}

function drawCurve({ points }: CurveSeries, axis: Axis, y: (value: number) => number, colour: string): string[] {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const at = ({ x }: CurvePoint) => fixed(axis.place(x));
  const joined = sorted.filter(({ x }) => !axis.isApart(x));
  const bars = sorted.filter(({ error = 0 }) => error > 0);
  return [
    ...bars.map((point) => {
      const { y: value, error = 0 } = point;
      const x = axis.place(point.x);
      const cap = (end: number) => `M${fixed(x - 4)} ${fixed(y(end))}H${fixed(x + 4)}`;
      const [lower, upper] = [value - error, value + error];
      const path = `${cap(lower)}${cap(upper)}M${fixed(x)} ${fixed(y(lower))}V${fixed(y(upper))}`;
      return stroke(path, colour, 1.3, 'stroke-opacity=".7"');
    }),
    stroke(`M${joined.map((point) => `${at(point)} ${fixed(y(point.y))}`).join('L')}`, colour, 2.2),
    ...sorted.map(
      (point) =>
        `<circle cx="${at(point)}" cy="${fixed(y(point.y))}" r="4" fill="${colour}" stroke="#ffffff" stroke-width="1.4"/>`,
    ),
  ];
}

/** Names of curves above their plot, beside their colours; without a colour, of the dashed line. */
function legend(entries: readonly { readonly name: string; readonly colour?: string }[], box: Box): string[] {
  let left = box.left;
  const y = box.top - 16;
  return entries.flatMap(({ name, colour }) => {
    const text = shorten(name, 28);
    const line = `M${fixed(left)} ${y}h20`;
    const mark = colour
      ? [stroke(line, colour, 2.2), `<circle cx="${fixed(left + 10)}" cy="${y}" r="3.4" fill="${colour}"/>`]
      : [stroke(line, FAINT, 1.3, 'stroke-dasharray="5 4"')];
    const entry = [...mark, label(text, left + 26, y + 4)];
    left += 26 + text.length * 6 + 16;
    return entry;
  });
}

function drawAxis(
  title: string,
  { ticks, gap }: Axis,
  { left, right }: Pick<Box, 'left' | 'right'>,
  y: number,
): string {
  return [
    stroke(`M${fixed(left)} ${y}H${fixed(right)}`, '#9ca3af'),
    ...ticks.flatMap(({ at, text }) => [
      stroke(`M${fixed(at)} ${y}v5`, '#9ca3af'),
      label(text, at, y + 18, { anchor: 'middle' }),
    ]),
    ...(gap === undefined
      ? []
      : [
          stroke(`M${fixed(gap - 2.5)} ${y}h5`, '#ffffff', 2.5),
          stroke(`M${fixed(gap - 5)} ${y + 5}l5 -10m0 10l5 -10`, '#9ca3af'),
        ]),
    label(shorten(title, Math.floor((right - left) / 6)), (left + right) / 2, y + 38, {
      anchor: 'middle',
      colour: FAINT,
    }),
  ].join('\n');
}

function stroke(path: string, colour: string, width = 1, more = ''): string {
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${width}"${more && ` ${more}`}/>`;
}

interface LabelStyle {
  readonly size?: number;
  readonly bold?: boolean;
  readonly colour?: string;
  readonly anchor?: 'middle' | 'end';
}

function label(text: string, x: number, y: number, { size = 11, bold, colour = INK, anchor }: LabelStyle = {}): string {
  const style = `${bold ? ' font-weight="600"' : ''}${anchor ? ` text-anchor="${anchor}"` : ''}`;
  return `<text x="${fixed(x)}" y="${fixed(y)}" font-size="${size}"${style} fill="${colour}">${escapeXml(text)}</text>`;
}
