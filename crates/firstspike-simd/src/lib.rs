//! Accumulation kernels.
