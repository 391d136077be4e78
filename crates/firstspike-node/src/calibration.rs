//! Calibration over a stream of images.

use crate::network::{BindingNetwork, Precise};
use crate::numbers::Numbers;
use crate::task::{BindingTask, spawn};
use firstspike_core::{Calibration, RunError, Runner, Statistics};
use napi::bindgen_prelude::{Either, Float32Array, Float64Array, Object};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use std::sync::{Arc, Mutex, PoisonError};

/// What is known of a set of activations.
#[napi(object, object_from_js = false)]
pub struct BindingStatistics {
    /// Activations seen.
    pub count: f64,
    /// Those that are zero.
    pub zeros: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl From<&Statistics> for BindingStatistics {
    fn from(from: &Statistics) -> Self {
        Self { count: from.count as f64, zeros: from.zeros as f64, min: from.min, max: from.max }
    }
}

/// A network that calibration can run.
fn single(network: &BindingNetwork) -> Result<Arc<Runner<f32>>> {
    match &network.inner {
        Precise::Single(runner) => Ok(Arc::clone(runner)),
        _ => Err(Error::new(Status::InvalidArg, "calibration runs in single precision")),
    }
}

/// Statistics of every population over a stream of images.
#[napi]
pub struct BindingCalibration {
    statistics: Arc<Mutex<Calibration>>,
}

#[napi]
impl BindingCalibration {
    /// Nothing seen yet; the network must be of single precision.
    #[napi(constructor, catch_unwind)]
    pub fn new(network: &BindingNetwork, channel_percentiles: bool) -> Result<Self> {
        let runner = single(network)?;
        let statistics = Arc::new(Mutex::new(Calibration::new(runner.network(), channel_percentiles)));
        Ok(Self { statistics })
    }

    /// Adds images of the network that it was made for. Calls must not overlap.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn observe<'env>(
        &self,
        env: &'env Env,
        network: &BindingNetwork,
        images: Either<Float32Array, Float64Array>,
        count: u32,
        threads: u32,
        task: &BindingTask,
    ) -> Result<Object<'env>> {
        let images = Numbers::from(images);
        let (runner, statistics) = (single(network)?, Arc::clone(&self.statistics));
        let (cancel, _) = task.begin();
        let work = move || -> std::result::Result<(), RunError> {
            let mut statistics = statistics.lock().unwrap_or_else(PoisonError::into_inner);
            match &images {
                Numbers::Single(images) => statistics.observe(runner.network(), images, count as usize, &cancel),
                Numbers::Double(images) => statistics.observe(runner.network(), images, count as usize, &cancel),
            }
        };
        spawn(env, threads, work, |_, ()| Ok(()))
    }

    /// Images seen.
    #[napi(getter, catch_unwind)]
    pub fn images(&self) -> f64 {
        self.lock().images() as f64
    }

    /// Statistics of a population.
    #[napi(catch_unwind)]
    pub fn population(&self, index: u32) -> BindingStatistics {
        self.lock().population(index as usize).into()
    }

    /// Statistics of a population's channels.
    #[napi(catch_unwind)]
    pub fn channels(&self, index: u32) -> Vec<BindingStatistics> {
        self.lock().channels(index as usize).iter().map(BindingStatistics::from).collect()
    }

    /// Percentile of a population, or of one of its channels; null if it was not kept.
    #[napi(catch_unwind)]
    pub fn percentile(&self, index: u32, percent: f64, channel: Option<u32>) -> Option<f64> {
        let statistics = self.lock();
        match channel {
            None => statistics.population(index as usize).percentile(percent),
            Some(channel) => statistics.channels(index as usize).get(channel as usize)?.percentile(percent),
        }
    }

    /// Numbers of a population's activations in cells that divide a range evenly.
    #[napi(catch_unwind)]
    pub fn histogram(&self, index: u32, low: f64, high: f64, cells: u32) -> Option<Float64Array> {
        let counts = self.lock().population(index as usize).histogram([low, high], cells as usize)?;
        Some(Float64Array::new(counts))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Calibration> {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
