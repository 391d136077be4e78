import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CodeName, codes } from '../../src/codes/index.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { FirstspikeError } from '../../src/errors.js';
import { describeGraph } from '../../src/graph/describe.js';
import { elements, type GraphNode } from '../../src/graph/graph.js';
import { readOnnx } from '../../src/import/index.js';
import { loadNetwork, SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { samples } from '../codes/networks.js';
import { NETWORKS } from '../conformance/networks.js';
import { expectError, temporaryFolder } from '../data/support.js';
import { dataFile, describeWithData } from '../support/data.js';
import { SHAPE, smallGraph, smallImages, smallNetwork } from './support.js';

const folder = temporaryFolder();
const images = { data: smallImages(5), shape: [5, ...SHAPE] };

/** Bytes of a node's weights, if it has any. */
function bytesOf(node: GraphNode): Buffer {
  return Buffer.from('weights' in node ? node.weights.values.bytes : []);
}

/** What a run gives, but for the time it took. */
async function outcome(network: SpikingNetwork, batch = images) {
  const { seconds, ...result } = await network.run(batch, { record: { spikes: true }, compare: true });
  return result;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of any form
type Json = any;

/** Paths of all values of a JSON value. */
function placesIn(value: Json): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => [[key], ...placesIn(value[key]).map((path) => [key, ...path])]);
}

function replaceAt(value: Json, [key, ...rest]: readonly string[], replacement: Json): void {
  if (typeof value !== 'object' || value === null) return;
  if (rest.length === 0) value[key] = replacement;
  else replaceAt(value[key], rest, replacement);
}

/** The header of a saved network, and what follows it. */
function open(bytes: Buffer): {
  header: Record<string, unknown> & { __metadata__: { network: string } };
  data: Buffer;
} {
  const length = Number(bytes.readBigUInt64LE());
  return { header: JSON.parse(bytes.toString('utf8', 8, 8 + length)), data: bytes.subarray(8 + length) };
}

