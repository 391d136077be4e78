// Time to first spike: what arXiv 2306.08744 (B1 model) and 2212.12522 (exact mapping) claim.   node examples/papers/ttfs.mjs [IMAGES]
import { convert, sweep } from 'firstspike';
import { inWords, measure, percent, print, task } from './paper.mjs';

const rows = [];
for (const name of ['digits', 'vgg-sparse', 'cifar_base', 'resnet20']) {
  const here = await task(name);
  if (!here) continue;
  const found = await measure(here, { code: 'ttfs' });
  const claims = {
    digits: [
      'MNIST, 784-600-10: 98.62 %, as the original; all predictions agree (2212.12522)',
      'another network: convolutions, batch norm and max pooling, trained for few active neurons',
    ],
    'vgg-sparse': [
      'CIFAR-10, VGG16: 93.59 %, as the original; fewer than 0.3 spikes per neuron',
      'a smaller VGG, trained with an activity penalty as theirs are',
    ],
    cifar_base: [
      'fewer than 0.3 spikes per neuron',
      'trained without a penalty: every neuron that is active spikes once, however often that is',
    ],
    resnet20: [
      'no residual networks',
      'beyond the paper: sums of spikes need no neurons, since all terms arrive at the same targets',
    ],
  };
  const [claim, why] = claims[name];
  const exact = `largest logit difference ${found.logitDifference.toExponential(1)}`;
  rows.push([claim, `${name}: ${inWords(found)}; ${percent(found.agreement)} agree; ${exact}`, why]);
}

const here = (await task('cifar_base')) ?? (await task('digits'));
const network = await convert(here.graph, { code: 'ttfs', calibration: here.calibration });
const jitter = await sweep(network, here.images, { knob: 'jitter', values: [1e-3, 1e-2, 3e-2], trials: 2 });
const points = jitter.points.map(({ value, accuracy }) => `${value}: ${percent(accuracy.mean)}`).join(', ');
rows.push([
  'fine-tuning adapts the network to noise of spike times, few bits and low latency (2306.08744)',
  `${here.name}, jitter as a share of the window without any tuning: ${points}`,
  'networks are converted here, not trained; the curves of the paper are not public',
]);
print('Stanojevic et al., time to first spike', rows);
