/** Collecting all problems of a model before it is rejected. */

import { type ErrorCode, ImportError, type Problem } from '../../errors.js';

/** Codes of problems, the most fundamental first: the error of a model has the first that occurs. */
const CODES = [
  'OPTION_INVALID',
  'FILE_MALFORMED',
  'EXTERNAL_DATA',
  'MODEL_INVALID',
  'MODEL_UNSUPPORTED',
] as const satisfies readonly ErrorCode[];

/** Code of a problem of a model. */
export type ProblemCode = (typeof CODES)[number];

/** Thrown where a node or a tensor cannot be used; caught where its name is known, and collected. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly remedy: string;

  constructor(code: ProblemCode, message: string, remedy: string) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}

/** The model contradicts itself. */
export function invalid(message: string, remedy = 'Export the model again, and check it with onnx.checker.'): Refusal {
  return new Refusal('MODEL_INVALID', message, remedy);
}

/** The model has something that is not supported. */
export function unsupported(message: string, remedy: string): Refusal {
  return new Refusal('MODEL_UNSUPPORTED', message, remedy);
}

/** The problems of one model. */
export class Problems {
  readonly #found: { code: ProblemCode; problem: Problem }[] = [];

  /** Notes what was thrown as a problem at a place; throws it again if it is no {@link Refusal}. */
  note(thrown: unknown, place: Pick<Problem, 'node' | 'op' | 'file'>): void {
    if (!(thrown instanceof Refusal)) throw thrown;
    this.#found.push({ code: thrown.code, problem: { ...place, message: thrown.message, remedy: thrown.remedy } });
  }

  /** @throws {ImportError} with all problems, if there are any. */
  throwIfAny(): void {
    const code = CODES.find((candidate) => this.#found.some((found) => found.code === candidate));
    const problems = this.#found.map(({ problem }) => problem);
    if (code) throw new ImportError(code, problems);
  }
}
