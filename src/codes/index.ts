/** All codes, by name. */

import { ConvertError } from '../errors.js';
import { type AmosOptions, amos } from './amos.js';
import { ann } from './ann.js';
import type { Code } from './code.js';
import { type FewSpikeOptions, fewSpike } from './few-spike.js';
import { type QuartzOptions, quartz } from './quartz.js';
import { type IfOptions, integrateAndFire, type LifOptions, lif } from './rate.js';
import { type TtfsOptions, ttfs } from './ttfs.js';
import { type TtfsAlphaOptions, ttfsAlpha } from './ttfs-alpha.js';

/** Names of the codes. */
export type CodeName = 'ann' | 'ttfs' | 'ttfs-alpha' | 'fs' | 'amos' | 'quartz' | 'if' | 'lif';

/** The options that each code takes. */
export interface CodeOptions {
  readonly ann: object;
  readonly ttfs: TtfsOptions;
  readonly 'ttfs-alpha': TtfsAlphaOptions;
  readonly fs: FewSpikeOptions;
  readonly amos: AmosOptions;
  readonly quartz: QuartzOptions;
  readonly if: IfOptions;
  readonly lif: LifOptions;
}

/** The codes. Their options and parameters are of types of their own, which only they look into. */
export const codes: Readonly<Record<CodeName, Code<unknown, unknown>>> = {
  ann,
  ttfs,
  'ttfs-alpha': ttfsAlpha,
  fs: fewSpike,
  amos,
  quartz,
  if: integrateAndFire,
  lif,
};

/**
 * The code of a name.
 *
 * @throws ConvertError if there is none.
 */
export function codeNamed(name: string): Code<unknown, unknown> {
  if (Object.hasOwn(codes, name)) return codes[name as CodeName];
  throw new ConvertError('OPTION_INVALID', {
    message: `there is no code "${name}".`,
    remedy: `Codes are ${Object.keys(codes).join(', ')}.`,
  });
}
