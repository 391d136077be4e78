//! Kernel of firstspike: networks of populations and projections, neurons, and the engines that run them.
//!
//! A [`Network`] is a list of [`Population`]s in topological order. What a population hands on is a [`Signal`]: a list
//! of spikes where its neurons spike, one value per neuron where they do not (the original network, readouts).
//! The same network runs under two engines: [`Engine::Event`] delivers spike by spike in time order and is the
//! definition; [`Engine::Layered`] computes a layer's window at once and must give the same.
//!
//! Layout: activations are `[height][width][channel]`, a neuron's index is `pixel * channels + channel`; convolution
//! weights are `[ky][kx][c_in][c_out]`.

#![forbid(unsafe_code)]

mod aligned;
mod bands;
mod batch;
mod calibration;
mod comparison;
mod disturbance;
mod engine;
mod error;
pub mod fit;
pub mod loihi;
mod network;
mod neuron;
mod random;
mod real;
mod record;
mod shape;
mod share;
mod signal;
mod synapse;
mod weights;

pub use batch::{Outcome, Request, Runner, Sequence};
pub use calibration::{Calibration, Statistics};
pub use comparison::{Differences, Moments};
pub use disturbance::{Disturbance, WeightDisturbance};
pub use engine::{Engine, Workspace};
pub use error::{BuildError, RunError};
pub use network::{Bias, Decode, NOWHERE, Network, Population, Stage};
pub use neuron::{
    Activation, AlphaSynapse, Amos, BiasSpike, Encoder, FewSpike, IntegrateAndFire, LeakyMembrane, Lif, Mean,
    MembraneState, Neuron, Presentation, Quartz, Ttfs, TtfsAlpha,
};
pub use real::Real;
pub use record::{Counts, Exits, Record, Train};
pub use shape::{Geometry, Shape};
pub use signal::{Raster, Signal, SpikeList};
pub use synapse::{AveragePool, Conv2d, Dense, MaxPool, Paths, Projection, Synapse};
pub use weights::{DataType, RawWeights};

pub use firstspike_simd::{Level, Lines};

/// Instruction sets of this processor, slowest first.
pub fn available_levels() -> Vec<Level> {
    Level::available()
}
