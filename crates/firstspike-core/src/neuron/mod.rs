//! Neurons: one file for each model, its equations in the docstring.
//!
//! There are four kinds of them. *Analog* neurons hand on values. *Windowed* neurons ([`Ttfs`], [`FewSpike`], [`Amos`])
//! wait until all inputs of a window have arrived and then spike, once or in several steps: what they do follows from
//! one number. *Crossing* neurons ([`TtfsAlpha`]) may spike as soon as an input has arrived, in continuous time.
//! *Stepped* neurons ([`Quartz`], [`IntegrateAndFire`], [`Lif`], [`Mean`]) have a state that their inputs change from
//! step to step.

mod alpha_synapse;
mod amos;
mod analog;
mod error_function;
mod few_spike;
mod integrate_and_fire;
mod lif;
mod mean;
mod presentation;
mod quartz;
mod ttfs;
mod ttfs_alpha;

pub use alpha_synapse::AlphaSynapse;
pub(crate) use alpha_synapse::AlphaSynapseState;
pub use amos::Amos;
pub use analog::Activation;
pub use few_spike::FewSpike;
pub use integrate_and_fire::IntegrateAndFire;
pub(crate) use integrate_and_fire::IntegrateAndFireState;
pub use lif::{LeakyMembrane, Lif, MembraneState};
pub use mean::Mean;
pub use presentation::Presentation;
pub(crate) use quartz::QuartzState;
pub use quartz::{BiasSpike, Quartz};
pub use ttfs::{Encoder, Ttfs};
pub use ttfs_alpha::TtfsAlpha;
pub(crate) use ttfs_alpha::{Membrane, Onset, Scale};

use crate::real::Real;
use crate::shape::Shape;
use crate::signal::{Signal, SpikeList};

/// What the neurons of a population do with their potentials.
#[derive(Clone, Debug, PartialEq)]
pub enum Neuron<T> {
    /// No spikes: a function of the potential is handed on as it is (the original network, readouts).
    Analog(Activation),
    /// Time to first spike.
    Ttfs(Ttfs<T>),
    /// Time to first spike, with a constant external slope.
    TtfsAlpha(TtfsAlpha<T>),
    /// Few spikes.
    FewSpike(FewSpike<T>),
    /// Circuits of neurons that spike at most once.
    Amos(Amos<T>),
    /// Spikes on a grid of time.
    Quartz(Quartz),
    /// Values on a grid of time: each neuron spikes once, at the step of its potential.
    QuartzInput(Quartz),
    /// Rates: spikes whenever a threshold's worth of input has come together.
    IntegrateAndFire(IntegrateAndFire<T>),
    /// Rates: the same with a leak and a refractory time.
    Lif(Lif<T>),
    /// No spikes: a function of the mean input over an image's steps is handed on (readouts of rates).
    Mean(Mean<T>),
}

/// When the neurons of a population may spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Timing<T> {
    /// Once in a window, the earlier the larger the value.
    Once(Window<T>),
    /// Once in a window of this width, at its end at the latest: each neuron on a scale of its own.
    Crossing(T),
    /// In any of some steps of a window.
    Steps(usize),
    /// On a grid of time: what counts is the step.
    Grid(Quartz),
    /// In any step; what counts is how often.
    Rate(Presentation),
}

/// A window in which neurons spike once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window<T> {
    pub width: T,
    /// Whether negative values are spikes of neurons of their own (and not spikes after the window).
    pub signed: bool,
}

impl<T: Real> Window<T> {
    /// Time of the spike that stands for a value, relative to the window's start.
    pub(crate) fn time(&self, value: T) -> T {
        self.width - if self.signed { value.abs() } else { value }
    }
}

impl<T: Real> Timing<T> {
    /// The signal of neurons of this timing, empty.
    pub(crate) fn signal(self) -> Signal<T> {
        match self {
            Self::Once(_) | Self::Crossing(_) | Self::Steps(_) => Signal::Spikes(SpikeList::default()),
            Self::Grid(quartz) => Signal::Train(vec![SpikeList::default(); quartz.steps()]),
            Self::Rate(presentation) => Signal::Train(vec![SpikeList::default(); presentation.steps]),
        }
    }

    /// One value per neuron, in place of what `values` held: what its spikes stand for; zero where it is silent.
    pub(crate) fn write_values(self, signal: &Signal<T>, shape: Shape, values: &mut Vec<T>) {
        let quartz = match (self, signal) {
            (Self::Grid(quartz), Signal::Train(_) | Signal::Raster(_)) => quartz,
            (Self::Rate(presentation), Signal::Train(steps)) => {
                presentation.write_values(steps, shape, values);
                return;
            }
            (Self::Rate(presentation), Signal::Raster(raster)) => {
                presentation.write_raster_values(raster, values);
                return;
            }
            _ => {
                signal.write_values(shape, values);
                return;
            }
        };
        // Without a rectifier, a neuron that stays silent is below all that the grid can say.
        let silent = if quartz.rectify { T::ZERO } else { T::from_f64(-2.0) };
        values.clear();
        values.resize(shape.len(), silent);
        let mut write = |step, key: u32, value| {
            let remainder = if quartz.readout { value } else { T::ZERO };
            let value = quartz.value_at::<T>(step) + remainder;
            // A potential below the threshold tells how far below zero the rectifier has found the neuron.
            let below = quartz.readout && quartz.rectify && value < T::ZERO;
            values[key as usize] = if below { T::ZERO } else { value };
        };
        match signal {
            Signal::Train(steps) => {
                for (step, spikes) in steps.iter().enumerate() {
                    spikes.entries().for_each(|(key, value, _)| write(step, key, value));
                }
            }
            Signal::Raster(raster) => raster.entries().for_each(|(step, key, value)| write(step, key, value)),
            _ => {}
        }
    }

