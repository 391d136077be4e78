// Run by install.mjs in a folder where nothing is installed but the packed packages, beside the demo's network.

import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { createRequire } from 'node:module';
import process from 'node:process';
import { calibrate, convert, kernelLevels, kernelVersion, readOnnx } from 'firstspike';

const { version } = createRequire(import.meta.url)('firstspike/package.json');
assert.equal(kernelVersion(), version, 'the addon is of another version than the package');

// Any images do: the spiking network must agree with the original on each.
const count = 16;
const data = Float32Array.from({ length: count * 28 * 28 }, (_, i) => ((i * 7919) % 256) / 255);
const images = { data, shape: [count, 1, 28, 28] };
const graph = await readOnnx('digits-bn.onnx');
const calibration = await calibrate(graph, [images]);
const network = await convert(graph, { code: 'ttfs', calibration });
const { labels, original } = await network.run(images, { compare: true });
assert.equal(labels.length, count);
assert.deepEqual(labels, original.labels);

execSync('npx --no-install firstspike inspect digits-bn.onnx --json', { stdio: ['ignore', 'ignore', 'inherit'] });

const levels = kernelLevels().join(', ');
console.log(`firstspike ${version} runs on ${process.platform}-${process.arch} (${levels}), Node ${process.version}`);
