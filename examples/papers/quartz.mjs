// Quartz: what arXiv 2309.16795 and its authors' notebooks claim.   node examples/papers/quartz.mjs [IMAGES]
import { convert, total } from 'firstspike';
import { inWords, measure, percent, print, task } from './paper.mjs';

/** Accuracy and operations of the authors' MNIST notebook, by the number of levels. */
const NOTEBOOK = {
  4: ['98.11 %', '66 k'],
  8: ['99.05 %', '101 k'],
  16: ['99.16 %', '171 k'],
  32: ['99.25 %', '310 k'],
};

const thousands = (value) => `${Math.round(value / 1000)} k`;

/** Operations as the authors count them: inputs that arrive together once, and two for each neuron and level. */
async function operations({ graph, calibration, images }, levels) {
  const network = await convert(graph, { code: 'quartz', calibration, steps: levels });
  for await (const batch of images()) {
    const { counters } = await network.run(batch);
    const layers = counters.layers.filter(({ role }) => role === 'activation' || role === 'relay');
    const receptions = layers.reduce((sum, layer) => sum + layer.receptions, 0) / counters.images;
    const neurons = layers.reduce((sum, layer) => sum + layer.neurons, 0);
    return { ops: receptions + 2 * neurons * levels, events: total(counters, 'synapticEvents') / counters.images };
  }
}

const rows = [];
const here = (await task('quartz-convnet')) ?? (await task('digits'));
for (const [levels, [accuracy, ops]] of Object.entries(NOTEBOOK)) {
  const found = await measure(here, { code: 'quartz', steps: Number(levels) });
  const counted = await operations(here, Number(levels));
  rows.push([
    `MNIST, T = ${levels}: ${accuracy} (original 99.23 %), ${ops} operations`,
    `${here.name}: ${inWords(found)}, ${thousands(counted.ops)} operations; ${thousands(counted.events)} synaptic events`,
    here.name === 'quartz-convnet'
      ? 'the same weights; ranges are percentiles of training images, theirs of test images; logits are read with the last spikes, not as times'
      : 'another network: theirs is where FIRSTSPIKE_DATA names it',
  ]);
}
const cifar = await task('vgg-sparse');
if (cifar) {
  const found = await measure(cifar, { code: 'quartz', steps: 64, percentile: 99.99 });
  rows.push([
    'CIFAR-10, VGG11, T = 64, percentile 99.99: 92.26 % (original 92.40 %)',
    `vgg-sparse: ${inWords(found)}; ${percent(found.agreement)} agree`,
    'another network; their first layer is not spiking and their pooling decodes and encodes again, ours are spikes throughout',
  ]);
}
print('Lenz et al., Quartz', rows);
