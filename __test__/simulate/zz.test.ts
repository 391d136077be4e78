import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CodeName, codes } from '../../src/codes/index.js';
import { calibrate } from '../../src/convert/calibrate.js';
import { convert } from '../../src/convert/convert.js';
import { FirstspikeError } from '../../src/errors.js';
import { loadNetwork } from '../../src/simulate/spiking-network.js';
import { temporaryFolder } from '../data/support.js';
import { SHAPE, smallGraph, smallImages } from './support.js';
const folder = temporaryFolder();
test.each(Object.keys(codes) as CodeName[])('%s', async (code) => {
  const graph = smallGraph();
  const calibration = await calibrate(graph, [{ data: smallImages(5), shape: [5, ...SHAPE] }]);
  await (await convert(graph, { code, calibration })).save(folder.path('good'));
  const bytes = readFileSync(folder.path('good'));
  const headerEnd = 8 + Number(bytes.readBigUInt64LE());
  const stats: Record<string, number> = {};
  const change = fc.tuple(fc.integer({ min: 8, max: headerEnd }), fc.oneof(fc.integer({ min: 32, max: 126 }), fc.constantFrom(...[...'0123456789-.eE,[]{}"'].map((c) => c.charCodeAt(0)))));
  let slow = 0;
  await fc.assert(fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (changes) => {
    const changed = Uint8Array.from(bytes);
    for (const [index, value] of changes) changed[index] = value;
    const path = folder.write('changed', changed);
    const t = performance.now();
    const network = await loadNetwork(path).catch((error) => {
      expect(error, String(error?.stack)).toBeInstanceOf(FirstspikeError);
      stats[`load ${error.code}`] = (stats[`load ${error.code}`] ?? 0) + 1;
      const c = error.cause; if (c && !(c instanceof FirstspikeError) ) { const m = `cause ${c.constructor.name} ${String(c.message).replace(/\d+/g,'N').slice(0,60)}`; stats[m] = (stats[m] ?? 0) + 1; }
    });
    if (network) {
      const batch = { data: new Float32Array(network.inputShape.reduce((a, b) => a * b, 1)).fill(0.3), shape: network.inputShape };
      for (const engine of ['layered', 'event'] as const) for (const precision of ['f32','f64'] as const)
      await network.run(batch, { engine, precision, compare: true }).then((r) => { const k = r.logits.data.every(Number.isFinite) ? 'ok' : 'NaN logits'; stats[k] = (stats[k] ?? 0) + 1; if (k !== 'ok') stats[`${JSON.stringify(changes.map(([i, v]) => bytes.toString('latin1', i-40, i) + '<' + String.fromCharCode(v) + '>' + bytes.toString('latin1', i, i+10)))}`] = 1; }, (error) => { expect(error, String(error?.stack)).toBeInstanceOf(FirstspikeError); const m = `run ${error.code} ${error.message.replace(/\d+/g,'N').slice(0,90)}`; stats[m] = (stats[m] ?? 0) + 1; });
    }
    if (performance.now() - t > 500) { slow++; stats[`slow ${(performance.now()-t).toFixed(0)} ${JSON.stringify(changes.map(([i, v]) => bytes.toString('latin1', i-40, i) + '<' + String.fromCharCode(v) + '>' + bytes.toString('latin1', i, i+10)))}`] = 1; }
  }), { numRuns: 4000 });
  console.log(code, slow, stats);
}, 400000);
