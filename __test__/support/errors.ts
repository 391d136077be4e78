/** Expectations of errors. */

import { expect } from 'vitest';
import { type ErrorCode, ImportError } from '../../src/errors.js';

/** Expects a promise to be rejected with an ImportError whose every problem has a message and a remedy. */
export async function expectImportError(promise: Promise<unknown>, code?: ErrorCode): Promise<ImportError> {
  const error = await promise.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ImportError);
  const { problems, code: actual, message } = error as ImportError;
  if (code) expect(actual, message).toBe(code);
  expect(problems.length).toBeGreaterThan(0);
  for (const problem of problems) {
    expect(problem.message).toMatch(/\.$/);
    expect(problem.remedy).toMatch(/[.?]$/);
  }
  return error as ImportError;
}
