/** Orders of nodes that depend on one another; never by recursion, since networks may be deep. */

/** The nodes given and all that they depend on, directly or not. */
export function withDependencies<N>(start: readonly N[], dependencies: (node: N) => readonly N[]): Set<N> {
  const found = new Set(start);
  for (const node of found) {
    for (const dependency of dependencies(node)) found.add(dependency);
  }
  return found;
}

/**
 * The nodes in topological order: each directly after what it depends on, otherwise as given. At least one node of
 * each cycle is reported; its place means nothing.
 */
export function topologicalOrder<N>(
  nodes: Iterable<N>,
  dependencies: (node: N) => readonly N[],
): { readonly order: readonly N[]; readonly cyclic: readonly N[] } {
  const order = new Set<N>();
  const cyclic = new Set<N>();
  const open = new Set<N>();
  for (const node of nodes) {
    const stack = [node];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (open.has(top) || order.has(top)) {
        stack.pop();
        open.delete(top);
        order.add(top);
        continue;
      }
      open.add(top);
      for (const other of [...dependencies(top)].reverse()) {
        if (open.has(other)) cyclic.add(other);
        else if (!order.has(other)) stack.push(other);
      }
    }
  }
  return { order: [...order], cyclic: [...cyclic] };
}
