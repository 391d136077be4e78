//! What a run counts and keeps.

use std::ops::AddAssign;

/// What one population did, summed over images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spikes emitted.
    pub spikes: u64,
    /// Spikes whose value lies outside of the window (or of the calibrated input range).
    pub saturated: u64,
    /// Synaptic events received: pairs of a spike and an existing target, whatever path computed them.
    pub synaptic_events: u64,
    /// Multiply-adds really executed to integrate the population's inputs.
    pub operations: u64,
    /// Neurons updated, once for each step.
    pub updates: u64,
    /// Pairs of a neuron and a step in which it received anything: inputs that arrive together count once.
    pub receptions: u64,
    /// How often spikes were added up with all neurons that did not spike, since that is faster: once for each projection,
    /// and for each step of its spikes.
    pub dense: u64,
    /// Time in the layer, if recorded: from its first input to its last spike; of the event engine also the delivery of its
    /// spikes, but not that of its inputs.
    pub nanoseconds: u64,
}

impl Counts {
    /// Memory reads of an event-driven machine: weight and potential for each event; potential and threshold for each
    /// update.
    pub fn memory_reads(&self) -> u64 {
        2 * (self.synaptic_events + self.updates)
    }

    /// Memory writes of an event-driven machine: a potential for each event and each update.
    pub fn memory_writes(&self) -> u64 {
        self.synaptic_events + self.updates
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.spikes += other.spikes;
        self.saturated += other.saturated;
        self.synaptic_events += other.synaptic_events;
        self.operations += other.operations;
        self.updates += other.updates;
        self.receptions += other.receptions;
        self.dense += other.dense;
        self.nanoseconds += other.nanoseconds;
    }
}

/// What early exits saved, summed over images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exits {
    /// Images that ended before the last window did.
    pub images: u64,
    /// Spikes that were not sent any more.
    pub spikes: u64,
    /// Synaptic events that they would have caused.
    pub synaptic_events: u64,
    /// Shares of the last window that were left: 0 to 1 for each image.
    pub window: f64,
}

impl AddAssign for Exits {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.spikes += other.spikes;
        self.synaptic_events += other.synaptic_events;
        self.window += other.window;
    }
}

/// What to keep beside counts and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices")]
pub struct Record {
    /// Every spike: neuron and time.
    pub spikes: bool,
    /// Spikes of each neuron, summed over images, and how often its reference is active.
    pub neurons: bool,
    /// Moments of each channel's values and those of the reference.
    pub channels: bool,
    /// How long each layer took.
    pub times: bool,
}

/// All spikes of one population over a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Train<T> {
    /// Where each image's spikes begin; one more than there are images.
    pub offsets: Vec<u32>,
    /// Neurons, ascending within an image.
    pub neurons: Vec<u32>,
    /// Times relative to the window's start.
    pub times: Vec<T>,
}
