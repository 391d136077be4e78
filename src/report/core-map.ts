/** The cores of chips as a picture: where each layer lies, and how full each core is. */

import { DataError } from '../errors.js';
import { escapeXml, FAINT, FONT, fixed, INK, shorten } from './svg.js';

/** A core that is used. */
export interface CoreMapCore {
  readonly chip: number;
  /** Row and column of its tile. */
  readonly row: number;
  readonly column: number;
  /** Core of the tile. */
  readonly core: number;
  /** Indices of layers that lie on it, and the share of the core's compartments that each has. */
  readonly parts: readonly { readonly layer: number; readonly share: number }[];
  /** Shares of other limits that it uses, in the order of {@link CoreMapData.gauges}. */
  readonly gauges: readonly number[];
}

/** What a core map shows. */
export interface CoreMapData {
  readonly title: string;
  readonly subtitle: string;
  /** Tiles of a chip `[rows, columns]`, and cores of a tile. */
  readonly tiles: readonly [number, number];
  readonly coresPerTile: number;
  readonly layers: readonly string[];
  /** Names of the limits of which each core has a bar. */
  readonly gauges: readonly string[];
  readonly cores: readonly CoreMapCore[];
}

/** Most chips that are drawn. */
const MAX_CHIPS = 8;

/** Most layers in the legend. */
const MAX_LAYERS = 48;

const MARGIN = 24;
const HEADER = 92;
const CORE = 22;
const TILE_GAP = 6;
const CHIP_GAP = 28;
const GAUGE = 2;

/**
 * Draws a core map as a self-contained SVG file: a panel for each chip, in it its tiles, in each its cores. The height of
 * the colours of a core is the share of its compartments that each layer has; thin bars at its right are how full it is of
 * the rest. Of more than 8 chips the first 8 are drawn, and the caption says so.
 *
 * @throws DataError `INPUT_INVALID` for no cores, or one that is not on the mesh.
 */
export function coreMapSvg(data: CoreMapData): string {
  check(data);
  const { title, subtitle, tiles, coresPerTile, cores } = data;
  const side = Math.ceil(Math.sqrt(coresPerTile));
  const tile = { width: side * CORE + TILE_GAP, height: Math.ceil(coresPerTile / side) * CORE + TILE_GAP };
  const chip = { width: tiles[1] * tile.width, height: tiles[0] * tile.height };
  const count = Math.max(...cores.map((core) => core.chip)) + 1;
  const drawn = Math.min(count, MAX_CHIPS);
  const across = Math.min(drawn, 2);
  const width = Math.max(2 * MARGIN + across * chip.width + (across - 1) * CHIP_GAP, 640);
  const corner = (index: number) => ({
    x: MARGIN + (index % 2) * (chip.width + CHIP_GAP),
    y: HEADER + Math.floor(index / 2) * (chip.height + CHIP_GAP + 14),
  });
  const panels = Array.from({ length: drawn }, (_, index) => {
    const { x, y } = corner(index);
    const own = cores.filter((core) => core.chip === index);
    const label = count > 1 ? `chip ${index}: ${own.length} cores` : '';
    const places = Array.from({ length: tiles[0] * tiles[1] * coresPerTile }, (_, place) => {
      const at = placeOf(place, data, side);
      return `M${fixed(x + at.x)} ${fixed(y + at.y)}h${CORE - 2}v${CORE - 2}h-${CORE - 2}z`;
    });
    return [
      `<text x="${x}" y="${y - 8}" font-size="11" fill="${FAINT}">${label}</text>`,
      `<path d="${places.join('')}" fill="#f6f7f9" stroke="#e5e7eb" stroke-width=".8"/>`,
      ...own.map((core) => drawCore(core, x, y, data, side)),
    ].join('\n');
  });
  const bottom = corner(drawn - 1).y + chip.height + 26;
  const legend = drawLegend(data, bottom, width);
  const notes = [
    `Colours: share of a core's compartments. Bars at the right: ${data.gauges.join(', ')}.`,
    ...(count > drawn ? [`Of ${count} chips the first ${drawn} are drawn.`] : []),
  ];
  const height = legend.bottom + 14 + notes.length * 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `role="img" font-family="${FONT}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>`,
    `<text x="${MARGIN}" y="42" font-size="19" font-weight="600" fill="${INK}">${escapeXml(shorten(title, 60))}</text>`,
    `<text x="${MARGIN}" y="62" font-size="12" fill="${FAINT}">${escapeXml(subtitle)}</text>`,
    ...panels,
    ...legend.lines,
    ...notes.map(
      (note, i) =>
        `<text x="${MARGIN}" y="${legend.bottom + 12 + i * 16}" font-size="11" fill="${FAINT}">${escapeXml(note)}</text>`,
    ),
    '</svg>\n',
  ].join('\n');
}

