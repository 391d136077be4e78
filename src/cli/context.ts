/** What the program gives its commands. */

/** What a command works with. */
export interface Context {
  /** Aborts when the user interrupts the program. */
  readonly signal: AbortSignal;
  /** For results. */
  readonly print: (text: string) => void;
  /** For remarks, which are no part of the result. */
  readonly remark: (text: string) => void;
}
