import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resize } from '../../src/data/resize.js';

/** 5 x 7 pixels, resized by Pillow 13 with `Resampling.BILINEAR`. */
const SOURCE = Uint8Array.from({ length: 35 }, (_, i) => (i * i * 37 + 11 * i) % 256);
const PILLOW = [
  {
    height: 3,
    width: 4,
    pixels: [67, 119, 168, 168, 152, 127, 165, 191, 173, 114, 111, 166],
  },
  {
    height: 9,
    width: 11,
    pixels: [
      0, 22, 59, 137, 148, 110, 119, 148, 204, 161, 118, 33, 56, 86, 111, 131, 149, 159, 166, 169, 166, 163, 87, 112,
      131, 68, 103, 213, 226, 196, 111, 174, 237, 160, 135, 102, 95, 125, 182, 197, 193, 164, 191, 216, 238, 149, 54,
      139, 159, 128, 145, 181, 245, 209, 172, 197, 174, 146, 143, 126, 97, 116, 154, 220, 187, 151, 160, 191, 216, 144,
      97, 70, 91, 132, 200, 169, 134, 143, 175, 202, 131, 87, 63, 85, 129, 199, 170, 137, 132, 165, 194, 124, 81, 58,
      82, 127, 198, 170, 138,
    ],
  },
  {
    height: 2,
    width: 7,
    pixels: [102, 97, 109, 160, 180, 169, 186, 168, 175, 118, 87, 119, 214, 149],
  },
  {
    height: 5,
    width: 3,
    pixels: [57, 130, 160, 105, 170, 179, 141, 148, 203, 182, 107, 160, 155, 93, 159],
  },
];

describe('resize', () => {
  it.each(PILLOW)('equals Pillow at $height x $width', ({ height, width, pixels }) => {
    expect([...resize(SOURCE, { channels: 1, height: 5, width: 7 }, { height, width })]).toEqual(pixels);
  });

  it('treats every plane by itself', () => {
    const [from, to] = [
      { channels: 1, height: 5, width: 7 },
      { height: 3, width: 10 },
    ];
    const other = SOURCE.map((pixel) => 255 - pixel);
    const both = resize(Uint8Array.from([...SOURCE, ...other]), { ...from, channels: 2 }, to);
    expect([...both]).toEqual([...resize(SOURCE, from, to), ...resize(other, from, to)]);
  });

  it('keeps the same size untouched', () => {
    expect(resize(SOURCE, { channels: 1, height: 5, width: 7 }, { height: 5, width: 7 })).toBe(SOURCE);
  });

  it('stays within the range of the pixels', () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, side, side, fc.integer({ min: 0, max: 2 ** 31 - 1 }), (h, w, toH, toW, seed) => {
        const planes = Uint8Array.from({ length: h * w }, (_, i) => 40 + ((i * 7919 + seed) % 150));
        const resized = resize(planes, { channels: 1, height: h, width: w }, { height: toH, width: toW });
        expect(resized).toHaveLength(toH * toW);
        for (const pixel of resized) {
          expect(pixel).toBeGreaterThanOrEqual(Math.min(...planes) - 1);
          expect(pixel).toBeLessThanOrEqual(Math.max(...planes) + 1);
        }
      }),
      { numRuns: 60 },
    );
  });
});
