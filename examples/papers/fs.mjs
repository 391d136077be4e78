// Few spikes: what arXiv 2002.00860 and its authors' repository claim.   node examples/papers/fs.mjs [IMAGES]
import { fitGate } from 'firstspike';
import { inWords, measure, percent, print, task } from './paper.mjs';

const rows = [];
const here = (await task('resnet20')) ?? (await task('digits'));
const ten = await measure(here, { code: 'fs', steps: 10 });
const published = await measure(here, { code: 'fs', steps: 10, rounding: 'down' });
rows.push([
  'CIFAR-10, ResNet50, K = 10: 92.5 %, 1.36 spikes per neuron (repository)',
  `${here.name}: ${inWords(ten)}; rounding down, as published: ${inWords(published)}`,
  'another network: theirs is not published as ONNX; its range is 25 for all layers, which leaves small activations fewer digits and so fewer spikes, ours is that of each layer',
]);
const { latency, interval } = ten.timing;
rows.push([
  'a layer takes K steps, and layers work as a pipeline',
  `${here.name}: ${latency} steps for an image, the next one after ${interval}`,
  'the figures of the paper are not public',
]);
const fewer = [];
for (const steps of [4, 6, 8]) {
  const { accuracy, spikesPerNeuron } = await measure(here, { code: 'fs', steps });
  fewer.push(`K = ${steps}: ${percent(accuracy)}, ${spikesPerNeuron.toFixed(2)} spikes per neuron`);
}
rows.push(['accuracy against K', `${here.name}: ${fewer.join('; ')}`, 'the figures of the paper are not public']);

const error = async (options) => (await fitGate({ ...options, restarts: 64 })).mse.toExponential(1);
const silu = await error({ function: 'silu', steps: 16, range: [-8, 12] });
const sigmoid = await error({ function: 'sigmoid', steps: 12, range: [-10, 10] });
rows.push([
  'mean squared error of the published arrays: SiLU (K = 16, -8 to 12) 3.4e-3, sigmoid (K = 12, -10 to 10) 1.4e-4',
  `fitted here: SiLU ${silu}, sigmoid ${sigmoid}`,
  'our fitter descends the exact gradient of the integrated loss, and solves for the outputs',
]);

const smooth = await task('minieff-silu-se');
if (smooth) {
  const fitted = await measure(smooth, { code: 'fs' });
  const arrays = await measure(smooth, { code: 'fs', gates: 'published' });
  rows.push([
    'ImageNet, EfficientNet-B7 (SiLU, sigmoid): 84.4 % on 500 images (original 85.0 %), 2.14 spikes per neuron',
    `minieff-silu-se: ${inWords(fitted)}; with the published arrays ${percent(arrays.accuracy)}`,
    'a small network of the same parts on CIFAR-10; its activations are an order smaller, so gates are fitted to the inputs of each layer',
  ]);
}
print('Stöckl and Maass, few-spike neurons', rows);
