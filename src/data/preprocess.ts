/** How pixels become the network's input: presets and the JSON form, checked as a whole. */

import { inspect } from 'node:util';
import { FirstspikeError, type Problem } from '../errors.js';

/** Order of the axes of an image without its batch axis: [c, h, w] or [h, w, c]. */
export type Layout = 'NCHW' | 'NHWC';

/** `value = (pixel * scale - mean) / std` for each channel, in double precision, rounded once to 32 bits. */
export interface Preprocess {
  /** Factor of the pixel value, which is 0..255 in picture formats. */
  readonly scale: number;
  /** Subtracted after scaling: one number for all channels, or one for each in the order of `channels`. */
  readonly mean: readonly number[];
  /** Divided by at last; as `mean`. */
  readonly std: readonly number[];
  /** Order of the channels in the result. Sources are RGB. */
  readonly channels: 'RGB' | 'BGR';
  /** Order of the axes in the result; where absent it follows from the model's input shape, else `NCHW`. */
  readonly layout?: Layout;
  /** Height and width, in pixels, that images are resized to. */
  readonly size?: readonly [number, number];
  /** Shape that the values of one image are given, in row-major order. */
  readonly shape?: readonly number[];
}

const RAW: Preprocess = { scale: 1, mean: [0], std: [1], channels: 'RGB' };

/** The presets by name. */
export const PRESETS: Readonly<Record<string, Preprocess>> = {
  /** x / 255 */
  unit: { ...RAW, scale: 1 / 255 },
  /** 0..255 as they are */
  raw: RAW,
  /** x / 255, then the ImageNet mean and deviation of torchvision's networks */
  torchvision: { ...RAW, scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  /** x / 127.5 - 1 */
  tf: { ...RAW, scale: 1 / 127.5, mean: [1] },
  /** BGR, 0..255 minus the ImageNet mean of Caffe's networks */
  caffe: { ...RAW, mean: [104, 117, 123], channels: 'BGR' },
};

const MAX_SIDE = 65_535;

/**
 * Parses a preset's name, JSON text, or an object with the fields of {@link Preprocess}, all of them optional: `scale`
 * is 1, `mean` 0, `std` 1 and `channels` RGB where absent; `mean` and `std` may be plain numbers.
 *
 * @param value `unit` where undefined
 * @throws FirstspikeError `OPTION_INVALID` with everything that is wrong.
 */
export function parsePreprocess(value: string | object | undefined): Preprocess {
  if (value === undefined) return PRESETS.unit;
  if (typeof value !== 'string') return parseFields(value);
  const text = value.trim();
  if (text.startsWith('{')) return parseFields(parseJson(text));
  if (Object.hasOwn(PRESETS, text)) return PRESETS[text];
  return refuse([{ message: `there is no preprocessing called "${text}".`, remedy: FORMS }]);
}

const FORMS =
  `Use one of ${Object.keys(PRESETS).join(', ')}, or JSON such as ` +
  `{"scale": 0.00392156862745098, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}.`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return refuse([{ message: `preprocessing is no valid JSON: ${(cause as Error).message}.`, remedy: FORMS }]);
  }
}

function parseFields(value: unknown): Preprocess {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse([{ message: 'preprocessing must be the name of a preset or an object.', remedy: FORMS }]);
  }
  const problems: Problem[] = [];
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) {
    if (!Object.hasOwn(FIELDS, key)) {
      problems.push({
        message: `preprocessing has no field "${key}".`,
        remedy: `The fields are ${Object.keys(FIELDS).join(', ')}.`,
      });
    }
  }
  const take = <T>(key: keyof Preprocess, convert: (given: unknown) => T | undefined): T | undefined => {
    if (fields[key] === undefined) return undefined;
    const converted = convert(fields[key]);
    if (converted === undefined) {
      problems.push({
        message: `preprocessing has "${key}": ${printed(fields[key])}.`,
        remedy: `${key} must be ${FIELDS[key]}.`,
      });
    }
    return converted;
  };
  const parsed: Preprocess = {
    scale: take('scale', nonZero) ?? RAW.scale,
    mean: take('mean', (given) => numbers(given, finite)) ?? RAW.mean,
    std: take('std', (given) => numbers(given, nonZero)) ?? RAW.std,
    channels: take('channels', (given) => oneOf(given, ['RGB', 'BGR'] as const)) ?? RAW.channels,
    layout: take('layout', (given) => oneOf(given, ['NCHW', 'NHWC'] as const)),
    size: take('size', pair),
    shape: take('shape', dimensions),
  };
  const { mean, std } = parsed;
  if (mean.length > 1 && std.length > 1 && mean.length !== std.length) {
    problems.push({
      message: `preprocessing has ${mean.length} means, but ${std.length} deviations.`,
      remedy: 'Give one number, or as many as there are channels.',
    });
  }
  return problems.length > 0 ? refuse(problems) : parsed;
}

/** The JSON fields and their domains. */
const FIELDS: Readonly<Record<keyof Preprocess, string>> = {
  scale: 'a finite number other than 0',
  mean: 'a finite number, or a list of them, one for each channel',
  std: 'a finite number other than 0, or a list of them, one for each channel',
  channels: '"RGB" or "BGR"',
  layout: '"NCHW" or "NHWC"',
  size: `[height, width] in whole pixels, 1 to ${MAX_SIDE}`,
  shape: 'a list of whole numbers from 1 on',
};

function finite(given: unknown): number | undefined {
  return typeof given === 'number' && Number.isFinite(given) ? given : undefined;
}

function nonZero(given: unknown): number | undefined {
  return finite(given) || undefined;
}

function numbers(given: unknown, domain: (element: unknown) => number | undefined): number[] | undefined {
  const list = Array.isArray(given) ? given.map(domain) : [domain(given)];
  return list.length > 0 && list.every((n) => n !== undefined) ? list : undefined;
}

function oneOf<T extends string>(given: unknown, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === given);
}

function dimensions(given: unknown): number[] | undefined {
  return Array.isArray(given) && given.length > 0 && given.every((n) => Number.isSafeInteger(n) && n > 0)
    ? given
    : undefined;
}

function pair(given: unknown): readonly [number, number] | undefined {
  const list = dimensions(given);
  return list?.length === 2 && list.every((n) => n <= MAX_SIDE) ? [list[0], list[1]] : undefined;
}

function printed(given: unknown): string {
  const text = inspect(given, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function refuse(problems: readonly Problem[]): never {
  throw new FirstspikeError('OPTION_INVALID', problems);
}
