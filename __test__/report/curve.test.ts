import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { FirstspikeError } from '../../src/errors.js';
import { type CurveColumn, type CurveData, type CurvePlot, curveSvg } from '../../src/report/curve.js';

const plot = (points: readonly (readonly [number, number, number?])[], more: Partial<CurvePlot> = {}): CurvePlot => ({
  series: [{ name: 'accuracy', points: points.map(([x, y, error]) => ({ x, y, error })) }],
  ...more,
});

const column = (xs: readonly number[], zero?: string): CurveColumn => ({
  title: 'knob',
  zero,
  plots: [plot(xs.map((x, i) => [x, 0.5 + 0.4 / (i + 1), 0.01]))],
});

const draw = (...columns: readonly CurveColumn[]): string => curveSvg({ title: 'Curves', columns });

const labels = (svg: string): string[] => [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(([, text]) => text);

/** Centres of the markers, legend's apart. */
const markers = (svg: string): { x: number; y: number }[] =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="4"/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));

/** Whether the axis is broken. */
const broken = (svg: string): boolean => svg.includes('l5 -10m0 10l5 -10');

describe('curveSvg', () => {
  it('draws a marker for each point, higher for a larger value, joined in the order of x', () => {
    const svg = draw({
      title: '',
      plots: [
        plot([
          [3, 0.25],
          [1, 0.75],
          [2, 0.5],
        ]),
      ],
    });
    const [a, b, c] = markers(svg);
    expect(b.x - a.x).toBeCloseTo(c.x - b.x, 0);
    expect(b.y - a.y).toBeCloseTo(c.y - b.y, 0);
    expect([a.x < b.x, a.y < b.y]).toEqual([true, true]);
    const joined = [a, b, c].map(({ x, y }) => `${x} ${y}`).join('L');
    expect(svg).toContain(`d="M${joined}"`);
  });

  it('draws error bars as long as they say, and none for zero', () => {
    const bars = (error: number) => [
      ...draw({
        title: '',
        plots: [
          plot([
            [0, 0.2],
            [1, 0.6, error],
          ]),
        ],
      }).matchAll(/d="M([\d. H]+)M[\d. H]+M[\d.]+ ([\d.]+)V([\d.]+)"/g),
    ];
    expect(bars(0)).toEqual([]);
    const [[, , low, high]] = bars(0.1);
    const [, point] = markers(
      draw({
        title: '',
        plots: [
          plot([
            [0, 0.2],
            [1, 0.6, 0.1],
          ]),
        ],
      }),
    );
    expect((Number(low) + Number(high)) / 2).toBeCloseTo(point.y, 0);
    expect(Number(low)).toBeGreaterThan(Number(high));
  });

  it('has a logarithmic axis where values span decades, with 0 apart at its left', () => {
    const svg = draw(column([0, 1e-4, 1e-3, 1e-2]));
    const [zero, ...others] = markers(svg);
    expect(others[1].x - others[0].x).toBeCloseTo(others[2].x - others[1].x, 0);
    expect(zero.x).toBeLessThan(others[0].x);
    expect(broken(svg)).toBe(true);
    expect(labels(svg)).toEqual(expect.arrayContaining(['0', '1e-4', '1e-3', '1e-2']));
    // The point apart is not joined.
    expect(svg).not.toContain(`d="M${zero.x} ${zero.y}L`);
  });

  it('has a linear axis elsewhere: evenly spaced, negative or narrow', () => {
    for (const xs of [
      [0, 0.1, 0.2, 0.3, 0.4, 0.5],
      [-0.5, 0, 1, 100],
      [2, 4, 8],
    ]) {
      const svg = draw(column(xs));
      const places = markers(svg).map(({ x }) => x);
      const scale = (places[places.length - 1] - places[0]) / (xs[xs.length - 1] - xs[0]);
      for (const [i, x] of xs.entries())
        expect(Math.abs(places[i] - places[0] - scale * (x - xs[0]))).toBeLessThan(0.2);
      expect(broken(svg)).toBe(false);
    }
  });

  it('draws 0 beyond the largest value where it means no limit', () => {
    const svg = draw(column([0, 4, 8, 2], 'off'));
    const places = markers(svg).map(({ x }) => x);
    expect([...places].sort((a, b) => a - b)[0]).toBe(Math.min(...places));
    expect(labels(svg)).toContain('off');
    expect(labels(svg)).not.toContain('0');
    expect(broken(svg)).toBe(true);
  });

  it('labels shares as percent, and names curves, levels and axes', () => {
    const share = plot(
      [
        [1, 0.8],
        [2, 0.9],
      ],
      { percent: true, level: { name: 'original', y: 0.95 } },
    );
    const texts = labels(
      curveSvg({ title: 'A & B', subtitle: 'of 10', columns: [{ title: 'steps', plots: [share] }] }),
    );
    expect(texts).toEqual(
      expect.arrayContaining(['A &amp; B', 'of 10', 'accuracy', 'original', 'steps', '80 %', '95 %']),
    );
  });

  it('shows no more than 100 %, nor less than nothing', () => {
    const same = (y: number, percent: boolean) =>
      labels(
        draw({
          title: '',
          plots: [
            plot(
              [
                [1, y],
                [2, y],
              ],
              { percent },
            ),
          ],
        }),
      );
    expect(same(1, true)).toContain('100.0 %');
    expect(same(1, true).filter((text) => /^10[1-9]/.test(text))).toEqual([]);
    expect(same(0, false).filter((text) => text.startsWith('-'))).toEqual([]);
  });

  it('draws a column beside another, and plots below each other', () => {
    const two = { title: 'b', plots: [plot([[1, 1]]), plot([[1, 5]])] };
    const [a, b, c] = markers(draw(column([1]), two));
    expect(b.x).toBeGreaterThan(a.x);
    expect([c.x, c.y > b.y]).toEqual([b.x, true]);
  });

  it('thins labels out where there is no room', () => {
    const xs = Array.from({ length: 30 }, (_, i) => 10 ** (i - 20));
    const columns = [1, 2, 3].map(() => column(xs));
    const texts = labels(draw(...columns)).filter((text) => /^1e/.test(text));
    expect(texts.length).toBeLessThan(3 * 12);
    expect(texts.length).toBeGreaterThan(3 * 3);
  });

  it('renders', async () => {
    const svg = draw(column([0, 1e-3, 1e-2]), column([1, 2]));
    const { width, format } = await sharp(Buffer.from(svg)).metadata();
    expect([format, width]).toEqual(['svg', 1048]);
    expect((await sharp(Buffer.from(svg)).stats()).channels[0].stdev).toBeGreaterThan(1);
  });

  it.each<[string, CurveData['columns']]>([
    ['no columns', []],
    ['no plots', [{ title: '', plots: [] }]],
    ['no curves', [{ title: '', plots: [{ series: [] }] }]],
    ['no points', [{ title: '', plots: [plot([])] }]],
    ['a point that is nowhere', [{ title: '', plots: [plot([[1, Number.NaN]])] }]],
    ['a level that is nowhere', [{ title: '', plots: [plot([[1, 1]], { level: { name: '', y: Infinity } })] }]],
  ])('refuses %s', (_, columns) => {
    expect(() => draw(...columns)).toThrow(FirstspikeError);
    expect(() => draw(...columns)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });
});
