/** ONNX Runtime on the CPU: what firstspike is compared with. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';

/** A batch of images. */
export interface FloatBatch {
  readonly data: Float32Array;
  /** [images, ...shape of one] */
  readonly shape: readonly number[];
}

/** ONNX Runtime's version. */
export const onnxruntimeVersion = env.versions.node ?? env.versions.common;

/** One model in a session with a number of threads. */
export class OnnxRuntimeModel {
  /** The only batch that the model takes, if its input has one. */
  readonly fixedBatch: number | undefined;
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    const [input] = session.inputMetadata;
    const batch = input.isTensor ? input.shape[0] : undefined;
    this.fixedBatch = typeof batch === 'number' ? batch : undefined;
    this.#session = session;
  }

  /** Opens a model with one input and one output. */
  static async open(model: string | Uint8Array, threads: number): Promise<OnnxRuntimeModel> {
    return new OnnxRuntimeModel(await createSession(model, threads));
  }

  /** Logits of a batch, image after image. */
  async run({ data, shape }: FloatBatch): Promise<Float32Array> {
    const [input] = this.#session.inputNames;
    const [output] = this.#session.outputNames;
    const results = await this.#session.run({ [input]: new Tensor('float32', data, shape) });
    return results[output].data as Float32Array;
  }

  /** Ends the session and its threads. */
  close(): Promise<void> {
    return this.#session.release();
  }
}

/**
 * A model of one layer whose calls are timed by ONNX Runtime itself: the layer alone, as it would run between others,
 * without the call and the conversion to and from its own layout.
 */
export class OnnxRuntimeLayer {
  readonly #model: Uint8Array;
  /** Operator of the layer. */
  readonly #operator: string;
  #folder = '';
  #session: InferenceSession | undefined;

  /** @param operator of ONNX, such as `Conv`. */
  constructor(model: Uint8Array, operator: string) {
    this.#model = model;
    this.#operator = operator;
  }

  /** Runs a batch with one thread. */
  async run({ data, shape }: FloatBatch): Promise<void> {
    if (!this.#session) {
      this.#folder = await mkdtemp(join(tmpdir(), 'firstspike-bench-'));
      this.#session = await createSession(this.#model, 1, {
        enableProfiling: true,
        profileFilePrefix: join(this.#folder, 'profile'),
      });
    }
    await this.#session.run({ [this.#session.inputNames[0]]: new Tensor('float32', data, shape) });
  }

  /** Seconds that the layer took in each call since this was called last. The session ends; the next call opens another. */
  async takeTimes(): Promise<number[]> {
    this.#session?.endProfiling();
    await this.#session?.release();
    this.#session = undefined;
    const [profile] = await readdir(this.#folder);
    const events: ProfileEvent[] = JSON.parse(await readFile(join(this.#folder, profile), 'utf8'));
    await rm(this.#folder, { recursive: true });
    return events
      .filter(({ name, args }) => name.endsWith('_kernel_time') && args.op_name === this.#operator)
      .map(({ dur }) => dur * 1e-6);
  }
}

/** What ONNX Runtime's profile says of one run of a node, among others. */
interface ProfileEvent {
  readonly name: string;
  /** In microseconds. */
  readonly dur: number;
  readonly args: { readonly op_name?: string };
}

function createSession(
  model: string | Uint8Array,
  threads: number,
  more: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  const options = {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3 as const,
    ...more,
  };
  // The two kinds of sources are overloads.
  return typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options);
}
