//! Readouts of rates: neurons that do not spike, and whose mean input is read.

use super::alpha_synapse::AlphaSynapse;
use super::analog::Activation;
use super::presentation::Presentation;
use crate::real::Real;

/// A neuron that hands on a function of its mean input over the steps that count.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean<T> {
    /// How long images are shown.
    pub presentation: Presentation,
    /// The function.
    pub activation: Activation,
    /// Synapses that spread the spikes which arrive over time.
    pub synapse: Option<AlphaSynapse<T>>,
    /// Whether the state is that of the image before.
    pub keep: bool,
}

impl<T: Real> Mean<T> {
    /// Why the parameters make no sense, if they make none.
    pub(crate) fn fault(&self) -> Option<String> {
        let synapse = self.synapse.as_ref().and_then(AlphaSynapse::fault);
        synapse.or_else(|| self.presentation.fault()).or_else(|| self.activation.fault())
    }
}
