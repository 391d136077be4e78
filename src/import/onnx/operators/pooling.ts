/** Pooling over windows, over whole images, and over axes. */

import { extent, visibleTaps, type WindowAxis, windowAxes } from '../../../graph/geometry.js';
import { type AveragePoolNode, elements, type MaxPoolNode, type Pads } from '../../../graph/graph.js';
import { invalid, unsupported } from '../problems.js';
import { affine } from './elementwise.js';
import type { FieldsOf, OnnxNode, OperatorTable, Tensor } from './operator.js';
import { normalizeAxis } from './shape.js';
import { disagreement, placeWindow, readWindow, type Window } from './window.js';

/** Poolings, by name. */
export const POOLING: OperatorTable = {
  MaxPool: { ignores: ['storage_order'], build: maxPool },
  AveragePool: { build: averagePool },
  GlobalMaxPool: { build: globalMaxPool },
  GlobalAveragePool: { build: globalAveragePool },
  ReduceMean: { build: (node) => reduce(node, 18, (x) => ({ op: 'AveragePool', ...x, counted: NONE })) },
  ReduceSum: { build: (node) => reduce(node, 13, (x) => ({ op: 'AveragePool', ...x, counted: NONE }), true) },
  ReduceMax: { build: (node) => reduce(node, 18, (x) => ({ op: 'MaxPool', ...x })) },
};

const NONE: Pads = [0, 0, 0, 0];

function maxPool(node: OnnxNode): Tensor {
  const { x, window, shape } = pool(node);
  return node.emit({ op: 'MaxPool', inputs: [x.name], ...window }, shape);
}

function averagePool(node: OnnxNode): Tensor {
  const countPadding = node.attributes.int('count_include_pad') ?? 0;
  const { x, window, declared, shape } = pool(node);
  return node.emit({ op: 'AveragePool', inputs: [x.name], ...window, counted: countPadding ? declared : NONE }, shape);
}

function globalMaxPool(node: OnnxNode): Tensor {
  const x = node.image(0);
  return node.emit({ op: 'MaxPool', inputs: [x.name], ...wholeImage(x) }, [x.shape[0], 1, 1]);
}

function globalAveragePool(node: OnnxNode): Tensor {
  const x = node.image(0);
  return node.emit({ op: 'AveragePool', inputs: [x.name], ...wholeImage(x), counted: NONE }, [x.shape[0], 1, 1]);
}

/**
 * Pooling of all elements along some axes. Unless these are height and width of an image, they are moved there.
 *
 * @param asInput first opset in which the axes are an input.
 * @param sum whether the mean is multiplied by the number of elements.
 */
function reduce(
  node: OnnxNode,
  asInput: number,
  pool: (fields: Window & { inputs: readonly [string] }) => FieldsOf<MaxPoolNode | AveragePoolNode>,
  sum = false,
): Tensor {
  const { attributes } = node;
  const keeps = (attributes.int('keepdims') ?? 1) !== 0;
  const idle = node.opset >= asInput && (attributes.int('noop_with_empty_axes') ?? 0) !== 0;
  const declared = node.opset < asInput ? attributes.ints('axes') : node.has(1) ? node.integers(1) : undefined;
  const x = node.tensor(0);
  const rank = x.shape.length + 1;
  const given = declared && declared.length > 0 ? declared.map((axis) => normalizeAxis(axis, rank)) : undefined;
  if (!given && idle) return node.leaveOut(x, 'reduces nothing');
  const axes = new Set((given ?? Array.from({ length: rank }, (_, axis) => axis)).map((axis) => axis - 1));
  if (axes.has(-1)) throw unsupported('reduces the batch axis.', 'Keep images apart: reduce other axes.');
  const isKept = (_: unknown, axis: number) => !axes.has(axis);
  const kept = x.shape.filter(isKept);
  const reduced = x.shape.filter((n, axis) => !isKept(n, axis));
  const count = elements(reduced);
  const shape = keeps ? x.shape.map((n, axis) => (axes.has(axis) ? 1 : n)) : kept;
  if (shape.length === 0) throw unsupported('gives one number for each image.', 'Keep an axis (keepdims = 1).');

  const order = [...x.shape.keys()].sort((a, b) => Number(axes.has(a)) - Number(axes.has(b)) || a - b);
  const inOrder = order.every((axis, i) => axis === i);
  const moved = inOrder
    ? x
    : node.emit(
        { op: 'Transpose', inputs: [x.name], permutation: order },
        order.map((axis) => x.shape[axis]),
        'moved',
      );
  const image = [elements(kept), ...(reduced.length === 2 ? reduced : [1, count])];
  const arranged =
    moved.shape.join() === image.join() ? moved : node.emit({ op: 'Reshape', inputs: [moved.name] }, image, 'image');
  const pooled = [image[0], 1, 1];
  const plain = !sum && shape.join() === pooled.join();
  const window = { inputs: [arranged.name] as const, ...wholeImage(arranged) };
  const result = node.emit(pool(window), pooled, plain ? undefined : 'pooled');
  if (plain) return result;
  const scaled = affine(result, sum ? count : 1, 0);
  if (!scaled) return node.emit({ op: 'Reshape', inputs: [result.name] }, shape);
  if (shape.join() === pooled.join()) return node.emit({ ...scaled, inputs: [result.name] }, shape);
  const summed = node.emit({ ...scaled, inputs: [result.name] }, pooled, 'summed');
  return node.emit({ op: 'Reshape', inputs: [summed.name] }, shape);
}

function wholeImage({ shape: [, height, width] }: Tensor): Window {
  return { kernel: [height, width], strides: [1, 1], dilations: [1, 1], pads: NONE };
}

/** What all poolings have in common: where their windows lie. */
function pool(node: OnnxNode) {
  const attributes = readWindow(node);
  const ceil = (node.attributes.int('ceil_mode') ?? 0) !== 0;
  const { kernel, strides, dilations, padding } = attributes;
  if (typeof padding === 'string' && strides.some((stride, i) => stride > kernel[i] || dilations[i] > 1)) {
    throw disagreement(padding);
  }
  const x = node.image(0);
  const { declared, count, ...window } = placeWindow(attributes, x.shape, ceil);
  if (windowAxes(window).some((axis, i) => hasBlindWindow(axis, x.shape[i + 1], count[i]))) {
    throw invalid(`its kernel [${kernel}] sees nothing but padding somewhere.`);
  }
  return { x, window, declared, shape: [x.shape[0], ...count] };
}

/** Whether some window along an axis sees padding only; windows that do not overhang see the image. */
function hasBlindWindow(axis: WindowAxis, size: number, count: number): boolean {
  const { kernel, stride, dilation, pads } = axis;
  const isBlind = (position: number) => {
    const [from, to] = visibleTaps(position, size, axis);
    return from === to;
  };
  for (let i = 0; i < count && i * stride < pads[0]; i++) if (isBlind(i)) return true;
  const end = size + pads[0] - extent(kernel, dilation);
  for (let i = count - 1; i >= 0 && i * stride > end; i--) if (isBlind(i)) return true;
  return false;
}
