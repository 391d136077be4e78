/** The public surface, and nothing else. */

import { kernel } from './kernel.js';

export * from './errors.js';
export * from './tensor.js';

/** Version of the native kernel: the package's own. */
export const kernelVersion: () => string = kernel.kernelVersion;
