// Leaky integrate-and-fire neurons: what arXiv 1611.05141, and the thesis of its first author, claim.
//   node examples/papers/soft-lif.mjs [IMAGES]
import { energyRatio, layerOutput, lifCurve } from 'firstspike';
import { inWords, measure, percent, print, task } from './paper.mjs';

// Of the thesis: neurons and rates (Hz) of each layer; connections from each layer on, those from the input first;
// energy of the original network over that of the spiking one, by the milliseconds for which an image is shown.
const NETWORKS = {
  MNIST: {
    neurons: [12544, 12544, 2000],
    rates: [4.6, 15.6, 4.2],
    connections: [313600, 5017600, 6272000, 20000],
    published: { 60: 14.42, 100: 10.24, 200: 5.94 },
  },
  'CIFAR-10': {
    neurons: [36864, 9216, 2304, 1152],
    rates: [173.3, 99.0, 9.7, 7.2],
    connections: [2764800, 14745600, 1327104, 663552, 11520],
    published: { 60: 2.04, 80: 1.64, 150: 0.98, 200: 0.76 },
  },
  'ILSVRC-2012': {
    neurons: [193600, 139968, 64896, 43264, 43264, 4096, 4096],
    rates: [178.1, 48.8, 26.6, 30.6, 35.6, 19.1, 10.7],
    connections: [70276800, 223948800, 112140288, 149520384, 99680256, 37748736, 16777216, 4096000],
    published: { 60: 3.51, 80: 2.88, 200: 1.39 },
  },
};

function efficiency({ neurons, rates, connections }, milliseconds) {
  const events = connections.map((count, i) => (i === 0 ? 0 : (count * rates[i - 1] * milliseconds) / 1000));
  const layers = connections.map((count, i) => ({
    role: i < neurons.length ? 'activation' : 'readout',
    shape: [1, 1, neurons[i] ?? 10],
    synapticEvents: events[i],
    operations: i === 0 ? count : events[i],
    updates: (neurons[i] ?? 0) * milliseconds,
  }));
  const macs = connections.reduce((sum, count) => sum + count, 0);
  return 1 / energyRatio({ images: 1, layers }, layers, macs);
}

const rows = Object.entries(NETWORKS).map(([name, network]) => {
  const times = Object.entries(network.published);
  const claim = times.map(([time, figure]) => `${figure} at ${time} ms`).join(', ');
  const ours = times.map(([time]) => efficiency(network, Number(time)).toFixed(2)).join(', ');
  return [`energy, ${name}: ${claim}`, `${ours}, from the rates of the thesis`, 'equal'];
});

// The configuration of the published CIFAR-10 networks.
const response = { gain: 0.825, bias: 1, amplitude: 0.063 };
const times = { tauRc: 0.05, tauRef: 0.001 };
const [hard, soft] = [0, 0.02].map((softness) => layerOutput(lifCurve({ ...times, softness }), response));
const inputs = [-1, 0, 0.1, 1, 5, 10];
rows.push([
  'gain and amplitude make the response close to ReLU on [-1, 10]; softening bounds its derivative',
  `inputs ${inputs.join(', ')}: ${inputs.map((x) => soft.value(x).toFixed(2)).join(', ')}; slope at 0: ${soft.slope(0).toFixed(1)}, of the hard curve just above: ${hard.slope(1e-6).toFixed(0)}`,
  'equal',
]);

const CLAIMS = [
  [
    'digits',
    'MNIST: error 0.79 % (ReLU), 0.88 % (spiking, 5 ms synapses, 200 ms)',
    { steps: 200, from: 120, synapse: 0.005 },
  ],
  ['digits', 'MNIST: 1.14 % (2 ms, 60 ms)', { steps: 60, from: 50, synapse: 0.002 }],
  [
    'cifar_base',
    'CIFAR-10: 16.48 % (ReLU), 16.46 % (spiking, 5 ms, 200 ms)',
    { steps: 200, from: 100, synapse: 0.005 },
  ],
  ['cifar_base', 'CIFAR-10: 16.55 % (no synapses, 80 ms)', { steps: 80, from: 10 }],
];
for (const [name, claim, options] of CLAIMS) {
  const here = await task(name);
  if (!here) continue;
  const [kept, rested] = [
    await measure(here, { code: 'lif', reset: 'never', ...options }),
    await measure(here, { code: 'lif', ...options }),
  ];
  const energy = `${(1 / kept.energyRatio).toFixed(2)} times less energy`;
  rows.push([
    claim,
    `${name}: ${inWords(kept)}, ${energy}; ${percent(rested.accuracy)} if each image begins at rest`,
    'a ReLU network converted as it is; theirs is trained with the soft curve and noise, and has fewer layers, through which the image before fades sooner',
  ]);
}
print('Hunsberger and Eliasmith, soft LIF', rows);
