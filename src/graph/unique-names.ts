/** Names that are not taken yet. */
export class UniqueNames {
  readonly #taken: Set<string>;
  readonly #last = new Map<string, number>();

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** Takes the name given, or where it is taken already one like it. */
  take(like: string): string {
    let name = like;
    for (let i = this.#last.get(like) ?? 0; this.#taken.has(name); this.#last.set(like, i)) name = `${like}#${++i}`;
    this.#taken.add(name);
    return name;
  }
}
