import { describe, expect, test } from 'vitest';
import { type EvaluateOptions, evaluate, type LabelledBatch } from '../../src/evaluate/evaluate.js';
import { describeGraph } from '../../src/graph/describe.js';
import { addCounters, spikesPerNeuron, total } from '../../src/simulate/counters.js';
import { SpikingNetwork } from '../../src/simulate/spiking-network.js';
import { expectError } from '../data/support.js';
import { SHAPE, smallImages, smallNetwork } from '../simulate/support.js';
import { GraphBuilder } from '../support/graphs.js';

/** A network whose logits are its inputs, as far as they are positive, and clipped at 1 by the code. */
function clipping(classes: number): SpikingNetwork {
  const ones = new Float64Array(classes).fill(1);
  const eye = Float32Array.from({ length: classes ** 2 }, (_, i) => Number(i % (classes + 1) === 0));
  const values = { dataType: 'float32', shape: [classes, classes], bytes: new Uint8Array(eye.buffer) } as const;
  const graph = new GraphBuilder([classes])
    .affine(ones, new Float64Array(classes))
    .relu()
    .add({ op: 'Dense', weights: { values }, layout: 'in-out', bias: { values: new Float64Array(classes) } })
    .build();
  const windows = { [graph.nodes[1].name]: 1 };
  return new SpikingNetwork(graph, 'ttfs', { saturate: true, inputRange: [0, 4], windows });
}

function batchOf(rows: readonly (readonly number[])[], labels?: readonly number[]): LabelledBatch {
  return { data: rows.flat(), shape: [rows.length, rows[0].length], ...(labels && { labels }) };
}

const quick: EvaluateOptions = { throughputSeconds: 0, precision: 'f64' };

describe('accuracy', () => {
  //                 original: 2, 1, 0, 2         clipped: 1 (of two ones the first), 1, 0, 0
  const rows = [
    [0, 2, 3],
    [0, 0.5, 0],
    [3, 1, 0],
    [1, 0.25, 4],
  ];

  test('is the share of right labels, of the network and of the original', async () => {
    const found = await evaluate(clipping(3), [batchOf(rows, [2, 1, 0, 0])], quick);
    expect(found).toMatchObject({ images: 4, accuracy: 3 / 4, annAccuracy: 3 / 4, agreement: 2 / 4 });
    const other = await evaluate(clipping(3), [batchOf(rows, [2, 2, 0, 2])], quick);
    expect(other).toMatchObject({ images: 4, accuracy: 1 / 4, annAccuracy: 3 / 4, agreement: 2 / 4 });
  });

  test('is the same however images are batched', async () => {
    const labels = [2, 1, 0, 0];
    const single = rows.map((row, i) => batchOf([row], [labels[i]]));
    async function* stream() {
      yield* single;
    }
    const whole = await evaluate(clipping(3), [batchOf(rows, labels)], quick);
    expect(await evaluate(clipping(3), stream(), quick)).toEqual(whole);
    expect(await evaluate(clipping(3), [batchOf(rows.slice(0, 3), labels.slice(0, 3)), single[3]], quick)).toEqual(
      whole,
    );
  });

  test('is not there without labels; agreement is', async () => {
    const found = await evaluate(clipping(3), [batchOf(rows)], quick);
    expect(found.agreement).toBe(0.5);
    for (const name of ['accuracy', 'annAccuracy', 'accuracyTop5', 'annAccuracyTop5'])
      expect(found).not.toHaveProperty(name);
  });

  test('is that of the images that have labels', async () => {
    const found = await evaluate(clipping(3), [batchOf(rows.slice(0, 3)), batchOf(rows.slice(3), [2])], quick);
    expect(found).toMatchObject({ images: 4, accuracy: 0, annAccuracy: 1 });
  });

  test('counts labels that the network does not know as wrong', async () => {
    const found = await evaluate(clipping(3), [batchOf(rows, [3, -1, 255, 1.5])], quick);
    expect(found).toMatchObject({ accuracy: 0, annAccuracy: 0 });
  });
});

