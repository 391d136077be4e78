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
function places(value: any, path: (string|number)[] = []): (string|number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.keys(value).flatMap((k) => places(value[k], [...path, k]))];
}
test.each(Object.keys(codes) as CodeName[])('%s', async (code) => {
  const graph = smallGraph();
  const calibration = await calibrate(graph, [{ data: smallImages(5), shape: [5, ...SHAPE] }]);
  await (await convert(graph, { code, calibration })).save(folder.path('good'));
  const bytes = readFileSync(folder.path('good'));
  const headerEnd = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, headerEnd));
  const net = JSON.parse(header.__metadata__.network); header.__metadata__.network = '';
  const all = places(net).slice(1);
  const stats: Record<string, number> = {}; const bump = (k: string) => { stats[k] = (stats[k] ?? 0) + 1; };
  const value = fc.oneof(fc.constantFrom<any>(null, 0, -1, 1, 2, 3, 0.5, 1e3, 1e6, 1e9, 2**31, 2**32, 2**53, 1e300, -1e300, 1e-300, '', 'x', [], {}, [1], true), fc.integer({min:-5,max:50}));
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat({max: all.length-1}), value), { minLength: 1, maxLength: 2 }), async (changes) => {
    const copy = structuredClone(net);
    for (const [index, v] of changes) { let at: any = copy; const p = all[index]; for (const k of p.slice(0,-1)) at = at?.[k]; if (at && typeof at === 'object') at[p.at(-1)!] = v; }
    const h = structuredClone(header); h.__metadata__.network = JSON.stringify(copy);
    const text = Buffer.from(JSON.stringify(h)); const len = Buffer.alloc(8); len.writeBigUInt64LE(BigInt(text.length));
    const path = folder.write('changed', Buffer.concat([len, text, bytes.subarray(headerEnd)]));
    const what = JSON.stringify(changes.map(([i, v]) => [all[i].join('.').replace(/\d+/g,'N'), v]));
    const t = performance.now();
    const network = await loadNetwork(path).catch((error) => {
      expect(error, String(error?.stack)).toBeInstanceOf(FirstspikeError);
      const c = error.cause; bump(`load ${error.code}`);
      if (/panick/.test(String(c?.message))) bump(`PANIC load ${c.message} ${what}`);
    });
    if (network) {
      const batch = { data: new Float32Array(network.inputShape.reduce((a, b) => a * b, 1)).fill(0.3), shape: network.inputShape };
      for (const engine of ['layered', 'event'] as const) for (const precision of ['f32','f64'] as const)
      await network.run(batch, { engine, precision, compare: true, record: { spikes: true } }).then((r) => { const k = r.logits.data.every(Number.isFinite) ? 'ok' : 'NaN logits'; bump(k); if (k !== 'ok') bump('NAN ' + what.slice(0,150)); }, (error) => { expect(error, String(error?.stack)).toBeInstanceOf(FirstspikeError); bump(`run ${error.code} ${error.message.replace(/\d+/g,'N').slice(0,90)} ${what.slice(0,200)}`);  });
    }
    if (performance.now() - t > 300) bump(`SLOW ${(performance.now()-t).toFixed(0)} ${what.slice(0,200)}`);
  }), { numRuns: 3000 });
  console.log(code, Object.entries(stats).map(([k,v])=>`${v} ${k}`).join('\n'));
}, 400000);
