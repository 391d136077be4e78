/** Files in which a long evaluation keeps what it has found, to go on from when it was interrupted. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { FirstspikeError } from '../errors.js';
import type { EvaluationState } from '../evaluate/evaluate.js';
import { kernelVersion } from '../kernel.js';

/** Milliseconds between two writes. */
const INTERVAL = 1000;

interface Stored {
  /** Of everything that the figures depend on. */
  readonly key: string;
  readonly state: EvaluationState;
}

/** A checkpoint of one evaluation. */
export class Checkpoint {
  readonly #path: string;
  readonly #key: string;
  #written = Number.NEGATIVE_INFINITY;
  /** Where the evaluation had got to; absent if it begins. */
  readonly state?: EvaluationState;

  private constructor(path: string, key: string, state?: EvaluationState) {
    this.#path = path;
    this.#key = key;
    this.state = state;
  }

  /**
   * Opens the checkpoint of an evaluation.
   *
   * @param model file of the network.
   * @param settings everything else that the figures depend on.
   * @throws FirstspikeError `OPTION_INVALID` if the file is that of another evaluation, or of none.
   */
  static async open(path: string, model: string, settings: object): Promise<Checkpoint> {
    const hash = createHash('sha256').update(JSON.stringify([kernelVersion(), settings]));
    for await (const chunk of createReadStream(model)) hash.update(chunk);
    const key = hash.digest('hex');
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw unreadable(path, error);
    });
    if (text === undefined) return new Checkpoint(path, key);
    const stored = parse(text);
    if (stored?.key === key) return new Checkpoint(path, key, stored.state);
    throw new FirstspikeError('OPTION_INVALID', {
      file: path,
      message: stored ? 'is the checkpoint of another evaluation.' : 'is no checkpoint.',
      remedy: 'Repeat the command that began it (model, data, code and settings alike), or name another file.',
    });
  }

  /** Keeps a state; not more often than once in a second. */
  async keep(state: EvaluationState): Promise<void> {
    if (performance.now() - this.#written < INTERVAL) return;
    const partial = `${this.#path}.${process.pid}.partial`;
    const stored: Stored = { key: this.#key, state };
    try {
      await writeFile(partial, JSON.stringify(stored));
      await rename(partial, this.#path);
    } catch (error) {
      await rm(partial, { force: true });
      throw unreadable(this.#path, error);
    }
    this.#written = performance.now();
  }

  /** Removes the file: the evaluation has ended. */
  async end(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function parse(text: string): Stored | undefined {
  try {
    const { key, state } = JSON.parse(text);
    return typeof key === 'string' && typeof state?.scores === 'object' ? { key, state } : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(file: string, cause: unknown): FirstspikeError {
  const message = `cannot be used (${(cause as NodeJS.ErrnoException).code}).`;
  return new FirstspikeError(
    'FILE_UNREADABLE',
    { file, message, remedy: 'Name a file in a folder that can be written.' },
    { cause },
  );
}
