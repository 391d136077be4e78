//! What synapses add to.

use crate::network::Bias;
use crate::real::Real;
use crate::shape::Shape;

/// Sums of what arrives at neurons. They begin at the biases of these: written when it is needed, since many kernels begin
/// at them by themselves.
#[derive(Debug)]
pub(crate) struct Sums<'a, T: Real> {
    targets: Targets<'a, T>,
    /// What they are still to begin at.
    bias: Option<(&'a Bias<T>, Shape)>,
}

/// Where sums are.
#[derive(Debug)]
enum Targets<'a, T> {
    /// One for each neuron, as soon as they begin: memory that is as long as it happens to be is not filled twice.
    Memory(&'a mut Vec<T>),
    /// Those of several images, for each neuron side by side.
    Bundle(&'a mut [T], usize),
    Begun(&'a mut [T]),
}

impl<'a, T: Real> Sums<'a, T> {
    /// Sums that begin at biases; what they hold is lost.
    pub(crate) fn begin(sums: &'a mut Vec<T>, bias: &'a Bias<T>, shape: Shape) -> Self {
        Self { targets: Targets::Memory(sums), bias: Some((bias, shape)) }
    }

    /// The same of several images, those of a neuron side by side.
    pub(crate) fn begin_bundle(sums: &'a mut [T], bias: &'a Bias<T>, shape: Shape, images: usize) -> Self {
        Self { targets: Targets::Bundle(sums, images), bias: Some((bias, shape)) }
    }

    /// Sums that have begun.
    pub(crate) fn of(sums: &'a mut [T]) -> Self {
        Self { targets: Targets::Begun(sums), bias: None }
    }

    /// To be added to.
    pub(crate) fn begun(&mut self) -> &mut [T] {
        if let Some((bias, shape)) = self.bias.take() {
            match &mut self.targets {
                Targets::Memory(memory) => bias.write(shape, memory),
                Targets::Bundle(targets, images) => bias.fill_bundle(shape, *images, targets),
                Targets::Begun(_) => {}
            }
        }
        self.targets()
    }

    /// To be written or added to: they begin at the biases of channels, if there are some, else at what they hold.
    pub(crate) fn parts(&mut self) -> (&mut [T], Option<&'a [T]>) {
        let Some((channels, shape)) = self.bias.and_then(|(bias, shape)| Some((bias.of_channels(shape)?, shape)))
        else {
            return (self.begun(), None);
        };
        self.bias = None;
        if let Targets::Memory(memory) = &mut self.targets {
            memory.resize(shape.len(), T::ZERO);
        }
        (self.targets(), Some(channels))
    }

    fn targets(&mut self) -> &mut [T] {
        match &mut self.targets {
            Targets::Memory(memory) => memory,
            Targets::Bundle(targets, _) | Targets::Begun(targets) => targets,
        }
    }
}

impl<T: Real> Drop for Sums<'_, T> {
    /// Where nothing was added, they are the biases.
    fn drop(&mut self) {
        self.begun();
    }
}
