import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

// Tests on real networks and images read them from the folder FIRSTSPIKE_DATA names, and are skipped without it.
// The folder is not part of this repository: not all of its content may be redistributed.
const data = process.env.FIRSTSPIKE_DATA;
if (!data) {
  console.warn('FIRSTSPIKE_DATA is not set: tests on real networks and images are skipped.');
} else if (!existsSync(data)) {
  throw new Error(`FIRSTSPIKE_DATA names a folder that does not exist: ${resolve(data)}`);
}

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.ts'],
    // Processes, not threads: an addon that crashes takes one test file with it, not the run.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: {
      // Fits are sought anew in every test file: the user's cache is left alone.
      FIRSTSPIKE_CACHE: '',
      ...(data && { FIRSTSPIKE_DATA: resolve(data) }),
      // The loader refuses an addon whose version is not the package's.
      NAPI_RS_ENFORCE_VERSION_CHECK: '1',
    },
  },
});