describe('top-5 accuracy', () => {
  const ascending = Array.from({ length: 11 }, (_, i) => (i + 1) / 22);

  test('is the share of labels among the five largest logits', async () => {
    const labels = [10, 7, 6, 5, 0];
    const found = await evaluate(
      clipping(11),
      [
        batchOf(
          labels.map(() => ascending),
          labels,
        ),
      ],
      quick,
    );
    expect(found).toMatchObject({ accuracy: 1 / 5, accuracyTop5: 3 / 5, annAccuracyTop5: 3 / 5 });
  });

  test('takes the first of equal logits', async () => {
    const labels = [0, 4, 5, 10];
    const found = await evaluate(
      clipping(11),
      [
        batchOf(
          labels.map(() => new Array(11).fill(0.5)),
          labels,
        ),
      ],
      quick,
    );
    expect(found).toMatchObject({ accuracy: 1 / 4, accuracyTop5: 1 / 2 });
  });

  test('does not count labels that the network does not know', async () => {
    const labels = [11, -1, 1000];
    const found = await evaluate(
      clipping(11),
      [
        batchOf(
          labels.map(() => ascending),
          labels,
        ),
      ],
      quick,
    );
    expect(found).toMatchObject({ accuracyTop5: 0, annAccuracyTop5: 0 });
  });

  test('is that of networks with more than ten classes', async () => {
    const found = await evaluate(clipping(10), [batchOf([ascending.slice(1)], [0])], quick);
    expect(found).not.toHaveProperty('accuracyTop5');
  });
});

describe('what else is found', () => {
  const data = smallImages(9);
  const part = (from: number, to: number) => ({ data: data.slice(from * 60, to * 60), shape: [to - from, ...SHAPE] });

  test('are the sums of what runs count', async () => {
    const network = await smallNetwork();
    for (const engine of ['event', 'layered'] as const) {
      const found = await evaluate(network, [part(0, 2), part(2, 9)], { ...quick, engine });
      const runs = await Promise.all(
        [part(0, 2), part(2, 9)].map((one) => network.run(one, { engine, precision: 'f64' })),
      );
      const counters = addCounters(runs[0].counters, runs[1].counters);
      expect(found).toMatchObject({
        code: 'ttfs',
        engine,
        precision: 'f64',
        images: 9,
        spikesPerNeuron: spikesPerNeuron(counters),
        inputSpikes: counters.layers[0].spikes,
        poolSpikes: total(counters, 'spikes', 'pool'),
        relaySpikes: total(counters, 'spikes', 'relay'),
        synapticEvents: total(counters, 'synapticEvents'),
        operations: total(counters, 'operations'),
        memoryReads: total(counters, 'memoryReads'),
        memoryWrites: total(counters, 'memoryWrites'),
        saturated: total(counters, 'saturated'),
        macs: 9 * describeGraph(network.graph).macs,
      });
      expect(found.layers.map(({ maxDifference, ...layer }) => layer)).toEqual(
        network.layers.map(({ name, role, neurons, window }, i) => {
          const { spikes, saturated, synapticEvents } = counters.layers[i];
          return { name, role, neurons, spikes, saturated, synapticEvents, ...(window && { window }) };
        }),
      );
    }
  });

  test('are the largest differences of logits and layers', async () => {
    // Clipped at 1: differences of 2 and 3, in layer and logits alike; the largest original logit is 4.
    const found = await evaluate(
      clipping(3),
      [
        batchOf([[3, 0.5, 0]]),
        batchOf([
          [0, 0, 4],
          [1, 1, 1],
        ]),
      ],
      quick,
    );
    expect(found.logitDifference).toBe(3 / 4);
    expect(found.layers.map(({ maxDifference }) => maxDifference)).toEqual([0, 3, 3]);
    expect(found.saturated).toBe(2);
  });

  test('are no differences where there are none', async () => {
    const silent = await evaluate(clipping(3), [batchOf([[0, 0, 0]])], quick);
    expect(silent).toMatchObject({ logitDifference: 0, agreement: 1, inputSpikes: 0, spikesPerNeuron: 0 });
  });
});

