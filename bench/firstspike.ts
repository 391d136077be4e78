/** The package under test, as it was built at the root. Nothing else imports it. */

export const {
  addCounters,
  calibrate,
  convert,
  curveSvg,
  describeGraph,
  kernelLevels,
  kernelVersion,
  openDataset,
  readOnnx,
  total,
} = await import('../dist/index.js').catch((cause) => {
  throw new Error('firstspike is not built: run `npm run setup` in the folder above bench.', { cause });
});

export type * from '../dist/index.js';
