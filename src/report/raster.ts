/** The spikes of one image as a picture: a band for each layer, a column for each time window. */

import { DataError } from '../errors.js';
import { formatCount } from './format.js';
import { encodeGreyPng } from './png.js';
import { escapeXml, FAINT, FONT, fixed, INK, shorten } from './svg.js';

/** Spikes of one layer. */
export interface RasterLayer {
  readonly name: string;
  /** Number of neurons. */
  readonly neurons: number;
  /** Start of the layer's window. */
  readonly windowStart: number;
  /** Length of the layer's window, in the same units of time. */
  readonly windowWidth: number;
  /** Time of each spike, relative to the window's start. */
  readonly times: ArrayLike<number>;
  /** Index of the neuron of each spike; as long as `times`. */
  readonly neuronsOfSpikes: ArrayLike<number>;
}

/** What a raster shows. */
export interface RasterData {
  readonly title: string;
  /** From the input to the output. */
  readonly layers: readonly RasterLayer[];
  /** The input, in grey from its least to its largest value; [height, width], row major. */
  readonly image?: { readonly data: ArrayLike<number>; readonly height: number; readonly width: number };
}

/** Most spikes drawn for a layer. */
const MAX_SPIKES = 4000;

const WIDTH = 960;
const MARGIN = 24;
const PLOT = { left: 216, right: WIDTH - MARGIN };
const HEADER = 96;
const GAP = 6;
const PICTURE = 56;

/**
 * Draws a raster as a self-contained SVG file: time runs from left to right through the layers' windows, all drawn
 * equally wide and labelled with their start and end; windows shared by several layers are drawn once. A dot is a
 * spike; of layers with more than 4,000 an even selection is drawn, and the caption says so. Times outside the window are drawn
 * at its edge.
 *
 * @throws DataError `INPUT_INVALID` for no layers, a window without length, spikes of no neuron or at no time,
 *   or lists that do not belong together.
 */
export function rasterSvg(data: RasterData): string {
  const { title, layers, image } = data;
  check(data);
  const windows = distinctWindows(layers);
  const columnWidth = (PLOT.right - PLOT.left) / windows.length;
  const band = Math.min(Math.max(Math.round(480 / layers.length), 32), 88);
  const bottom = HEADER + layers.length * (band + GAP) - GAP;
  const bands = layers.map((layer, i) => {
    const column = windows.findIndex((window) => isSame(window, layer));
    const box = { x: PLOT.left + column * columnWidth, y: HEADER + i * (band + GAP), width: columnWidth, height: band };
    const hue = layers.length === 1 ? 220 : Math.round(200 + (130 * i) / (layers.length - 1));
    return drawBand(layer, box, `hsl(${hue} 70% 42%)`);
  });
  const notes = caption(layers);
  const height = bottom + 58 + notes.length * 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      `role="img" font-family="${FONT}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="44" font-size="19" font-weight="600" fill="${INK}">${escapeXml(shorten(title, 78))}</text>`,
    `<text x="${MARGIN}" y="66" font-size="12" fill="${FAINT}">${total(layers)}</text>`,
    ...(image ? [drawPicture(image)] : []),
    ...bands,
    ...drawAxis(windows, columnWidth, bottom),
    ...notes.map(
      (note, i) =>
        `<text x="${PLOT.left}" y="${bottom + 54 + i * 16}" font-size="11" fill="${FAINT}">${escapeXml(note)}</text>`,
    ),
    '</svg>\n',
  ].join('\n');
}

