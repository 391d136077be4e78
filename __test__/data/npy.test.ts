import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import { parseLiteral } from '../../src/data/literal.js';
import { decodeNpy, encodeNpy, openNpy, readNpy, writeNpy } from '../../src/data/npy.js';
import { GOLDEN_NPY } from './golden-npy.js';
import { expectError, temporaryFolder } from './support.js';

const folder = temporaryFolder();
const golden = (name: string): Buffer => Buffer.from(GOLDEN_NPY[name], 'base64');

/** A file with any header text, as version 1. */
function withHeader(text: string, data: Uint8Array = new Uint8Array()): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(Buffer.byteLength(text, 'latin1'));
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(text, 'latin1'), data]);
}

describe('files written by NumPy', () => {
  const floats = [0.5, -2, Number.POSITIVE_INFINITY, 2 ** -14, 2 ** -24, -0];
  const signed = [0, 1, -2, 3, 127, -128];
  const unsigned = [0, 1, 2, 3, 128, 255];
  it.each([
    ...['<f2', '>f2', '<f4', '>f4'].map((type) => ({ type, values: floats, array: Float32Array })),
    ...['<f8', '>f8'].map((type) => ({ type, values: floats, array: Float64Array })),
    { type: '|i1', values: signed, array: Int8Array },
    ...['<i2', '>i2', '<i4', '>i4'].map((type) => ({ type, values: signed, array: Int32Array })),
    ...['<i8', '>i8'].map((type) => ({ type, values: signed, array: Float64Array })),
    { type: '|u1', values: unsigned, array: Uint8Array },
    ...['<u2', '>u2'].map((type) => ({ type, values: unsigned, array: Int32Array })),
    ...['<u4', '>u4', '<u8', '>u8'].map((type) => ({ type, values: unsigned, array: Float64Array })),
    { type: '|b1', values: [1, 0, 1, 0, 0, 1], array: Uint8Array },
  ])('are read: $type', async ({ type, values, array }) => {
    const { data, shape } = decodeNpy(golden(type));
    expect(shape).toEqual([2, 3]);
    expect(data).toBeInstanceOf(array);
    expect([...data]).toEqual(values);
    const path = folder.write('type.npy', golden(type));
    expect(await readNpy(path)).toEqual({ data, shape });
    const file = await openNpy(path);
    expect(file.dtype).toBe(type.slice(1));
    expect(await file.read(1, 1)).toEqual({ data: data.slice(3), shape: [1, 3] });
  });

  it('are read in Fortran order, whole and in parts', async () => {
    const range = Int32Array.from({ length: 24 }, (_, i) => i);
    expect(decodeNpy(golden('fortran'))).toEqual({ data: range, shape: [2, 3, 4] });
    const file = await openNpy(folder.write('fortran.npy', golden('fortran')));
    expect(await file.read(1, 1)).toEqual({ data: range.slice(12), shape: [1, 3, 4] });
  });

  it('are read in versions 2 and 3', () => {
    for (const name of ['v2', 'v3']) expect([...decodeNpy(golden(name)).data]).toEqual([0, 1, 2]);
  });

  it('may hold a single number, or nothing', () => {
    expect(decodeNpy(golden('scalar'))).toEqual({ data: Float64Array.of(7.5), shape: [] });
    expect(decodeNpy(golden('empty'))).toEqual({ data: new Float32Array(), shape: [0, 3] });
  });

  it.each(['beyond', 'complex', 'text', 'record'])(
    'are refused where they hold no exact real numbers: %s',
    async (name) => {
      await expectError('DATA_INVALID', () => decodeNpy(golden(name)));
    },
  );

  it('are written the same', () => {
    const { data, shape } = decodeNpy(golden('<f4'));
    expect(Buffer.from(encodeNpy({ data, shape }))).toEqual(golden('<f4'));
  });
});

