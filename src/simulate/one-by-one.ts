/** What comes in batches, handed on one by one. */

/** The elements of a batch, one after another; undefined behind the last. */
export type Elements<T> = () => T | undefined;

/**
 * An async generator of all elements of batches that come. Written out, since what the language makes for each `yield`
 * (promises, and functions that wait for them) is more garbage than a result itself: here an element takes a promise.
 */
export class OneByOne<T> implements AsyncGenerator<T, undefined, void> {
  readonly #batches: AsyncGenerator<Elements<T>>;
  #elements: Elements<T> = () => undefined;
  /** Calls that have not been answered, and when the last of them is. */
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(batches: AsyncGenerator<Elements<T>>) {
    this.#batches = batches;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const value = this.#waiting === 0 ? this.#elements() : undefined;
    return value === undefined ? this.#inTurn(() => this.#advance()) : Promise.resolve({ value, done: false });
  }

  return(value: undefined | PromiseLike<undefined>): Promise<IteratorResult<T, undefined>> {
    return this.#inTurn(async () => {
      await this.#close();
      return { value: await value, done: true };
    });
  }

  throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    return this.#inTurn(async () => {
      await this.#close();
      throw error;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return(undefined);
  }

  /** Calls are answered in the order in which they come. */
  #inTurn<R>(answer: () => Promise<R>): Promise<R> {
    this.#waiting++;
    const result = this.#last.then(answer).finally(() => {
      this.#waiting--;
    });
    this.#last = result.catch(() => {});
    return result;
  }

  async #advance(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const value = this.#elements();
      if (value !== undefined) return { value, done: false };
      const batch = await this.#batches.next();
      if (batch.done) return { value: undefined, done: true };
      this.#elements = batch.value;
    }
  }

  async #close(): Promise<void> {
    this.#elements = () => undefined;
    await this.#batches.return(undefined);
  }
}
