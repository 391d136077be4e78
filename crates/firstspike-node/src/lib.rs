//! The N-API surface of the kernel: `Binding*` types and nothing but glue.
//!
//! Inputs are copied in when a run is asked for, so that no thread ever sees memory that JavaScript can write to; large
//! results are handed over with their memory, small ones copied. Long work runs on thread pools of our own and settles a
//! promise. A panic becomes a rejection or an exception, never an abort.

#![allow(clippy::needless_pass_by_value, reason = "napi hands arguments over by value")]

mod calibration;
mod describe;
mod fit;
mod loihi;
mod network;
mod numbers;
mod task;

pub use fit::{fit, fit_work};
pub use loihi::{chip_trace, chip_weights};
use napi_derive::napi;

/// Images begin at cache lines.
#[global_allocator]
static MEMORY: firstspike_core::Lines = firstspike_core::Lines;

/// Version of the kernel; equals that of the package.
#[napi(catch_unwind)]
pub fn kernel_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Instruction sets that the kernel can use on this processor, slowest first; it uses the last.
#[napi(catch_unwind)]
pub fn kernel_levels() -> Vec<String> {
    firstspike_core::available_levels().iter().map(ToString::to_string).collect()
}
