//! How long an image is shown to neurons whose rates count, and which of the steps are averaged over.

use crate::real::Real;
use crate::shape::Shape;
use crate::signal::{Raster, SpikeList};

/// The time that an image is shown, in steps. All layers take the same steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// `t_p`: steps in all.
    pub steps: usize,
    /// `t_c`: the first step whose activity counts.
    pub from: usize,
}

impl Presentation {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(self) -> Option<String> {
        (self.from >= self.steps || self.steps > 1 << 16)
            .then(|| format!("an average over steps {} to {}", self.from, self.steps))
    }

    /// Mean of a sum over the steps that count.
    pub(crate) fn mean<T: Real>(self, sum: T) -> T {
        sum / T::from_f64((self.steps - self.from) as f64)
    }

    /// One value per neuron, in place of what `values` held: what it sent in a step, in the mean of those that count.
    pub(crate) fn write_values<T: Real>(self, train: &[SpikeList<T>], shape: Shape, values: &mut Vec<T>) {
        values.clear();
        values.resize(shape.len(), T::ZERO);
        for (key, value, _) in train[self.from..].iter().flat_map(SpikeList::entries) {
            values[key as usize] += value;
        }
        for value in values {
            *value = self.mean(*value);
        }
    }

    /// The same of a raster.
    pub(crate) fn write_raster_values<T: Real>(self, raster: &Raster<T>, values: &mut Vec<T>) {
        raster.write_sums(self.from, values);
        for value in values {
            *value = self.mean(*value);
        }
    }
}

/// What is wrong with a parameter of which there is one for all neurons or one for each channel.
pub(super) fn per_channel_fault<T: Real>(what: &str, values: &[T], channels: usize) -> Option<String> {
    if values.len() != 1 && values.len() != channels {
        return Some(format!("{} {what}s for {channels} channels", values.len()));
    }
    let unfit = values.iter().find(|&&value| !(value > T::ZERO && value.is_finite()));
    unfit.map(|value| format!("a {what} of {value:?}"))
}
