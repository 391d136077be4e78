/** The ONNX file as a whole: its messages, and the version of the operators it is written in. */

import { ImportError } from '../../errors.js';
import { type GraphProto, Model, type ModelProto, type NodeProto } from './messages.js';
import { OPSETS } from './operators/index.js';
import { invalid, unsupported } from './problems.js';
import { decode } from './protobuf.js';

/** Start of the text that stands for a file whose contents are kept by Git LFS. */
const LFS_POINTER = 'version https://git-lfs';

/** An ONNX file that holds a graph. */
export interface OnnxModel extends ModelProto {
  readonly graph: GraphProto;
}

/**
 * Decodes an ONNX file.
 *
 * @param file its path, for messages.
 * @throws {ImportError} FILE_MALFORMED where it is none, or not all of it.
 */
export function decodeModel(bytes: Uint8Array, file: string | undefined): OnnxModel {
  const model = decodeMessages(bytes, file);
  if (model.graph) return { ...model, graph: model.graph };
  throw malformed(bytes, file, 'holds no graph');
}

function decodeMessages(bytes: Uint8Array, file: string | undefined): ModelProto {
  try {
    return decode(Model, bytes);
  } catch (cause) {
    throw malformed(bytes, file, `cannot be decoded (${(cause as Error).message})`, cause);
  }
}

function malformed(bytes: Uint8Array, file: string | undefined, what: string, cause?: unknown): ImportError {
  const isPointer = Buffer.from(bytes.subarray(0, LFS_POINTER.length)).toString('latin1') === LFS_POINTER;
  const problem = {
    file,
    message: `${file === undefined ? 'the data ' : ''}is no ONNX model, or only a part of one: it ${what}.`,
    remedy: isPointer ? 'Fetch the file itself with git lfs pull.' : 'Download or export the model again.',
  };
  return new ImportError('FILE_MALFORMED', problem, { cause });
}

/**
 * Version of the default operator set.
 *
 * @throws {Refusal} where there is none, or not one that is supported.
 */
export function opsetOf(model: OnnxModel): number {
  const version = model.opsetImport.find(({ domain }) => isDefaultDomain(domain))?.version;
  if (version === undefined) throw invalid('the model does not say which version of the ONNX operators it uses.');
  if (version >= OPSETS.first && version <= OPSETS.last) return version;
  throw unsupported(
    `the model uses version ${version} of the ONNX operators.`,
    `Export it with an opset from ${OPSETS.first} to ${OPSETS.last}, or convert it with onnx.version_converter.`,
  );
}

/** Whether a domain is that of ONNX itself. */
export function isDefaultDomain(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}

/** Operator of a node, with its domain unless that is the default one. */
export function operatorName({ domain, opType }: NodeProto): string {
  return isDefaultDomain(domain) ? opType : `${domain}.${opType}`;
}
