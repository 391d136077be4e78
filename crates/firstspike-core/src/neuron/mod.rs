//! Neurons: one file for each model, its equations in the docstring.

mod analog;
mod ttfs;

pub use analog::Activation;
pub use ttfs::{Encoder, Ttfs};

/// What the neurons of a population do with their potentials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Neuron<T> {
    /// No spikes: a function of the potential is handed on as it is (the original network, readouts).
    Analog(Activation),
    /// Time to first spike.
    Ttfs(Ttfs<T>),
}
