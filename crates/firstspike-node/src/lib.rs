//! The N-API surface of the kernel.

use napi_derive::napi;

/// Version of the kernel.
#[napi(catch_unwind)]
pub fn kernel_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