describe('round trip', () => {
  const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
  const types = [Float32Array, Float64Array, Uint8Array, Int8Array, Int32Array];

  it('keeps every type, shape and bit', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...types), fc.infiniteStream(fc.double()), (shape, Type, stream) => {
        const size = shape.reduce((product, n) => product * n, 1);
        const data = Type.from([...stream.take(size)]);
        expect(decodeNpy(encodeNpy({ data, shape }))).toEqual({ data, shape });
      }),
    );
  });

  it('keeps what a part of a file holds', async () => {
    const data = Int32Array.from({ length: 60 }, (_, i) => i * 1_000_003);
    const path = folder.path('parts.npy');
    await writeNpy(path, { data, shape: [10, 2, 3] });
    const file = await openNpy(path);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 10 }), async (a, b) => {
        const [first, end] = [Math.min(a, b), Math.max(a, b)];
        const part = await file.read(first, end - first);
        expect(part).toEqual({ data: data.slice(first * 6, end * 6), shape: [end - first, 2, 3] });
      }),
      { numRuns: 30 },
    );
    await expectError('INPUT_INVALID', () => file.read(8, 3));
    await expectError('INPUT_INVALID', () => file.read(-1, 1));
  });

  it('writes views with strides, and plain numbers', () => {
    const view = ndarray(Int32Array.of(0, 16_777_217, 2, 3, 4, 5), [2, 3]).transpose(1, 0);
    expect(decodeNpy(encodeNpy(view))).toEqual({ data: Int32Array.of(0, 3, 16_777_217, 4, 2, 5), shape: [3, 2] });
    expect(decodeNpy(encodeNpy({ data: [0.1, 2], dims: [2] }))).toEqual({ data: Float64Array.of(0.1, 2), shape: [2] });
  });

  it('refuses data and shapes that do not belong together', async () => {
    await expectError('INPUT_INVALID', () => encodeNpy({ data: new Float32Array(3), shape: [2, 2] }));
    await expectError('INPUT_INVALID', () => encodeNpy({ data: new Float32Array(1), shape: new Array(65).fill(1) }));
  });

  it('says where it cannot write', async () => {
    await expectError('FILE_UNREADABLE', () => writeNpy(folder.path('no/such/folder.npy'), { data: [1], shape: [1] }));
  });
});

describe('damaged files', () => {
  const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
  it.each([
    ['no magic', Buffer.from('PK\x03\x04 an archive of arrays')],
    ['nothing', Buffer.alloc(0)],
    ['version 4', Buffer.from('\x93NUMPY\x04\x00\x10\x00\x00\x00', 'latin1')],
    ['half a header', golden('<f4').subarray(0, 60)],
    ['half the length', golden('<f4').subarray(0, 9)],
    ['truncated data', golden('<f4').subarray(0, -1)],
    ['more data than promised', Buffer.concat([golden('<f4'), Buffer.alloc(1)])],
    ['a header of 4 GiB', Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff{}', 'latin1')],
    ['no fields', withHeader('{}')],
    ['code', withHeader("__import__('os')")],
    ['an open string', withHeader("{'descr': '<f4")],
    ['a list', withHeader("['descr', 'fortran_order', 'shape']")],
    ['another field', withHeader(good.replace('}', "'more': 1}"), Buffer.alloc(4))],
    ['a field in place of another', withHeader(good.replace('shape', 'shade'), Buffer.alloc(4))],
    ['text as shape', withHeader(good.replace('(1,)', "'1'"), Buffer.alloc(4))],
    ['a negative size', withHeader(good.replace('(1,)', '(-1,)'), Buffer.alloc(4))],
    ['a truth value as size', withHeader(good.replace('(1,)', '(True,)'), Buffer.alloc(4))],
    ['an infinite size', withHeader(good.replace('(1,)', `(${'9'.repeat(400)},)`), Buffer.alloc(4))],
    ['a number as order', withHeader(good.replace('False', '0'), Buffer.alloc(4))],
    ['deep nesting', withHeader('('.repeat(60_000))],
  ])('are refused: %s', async (_, bytes) => {
    const path = folder.write('damaged.npy', bytes);
    for (const read of [() => decodeNpy(bytes), () => readNpy(path), () => openNpy(path)]) {
      await expectError('FILE_MALFORMED', read);
    }
    expect((await expectError('FILE_MALFORMED', () => readNpy(path))).problems[0].file).toBe(path);
  });

  it('are refused whatever byte of the header is wrong, or read as something else', () => {
    const bytes = golden('<f4');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 127 }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = byte;
        try {
          expect(decodeNpy(damaged).data).toHaveLength(6);
        } catch (error) {
          expect(['FILE_MALFORMED', 'DATA_INVALID']).toContain((error as { code?: string }).code);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are refused where there are none', async () => {
    await expectError('FILE_UNREADABLE', () => readNpy(folder.path('missing.npy')));
    await expectError('FILE_UNREADABLE', () => openNpy(folder.path('.')));
  });

  it('are refused in parts where they shrink meanwhile', async () => {
    const path = folder.write('shrinks.npy', golden('<f4'));
    const file = await openNpy(path);
    folder.write('shrinks.npy', readFileSync(path).subarray(0, -1));
    await expectError('FILE_MALFORMED', () => file.read(1, 1));
  });

  it('are refused in parts where they have no axis', async () => {
    await expectError('DATA_INVALID', () => openNpy(folder.write('scalar.npy', golden('scalar'))));
  });
});

describe('parseLiteral', () => {
  it('knows tuples of one, grouping, long integers and both quotes', () => {
    expect(parseLiteral(' {"a": (1L,), \'b\': (2), "c": [None, -3,], } \n')).toEqual(
      new Map<string, unknown>([
        ['a', [1]],
        ['b', 2],
        ['c', [null, -3]],
      ]),
    );
  });

  it.each(['', '(', '(1', '[1}', '{1}', '1 2', ',', 'true', "'\\x41'", '1.5'])('refuses %j', (text) => {
    expect(() => parseLiteral(text)).toThrow(SyntaxError);
  });
});
