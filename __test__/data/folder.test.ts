import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { openDataset } from '../../src/data/dataset.js';
import { expectError, temporaryFolder, values } from './support.js';

const temporary = temporaryFolder();

type Files = Record<string, Uint8Array | string>;

/** A new folder with these files. */
function folder(files: Files): string {
  const path = mkdtempSync(temporary.path('images '));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  return path;
}

type Raw = { width: number; height: number; channels: 1 | 2 | 3 | 4 };
const picture = (data: number[], raw: Raw) => sharp(Uint8Array.from(data), { raw });
const dot = (...rgb: number[]) => picture(rgb, { width: 1, height: 1, channels: 3 }).png().toBuffer();
const flat = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 3, background } });

async function read(file: Buffer, options: { preprocess?: object; shape?: number[] } = {}): Promise<number[]> {
  return values(await openDataset(`images:${folder({ 'a.png': file })}`, { preprocess: {}, ...options }));
}

describe('folders', () => {
  it('give the pictures of labels.csv in its order', async () => {
    const files: Files = { 'labels.csv': '\ufefffile,label\r\nb.png,3\r\n\r\n"a, 1.png",999\r\nb.png,0\r\n' };
    files['a, 1.png'] = await dot(1, 2, 3);
    files['b.png'] = await dot(4, 5, 6);
    files['unnamed.png'] = await dot(7, 8, 9);
    const dataset = await openDataset(`images:${folder(files)}`, { preprocess: 'raw' });
    expect(dataset).toMatchObject({ length: 3, shape: [3, 1, 1], labels: Int32Array.of(3, 999, 0) });
    expect(await values(dataset)).toEqual([4, 5, 6, 1, 2, 3, 4, 5, 6]);
  });

  it('need no header in labels.csv', async () => {
    const path = folder({ 'labels.csv': 'a.png,3', 'a.png': await dot(1, 2, 3) });
    expect((await openDataset(`images:${path}`)).labels).toEqual(Int32Array.of(3));
  });

  it('give all pictures by name without labels.csv', async () => {
    const files: Files = { 'notes.txt': 'no picture' };
    for (const [i, name] of ['b.PNG', 'a10.png', 'a9.png'].entries()) files[name] = await dot(i, i, i);
    const dataset = await openDataset(`images:${folder(files)}`, { preprocess: 'raw' });
    expect(dataset.labels).toBeUndefined();
    expect((await values(dataset)).filter((_, i) => i % 3 === 0)).toEqual([1, 2, 0]);
  });

  it('stream in order, whatever the batch, and only what is asked for', async () => {
    const files: Files = {};
    for (let i = 0; i < 30; i++) {
      const side = 1 + ((i * 7) % 5) * 40;
      files[`${String(i).padStart(2, '0')}.png`] = await flat(side, side, `rgb(${i}, 0, 0)`).png().toBuffer();
    }
    files['29.png'] = Buffer.from('damaged, but never reached');
    const dataset = await openDataset(`images:${folder(files)}`, { preprocess: 'raw', shape: [3, 1, 1] });
    for (const size of [1, 4, 30]) {
      const red = (await values(dataset, { size, skip: 2, limit: 27 })).filter((_, i) => i % 3 === 0);
      expect(red).toEqual(Array.from({ length: 27 }, (_, i) => i + 2));
    }
    for await (const { start } of dataset.batches({ size: 3 })) if (start >= 20) break;
    await expectError('FILE_MALFORMED', () => values(dataset));
  });

  it('read only a few pictures ahead', async () => {
    const files: Files = {};
    for (let i = 10; i < 40; i++) files[`${i}.png`] = await dot(i, i, i);
    const path = folder(files);
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { start } of (await openDataset(`images:${path}`)).batches({ size: 1 })) {
        seen.push(start);
        if (start === 0) for (let i = 20; i < 40; i++) rmSync(join(path, `${i}.png`));
      }
    };
    await expectError('FILE_UNREADABLE', run);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('end with the reason of the signal within a batch', async () => {
    const files: Files = {};
    for (let i = 0; i < 40; i++) files[`${i}.png`] = await flat(200, 200, 'red').png().toBuffer();
    const dataset = await openDataset(`images:${folder(files)}`, { shape: [3, 20, 20] });
    const signal = AbortSignal.timeout(1);
    await expect(values(dataset, { size: 40, signal })).rejects.toThrow(/timeout/);
  });
});

