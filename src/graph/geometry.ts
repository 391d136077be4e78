/** Where the windows of convolutions and pooling lie, along one spatial axis. */

/** One axis of a window: the same numbers that a node has for both of its axes. */
export interface WindowAxis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element and after the last. */
  readonly pads: readonly [number, number];
}

/** Elements from the first to the last tap of a window. */
export function extent(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** Windows that fit wholly into the padded axis of `size` elements; less than 1 where none does. */
export function windowCount(size: number, { kernel, stride, dilation, pads }: WindowAxis): number {
  return Math.floor((size + pads[0] + pads[1] - extent(kernel, dilation)) / stride) + 1;
}

/** Taps `[from, to)` of the window at `position` that see elements of the axis, not padding. */
export function visibleTaps(position: number, size: number, axis: WindowAxis): readonly [from: number, to: number] {
  const start = position * axis.stride - axis.pads[0];
  const from = clamp(Math.ceil(-start / axis.dilation), 0, axis.kernel);
  const to = clamp(Math.ceil((size - start) / axis.dilation), from, axis.kernel);
  return [from, to];
}

/** The vertical and the horizontal axis of a node that has windows. */
export function windowAxes(node: {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}): readonly [WindowAxis, WindowAxis] {
  const axis = (i: 0 | 1): WindowAxis => ({
    kernel: node.kernel[i],
    stride: node.strides[i],
    dilation: node.dilations[i],
    pads: [node.pads[i], node.pads[i + 2]],
  });
  return [axis(0), axis(1)];
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
