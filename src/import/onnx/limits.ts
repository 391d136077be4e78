/** Sizes beyond which a file is taken to be broken, so that a small file never claims much memory or time. */

/** Elements of one tensor. */
export const MAX_ELEMENTS = 2 ** 28;

/** Nodes that the output depends on. */
export const MAX_NODES = 2 ** 14;
