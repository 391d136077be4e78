//! What can go wrong: a description that contradicts itself, or a run that cannot go on.

use thiserror::Error;

/// A network description that contradicts itself.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{population}: {reason}")]
pub struct BuildError {
    /// Name of the population.
    pub population: String,
    /// What contradicts what.
    pub reason: String,
}

impl BuildError {
    pub(crate) fn new(population: &str, reason: impl Into<String>) -> Self {
        Self { population: population.to_owned(), reason: reason.into() }
    }
}

/// A run that cannot go on.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RunError {
    /// The images' data has another length than `count` images of the network's input.
    #[error("{count} images need {expected} numbers, but there are {actual}")]
    InputLength {
        /// Images asked for.
        count: usize,
        /// Numbers needed.
        expected: usize,
        /// Numbers given.
        actual: usize,
    },
    /// An input is NaN, infinite, or too large for the precision.
    #[error("image {image} holds a value that is not finite in this precision, at element {element}")]
    NotFinite {
        /// Index of the image in the batch.
        image: usize,
        /// Index of the element in the image.
        element: usize,
    },
    /// A potential is too large for the precision.
    #[error("image {image} drives the network beyond what the precision can hold")]
    Overflow {
        /// Index of the image in the batch.
        image: usize,
    },
    /// The reference network has other populations.
    #[error("the reference has other populations than the network")]
    ReferenceMismatch,
    /// Images cannot end before the last window does.
    #[error("no early exit: {reason}")]
    NoEarlyExit {
        /// What of the network is in the way.
        reason: String,
    },
    /// Spikes or biases from outside do not fit a network in the chip's integers.
    #[error("{reason}")]
    ChipInput {
        /// What does not fit.
        reason: String,
    },
    /// The cancel flag was raised.
    #[error("cancelled")]
    Cancelled,
}