describe('throughput', () => {
  const images = batchOf([
    [0, 1, 0],
    [1, 0, 0],
    [0, 0, 1],
  ]);

  test('is positive, whatever the batch', async () => {
    for (const batch of [1, 2, 3, 100]) {
      const { imagesPerSecond } = await evaluate(clipping(3), [images, images], { throughputSeconds: 0.02, batch });
      expect(imagesPerSecond).toBeGreaterThan(0);
      expect(imagesPerSecond).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  });

  test('is measured on one run at least, however little time there is', async () => {
    const { imagesPerSecond } = await evaluate(clipping(3), [images], { throughputSeconds: 1e-9 });
    expect(imagesPerSecond).toBeGreaterThan(0);
  });

  test('is left out where no time is given', async () => {
    expect(await evaluate(clipping(3), [images], { throughputSeconds: 0 })).not.toHaveProperty('imagesPerSecond');
  });

  test('does not take longer than it is given by far', async () => {
    const start = performance.now();
    await evaluate(clipping(3), [images], { throughputSeconds: 0.1 });
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

test('progress is reported after each batch', async () => {
  const seen: number[] = [];
  const batches = [
    batchOf([[0, 1, 0]]),
    batchOf([
      [0, 1, 0],
      [1, 0, 0],
    ]),
    batchOf([[0, 0, 1]]),
  ];
  await evaluate(clipping(3), batches, { ...quick, onProgress: (done) => seen.push(done) });
  expect(seen).toEqual([1, 3, 4]);
});

describe('refuses', () => {
  const good = batchOf(
    [
      [0, 1, 0],
      [1, 0, 0],
    ],
    [1, 0],
  );

  test('labels of another number than images, and says how many there are', async () => {
    for (const labels of [[], [1], [1, 0, 2]]) {
      const wrong = { ...good, labels };
      const error = await expectError('DATA_INVALID', () => evaluate(clipping(3), [good, wrong], quick));
      expect(error.message).toMatch(new RegExp(`2 images but ${labels.length} labels`));
    }
  });

  test('to go without images', async () => {
    await expectError('DATA_INVALID', () => evaluate(clipping(3), [], quick));
    await expectError('DATA_INVALID', () => evaluate(clipping(3), [{ data: [], shape: [0, 3] }], quick));
    await expectError('DATA_INVALID', () => evaluate(clipping(3), [{ data: [], shape: [0, 3] }]));
  });

  test('images that do not fit or are not finite', async () => {
    await expectError('INPUT_INVALID', () => evaluate(clipping(3), [good, batchOf([[1, 2]])], quick));
    await expectError('INPUT_INVALID', () => evaluate(clipping(3), [good, batchOf([[1, 2, Number.NaN]])], quick));
  });

  test.each([
    { engine: 'fast' as 'event' },
    { precision: 'f16' as 'f32' },
    { threads: -1 },
    { batch: 0 },
    { batch: 0.5 },
    { batch: Number.NaN },
  ])('options outside of their domain: %o', async (options) => {
    await expectError('OPTION_INVALID', () => evaluate(clipping(3), [good], options));
  });

  test('to go on when it is cancelled, while comparing or while measuring', async () => {
    const reason = new Error('enough');
    await expect(evaluate(clipping(3), [good], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const during = new AbortController();
    const onProgress = () => during.abort(reason);
    await expect(evaluate(clipping(3), [good, good], { signal: during.signal, onProgress })).rejects.toBe(reason);
    const later = new AbortController();
    setTimeout(() => later.abort(reason), 50);
    const start = performance.now();
    await expect(evaluate(clipping(3), [good], { signal: later.signal, throughputSeconds: 60 })).rejects.toBe(reason);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
