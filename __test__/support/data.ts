/** The folder of real networks and images, which the environment variable FIRSTSPIKE_DATA names. */

import { join } from 'node:path';
import { describe } from 'vitest';

/** The folder; nothing where the variable is not set. */
export const dataFolder = process.env.FIRSTSPIKE_DATA;

/** Whether there is such a folder. */
export const hasData = dataFolder !== undefined && dataFolder !== '';

/** Path of a file in the folder. */
export function dataFile(...path: string[]): string {
  return join(dataFolder ?? '', ...path);
}

/** `describe` for tests on the data: skipped, with the reason in its name, where there is none. */
export function describeWithData(name: string, tests: () => void): void {
  describe.skipIf(!hasData)(hasData ? name : `${name} (skipped: FIRSTSPIKE_DATA is not set)`, tests);
}
