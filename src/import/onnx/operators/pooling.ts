/** Pooling over windows and over whole images. */

import { visibleTaps, windowAxes } from '../../../graph/geometry.js';
import type { Pads } from '../../../graph/graph.js';
import { invalid } from '../problems.js';
import type { OnnxNode, OperatorTable, Tensor } from './operator.js';
import { disagreement, placeWindow, readWindow, type Window } from './window.js';

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
  windowAxes(window).forEach((axis, i) => {
    for (let position = 0; position < count[i]; position++) {
      const [from, to] = visibleTaps(position, x.shape[i + 1], axis);
      if (from === to) throw invalid(`its kernel [${window.kernel}] sees nothing but padding somewhere.`);
    }
  });
  return { x, window, declared, shape: [x.shape[0], ...count] };
}
