//! What synapses add to.

use crate::network::Bias;
use crate::real::Real;
use crate::shape::Shape;

/// Sums of what arrives at neurons. They begin at the biases of these: written when it is needed, since many kernels begin
/// at them by themselves.
#[derive(Debug)]
pub(crate) struct Sums<'a, T: Real> {
    targets: &'a mut [T],
    /// What they are still to begin at.
    bias: Option<(&'a Bias<T>, Shape)>,
    /// Images whose sums lie side by side, if there are several.
    images: usize,
}

impl<'a, T: Real> Sums<'a, T> {
    /// Sums that begin at biases; what they hold is lost.
    pub(crate) fn begin(sums: &'a mut Vec<T>, bias: &'a Bias<T>, shape: Shape) -> Self {
        sums.resize(shape.len(), T::ZERO);
        Self { targets: sums, bias: Some((bias, shape)), images: 1 }
    }

    /// The same of several images, those of a neuron side by side.
    pub(crate) fn begin_bundle(sums: &'a mut [T], bias: &'a Bias<T>, shape: Shape, images: usize) -> Self {
        Self { targets: sums, bias: Some((bias, shape)), images }
    }

    /// Sums that have begun.
    pub(crate) fn of(sums: &'a mut [T]) -> Self {
        Self { targets: sums, bias: None, images: 1 }
    }

    /// To be added to.
    pub(crate) fn begun(&mut self) -> &mut [T] {
        if let Some((bias, shape)) = self.bias.take() {
            if self.images == 1 {
                bias.fill(shape, self.targets);
            } else {
                bias.fill_bundle(shape, self.images, self.targets);
            }
        }
        self.targets
    }

    /// To be written or added to: they begin at the biases of channels, if there are some, else at what they hold.
    pub(crate) fn parts(&mut self) -> (&mut [T], Option<&'a [T]>) {
        if let Some(channels) = self.bias.and_then(|(bias, shape)| bias.of_channels(shape)) {
            self.bias = None;
            return (self.targets, Some(channels));
        }
        (self.begun(), None)
    }
}

impl<T: Real> Drop for Sums<'_, T> {
    /// Where nothing was added, they are the biases.
    fn drop(&mut self) {
        self.begun();
    }
}
