// Time to first spike: what arXiv 2306.08744 (B1 model, the code ttfs) and 2212.12522 (exact mapping, ttfs-alpha) claim.
//   node examples/papers/ttfs.mjs [IMAGES]
import { convert, sweep } from 'firstspike';
import { inWords, measure, percent, print, task } from './paper.mjs';

const CLAIMS = [
  [
    'digits',
    'ttfs-alpha',
    'MNIST, 784-600-10: 98.62 %, as the original; all predictions agree (2212.12522)',
    'another network, with convolutions, batch norm and max pooling; every neuron spikes once in both',
  ],
  [
    'digits',
    'ttfs',
    'MNIST: the accuracy of the original with fewer than 0.3 spikes per neuron (2306.08744)',
    'another network, trained for few active neurons',
  ],
  [
    'vgg-sparse',
    'ttfs',
    'CIFAR-10, VGG16: 93.59 %, as the original; fewer than 0.3 spikes per neuron',
    'a smaller VGG, trained with an activity penalty',
  ],
  [
    'cifar_base',
    'ttfs',
    'fewer than 0.3 spikes per neuron',
    'trained without a penalty: each neuron that is active spikes once, however many those are',
  ],
  [
    'resnet20',
    'ttfs',
    'no residual connections, no average pooling, stride 1',
    'beyond the papers: sums of spikes need no neurons, since all terms arrive at the same targets',
  ],
];

const rows = [];
for (const [name, code, claim, why] of CLAIMS) {
  const here = await task(name);
  if (!here) continue;
  const found = await measure(here, { code });
  const exact = `${percent(found.agreement)} agree; largest logit difference ${found.logitDifference.toExponential(1)}`;
  rows.push([claim, `${name}, ${code}: ${inWords(found)}; ${exact}`, why]);
}

const here = (await task('cifar_base')) ?? (await task('digits'));
for (const [code, claim] of [
  ['ttfs', 'fine-tuning adapts the network to noise of spike times, few bits and low latency (2306.08744)'],
  ['ttfs-alpha', 'accuracy against noise of spike times (2212.12522)'],
]) {
  const network = await convert(here.graph, { code, calibration: here.calibration });
  const { points } = await sweep(network, here.images, { knob: 'jitter', values: [1e-3, 5e-3, 1e-2], trials: 2 });
  const found = points.map(({ value, accuracy }) => `${value}: ${percent(accuracy.mean)}`).join(', ');
  rows.push([
    claim,
    `${here.name}, ${code}, jitter as a share of the window without any tuning: ${found}`,
    'networks are converted here, not trained; the curves of the papers are not public',
  ]);
}
print('Stanojevic et al., time to first spike', rows);
