/** Settings of codes as text: `steps=6`. */

import { type CodeName, codes } from '../codes/index.js';
import type { Problem } from '../errors.js';

type Value = number | boolean | string;

const KINDS: Readonly<Record<string, string>> = { number: 'a number', boolean: 'true or false', string: 'a word' };

/** The options of a code that one value sets. */
export function settable(defaults: object): Record<string, Value> {
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => (typeof value) in KINDS));
}

/** Options of a code from texts such as `steps=6`; what is wrong with them is added to the problems. */
export function parseSettings(code: CodeName, settings: readonly string[], problems: Problem[]): object {
  const defaults = settable(codes[code].defaults as object);
  const options = settings.map((setting) => {
    const [key, value = ''] = setting.split('=', 2);
    if (!Object.hasOwn(defaults, key)) {
      const known = Object.keys(defaults);
      const remedy = known.length > 0 ? `Settings are ${known.join(', ')}.` : 'It has no settings.';
      problems.push({ message: `the code ${code} has no setting "${key}".`, remedy });
      return [];
    }
    const read = parseValue(value, defaults[key]);
    if (read === undefined) {
      const remedy = `Give ${KINDS[typeof defaults[key]]}; ${defaults[key]} is the default.`;
      problems.push({ message: `${key} of the code ${code} cannot be "${value}".`, remedy });
    }
    return [[key, read]];
  });
  return Object.fromEntries(options.flat(1));
}

/** A value of the same type as another; nothing if the text has none. */
function parseValue(text: string, like: Value): Value | undefined {
  if (text === '') return undefined;
  if (typeof like === 'string') return text;
  if (typeof like === 'boolean') return { true: true, false: false }[text];
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Whether options of a code need percentiles of single channels. */
export function byChannel(options: object): boolean {
  return 'balance' in options && options.balance === 'channel';
}
