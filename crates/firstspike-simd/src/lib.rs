//! Accumulation kernels: what a spike does to the potentials of its targets, written once over a small vector trait
//! and compiled for each instruction set. The level is detected once, travels as a [`Level`] value, and can be forced
//! down, so that tests hold every level against the naive twin.
//!
//! This is the only crate of the workspace with `unsafe` code. Its functions are safe to call with any arguments:
//! slices that are too short panic, and a row index past the end of the weights is clamped to the last row (a defect
//! of the caller, which debug builds refuse).
//!
//! Rounding: levels with fused multiply-add round once per term, [`Level::baseline`] twice; and sums are split over
//! several accumulators, whose number depends on the level. Results of two levels therefore differ by at most about
//! `n * epsilon * sum |w x|` for `n` terms; on one level a result depends on its arguments alone.
//! Minimal filtering ([`Winograd`]) errs by the magnitude of a layer, not of a sum.

mod bundles;
mod compression;
mod convolution;
mod delivery;
mod depthwise;
mod following;
mod gates;
mod grid;
mod interleave;
mod kernels;
mod level;
mod memory;
mod pooling;
mod sliding;
mod spreading;
mod stamps;
mod vector;
mod winograd;

pub use bundles::{Active, BundleCounts};
pub use delivery::{Fans, Raster, Span};
pub use following::{Followers, MOST_FOLLOWED};
pub use gates::{Circuit, FewSpikes, MOST_STEPS, Patterns};
pub use grid::{Arriving, Grid, GridCounts, Integrators, Marks, NOTHING};
pub use interleave::same_precision;
pub use kernels::{Element, Listed, ROW_PART, Reach};
pub use level::Level;
pub use memory::Lines;
pub use sliding::{PART, Sliding, Taps};
pub use spreading::{SpreadScratch, Spreading};
pub use stamps::Stamps;
pub use winograd::Winograd;
