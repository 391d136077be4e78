/** Compartments that spike in steps that are known beforehand: they keep a code's circuits in time. */

import { type Circuit, INSTANT, SINGLE } from './circuit.js';

/** A compartment that is to spike. */
interface Pulse {
  readonly group: number;
  readonly layer: string;
  readonly step: number;
}

/** Longest axonal delay. */
const LONGEST = 63;

/** Delays of synapses that take no more room than none: the chip keeps eight steps of sums to come anyway. */
const SHORT = 6;

/** A chain of compartments, begun by a spike from outside, of which each makes the next spike. */
export class Clock {
  readonly #circuit: Circuit;
  readonly #pulses: Pulse[] = [];

  constructor(circuit: Circuit) {
    this.#circuit = circuit;
  }

  /** Adds a compartment that spikes in a step; gives its group. */
  at(step: number, layer: string, name: string): number {
    const group = this.#circuit.add({ name, layer, role: 'helper', extent: SINGLE, profile: INSTANT });
    this.#pulses.push({ group, layer, step });
    return group;
  }

  /** Joins the compartments in the order of their steps; gives the first ones, which have to be made to spike. */
  wind(): { readonly group: number; readonly step: number }[] {
    const pulses = [...this.#pulses].sort((a, b) => a.step - b.step || a.group - b.group);
    const [first] = pulses;
    let before = { ...first };
    for (const pulse of pulses.slice(1)) {
      // Of the same step: by what makes the first of them spike.
      if (pulse.step === before.step) {
        if (pulse.step > first.step) this.#copySources(before.group, pulse.group);
        continue;
      }
      let { group, step } = before;
      while (pulse.step - step > SHORT + 1) {
        const axonDelay = Math.min(LONGEST, pulse.step - step - 2);
        const relay = this.#circuit.add({
          name: `${this.#circuit.groups[pulse.group].name}/delay ${step}`,
          layer: pulse.layer,
          role: 'helper',
          extent: SINGLE,
          profile: { ...INSTANT, axonDelay },
        });
        this.#trigger(group, relay, 0);
        // It spikes a step later; what it sends waits.
        group = relay;
        step += 1 + axonDelay;
      }
      this.#trigger(group, pulse.group, pulse.step - step - 1);
      before = { ...pulse };
    }
    return pulses.filter(({ step }) => step === first?.step).map(({ group, step }) => ({ group, step }));
  }

  #trigger(source: number, target: number, delay: number): void {
    this.#circuit.join(source, target, { kind: 'pairwise' }, Int16Array.of(1), { delay });
  }

  /** Makes a compartment spike whenever another does. */
  #copySources(from: number, to: number): void {
    const sources = this.#circuit.synapses.filter(({ target }) => target === from);
    for (const { source, delay } of sources) this.#trigger(source, to, delay);
  }
}
