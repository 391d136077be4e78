//! The fitter of gates.

use crate::task::{BindingTask, spawn};
use firstspike_core::fit::{Figures, Fit, FitError, Grids, Samples, Settings, fit_amos, fit_few_spike};
use firstspike_core::{Amos, FewSpike};
use napi::bindgen_prelude::{Float64Array, Object};
use napi::{Env, Result};
use napi_derive::napi;

/// A function on the cells of a grid, and what is to be fitted to it.
#[napi(object, object_to_js = false)]
pub struct BindingFitRequest {
    /// Whether a circuit of neurons is sought, or else a few-spike neuron.
    pub circuit: bool,
    /// Range of the input.
    pub range: (f64, f64),
    /// Range of the second input, if there is one.
    pub second_range: Option<(f64, f64)>,
    /// Cells along the second input; 1 if there is none.
    pub rows: u32,
    /// The function at the midpoints of the cells, `[row][column]`.
    pub target: Float64Array,
    /// How much each cell matters.
    pub weight: Float64Array,
    /// Steps of a few-spike neuron, neurons of a circuit.
    pub steps: u32,
    /// What one spike costs, as a share of the function's variance.
    pub price: f64,
    /// Bits of a parameter; they are not rounded to a grid if absent.
    pub bits: Option<u32>,
    /// How many circuits to start from.
    pub restarts: u32,
    /// Of the random numbers.
    pub seed: u32,
}

/// A neuron or a circuit that was found, and how good it is.
#[napi(object, object_from_js = false)]
pub struct BindingFit {
    /// Threshold of each step.
    pub threshold: Vec<f64>,
    /// Few spikes: what a spike in each step takes from the potential.
    pub reset: Vec<f64>,
    /// What a spike in each step is worth.
    pub output: Vec<f64>,
    /// Circuit: weight of the input on each neuron.
    pub input: Vec<f64>,
    /// Circuit: weight of the second input on each neuron; empty where there is none.
    pub second: Vec<f64>,
    /// Circuit: inhibition by earlier neurons, those of neuron 1, then of neuron 2, and so on.
    pub inhibition: Vec<f64>,
    /// Mean squared error, weighted.
    pub weighted_mse: f64,
    /// Mean squared error, all cells alike.
    pub mse: f64,
    /// Largest absolute error.
    pub max_error: f64,
    /// Mean spikes, weighted.
    pub spikes: f64,
    /// Steps of the grids of thresholds, weights of the second input and outputs, if there are grids.
    pub grids: Option<(f64, f64, f64)>,
}

impl BindingFit {
    fn new(figures: Figures, grids: Option<Grids>) -> Self {
        let Figures { weighted_mse, mse, max_error, spikes } = figures;
        let grids = grids.map(|grids| (grids.threshold, grids.second, grids.output));
        let none = Vec::new;
        Self {
            threshold: none(),
            reset: none(),
            output: none(),
            input: none(),
            second: none(),
            inhibition: none(),
            weighted_mse,
            mse,
            max_error,
            spikes,
            grids,
        }
    }
}

impl From<Fit<FewSpike<f64>>> for BindingFit {
    fn from(Fit { neuron, figures, grids }: Fit<FewSpike<f64>>) -> Self {
        let FewSpike { threshold, reset, output, .. } = neuron;
        Self { threshold, reset, output, ..Self::new(figures, grids) }
    }
}

impl From<Fit<Amos<f64>>> for BindingFit {
    fn from(Fit { neuron, figures, grids }: Fit<Amos<f64>>) -> Self {
        let Amos { input, second, threshold, inhibition, output, .. } = neuron;
        Self { threshold, output, input, second, inhibition, ..Self::new(figures, grids) }
    }
}

impl BindingFitRequest {
    fn settings(&self) -> Settings {
        Settings {
            steps: self.steps as usize,
            price: self.price,
            bits: self.bits,
            restarts: self.restarts as usize,
            seed: u64::from(self.seed),
        }
    }

    fn samples(&self) -> std::result::Result<Samples, FitError> {
        let pair = |(low, high): (f64, f64)| [low, high];
        match self.second_range {
            None => Samples::of_one(pair(self.range), &self.target, &self.weight),
            Some(second) => {
                Samples::of_two(pair(self.range), pair(second), self.rows as usize, &self.target, &self.weight)
            }
        }
    }
}

/// What the progress of a fit counts up to; 0 if the request makes no sense.
#[napi(catch_unwind)]
pub fn fit_work(request: BindingFitRequest) -> u32 {
    let settings = request.settings();
    settings.check().map_or(0, |()| settings.work(request.second_range.is_some()) as u32)
}

/// Fits a few-spike neuron or a circuit.
///
/// # Errors
/// If no threads can be had.
#[napi(catch_unwind, ts_return_type = "Promise<BindingFit>")]
pub fn fit<'env>(env: &'env Env, request: BindingFitRequest, threads: u32, task: &BindingTask) -> Result<Object<'env>> {
    let (cancel, progress) = task.begin();
    // What is read from JavaScript's arrays is copied here, on its thread.
    let samples = request.samples();
    let (circuit, settings) = (request.circuit, request.settings());
    let work = move || -> std::result::Result<BindingFit, FitError> {
        let samples = samples?;
        if circuit {
            fit_amos(&samples, &settings, &cancel, &progress).map(BindingFit::from)
        } else {
            fit_few_spike(&samples, &settings, &cancel, &progress).map(BindingFit::from)
        }
    };
    spawn(env, threads, work, |_, fit| Ok(fit))
}
