/** One core while it is filled: its formats, lists, axons and populations. */

import type { ChipDescription } from './chip.js';
import { type EntrySink, wordsOf } from './encoding.js';
import type {
  CoreLayout,
  CoreUse,
  InputAxons,
  OutputAxons,
  Part,
  Position,
  SynapseFormat,
  SynapseMemory,
} from './layout.js';
import type { CompartmentProfile } from './network.js';
import { profileKey } from './pack.js';

/** Whole numbers in a list that grows. */
class Numbers {
  #values = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  get values(): Int32Array {
    return this.#values.subarray(0, this.length);
  }
}

/** Fills a core. */
export class CoreBuilder implements EntrySink {
  readonly parts: Part[] = [];
  readonly #chip: ChipDescription;
  readonly #formats: SynapseFormat[] = [];
  readonly #formatIndex = new Map<string, number>();
  readonly #profiles: CompartmentProfile[] = [];
  readonly #entryStart = new Numbers();
  readonly #words = new Numbers();
  readonly #synapseStart = new Numbers();
  readonly #format = new Numbers();
  readonly #delay = new Numbers();
  readonly #index = new Numbers();
  readonly #mantissa = new Numbers();
  readonly #list = new Numbers();
  readonly #atoms = new Numbers();
  readonly #base = new Numbers();
  readonly #from = new Numbers();
  readonly #isPopulation = new Numbers();
  readonly #core = new Numbers();
  readonly #axon = new Numbers();
  readonly #population: Int32Array;
  readonly #atom: Uint16Array;
  #populations = 0;
  /** Bits of the list that is being written. */
  #bits = 0;
  /** Format and delay of the entries that are being written, and the bits of an entry and of a synapse. */
  #current = { format: 0, delay: 0, head: 0, each: 0 };

  constructor(
    chip: ChipDescription,
    parts: readonly Part[],
    profiles: readonly CompartmentProfile[],
    compartments: number,
  ) {
    this.#chip = chip;
    this.parts.push(...parts);
    this.#profiles.push(...profiles);
    this.#population = new Int32Array(compartments).fill(-1);
    this.#atom = new Uint16Array(compartments);
  }

  /** Compartments that are taken. */
  get compartments(): number {
    return this.#atom.length;
  }

  /** Index of a format, which is written if it is new. */
  format(format: SynapseFormat): number {
    const key = Object.values(format).join();
    let index = this.#formatIndex.get(key);
    if (index === undefined) {
      index = this.#formats.push(format) - 1;
      this.#formatIndex.set(key, index);
    }
    return index;
  }

  /** Lists so far. */
  get lists(): number {
    return this.#words.length;
  }

  /** Begins a list. */
  beginList(): void {
    this.#entryStart.push(this.#format.length);
    this.#bits = 0;
  }

  /** Says in which format entries are, and what delay their synapses have, from now on. */
  write(format: number, delay: number): void {
    const { compression, indexBits, skipBits, weightBits, delayBits } = this.#formats[format];
    const sparse = compression === 'sparse';
    this.#current = {
      ...{ format, delay },
      head: this.#chip.synapses.prefix + (sparse ? 0 : indexBits),
      each: weightBits + delayBits + (sparse ? indexBits : skipBits),
    };
  }

  begin(): void {
    const { format, delay, head } = this.#current;
    this.#bits += head;
    this.#synapseStart.push(this.#index.length);
    this.#format.push(format);
    this.#delay.push(delay);
  }

  push(index: number, mantissa: number): void {
    this.#bits += this.#current.each;
    this.#index.push(index);
    this.#mantissa.push(mantissa);
  }

  /** Ends the list; whether it has synapses. */
  endList(): boolean {
    this.#words.push(wordsOf(this.#bits, this.#chip.synapses));
    return this.#bits > 0;
  }

  /** Makes lists as long as the longest of them. */
  pad(from: number, count: number): void {
    const words = this.#words.values.subarray(from, from + count);
    words.fill(words.reduce((most, own) => Math.max(most, own), 0));
  }

  /** Adds an axon that ends here, and returns its index. */
  input(list: number, atoms: number, base: number): number {
    this.#list.push(list);
    this.#atoms.push(atoms);
    this.#base.push(base);
    return this.#list.length - 1;
  }

  /** Adds a population, and returns its index. */
  addPopulation(compartments: Iterable<number>): number {
    let atom = 0;
    for (const compartment of compartments) {
      this.#population[compartment] = this.#populations;
      this.#atom[compartment] = atom++;
    }
    return this.#populations++;
  }

  /** Adds an axon that begins here. */
  output(from: number, isPopulation: boolean, core: number, axon: number): void {
    this.#from.push(from);
    this.#isPopulation.push(isPopulation ? 1 : 0);
    this.#core.push(core);
    this.#axon.push(axon);
  }

  /**
   * The core as it is now.
   *
   * @param chipOf the chip of each core.
   */
  build(position: Position, chipOf: (core: number) => number): CoreLayout {
    this.#entryStart.push(this.#format.length);
    this.#synapseStart.push(this.#index.length);
    const memory: SynapseMemory = {
      entryStart: Uint32Array.from(this.#entryStart.values),
      words: Uint16Array.from(this.#words.values),
      synapseStart: Uint32Array.from(this.#synapseStart.values),
      format: Uint8Array.from(this.#format.values),
      delay: Uint8Array.from(this.#delay.values),
      index: Uint16Array.from(this.#index.values),
      mantissa: Int16Array.from(this.#mantissa.values),
    };
    const inputs: InputAxons = {
      list: Uint32Array.from(this.#list.values),
      atoms: Uint16Array.from(this.#atoms.values),
      base: Uint8Array.from(this.#base.values),
    };
    const outputs: OutputAxons = {
      from: Uint32Array.from(this.#from.values),
      isPopulation: Uint8Array.from(this.#isPopulation.values),
      core: Uint32Array.from(this.#core.values),
      axon: Uint32Array.from(this.#axon.values),
    };
    const { discrete, population } = this.#chip.axons;
    const entries = outputs.core.reduce((sum, core, i) => {
      const away = chipOf(core) === position.chip ? 0 : 1;
      return sum + (outputs.isPopulation[i] ? population[away] : discrete[away]);
    }, 0);
    const use: CoreUse = {
      compartments: this.#atom.length,
      inputAxons: inputs.list.length,
      outputEntries: entries,
      synapseWords: memory.words.reduce((sum, words) => sum + words, 0),
      synapseFormats: this.#formats.length,
      profiles: new Set(this.#profiles.map(profileKey)).size,
      thresholds: new Set(this.#profiles.map(({ threshold }) => threshold)).size,
    };
    return {
      ...{ position, parts: this.parts, formats: this.#formats, memory, inputs, outputs },
      ...{ population: this.#population, atom: this.#atom, use },
    };
  }
}