describe('pictures', () => {
  it('are resized to the model, to "size", or must all be equal', async () => {
    const files = {
      'a.png': await flat(9, 5, 'red').png().toBuffer(),
      'b.png': await flat(5, 9, 'blue').png().toBuffer(),
    };
    const spec = `images:${folder(files)}`;
    expect((await openDataset(spec, { shape: [3, 4, 6] })).shape).toEqual([3, 4, 6]);
    expect((await openDataset(spec, { shape: [4, 6, 3] })).shape).toEqual([4, 6, 3]);
    expect((await openDataset(spec, { preprocess: { size: [2, 3] } })).shape).toEqual([3, 2, 3]);
    const nhwc = await openDataset(spec, { shape: [1, 2, 3], preprocess: { layout: 'NHWC' } });
    expect(await values(nhwc)).toEqual([255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255]);
    const unresized = await openDataset(spec);
    expect(unresized.shape).toEqual([3, 5, 9]);
    const error = await expectError('DATA_INVALID', () => values(unresized));
    expect(error.remedy).toContain('size');
    await expectError('DATA_INVALID', () => openDataset(spec, { preprocess: { size: [2, 3] }, shape: [3, 4, 6] }));
  });

  it('are flattened for a flat model, grey where that fits', async () => {
    const spec = `images:${folder({ 'a.png': await flat(3, 2, 'white').png().toBuffer() })}`;
    expect((await openDataset(spec, { shape: [18] })).shape).toEqual([18]);
    expect((await openDataset(spec, { shape: [6, 1] })).shape).toEqual([6, 1]);
    expect((await openDataset(spec, { shape: [4, 4] })).shape).toEqual([4, 4]);
    expect((await openDataset(spec, { preprocess: { size: [4, 5] }, shape: [20] })).shape).toEqual([20]);
    await expectError('DATA_INVALID', () => openDataset(spec, { shape: [7] }));
    await expectError('DATA_INVALID', () => openDataset(spec, { shape: [4, 8, 8] }));
    await expectError('DATA_INVALID', () => openDataset(spec, { shape: [3, 60_000, 60_000] }));
  });

  it('are grey or coloured as the model is', async () => {
    expect(await read(await dot(10, 200, 90), { shape: [1, 1, 1] })).toEqual([
      Math.round(0.299 * 10 + 0.587 * 200 + 0.114 * 90),
    ]);
    const grey = await picture([77], { width: 1, height: 1, channels: 1 }).toColourspace('b-w').png().toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    expect(await read(grey, { shape: [3, 1, 1] })).toEqual([77, 77, 77]);
    expect(await read(grey, { shape: [1, 1, 1] })).toEqual([77]);
    expect(await read(grey)).toEqual([77, 77, 77]);
  });

  it('lose their transparency on black', async () => {
    const half = await picture([200, 100, 50, 128], { width: 1, height: 1, channels: 4 }).png().toBuffer();
    const [r, g, b] = await read(half);
    expect([Math.abs(r - 100) <= 1, Math.abs(g - 50) <= 1, Math.abs(b - 25) <= 1]).toEqual([true, true, true]);
    const clear = await picture([200, 0], { width: 1, height: 1, channels: 2 }).png().toBuffer();
    expect(await read(clear)).toEqual([0, 0, 0]);
  });

  it('of 16 bits become 8 bits', async () => {
    const samples = Uint16Array.of(0x8000, 0x1234, 0xffff);
    const colour = await sharp(samples, { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(colour).metadata()).depth).toBe('ushort');
    expect(await read(colour)).toEqual([0x80, 0x12, 0xff]);
    const grey = await sharp(samples, { raw: { width: 3, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect((await sharp(grey).metadata()).depth).toBe('ushort');
    expect(await read(grey, { shape: [1, 1, 3] })).toEqual([0x80, 0x12, 0xff]);
  });

  it('in CMYK become RGB', async () => {
    const cmyk = await flat(8, 8, 'red').toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    const [r, g, b] = await read(cmyk, { shape: [3, 1, 1] });
    expect(r).toBeGreaterThan(150);
    expect(Math.max(g, b)).toBeLessThan(90);
  });

  it('stand upright by their EXIF orientation', async () => {
    const turned = await picture([1, 1, 1, 200, 200, 200], { width: 2, height: 1, channels: 3 })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const dataset = await openDataset(`images:${folder({ 'a.png': turned })}`, { preprocess: 'raw' });
    expect(dataset.shape).toEqual([3, 2, 1]);
    expect((await values(dataset)).slice(0, 2)).toEqual([1, 200]);
  });

  it('of JPEG are decoded', async () => {
    const jpeg = await flat(16, 16, 'rgb(50, 100, 150)').jpeg({ quality: 100 }).toBuffer();
    const dataset = await openDataset(`images:${folder({ 'a.jpeg': jpeg })}`, { preprocess: 'raw' });
    const all = await values(dataset);
    expect([all[0], all[256], all[512]].map((x, i) => Math.abs(x - [50, 100, 150][i]) <= 2)).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe('what cannot be used is refused:', () => {
  it('truncated and random files', async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
    const image = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    for (const bytes of [await image.clone().jpeg().toBuffer(), await image.clone().png().toBuffer()]) {
      for (const length of [4, 40, bytes.length >> 1]) {
        const path = folder({ 'a.jpg': bytes.subarray(0, length) });
        const error = await expectError('FILE_MALFORMED', async () =>
          values(await openDataset(`images:${path}`, { shape: [3, 8, 8] })),
        );
        expect(error.problems[0].file).toBe(join(path, 'a.jpg'));
      }
    }
    for (const bytes of [Buffer.alloc(0), Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')]) {
      await expectError('FILE_MALFORMED', () => openDataset(`images:${folder({ 'a.png': bytes })}`));
    }
  });

  it('pictures beyond reason', async () => {
    const large = await flat(9000, 9000, 'black').png().toBuffer();
    await expectError('DATA_INVALID', () => openDataset(`images:${folder({ 'a.png': large })}`));
  });

  it.each([
    ['no label', 'a.png'],
    ['text as label', 'file,label\na.png,cat'],
    ['a fraction as label', 'a.png,1.5'],
    ['a negative label', 'a.png,-1'],
    ['a huge label', 'a.png,99999999999'],
    ['another kind of file', 'notes.txt,1'],
    ['no name', ',1'],
    ['nothing', ''],
    ['a mere header', 'file,label\n'],
  ])('labels.csv with %s', async (_, text) => {
    const path = folder({ 'a.png': await dot(1, 2, 3), 'notes.txt': '', 'labels.csv': text });
    await expectError('DATA_INVALID', () => openDataset(`images:${path}`));
  });

  it('labels.csv that is no text', async () => {
    await expectError('FILE_MALFORMED', () =>
      openDataset(`images:${folder({ 'labels.csv': Buffer.from([0xff, 0xfe, 0]) })}`),
    );
  });

  it('labels.csv with wrong lines, all of them at once', async () => {
    const path = folder({ 'labels.csv': 'file,label\na.png,x\nb.png\n' });
    const error = await expectError('DATA_INVALID', () => openDataset(`images:${path}`));
    expect(error.problems.map(({ message }) => message.match(/line \d/)?.[0])).toEqual(['line 2', 'line 3']);
  });

  it('pictures that are not there, the first of them by name', async () => {
    const lines = Array.from({ length: 25 }, (_, i) => `${i}.png,0`);
    const path = folder({ 'labels.csv': lines.join('\n') });
    const error = await expectError('FILE_UNREADABLE', () => openDataset(`images:${path}`));
    expect(error.problems).toHaveLength(10);
    expect(error.message).toContain('15 more');
  });

  it('folders that are not there, are files, or are empty', async () => {
    await expectError('FILE_UNREADABLE', () => openDataset(`images:${temporary.path('missing')}`));
    await expectError('FILE_UNREADABLE', () => openDataset(`images:${temporary.write('file', '')}`));
    await expectError('DATA_INVALID', () => openDataset(`images:${folder({})}`));
    const path = folder({});
    mkdirSync(join(path, 'a.png'));
    await expectError('FILE_UNREADABLE', () => openDataset(`images:${path}`));
  });

  it('all of them without sharp', async () => {
    vi.doMock('sharp', () => {
      throw new Error('Cannot find package');
    });
    try {
      const path = folder({ 'a.png': await dot(1, 2, 3) });
      const error = await expectError('DEPENDENCY_MISSING', () => openDataset(`images:${path}`));
      expect(error.remedy).toContain('npm install sharp');
    } finally {
      vi.doUnmock('sharp');
    }
  });
});
