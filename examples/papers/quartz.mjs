// Quartz: what arXiv 2309.16795 and its authors' notebooks claim.   node examples/papers/quartz.mjs [IMAGES]
import { inWords, measure, percent, print, task } from './paper.mjs';

/** Accuracy and operations of the authors' MNIST notebook, by the number of levels. */
const NOTEBOOK = {
  4: ['98.11 %', '66 k'],
  8: ['99.05 %', '101 k'],
  16: ['99.16 %', '171 k'],
  32: ['99.25 %', '310 k'],
};

const thousands = (value) => `${Math.round(value / 1000)} k`;

const rows = [];
const here = (await task('quartz-convnet')) ?? (await task('digits'));
for (const [levels, [accuracy, claimed]] of Object.entries(NOTEBOOK)) {
  const found = await measure(here, { code: 'quartz', steps: Number(levels) });
  const [ops, events] = [found.quartz.operations, found.synapticEvents].map((sum) => thousands(sum / found.images));
  rows.push([
    `MNIST, T = ${levels}: ${accuracy} (original 99.23 %), ${claimed} operations`,
    `${here.name}: ${inWords(found)}, ${ops} operations; ${events} synaptic events`,
    here.name === 'quartz-convnet'
      ? 'the same weights; ranges are percentiles of training images, theirs of test images; logits are read as potentials, theirs as times; their operations have the same 31 k inputs at every T, ours are those of each T'
      : 'another network: theirs is where FIRSTSPIKE_DATA names it',
  ]);
}
const cifar = await task('vgg-sparse');
if (cifar) {
  const found = await measure(cifar, { code: 'quartz', steps: 64, percentile: 99.99 });
  rows.push([
    'CIFAR-10, VGG11, T = 64, percentile 99.99: 92.26 % (original 92.40 %)',
    `vgg-sparse: ${inWords(found)}; ${percent(found.agreement)} agree`,
    'another network, trained to be sparse: few large activations, which a percentile clips (at T = 256 and percentile 100 nearly all agree); their first layer is not spiking',
  ]);
}
print('Lenz et al., Quartz', rows);
