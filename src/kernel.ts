/** The native addon, loaded once. Nothing else imports it. */

import type * as Native from '../native.js';
import { FirstspikeError } from './errors.js';

async function load(): Promise<typeof Native> {
  try {
    return await import('../native.js');
  } catch (cause) {
    throw new FirstspikeError(
      'DEPENDENCY_MISSING',
      {
        message: `the native kernel for ${process.platform}-${process.arch} is not installed.`,
        remedy: 'Reinstall firstspike with optional dependencies, or build it from source: npm run build.',
      },
      { cause },
    );
  }
}

/** The addon's exports: `Binding*` types and functions. */
export const kernel: typeof Native = await load();

/** Version of the kernel; equals that of the package. */
export const kernelVersion: () => string = kernel.kernelVersion;

/** Instruction sets that the kernel can use on this processor, slowest first; it uses the last. */
export const kernelLevels: () => string[] = kernel.kernelLevels;

export type * from '../native.js';
