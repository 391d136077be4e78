import { getHeapSpaceStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import type { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { SHAPE, smallImages, smallNetwork } from './support.js';

/** Images of a batch, and batches of a test: young garbage is collected many times meanwhile. */
const BATCH = 16;
const BATCHES = 10_000;
/** Bytes that a batch may leave in the old part of the heap, where code that is made of busy functions comes too. */
const LEFT = 100;

const batch = { data: smallImages(BATCH), shape: [BATCH, ...SHAPE] };

/** Bytes in use in the old part of the heap. */
function old(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name }) => space_name.startsWith('old_'));
  return spaces.reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}

async function stream(network: SpikingNetwork, batches: number, signal: AbortSignal): Promise<void> {
  const images = Array.from({ length: batches }, () => batch);
  for await (const _ of network.stream(images, { batch: BATCH, threads: 1, signal }));
}

async function run(network: SpikingNetwork, batches: number, signal: AbortSignal): Promise<void> {
  let before: Promise<unknown> | undefined;
  for (let i = 0; i < batches; i++) {
    const next = network.run(batch, { threads: 1, signal });
    await before;
    before = next;
  }
  await before;
}

test.each([
  ['a stream', stream],
  ['run after run', run],
])('what %s leaves behind goes with young garbage: the heap does not grow', async (_, go) => {
  const network = await smallNetwork();
  const { signal } = new AbortController();
  await go(network, 1000, signal);
  const before = old();
  await go(network, BATCHES, signal);
  expect((old() - before) / BATCHES).toBeLessThan(LEFT);
});
