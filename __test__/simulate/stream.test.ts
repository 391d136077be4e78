import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { RunResult } from '../../src/simulate/run.js';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import type { StreamOptions, StreamResult } from '../../src/simulate/stream.js';
import type { TensorLike } from '../../src/tensor.js';
import { SHAPE, slowNetwork, smallImages, smallNetwork } from './support.js';

const COUNT = 23;
const data = smallImages(COUNT);
let network: SpikingNetwork;
let expected: RunResult;
beforeAll(async () => {
  network = await smallNetwork();
  expected = await network.run({ data, shape: [COUNT, ...SHAPE] });
});

/** Images `from` to `to`, as a batch. */
function part(from: number, to: number): TensorLike {
  return { data: data.slice(from * 60, to * 60), shape: [to - from, ...SHAPE] };
}

const single = (image: number): TensorLike => ({ data: data.slice(image * 60, (image + 1) * 60), shape: SHAPE });

async function collect(stream: AsyncIterable<StreamResult>): Promise<StreamResult[]> {
  const results: StreamResult[] = [];
  for await (const result of stream) results.push(result);
  return results;
}

/** Expects the results of all images, in their order. How many are run at once decides how sums are rounded. */
function expectAll(results: readonly StreamResult[]): void {
  expect(results).toEqual(
    Array.from({ length: COUNT }, (_, index) => ({
      index,
      label: expected.labels[index],
      logits: expect.any(Float32Array),
      spikes: expected.imageSpikes[index],
    })),
  );
  const largest = Math.max(...expected.logits.data.map(Math.abs));
  const differences = results.flatMap(({ logits }, index) =>
    Array.from(logits, (logit, i) => Math.abs(logit - expected.logits.data[index * 4 + i])),
  );
  expect(differences).toHaveLength(COUNT * 4);
  expect(Math.max(...differences)).toBeLessThan(1e-6 * largest);
}

/** A source that is waited for closes when it answers. */
async function expectClosed(seen: { closed: boolean }): Promise<void> {
  await vi.waitFor(() => expect(seen.closed).toBe(true));
}