    /// Times, relative to the window's start, of all spikes of an entry of a spike list. Where neurons have scales of
    /// their own, `value` is how long before the window's end the spike comes.
    pub(crate) fn times(self, value: T, pattern: u32) -> impl Iterator<Item = T> {
        let single = match self {
            Self::Once(window) => Some(window.time(value)),
            Self::Crossing(width) => Some(width - value),
            Self::Steps(_) | Self::Grid(_) | Self::Rate(_) => None,
        };
        let steps = (0..u32::BITS).filter(move |step| pattern >> step & 1 != 0);
        single.into_iter().chain(steps.map(|step| T::from_f64(f64::from(step))))
    }

    /// The timing of neurons that relay spikes of several sources; nothing if those do not fit together.
    pub(crate) fn join(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Once(a), Self::Once(b)) => {
                Some(Self::Once(Window { width: a.width.max(b.width), signed: a.signed || b.signed }))
            }
            (Self::Crossing(a), Self::Crossing(b)) => Some(Self::Crossing(a.max(b))),
            (Self::Steps(a), Self::Steps(b)) => Some(Self::Steps(a.max(b))),
            (Self::Grid(a), Self::Grid(b)) if a.levels == b.levels => Some(self),
            (Self::Rate(a), Self::Rate(b)) if a == b => Some(self),
            _ => None,
        }
    }
}

impl<T: Real> Neuron<T> {
    /// Why the parameters make no sense for neurons of so many channels, if they make none.
    pub(crate) fn fault(&self, channels: usize) -> Option<String> {
        match self {
            Self::Analog(activation) => activation.fault(),
            Self::Ttfs(ttfs) => ttfs.fault(),
            Self::TtfsAlpha(alpha) => alpha.fault(),
            Self::FewSpike(few_spike) => few_spike.fault(),
            Self::Amos(amos) => amos.fault(),
            Self::Quartz(quartz) | Self::QuartzInput(quartz) => quartz.fault(),
            Self::IntegrateAndFire(model) => model.fault(channels),
            Self::Lif(lif) => lif.fault(channels),
            Self::Mean(mean) => mean.fault(),
        }
    }

    /// Whether state outlives an image.
    pub(crate) fn keeps_state(&self) -> bool {
        match self {
            Self::IntegrateAndFire(model) => model.keep,
            Self::Lif(lif) => lif.keep,
            Self::Mean(mean) => mean.keep,
            _ => false,
        }
    }

    /// How long images are shown to neurons whose rates count.
    fn presentation(&self) -> Option<Presentation> {
        match self {
            Self::IntegrateAndFire(model) => Some(model.presentation),
            Self::Lif(lif) => Some(lif.presentation),
            Self::Mean(mean) => Some(mean.presentation),
            _ => None,
        }
    }

    /// Whether the neurons understand sources of this timing (values, if none).
    pub(crate) fn reads(&self, source: Option<Timing<T>>) -> bool {
        match (self, source) {
            (Self::Analog(_), _) => true,
            (Self::TtfsAlpha(_), source) => matches!(source, None | Some(Timing::Crossing(_))),
            (Self::QuartzInput(_), source) => source.is_none(),
            (Self::Quartz(quartz), Some(Timing::Grid(from))) => quartz.levels == from.levels,
            (Self::Quartz(_), _) => false,
            (_, source) => match (self.presentation(), source) {
                (Some(own), Some(Timing::Rate(from))) => own == from,
                (own, source) => {
                    !matches!(source, Some(Timing::Grid(_) | Timing::Rate(_))) && (own.is_none() || source.is_none())
                }
            },
        }
    }

    /// When the neurons may spike; `None` if they do not.
    pub(crate) fn timing(&self) -> Option<Timing<T>> {
        match self {
            Self::Analog(_) | Self::Mean(_) => None,
            Self::Ttfs(ttfs) => Some(Timing::Once(Window { width: ttfs.window, signed: ttfs.signed })),
            Self::TtfsAlpha(alpha) => Some(Timing::Crossing(alpha.window)),
            Self::FewSpike(few_spike) => Some(Timing::Steps(few_spike.steps())),
            Self::Amos(amos) => Some(Timing::Steps(amos.steps())),
            Self::Quartz(quartz) | Self::QuartzInput(quartz) => Some(Timing::Grid(*quartz)),
            Self::IntegrateAndFire(_) | Self::Lif(_) => self.presentation().map(Timing::Rate),
        }
    }
}
