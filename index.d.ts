// The package's types: what src/index.ts exports, as the build writes it down.
export * from './dist/index.js';
