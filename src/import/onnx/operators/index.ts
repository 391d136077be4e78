/** The operators that can be imported, grouped by family. */

import { ACTIVATIONS } from './activations.js';
import { ELEMENTWISE } from './elementwise.js';
import { LINEAR } from './linear.js';
import type { Operator } from './operator.js';
import { PASSTHROUGH } from './passthrough.js';
import { POOLING } from './pooling.js';
import { QUANTIZATION } from './quantization.js';
import { SELECT } from './select.js';
import { SHAPE } from './shape.js';

/** First and last version of the default operator set that every operator here is implemented for. */
export const OPSETS = { first: 7, last: 28 } as const;

/** Operators of the default domain, by name. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  [LINEAR, ELEMENTWISE, ACTIVATIONS, POOLING, SHAPE, SELECT, PASSTHROUGH, QUANTIZATION].flatMap((table) =>
    Object.entries(table),
  ),
);
