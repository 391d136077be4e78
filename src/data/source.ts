/** What the formats give to the data set: preprocessed images, written batch by batch. */

/** Images of one format, preprocessed. */
export interface Source {
  /** Number of images. */
  readonly length: number;
  /** Shape of one preprocessed image. */
  readonly shape: readonly number[];
  /** Class of every image. */
  readonly labels?: Int32Array;
  /** Starts reading at image `first`; nothing is read from image `end` on. */
  open(first: number, end: number): Reader;
}

/** Writes the next `count` images to the front of `out`, one after the other. */
export type Reader = (out: Float32Array, count: number, signal?: AbortSignal) => Promise<void>;
