// At most one spike: what arXiv 2001.01682 claims.   node examples/papers/amos.mjs [IMAGES]
import { inWords, measure, print, task } from './paper.mjs';

const UNKNOWN = "the paper's equations are not public: the circuit is this project's formulation of its idea";
const rows = [];
const digits = await task('digits');
const found = await measure(digits, { code: 'amos' });
rows.push([
  'each neuron of a circuit spikes at most once',
  `digits: ${inWords(found)}; ${found.neuronsPerGate} neurons and ${found.spikesPerGate.toFixed(2)} spikes for each activation`,
  UNKNOWN,
]);
const smooth = await task('minieff-silu-se');
if (smooth) {
  const spiking = await measure(smooth, { code: 'amos' });
  const exact = await measure(smooth, { code: 'amos', product: 'exact' });
  rows.push([
    'ImageNet, EfficientNet-B7: 80.97 % (original 85.0 %); 83.86 % with exact products; 12 neurons for SiLU, 8 for sigmoid',
    `minieff-silu-se: ${inWords(spiking)}; with exact products ${inWords(exact)}`,
    `a small network of the same parts on CIFAR-10; ${UNKNOWN}`,
  ]);
}
print('Stöckl and Maass, at most one spike per neuron', rows);
