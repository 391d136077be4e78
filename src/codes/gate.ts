/** What stands for an activation function: the numbers that the kernel's neurons are given. */

/** Few-spike neurons: how those of one layer spike. */
export interface FewSpikeGate {
  readonly threshold: readonly number[];
  readonly reset: readonly number[];
  readonly output: readonly number[];
  readonly initial: number;
  /** Whether every second step is of the opposite sign. */
  readonly signed?: boolean;
  readonly range: readonly [number, number];
}

/** A circuit of neurons that spike at most once. */
export interface AmosCircuit {
  /** Weight of the input on each neuron. */
  readonly input: readonly number[];
  /** Weight of the second input on each neuron; empty where there is none. */
  readonly second: readonly number[];
  /** Threshold of each neuron. */
  readonly threshold: readonly number[];
  /** Inhibition by earlier neurons: those of neuron 1, then of neuron 2, and so on. */
  readonly inhibition: readonly number[];
  /** What each neuron's spike is worth. */
  readonly output: readonly number[];
  readonly range: readonly [number, number];
}
