import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { FirstspikeError } from '../../src/errors.js';
import { encodeGreyPng } from '../../src/report/png.js';
import { type RasterData, type RasterLayer, rasterSvg } from '../../src/report/raster.js';

const layer = (name: string, windowStart: number, windowWidth: number, spikes = 3, neurons = 10): RasterLayer => ({
  name,
  neurons,
  windowStart,
  windowWidth,
  times: Float32Array.from({ length: spikes }, (_, i) => (windowWidth * i) / spikes),
  neuronsOfSpikes: Int32Array.from({ length: spikes }, (_, i) => (i * 7) % neurons),
});

const data: RasterData = {
  title: 'digits',
  layers: [layer('input', 0, 1), layer('conv', 1, 2.5, 4), layer('dense', 3.5, 20, 1, 5)],
};

/** Places of the dots of each layer. */
function dots(svg: string): { x: number; y: number }[][] {
  return [...svg.matchAll(/<path d="((?:M[\d.]+ [\d.]+h0)*)" stroke="hsl/g)].map(([, path]) =>
    [...path.matchAll(/M([\d.]+) ([\d.]+)h0/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) })),
  );
}

const labels = (svg: string): string[] => [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(([, text]) => text);

describe('rasterSvg', () => {
  it('draws a dot for each spike, layer after layer, to the right and down', () => {
    const layers = dots(rasterSvg(data));
    expect(layers.map((places) => places.length)).toEqual([3, 4, 1]);
    for (const [i, places] of layers.slice(1).entries()) {
      const before = layers[i];
      expect(Math.min(...places.map(({ x }) => x))).toBeGreaterThan(Math.max(...before.map(({ x }) => x)));
      expect(Math.min(...places.map(({ y }) => y))).toBeGreaterThan(Math.max(...before.map(({ y }) => y)));
    }
  });

  it('places spikes by time and neuron', () => {
    const [[early, late]] = dots(
      rasterSvg({
        title: '',
        layers: [{ ...layer('a', 0, 4), times: [0, 4], neuronsOfSpikes: [9, 0] }],
      }),
    );
    expect(late.x - early.x).toBeCloseTo(936 - 216 - 6, 1);
    expect(early.y - late.y).toBeCloseTo((88 - 6) * 0.9, 1);
  });

  it('labels layers, counts and windows', () => {
    const texts = labels(rasterSvg(data));
    for (const text of ['digits', 'conv', '4 spikes / 10 neurons', '1 spike / 5 neurons', '0', '1', '3.5', '23.5']) {
      expect(texts).toContain(text);
    }
    expect(texts).toContain('8 spikes of 25 neurons: 0.32 per neuron');
  });

  it('draws windows that layers share once, and both ends where windows do not meet', () => {
    const layers = [layer('left', 0, 1), layer('right', 0, 1), layer('after', 5, 2)];
    const svg = rasterSvg({ title: '', layers });
    const [left, right, after] = dots(svg);
    expect(left.map(({ x }) => x)).toEqual(right.map(({ x }) => x));
    expect(after[0].x).toBeCloseTo(216 + 360 + 3, 1);
    expect(labels(svg)).toEqual(expect.arrayContaining(['0', '1', '5', '7']));
  });

  it('tells the ends of a tiny window apart', () => {
    const texts = labels(rasterSvg({ title: '', layers: [layer('a', 0, 1000), layer('b', 1000, 1e-3)] }));
    expect(texts).toContain('1000.001');
  });

  it('thins out layers of many spikes, always the same, and says so', () => {
    const many = { title: '', layers: [layer('large', 0, 1, 100_000, 50_000), layer('small', 1, 1)] };
    const svg = rasterSvg(many);
    expect(dots(svg)[0].length).toBeGreaterThan(2000);
    expect(dots(svg)[0].length).toBeLessThanOrEqual(4000);
    expect(labels(svg)).toContain('Of large, 4,000 evenly chosen spikes are drawn.');
    expect(rasterSvg(many)).toBe(svg);
    const more = { title: '', layers: ['a', 'b', 'c', 'd'].map((name, i) => layer(name, i, 1, 5000)) };
    expect(labels(rasterSvg(more)).at(-1)).toBe(
      'Of a, b and 2 more layers, 4,000 evenly chosen spikes each are drawn.',
    );
    expect(rasterSvg(data)).not.toContain('evenly');
  });

  it('escapes names, and shortens long ones', () => {
    const name = `<script>alert("&")</script>\u0000${'x'.repeat(100)}`;
    const svg = rasterSvg({ title: name, layers: [layer(name, 0, 1)] });
    expect(svg).not.toContain('<script');
    expect(svg).not.toContain('\u0000');
    expect(svg).toContain('&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;');
    expect(labels(svg).every((text) => text.length < 140)).toBe(true);
  });

  it('shows the input, whatever its range', async () => {
    const image = { data: Float32Array.of(-1, 0, 1, 3, -1, 1), height: 2, width: 3 };
    const svg = rasterSvg({ ...data, image });
    const png = Buffer.from(svg.match(/base64,([^"]+)/)?.[1] ?? '', 'base64');
    const { data: pixels, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.height, info.width]).toEqual([2, 3]);
    const grey = [...pixels].filter((_, i) => i % info.channels === 0);
    expect(grey).toEqual([0, 64, 128, 255, 0, 128]);
  });

  it('renders', async () => {
    const image = { data: new Float32Array(16), height: 4, width: 4 };
    const { width, height, format } = await sharp(Buffer.from(rasterSvg({ ...data, image }))).metadata();
    expect([format, width]).toEqual(['svg', 960]);
    expect(height).toBeGreaterThan(300);
    const rendered = sharp(Buffer.from(rasterSvg(data)));
    expect((await rendered.stats()).channels[0].stdev).toBeGreaterThan(1);
  });

  it.each([
    ['no layers', { layers: [] }],
    ['a window without length', { layers: [layer('a', 0, 0)] }],
    ['a window without end', { layers: [layer('a', 0, Number.POSITIVE_INFINITY)] }],
    ['no neurons', { layers: [{ ...layer('a', 0, 1), neurons: 0 }] }],
    ['lists of different lengths', { layers: [{ ...layer('a', 0, 1), times: [0] }] }],
    ['a spike at no time', { layers: [{ ...layer('a', 0, 1), times: [0, Number.NaN, 1] }] }],
    ['a spike of no neuron', { layers: [{ ...layer('a', 0, 1), neuronsOfSpikes: [0, 1, 10] }] }],
    ['an image of other size', { ...data, image: { data: [1, 2, 3], height: 2, width: 2 } }],
    ['an image without pixels', { ...data, image: { data: [], height: 0, width: 2 } }],
  ])('refuses %s', (_, wrong) => {
    const draw = (): string => rasterSvg({ title: '', ...wrong });
    expect(draw).toThrow(FirstspikeError);
    expect(draw).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });
});

it('encodeGreyPng gives the pixels back', async () => {
  const pixels = Uint8Array.from({ length: 7 * 5 }, (_, i) => (i * 53) % 256);
  const image = sharp(encodeGreyPng(pixels, 7, 5));
  expect(await image.metadata()).toMatchObject({ format: 'png', height: 7, width: 5, channels: 1, depth: 'uchar' });
  expect([...(await image.toColourspace('b-w').raw().toBuffer())]).toEqual([...pixels]);
});