/** A source of single images that notes how far it was read, and whether it was closed. */
function watched(count = Number.POSITIVE_INFINITY) {
  const seen = { pulled: 0, closed: false };
  async function* images(): AsyncGenerator<TensorLike> {
    try {
      for (let i = 0; i < count; i++) {
        seen.pulled++;
        yield single(i % COUNT);
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, images: images() };
}

test('images come out in the order in which they went in, however they are cut and run', async () => {
  const cuts = fc
    .uniqueArray(fc.integer({ min: 1, max: COUNT - 1 }))
    .map((at) => [0, ...at.sort((a, b) => a - b), COUNT]);
  const options: fc.Arbitrary<StreamOptions> = fc.record({
    concurrency: fc.integer({ min: 1, max: 5 }),
    batch: fc.integer({ min: 1, max: 30 }),
    engine: fc.constantFrom('layered', 'event'),
  });
  await fc.assert(
    fc.asyncProperty(cuts, options, fc.boolean(), async (at, chosen, asynchronous) => {
      const parts = at.slice(1).map((end, i) => part(at[i], end));
      async function* slowly() {
        yield* parts;
      }
      const all = await collect(network.stream(asynchronous ? slowly() : parts, chosen));
      if (chosen.engine === 'layered') expectAll(all);
      expect(all.map(({ label }) => label)).toEqual([...expected.labels]);
      expect(all.map(({ index }) => index)).toEqual([...expected.labels.keys()]);
    }),
    { numRuns: 60 },
  );
});

test('single images and batches may be mixed', async () => {
  expectAll(await collect(network.stream([part(0, 5), single(5), part(6, 6), part(6, COUNT)], { batch: 4 })));
});

test('an empty source gives nothing', async () => {
  expect(await collect(network.stream([]))).toEqual([]);
  expect(await collect(network.stream([part(0, 0)], { batch: 3 }))).toEqual([]);
});

test('nothing is read before the first result is asked for', async () => {
  const { images, seen } = watched();
  const stream = network.stream(images);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(seen.pulled).toBe(0);
  await stream.return(undefined);
});

describe('memory is bounded', () => {
  test.each([
    [1, 1],
    [2, 1],
    [4, 1],
    [1, 3],
    [3, 5],
  ])('with %d batches under way of %d images, no more are read ahead', async (concurrency, batch) => {
    const { images, seen } = watched();
    let results = 0;
    for await (const _ of network.stream(images, { concurrency, batch })) {
      // Whoever takes results may take its time.
      if (results % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      expect(seen.pulled).toBeLessThanOrEqual((Math.floor(results / batch) + concurrency + 1) * batch);
      if (++results === 50) break;
    }
    await expectClosed(seen);
  });
});

describe('a slow source', () => {
  test('does not hold back the results of images that it gave', async () => {
    let ask = () => {};
    const asked = new Promise<void>((resolve) => {
      ask = resolve;
    });
    async function* images() {
      yield single(0);
      yield single(1);
      await asked;
      yield single(2);
    }
    const stream = network.stream(images(), { concurrency: 4 });
    expect((await stream.next()).value).toMatchObject({ index: 0 });
    expect((await stream.next()).value).toMatchObject({ index: 1 });
    ask();
    expect((await stream.next()).value).toMatchObject({ index: 2 });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('is read on while images run', async () => {
    const { network: slow, shape } = slowNetwork();
    let pulled = 0;
    async function* images() {
      for (;;) {
        pulled++;
        yield { data: new Float32Array(8 * 32 * 32), shape };
      }
    }
    const stream = slow.stream(images(), { concurrency: 3, threads: 1 });
    await stream.next();
    // The others were started before the first had ended.
    expect(pulled).toBeGreaterThanOrEqual(3);
    await stream.return(undefined);
  });
});

describe('results asked for before others came', () => {
  test('come in the order of the calls, and then the end', async () => {
    const stream = network.stream([part(0, 2), single(2)], { batch: 2 });
    const calls = Array.from({ length: 5 }, () => stream.next());
    const results = await Promise.all(calls);
    expect(results.map(({ done }) => done)).toEqual([false, false, false, true, true]);
    expect(results.map(({ value }) => value?.index)).toEqual([0, 1, 2, undefined, undefined]);
  });

  test('come before the end that was asked for behind them', async () => {
    const { images, seen } = watched();
    const stream = network.stream(images, { batch: 3 });
    const [first, second, end, behind] = await Promise.all([
      stream.next(),
      stream.next(),
      stream.return('enough'),
      stream.next(),
    ]);
    expect([first.value, second.value]).toMatchObject([{ index: 0 }, { index: 1 }]);
    expect([end, behind]).toEqual([
      { done: true, value: 'enough' },
      { done: true, value: undefined },
    ]);
    expect(seen.closed).toBe(true);
  });

  test('come before an error that is thrown into the stream, which ends it', async () => {
    const { images, seen } = watched();
    const stream = network.stream(images, { batch: 3 });
    const failure = new Error('enough');
    const first = stream.next();
    await expect(stream.throw(failure)).rejects.toBe(failure);
    expect((await first).value).toMatchObject({ index: 0 });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(seen.closed).toBe(true);
  });
});

test('a stream that is disposed of ends the source', async () => {
  const { images, seen } = watched();
  const stream = network.stream(images, { batch: 3 });
  await stream.next();
  await (stream as AsyncGenerator & AsyncDisposable)[Symbol.asyncDispose]();
  expect(seen.closed).toBe(true);
});

test('ending the iteration early ends the source', async () => {
  const { images, seen } = watched();
  for await (const { index } of network.stream(images, { concurrency: 3 })) if (index === 4) break;
  await expectClosed(seen);
  const { pulled } = seen;
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(seen.pulled).toBe(pulled);
});

describe('errors', () => {
  test('of the source come through, after it has ended', async () => {
    const failure = new Error('the camera broke');
    async function* images() {
      yield single(0);
      throw failure;
    }
    await expect(collect(network.stream(images()))).rejects.toBe(failure);
  });

  test('of an image come through, and the source is ended', async () => {
    const seen = { closed: false };
    async function* images() {
      try {
        for (;;) yield { data: new Float32Array(60).fill(Number.NaN), shape: SHAPE };
      } finally {
        seen.closed = true;
      }
    }
    await expect(collect(network.stream(images(), { concurrency: 3 }))).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
    await expectClosed(seen);
    const wrong = [single(0), { data: [1], shape: [1] }];
    await expect(collect(network.stream(wrong))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  test.each([
    { concurrency: 0 },
    { concurrency: Number.NaN },
    { concurrency: 1.5 },
    { batch: 0 },
    { batch: -2 },
    { batch: Number.NaN },
    { threads: -1 },
    { engine: 'fast' as 'event' },
  ])('of options: %o', async (options) => {
    const { images, seen } = watched(COUNT);
    await expect(collect(network.stream(images, options))).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    expect(seen.pulled).toBeLessThanOrEqual(2);
  });
});

describe('cancelling', () => {
  test('before the first image gives the reason', async () => {
    const reason = new Error('no');
    const { images, seen } = watched();
    await expect(collect(network.stream(images, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(seen.pulled).toBeLessThanOrEqual(1);
  });

  test('between images gives the reason and ends the source', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const { images, seen } = watched();
    const stream = network.stream(images, { signal: abort.signal });
    await stream.next();
    abort.abort(reason);
    await expect(collect(stream)).rejects.toBe(reason);
    await expectClosed(seen);
  });

  test('does not wait for a source that gives nothing', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    async function* silent() {
      yield single(0);
      await new Promise(() => {});
    }
    const stream = network.stream(silent(), { signal: abort.signal });
    await stream.next();
    const next = stream.next();
    abort.abort(reason);
    await expect(next).rejects.toBe(reason);
  });

  test('leaves the network as it was', async () => {
    expectAll(await collect(network.stream([part(0, COUNT)], { batch: 7, concurrency: 3 })));
  });
});
