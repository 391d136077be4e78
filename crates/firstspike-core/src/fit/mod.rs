//! The fitter: parameters of few-spike neurons and at-most-one-spike circuits for any function.
//!
//! Given a function and how much each of its inputs matters ([`Samples`]), it looks for the K thresholds, resets and
//! outputs of a [`FewSpike`] neuron, or for the K neurons of an [`Amos`] circuit, that minimise
//!
//! ```text
//! loss = sum w (f - value)^2 / variance(f) + price * mean spikes
//! ```
//!
//! The weights `w` sum to 1, and the variance is weighted by them: a price is the share of the function's variance
//! that one spike more must explain. Published fits descend a surrogate of the derivative of a spike on samples of the
//! input. Here the loss of all inputs between two samples is integrated, which makes it continuous with a gradient of
//! its own; see `objective`, and `search` for how the many local minima are dealt with.

mod circuit;
mod objective;
mod quantise;
mod samples;
mod search;
mod stream;

pub use quantise::Grids;
pub use samples::Samples;

use crate::neuron::{Amos, FewSpike};
use circuit::{Point, Wiring};
use quantise::Quantised;
use search::Search;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use thiserror::Error;

/// Why there is no fit.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FitError {
    /// The samples or the settings make no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The cancel flag was raised.
    #[error("cancelled")]
    Cancelled,
}

/// What to look for, and how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Steps of a few-spike neuron, neurons of a circuit: 1 to 32.
    pub steps: usize,
    /// What one spike costs, as a share of the function's variance.
    pub price: f64,
    /// Parameters are whole multiples of a step, `2^bits - 1` of them; 2 to 24.
    pub bits: Option<u32>,
    /// How many circuits to start from: 1 to 65536. The best of each eight go on.
    pub restarts: usize,
    /// Of the random numbers. The same seed gives the same fit, on any number of threads.
    pub seed: u64,
}

/// How good a fit is, over the midpoints of all cells of its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Mean squared error, weighted.
    pub weighted_mse: f64,
    /// Mean squared error, all cells alike.
    pub mse: f64,
    /// Largest absolute error.
    pub max_error: f64,
    /// Mean spikes, weighted.
    pub spikes: f64,
}

/// A neuron or circuit that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<N> {
    /// Its parameters. Without grids they are numbers of single precision.
    pub neuron: N,
    /// How good it is.
    pub figures: Figures,
    /// Steps of the grids that its parameters are on, if asked for.
    pub grids: Option<Grids>,
}

impl Settings {
    /// Whether they make sense.
    ///
    /// # Errors
    /// If a number is outside of its domain.
    pub fn check(&self) -> Result<(), FitError> {
        if !(1..=32).contains(&self.steps) {
            return Err(FitError::Invalid("there must be 1 to 32 steps"));
        }
        if !(self.price >= 0.0 && self.price.is_finite()) {
            return Err(FitError::Invalid("the price of a spike must be finite and not negative"));
        }
        if !self.bits.is_none_or(|bits| (2..=24).contains(&bits)) {
            return Err(FitError::Invalid("there must be 2 to 24 bits"));
        }
        if !(1..=65_536).contains(&self.restarts) {
            return Err(FitError::Invalid("there must be 1 to 65536 restarts"));
        }
        Ok(())
    }

    /// What progress counts up to, for a function of one input or of two.
    pub fn work(&self, two: bool) -> usize {
        let fits = self.restarts.div_ceil(8).min(2);
        search::work(self.restarts, two) + self.bits.map_or(0, |_| fits * quantise::WORK)
    }
}

/// Fits a few-spike neuron to a function of one input, on the current thread pool.
///
/// # Errors
/// If the settings make no sense, the function has two inputs, or the fit is cancelled.
pub fn fit_few_spike(
    samples: &Samples,
    settings: &Settings,
    cancel: &AtomicBool,
    progress: &AtomicUsize,
) -> Result<Fit<FewSpike<f64>>, FitError> {
    if samples.two {
        return Err(FitError::Invalid("a few-spike neuron has one input"));
    }
    let wiring = Wiring { steps: settings.steps, tied: true, two: false };
    let found = find(samples, settings, wiring, cancel, progress)?;
    let neuron = wiring.few_spike(&found.point, found.output, samples.range);
    let figures = figures(samples, |x, _, spike| {
        neuron.run(x, 1.0, |_, worth| spike(worth));
    });
    Ok(Fit { neuron, figures, grids: found.grids })
}

/// Fits a circuit to a function of one input or two, on the current thread pool.
///
/// # Errors
/// If the settings make no sense, or the fit is cancelled.
pub fn fit_amos(
    samples: &Samples,
    settings: &Settings,
    cancel: &AtomicBool,
    progress: &AtomicUsize,
) -> Result<Fit<Amos<f64>>, FitError> {
    let wiring = Wiring { steps: settings.steps, tied: false, two: samples.two };
    let found = find(samples, settings, wiring, cancel, progress)?;
    let neuron = wiring.amos(&found.point, found.output, samples.range);
    let figures = figures(samples, |x, y, spike| {
        neuron.run(x, y, 1.0, |_, worth| spike(worth));
    });
    Ok(Fit { neuron, figures, grids: found.grids })
}

/// Parameters that were found.
struct Found {
    point: Point,
    output: Vec<f64>,
    grids: Option<Grids>,
}

fn find(
    samples: &Samples,
    settings: &Settings,
    wiring: Wiring,
    cancel: &AtomicBool,
    progress: &AtomicUsize,
) -> Result<Found, FitError> {
    settings.check()?;
    let Settings { price, restarts, seed, bits, .. } = *settings;
    let search = Search { samples, wiring, price, restarts, seed, cancel, progress };
    let mut fits = search.run()?;
    let mut objective = search.objective();
    if let Some(bits) = bits {
        let Quantised { point, mut grids, .. } = quantise::quantise(&search, fits, bits)?;
        objective.loss_on_grid(&point, &mut grids.output, Quantised::most(bits));
        return Ok(Found { point, output: objective.output, grids: Some(grids) });
    }
    let mut point = fits.swap_remove(0).point;
    if wiring.tied {
        // The last step's spike has nothing to take from.
        *point.values.last_mut().expect("there is a step") = 0.0;
    }
    for value in &mut point.values {
        *value = shortened(*value);
    }
    objective.loss(&point);
    let output = objective.output.iter().copied().map(shortened).collect();
    Ok(Found { point, output, grids: None })
}

/// The shortest decimal number that single precision rounds alike.
fn shortened(x: f64) -> f64 {
    (x as f32).to_string().parse().expect("what a number prints as is a number")
}

/// Runs a neuron on all samples.
fn figures(samples: &Samples, mut run: impl FnMut(f64, f64, &mut dyn FnMut(f64))) -> Figures {
    let mut figures = Figures::default();
    for (cell, (&f, &weight)) in samples.target.iter().zip(&samples.weight).enumerate() {
        let (row, column) = (cell / samples.columns, cell % samples.columns);
        let (mut value, mut spikes) = (0.0, 0.0);
        run(samples.midpoint(column), samples.second[row], &mut |worth| {
            value += worth;
            spikes += 1.0;
        });
        let error = value - f;
        figures.weighted_mse += weight * error * error;
        figures.mse += error * error;
        figures.max_error = figures.max_error.max(error.abs());
        figures.spikes += weight * spikes;
    }
    figures.mse /= samples.target.len() as f64;
    figures
}
