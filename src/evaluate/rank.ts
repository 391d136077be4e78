/** Where the right class stands among the logits. */

/** Of networks with more classes than these it is told how often the right one is among the five largest logits. */
export const TOP5_CLASSES = 10;

/** How many logits are larger than that of a class, or as large and earlier; all of them, if there is no such class. */
export function rank(logits: Float32Array | Float64Array, label: number): number {
  if (!(label in logits)) return logits.length;
  let larger = 0;
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] > logits[label] || (logits[i] === logits[label] && i < label)) larger++;
  }
  return larger;
}
