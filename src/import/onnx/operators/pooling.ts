/** Pooling over windows and over whole images. */

import { extent, visibleTaps, type WindowAxis, windowAxes } from '../../../graph/geometry.js';
import type { Pads } from '../../../graph/graph.js';
import { invalid } from '../problems.js';
import type { OnnxNode, OperatorTable, Tensor } from './operator.js';
import { disagreement, placeWindow, readWindow, type Window } from './window.js';

/** Poolings, by name. */
export const POOLING: OperatorTable = {
  MaxPool: { ignores: ['storage_order'], build: maxPool },
  AveragePool: { build: averagePool },
  GlobalMaxPool: { build: globalMaxPool },
  GlobalAveragePool: { build: globalAveragePool },
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
