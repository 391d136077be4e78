/** Reading while something else runs. */

/**
 * The same items, each asked for when the one before it is handed on: it is read while that one is worked with. At most
 * one is held.
 */
export async function* readAhead<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const read = async () => iterator.next();
  let next = read();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = read();
      // Whoever stops before it is awaited does not care that it failed.
      next.catch(() => {});
      yield value;
    }
  } finally {
    // What is being read comes first: a source is not asked for two things at once.
    await next.catch(() => {});
    await iterator.return?.();
  }
}
