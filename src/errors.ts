/**
 * Errors of the public API. Every failure is a {@link FirstspikeError} with a stable `code`; a failure of a model or
 * of a data set lists all its problems at once.
 */

/** One thing that is wrong, where, and what would help. */
export interface Problem {
  /** Name of the ONNX node, where the problem is one. */
  readonly node?: string;
  /** Operator of that node, with its domain unless it is the default one. */
  readonly op?: string;
  /** Name of the layer of the spiking network. */
  readonly layer?: string;
  /** Path of the file. */
  readonly file?: string;
  /** What is wrong. */
  readonly message: string;
  /** What to do instead. */
  readonly remedy: string;
}

/** Stable codes, one for each kind of failure that a caller could tell apart. */
export type ErrorCode =
  /** A file is missing or cannot be read. */
  | 'FILE_UNREADABLE'
  /** A file is not what it says it is: truncated, random bytes, inconsistent sizes. */
  | 'FILE_MALFORMED'
  /** External data of a model is missing, too short, or outside the model's folder. */
  | 'EXTERNAL_DATA'
  /** The model has operators or attributes that are not supported. */
  | 'MODEL_UNSUPPORTED'
  /** The model contradicts itself: shapes, missing tensors, NaN or infinite weights, sizes beyond reason. */
  | 'MODEL_INVALID'
  /** The code cannot express the network. */
  | 'CODE_UNSUPPORTED'
  /** A chip cannot hold the network, or cannot do what it asks. */
  | 'CHIP_UNSUPPORTED'
  /** A layout breaks a limit of its chip, or is not that of its network. */
  | 'LAYOUT_INVALID'
  /** An option has a value outside its domain. */
  | 'OPTION_INVALID'
  /** A tensor has another shape, length or type than needed, or holds NaN or infinity. */
  | 'INPUT_INVALID'
  /** A data set is malformed: labels of another length, images of another size. */
  | 'DATA_INVALID'
  /** An optional package that is needed here is not installed. */
  | 'DEPENDENCY_MISSING'
  /** The kernel failed; this is a defect of firstspike. */
  | 'INTERNAL';

/** Base of all errors thrown by firstspike. */
export class FirstspikeError extends Error {
  /** Stable, for programs. */
  readonly code: ErrorCode;
  /** All problems found; at least one. */
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, problems: Problem | readonly Problem[], options?: ErrorOptions) {
    const list = Array.isArray(problems) ? (problems as readonly Problem[]) : [problems as Problem];
    super(list.map(inWords).join('\n'), options);
    this.name = new.target.name;
    this.code = code;
    this.problems = list;
  }

  /** Layer of the first problem, if it is one of a layer. */
  get layer(): string | undefined {
    return this.problems[0]?.layer;
  }

  /** ONNX node of the first problem, if it is one of a node. */
  get node(): string | undefined {
    return this.problems[0]?.node;
  }

  /** What to do about the first problem. */
  get remedy(): string {
    return this.problems[0]?.remedy ?? '';
  }
}

/** A model cannot be imported. */
export class ImportError extends FirstspikeError {}

/** A network cannot be converted to the code asked for. */
export class ConvertError extends FirstspikeError {}

/** A network cannot be laid out on a chip, or a layout is wrong. */
export class LayoutError extends FirstspikeError {}

/** A data set or a tensor cannot be used. */
export class DataError extends FirstspikeError {}

/** A problem in a line: where, what, and what would help. */
export function inWords({ node, layer, file, op, message, remedy }: Problem): string {
  const place = node ?? layer ?? file;
  const what = op && op !== place ? `${place ?? ''} (${op})`.trim() : place;
  return `${what ? `${what}: ` : ''}${message} ${remedy}`;
}
