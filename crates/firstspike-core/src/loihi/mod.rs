//! Compartments and synapses of Intel's Loihi in the chip's own integers.
//!
//! A [`ChipNetwork`] is made of [`Group`]s of compartments and of [`Synapses`] between them. All arithmetic follows
//! [`Rules`]: what the published emulators compute where registers overflow and mantissas do not fit is data, and the
//! rest (decay toward zero, a threshold that has to be exceeded, reset to zero) they have in common.
//!
//! A spike of step `t` arrives in step `t + 1`, later by the delays of its compartment and of its synapse. In each step
//! all that arrives is summed up first; then compartments change, and spike.

mod compartment;
mod network;
mod rules;
mod run;
#[cfg(test)]
mod twin;
mod weight;

pub use compartment::{Compartment, Profile, Step, Trace, trace};
pub use network::{ChipNetwork, Connectivity, Group, Synapses};
pub use rules::{Ends, Register, Rounding, Rules, WeightRules};
pub use run::{ChipInput, ChipRecord, ChipRequest, Counts, Outcome, Raster, run};
pub use weight::{Format, Signs, effective_weight};
