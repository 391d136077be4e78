/** Images that a network sees one after another, over several runs. */

import { FirstspikeError } from '../errors.js';
import { type BindingSequence, kernel } from '../kernel.js';

/**
 * A sequence of images, for a network that keeps its state from image to image (the code `lif` with `reset: 'never'`).
 * It begins at rest; a run that is given the sequence goes on from where the one before it ended, in the order in which
 * they were begun; after a run that failed it begins again. To other networks it makes no difference.
 */
export class Sequence {
  readonly #state = new kernel.BindingSequence();
  #network: object | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @internal Does what runs the next images of a network, when those before have run. */
  next<T>(network: object, run: (state: BindingSequence) => Promise<T>): Promise<T> {
    this.#network ??= network;
    if (this.#network !== network) {
      throw new FirstspikeError('OPTION_INVALID', {
        message: 'the sequence is that of another network.',
        remedy: 'Begin a sequence for each network.',
      });
    }
    const result = this.#last.then(() => run(this.#state));
    this.#last = result.catch(() => {});
    return result;
  }
}
