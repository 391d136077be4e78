/** ONNX Runtime on the CPU: what firstspike is compared with. */

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
  static async open(path: string, threads: number): Promise<OnnxRuntimeModel> {
    const session = await InferenceSession.create(path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    return new OnnxRuntimeModel(session);
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