function check({ cores, tiles, coresPerTile, layers }: CoreMapData): void {
  const remedy = 'Give the cores of a layout.';
  if (cores.length === 0) throw new DataError('INPUT_INVALID', { message: 'a core map needs cores.', remedy });
  for (const { chip, row, column, core, parts } of cores) {
    const inside = row >= 0 && row < tiles[0] && column >= 0 && column < tiles[1] && core >= 0 && core < coresPerTile;
    if (inside && chip >= 0 && parts.every(({ layer }) => layer >= 0 && layer < layers.length)) continue;
    const message = `core ${core} of tile ${row}, ${column} of chip ${chip} is not on the mesh, or holds no layer of the map.`;
    throw new DataError('INPUT_INVALID', { message, remedy });
  }
}

/** Corner of a core within its chip; places run tile by tile. */
function placeOf(place: number, { tiles, coresPerTile }: CoreMapData, side: number): { x: number; y: number } {
  const tile = Math.floor(place / coresPerTile);
  const core = place % coresPerTile;
  const [row, column] = [Math.floor(tile / tiles[1]), tile % tiles[1]];
  const rows = Math.ceil(coresPerTile / side);
  return {
    x: column * (side * CORE + TILE_GAP) + (core % side) * CORE,
    y: row * (rows * CORE + TILE_GAP) + Math.floor(core / side) * CORE,
  };
}

/** Colours that neighbouring layers do not share. */
function colourOf(layer: number, layers: number): string {
  const hue = layers === 1 ? 220 : Math.round(200 + (300 * layer) / layers) % 360;
  return `hsl(${hue} 62% ${layer % 2 === 0 ? 45 : 62}%)`;
}

function drawCore(core: CoreMapCore, x: number, y: number, data: CoreMapData, side: number): string {
  const { tiles, coresPerTile, layers } = data;
  const place = (core.row * tiles[1] + core.column) * coresPerTile + core.core;
  const at = placeOf(place, data, side);
  const [left, top] = [x + at.x, y + at.y];
  const inner = CORE - 2;
  const wide = inner - data.gauges.length * (GAUGE + 1);
  const lines: string[] = [];
  let level = top + inner;
  for (const { layer, share } of core.parts) {
    // Even one compartment is seen.
    const height = Math.max(share * inner, 1);
    level = Math.max(level - height, top);
    lines.push(
      `<rect x="${fixed(left)}" y="${fixed(level)}" width="${wide}" height="${fixed(height)}" fill="${colourOf(layer, layers.length)}"/>`,
    );
  }
  core.gauges.forEach((share, i) => {
    const height = Math.min(share, 1) * inner;
    const from = left + wide + 1 + i * (GAUGE + 1);
    lines.push(
      `<rect x="${fixed(from)}" y="${fixed(top + inner - height)}" width="${GAUGE}" height="${fixed(height)}" fill="${share > 0.95 ? '#b91c1c' : '#9ca3af'}"/>`,
    );
  });
  const names = core.parts.map(({ layer }) => layers[layer]).join(', ');
  return `<g><title>${escapeXml(names)}</title>${lines.join('')}</g>`;
}

function drawLegend({ layers, cores }: CoreMapData, top: number, width: number) {
  const columns = Math.max(1, Math.floor((width - 2 * MARGIN) / 196));
  const shown = layers.slice(0, MAX_LAYERS);
  const rows = Math.ceil(shown.length / columns);
  const lines = shown.map((name, layer) => {
    const x = MARGIN + Math.floor(layer / rows) * 196;
    const y = top + (layer % rows) * 18;
    const own = cores.filter(({ parts }) => parts.some((part) => part.layer === layer)).length;
    return [
      `<rect x="${x}" y="${y - 9}" width="10" height="10" rx="2" fill="${colourOf(layer, layers.length)}"/>`,
      `<text x="${x + 16}" y="${y}" font-size="11.5" fill="${INK}">${escapeXml(shorten(name, 20))} <tspan fill="${FAINT}">${own}</tspan></text>`,
    ].join('');
  });
  if (layers.length > shown.length) {
    const more = `and ${layers.length - shown.length} more layers`;
    lines.push(`<text x="${MARGIN}" y="${top + rows * 18}" font-size="11.5" fill="${FAINT}">${more}</text>`);
  }
  return { lines, bottom: top + rows * 18 + (layers.length > shown.length ? 18 : 0) };
}
