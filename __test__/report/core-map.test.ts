import { describe, expect, test } from 'vitest';
import { type CoreMapData, coreMapSvg } from '../../src/report/core-map.js';

const data: CoreMapData = {
  title: 'a <net>',
  subtitle: '2 cores',
  tiles: [4, 8],
  coresPerTile: 4,
  layers: ['in', 'out & more'],
  gauges: ['words'],
  cores: [
    { chip: 0, row: 0, column: 0, core: 0, parts: [{ layer: 0, share: 1 }], gauges: [0.5] },
    { chip: 0, row: 3, column: 7, core: 3, parts: [{ layer: 1, share: 0.25 }], gauges: [1] },
  ],
};

describe('coreMapSvg', () => {
  test('draws every core in its place, and a legend', () => {
    const svg = coreMapSvg(data);
    expect(svg.match(/<g><title>/g)).toHaveLength(2);
    expect(svg).toContain('a &lt;net&gt;');
    expect(svg).toContain('out &amp; more');
    expect(svg).not.toContain('chip 0');
  });

  test('says so if not all chips are drawn', () => {
    const cores = Array.from({ length: 12 }, (_, chip) => ({ ...data.cores[0], chip }));
    expect(coreMapSvg({ ...data, cores })).toContain('Of 12 chips the first 8 are drawn.');
  });

  test('refuses cores that are nowhere', () => {
    expect(() => coreMapSvg({ ...data, cores: [] })).toThrow(/needs cores/);
    expect(() => coreMapSvg({ ...data, cores: [{ ...data.cores[0], row: 9 }] })).toThrow(/not on the mesh/);
  });
});