interface Window {
  readonly windowStart: number;
  readonly windowWidth: number;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function check({ layers, image }: RasterData): void {
  const refuse = (message: string, layer?: string): never => {
    throw new DataError('INPUT_INVALID', { layer, message, remedy: 'Give the spikes of one image, as recorded.' });
  };
  if (layers.length === 0) refuse('a raster needs at least one layer.');
  for (const { name, neurons, windowStart, windowWidth, times, neuronsOfSpikes } of layers) {
    if (!(Number.isInteger(neurons) && neurons >= 1)) refuse(`a raster cannot show ${neurons} neurons.`, name);
    if (!Number.isFinite(windowStart) || !(windowWidth > 0 && windowWidth < Number.POSITIVE_INFINITY)) {
      refuse(`a raster cannot show a window of ${windowWidth} from ${windowStart} on.`, name);
    }
    if (times.length !== neuronsOfSpikes.length) {
      refuse(`there are ${times.length} spike times, but ${neuronsOfSpikes.length} neurons of spikes.`, name);
    }
    for (let i = 0; i < times.length; i++) {
      const neuron = neuronsOfSpikes[i];
      if (!Number.isFinite(times[i]) || !(neuron >= 0 && neuron < neurons)) {
        refuse(`a raster cannot show a spike of neuron ${neuron} at ${times[i]}.`, name);
      }
    }
  }
  if (image && (!(image.height * image.width >= 1) || image.data.length !== image.height * image.width)) {
    refuse(`an image of ${image.height} x ${image.width} cannot have ${image.data.length} pixels.`);
  }
}

function isSame(a: Window, b: Window): boolean {
  return a.windowStart === b.windowStart && a.windowWidth === b.windowWidth;
}

function distinctWindows(layers: readonly Window[]): readonly Window[] {
  return layers
    .filter((layer, i) => layers.findIndex((other) => isSame(other, layer)) === i)
    .sort((a, b) => a.windowStart - b.windowStart || a.windowWidth - b.windowWidth);
}

function drawBand(layer: RasterLayer, box: Box, colour: string): string {
  const { name, neurons, times } = layer;
  const middle = box.y + box.height / 2;
  const spikes = times.length === 1 ? 'spike' : 'spikes';
  return [
    `<rect x="${PLOT.left}" y="${box.y}" width="${PLOT.right - PLOT.left}" height="${box.height}" rx="3" fill="#f6f7f9"/>`,
    `<rect x="${fixed(box.x)}" y="${box.y}" width="${fixed(box.width)}" height="${box.height}" rx="3" fill="${colour}" fill-opacity=".1"/>`,
    `<g text-anchor="end"><title>${escapeXml(name)}</title>`,
    `<text x="${PLOT.left - 12}" y="${middle - 3}" font-size="12.5" font-weight="600" fill="${INK}">${escapeXml(shorten(name, 24))}</text>`,
    `<text x="${PLOT.left - 12}" y="${middle + 12}" font-size="11" fill="${FAINT}">${grouped(times.length)} ${spikes} / ${grouped(neurons)} neurons</text>`,
    '</g>',
    `<path d="${dots(layer, box)}" stroke="${colour}" stroke-width="${neurons > 64 ? 1.7 : 3}" stroke-linecap="round" stroke-opacity=".8"/>`,
  ].join('\n');
}

/** Spikes as lines of no length, which round ends make dots; equal places once. */
function dots({ neurons, windowWidth, times, neuronsOfSpikes }: RasterLayer, box: Box): string {
  const inset = 3;
  const place = (share: number, start: number, length: number): string =>
    fixed(start + inset + Math.min(Math.max(share, 0), 1) * (length - 2 * inset));
  const drawn = Math.min(times.length, MAX_SPIKES);
  const places = new Set<string>();
  for (let i = 0; i < drawn; i++) {
    const spike = Math.floor((i * times.length) / drawn);
    const x = place(times[spike] / windowWidth, box.x, box.width);
    const y = place((neuronsOfSpikes[spike] + 0.5) / neurons, box.y, box.height);
    places.add(`M${x} ${y}h0`);
  }
  return [...places].join('');
}

function drawAxis(windows: readonly Window[], columnWidth: number, bottom: number): string[] {
  const lines: string[] = [];
  const digits = digitsToTell(windows);
  let free = Number.NEGATIVE_INFINITY;
  const label = (x: number, time: number, anchor: 'start' | 'middle' | 'end'): void => {
    const text = String(Number(time.toPrecision(digits)));
    const width = text.length * 6.5 + 6;
    const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
    if (left < free) return;
    free = left + width;
    lines.push(
      `<text x="${fixed(x)}" y="${bottom + 18}" font-size="11" text-anchor="${anchor}" fill="${INK}">${text}</text>`,
    );
  };
  const tick = (x: number): string =>
    `<path d="M${fixed(x)} ${HEADER - 6}V${bottom + 5}" stroke="#9ca3af" stroke-opacity=".45" stroke-width="1"/>`;
  windows.forEach(({ windowStart, windowWidth }, i) => {
    const x = PLOT.left + i * columnWidth;
    const end = windowStart + windowWidth;
    const next = windows[i + 1];
    lines.push(tick(x));
    if (i === 0) label(x, windowStart, 'start');
    if (next === undefined) label(x + columnWidth, end, 'end');
    else if (isClose(next.windowStart, end)) label(x + columnWidth, end, 'middle');
    else {
      label(x + columnWidth - 3, end, 'end');
      label(x + columnWidth + 3, next.windowStart, 'start');
    }
  });
  const middle = (PLOT.left + PLOT.right) / 2;
  const equally = windows.length > 1 ? '; every window is drawn equally wide' : '';
  lines.push(
    tick(PLOT.right),
    `<text x="${middle}" y="${bottom + 36}" font-size="11" text-anchor="middle" fill="${FAINT}">time, in units of the network${equally}</text>`,
  );
  return lines;
}

function drawPicture({ data, height, width }: NonNullable<RasterData['image']>): string {
  const values = Array.from(data, (value) => (Number.isFinite(value) ? value : 0));
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const pixels = Uint8Array.from(values, (value) => Math.round((255 * (value - low)) / (high - low || 1)));
  const png = encodeGreyPng(pixels, height, width).toString('base64');
  const scale = PICTURE / Math.max(height, width);
  const [w, h] = [width * scale, height * scale];
  const [x, y] = [PLOT.right - w, 20 + (PICTURE - h) / 2];
  return [
    `<image x="${fixed(x)}" y="${fixed(y)}" width="${fixed(w)}" height="${fixed(h)}" preserveAspectRatio="none" image-rendering="pixelated" href="data:image/png;base64,${png}"/>`,
    `<rect x="${fixed(x - 0.5)}" y="${fixed(y - 0.5)}" width="${fixed(w + 1)}" height="${fixed(h + 1)}" fill="none" stroke="#d1d5db"/>`,
  ].join('\n');
}

function total(layers: readonly RasterLayer[]): string {
  const spikes = layers.reduce((sum, { times }) => sum + times.length, 0);
  const neurons = layers.reduce((sum, layer) => sum + layer.neurons, 0);
  return `${grouped(spikes)} spikes of ${grouped(neurons)} neurons: ${formatCount(spikes / neurons)} per neuron`;
}

/** Lines below the plot. */
function caption(layers: readonly RasterLayer[]): string[] {
  const thinned = layers.filter(({ times }) => times.length > MAX_SPIKES).map(({ name }) => shorten(name, 24));
  if (thinned.length === 0) return [];
  const named = thinned.length > 3 ? [...thinned.slice(0, 2), `${thinned.length - 2} more layers`] : thinned;
  const of = named.length === 1 ? named[0] : `${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
  return [`Of ${of}, ${grouped(MAX_SPIKES)} evenly chosen spikes ${thinned.length === 1 ? 'are' : 'each are'} drawn.`];
}

/** Windows are sums of floats: their ends meet up to rounding. */
function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b), Number.MIN_VALUE);
}

/** Significant digits, from four on, with which no window seems to have its start and end at the same time. */
function digitsToTell(windows: readonly Window[]): number {
  const most = 15;
  for (let digits = 4; digits < most; digits++) {
    const text = (time: number): string => time.toPrecision(digits);
    if (windows.every(({ windowStart: start, windowWidth }) => text(start) !== text(start + windowWidth)))
      return digits;
  }
  return most;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