function close(header: object, data: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

describe('a network that was saved and loaded', () => {
  test.each(Object.keys(codes) as CodeName[])('in the code %s runs as before, bit for bit', async (code) => {
    const graph = smallGraph();
    const calibration = await calibrate(graph, [images]);
    const network = await convert(graph, { code, calibration });
    await network.save(folder.path(`${code}.safetensors`));
    const loaded = await loadNetwork(folder.path(`${code}.safetensors`));
    expect(await outcome(loaded)).toEqual(await outcome(network));
    expect(loaded.layers).toEqual(network.layers);
  });

  test('keeps any graph, its code and parameters', async () => {
    await fc.assert(
      fc.asyncProperty(samples({ smooth: false }), async ({ graph, images: [image] }) => {
        const calibration = await calibrate(graph, [{ data: image, shape: graph.shapes.get(graph.input) }]);
        const network = await convert(graph, { code: 'ttfs', calibration });
        const path = folder.path('any.safetensors');
        await network.save(path);
        const loaded = await loadNetwork(path);
        expect(loaded.graph).toEqual(graph);
        expect(loaded.code).toEqual(network.code);
        const batch = { data: image, shape: [1, ...network.inputShape] };
        expect(await outcome(loaded, batch)).toEqual(await outcome(network, batch));
      }),
      { numRuns: 60 },
    );
  });

  test('may be saved and loaded again, and is the same file then', async () => {
    const [first, second] = ['first', 'second'].map(folder.path);
    await (await smallNetwork()).save(first);
    await (await loadNetwork(first)).save(second);
    expect(readFileSync(second)).toEqual(readFileSync(first));
  });

  test('replaces the file that was there', async () => {
    const path = folder.write('old', 'something else');
    await (await smallNetwork()).save(path);
    expect((await loadNetwork(path)).code.name).toBe('ttfs');
  });
});

describeWithData('real networks', () => {
  test.each(Object.keys(NETWORKS))('%s is the same after it was saved and loaded', async (name) => {
    const graph = await readOnnx(dataFile('models', name));
    await new SpikingNetwork(graph, 'ann', {}).save(folder.path('real'));
    const loaded = (await loadNetwork(folder.path('real'))).graph;
    expect(describeGraph(loaded)).toEqual(describeGraph(graph));
    loaded.nodes.forEach((node, i) => {
      expect(bytesOf(node).equals(bytesOf(graph.nodes[i])), node.name).toBe(true);
    });
  });
});

test('the file is safetensors: tensors one after the other from the end of an aligned header', async () => {
  const path = folder.path('layout');
  const network = await smallNetwork();
  await network.save(path);
  const bytes = readFileSync(path);
  const { header, data } = open(bytes);
  const { __metadata__: metadata, ...tensors } = header;
  expect((bytes.length - data.length) % 8).toBe(0);
  expect(metadata).toMatchObject({ format: 'firstspike' });
  let end = 0;
  const sizes: Record<string, number> = { F64: 8, F32: 4, U16: 2 };
  for (const tensor of Object.values(tensors)) {
    const {
      dtype,
      shape,
      data_offsets: [from, to],
    } = tensor as { dtype: string; shape: number[]; data_offsets: number[] };
    expect([from, to]).toEqual([end, end + shape.reduce((a, b) => a * b, 1) * sizes[dtype]]);
    end = to;
  }
  expect(end).toBe(data.length);
});

describe('a file that is not what it should be', () => {
  const saved = (async () => {
    await (await smallNetwork()).save(folder.path('good'));
    return readFileSync(folder.path('good'));
  })();

  async function expectMalformed(bytes: Uint8Array | string): Promise<FirstspikeError> {
    const path = folder.write('bad', bytes);
    const error = await expectError('FILE_MALFORMED', () => loadNetwork(path));
    expect(error.problems[0].file).toBe(path);
    return error;
  }

  test('is refused wherever it is cut off', async () => {
    const bytes = await saved;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (length) => {
        await expectMalformed(bytes.subarray(0, length));
      }),
      { numRuns: 200, examples: [[0], [7], [8], [9], [bytes.length - 1]] },
    );
  });

  test('is refused if it is random', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await expectMalformed(bytes);
      }),
      { numRuns: 200 },
    );
  });

  /** Expects a file to be refused, or to be a network that can be run or says why not. */
  async function expectSafe(bytes: Uint8Array): Promise<void> {
    const path = folder.write('changed', bytes);
    const network = await loadNetwork(path).catch((error) => {
      expect(error, error.stack).toBeInstanceOf(FirstspikeError);
      expect(error.code, error.message).toBe('FILE_MALFORMED');
    });
    if (!network) return;
    const image = { data: new Float32Array(elements(network.inputShape)).fill(0.5), shape: network.inputShape };
    for (const engine of ['layered', 'event'] as const) {
      await network.run(image, { engine }).catch((error) => expect(error, error.stack).toBeInstanceOf(FirstspikeError));
    }
  }

  test('gives a typed error or a network that runs, whichever bytes are changed', async () => {
    const bytes = await saved;
    const headerEnd = bytes.length - open(bytes).data.length;
    // Most changes are made to the header, where more can go wrong.
    const at = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: headerEnd }) },
      fc.integer({ min: 0, max: bytes.length - 1 }),
    );
    const change = fc.tuple(at, fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 32, max: 126 })));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = Uint8Array.from(bytes);
        for (const [index, value] of changes) changed[index] = value;
        await expectSafe(changed);
      }),
      { numRuns: 500 },
    );
  });

  test.each(Object.keys(codes) as CodeName[])(
    'gives a typed error or a network that runs, whatever its header says (%s)',
    async (code) => {
      const graph = smallGraph();
      await (await convert(graph, { code, calibration: await calibrate(graph, [images]) })).save(folder.path('valid'));
      const { header, data } = open(readFileSync(folder.path('valid')));
      const network = JSON.parse(header.__metadata__.network);
      const places = placesIn(network);
      const value = fc.oneof(
        fc.constantFrom(
          null,
          0,
          -1,
          0.5,
          1e6,
          1e9,
          2 ** 31,
          2 ** 32,
          2 ** 53,
          1e300,
          -1e300,
          1e-300,
          '',
          'x',
          [],
          {},
          true,
        ),
        fc.integer({ min: -5, max: 70 }),
      );
      const change = fc.tuple(fc.nat({ max: places.length - 1 }), value);
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (changes) => {
          const changed = structuredClone(network);
          for (const [place, replacement] of changes) replaceAt(changed, places[place], replacement);
          await expectSafe(
            close({ ...header, __metadata__: { format: 'firstspike', network: JSON.stringify(changed) } }, data),
          );
        }),
        { numRuns: 300 },
      );
    },
  );

  const edits: [string, RegExp, (network: Json, header: Json) => void][] = [
    ['of another program', /not of a spiking/, (_, header) => Object.assign(header.__metadata__, { format: 'pt' })],
    ['without metadata', /not of a spiking/, (_, header) => delete header.__metadata__],
    ['of another version', /another version/, (network) => network.version++],
    ['of another version of its code', /another version/, ({ code }) => code.version++],
    ['of a code that is not there', /another version/, ({ code }) => Object.assign(code, { name: 'morse' })],
    ['of no code', /another version/, (network) => delete network.code],
    ['without a graph', /contradict/, (network) => delete network.graph],
    ['without shapes', /contradict/, ({ graph }) => delete graph.shapes],
    ['without a node that is needed', /contradict/, ({ graph }) => graph.nodes.splice(2, 1)],
    ['without a tensor', /contradict/, (_, header) => delete header[0]],
    ['without parameters', /contradict/, ({ code }) => delete code.parameters],
    ['without windows', /contradict/, ({ code }) => Object.assign(code.parameters, { windows: {} })],
    ['with shapes that do not fit', /contradict/, ({ graph }) => graph.shapes[0].splice(1, 1, [2, 7, 5])],
    ['with huge shapes', /contradict/, ({ graph }) => graph.shapes[0].splice(1, 1, [2, 1e9, 1e9])],
    ['with shapes too large to run', /contradict/, ({ graph }) => graph.shapes[0].splice(1, 1, [2, 12000, 12000])],
    ['with a tensor of no type', /no valid type/, (_, header) => Object.assign(header[0], { dtype: 'F4' })],
    ['with a tensor beyond its end', /no valid type/, (_, header) => (header[0].data_offsets[1] += 1e9)],
    ['with a tensor that ends before it begins', /no valid type/, (_, header) => header[0].data_offsets.reverse()],
    ['with a tensor of a fractional shape', /no valid type/, (_, header) => Object.assign(header[0], { shape: [0.5] })],
    ['with a tensor of another size', /another size/, (_, header) => Object.assign(header[0], { shape: [1] })],
  ];
  test.each(edits)('is refused: %s', async (_, message, edit) => {
    const { header, data } = open(await saved);
    const { __metadata__: metadata } = header;
    const network = JSON.parse(metadata.network);
    edit(network, header);
    metadata.network = JSON.stringify(network);
    expect((await expectMalformed(close(header, data))).message).toMatch(message);
  });

  test('is refused with weights that are NaN or infinite', async () => {
    const { header, data } = open(await saved);
    for (const bits of [0x7fc00000, 0x7f800000, 0xff800000]) {
      const broken = Buffer.from(data);
      broken.writeUInt32LE(bits, 8);
      expect((await expectMalformed(close(header, broken))).message).toMatch(/not finite/);
    }
  });

  test('is refused quickly however long it says its header is', async () => {
    const bytes = Buffer.from(await saved);
    bytes.writeBigUInt64LE(2n ** 63n);
    await expectMalformed(bytes);
  });
});

describe('a file that cannot be read or written', () => {
  test('is named', async () => {
    const missing = folder.path('missing');
    expect((await expectError('FILE_UNREADABLE', () => loadNetwork(missing))).problems[0].file).toBe(missing);
    await expectError('FILE_UNREADABLE', () => loadNetwork(folder.path('.')));
  });

  test('leaves nothing behind', async () => {
    const network = await smallNetwork();
    const path = folder.path('nowhere/network');
    expect((await expectError('FILE_UNREADABLE', () => network.save(path))).problems[0].file).toBe(path);
    // A folder where the file should be: nothing partial stays beside it.
    mkdirSync(folder.path('taken/inside'), { recursive: true });
    await expectError('FILE_UNREADABLE', () => network.save(folder.path('taken')));
    expect(readdirSync(folder.path('.')).filter((name) => name.includes('partial'))).toEqual([]);
  });
});
