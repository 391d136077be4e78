//! Groups of compartments, and the synapses between them.

use super::compartment::Profile;
use super::rules::Rules;
use super::weight::{Format, Signs, scale, stored};
use crate::error::BuildError;
use crate::shape::Geometry;

/// Compartments that are alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// Unique.
    pub name: String,
    /// Compartments.
    pub size: usize,
    /// What they have in common.
    pub profile: Profile,
    /// Mantissas of the biases, one for each compartment; empty for none.
    pub bias: Vec<i16>,
}

/// Which compartments synapses join, and the order of their mantissas.
#[derive(Clone, Debug)]
pub enum Connectivity {
    /// A kernel: `[ky][kx][c_in of the group][c_out]`.
    Conv {
        /// How it slides.
        geometry: Geometry,
        /// Groups of channels.
        groups: usize,
    },
    /// Each with each: `[source][target]`. `order[i]` is the source compartment of row `i`; the same if absent.
    Dense {
        /// Source compartments.
        order: Option<Vec<u32>>,
    },
    /// Each with its like.
    Pairwise,
}

/// Synapses from a group to a group.
#[derive(Clone, Debug)]
pub struct Synapses {
    /// Index of the presynaptic group.
    pub source: usize,
    /// Index of the postsynaptic group.
    pub target: usize,
    /// Which compartments they join.
    pub connectivity: Connectivity,
    /// Signed mantissas; a weight of 0 is no synapse.
    pub mantissas: Vec<i16>,
    /// Bits of a weight, 1 to 8.
    pub bits: u32,
    /// Exponent of the weights, -8 to 7.
    pub exponent: i32,
    /// Whether a list of synapses holds both signs, or one.
    pub mixed: bool,
    /// Steps beyond the one that every spike takes, 0 to 63.
    pub delay: u32,
}

/// A network in the integers of the chip, ready to run.
#[derive(Clone, Debug)]
pub struct ChipNetwork {
    pub(super) groups: Vec<Group>,
    /// Number of the first compartment of each group, all compartments numbered through; the last is their number.
    pub(super) starts: Vec<usize>,
    pub(super) fans: Vec<Fan>,
    pub(super) output: usize,
    pub(super) rules: Rules,
    /// Longest time from a spike to its arrival.
    pub(super) reach: usize,
}

/// Synapses, packed: which rows of weights a spike adds to which targets.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    pub source: usize,
    pub target: usize,
    /// Delays of synapses and of the axon.
    pub delay: usize,
    pub synaptic_delay: usize,
    rows: Rows,
    /// What a spike adds, row by row; where the exponent is that of sums, mantissas.
    weights: Vec<i32>,
    /// Synapses among the weights before each row.
    before: Vec<u32>,
    length: usize,
    /// The exponent of sums, where rules apply it to them.
    pub summed: Option<i32>,
}

#[derive(Clone, Debug)]
enum Rows {
    Conv {
        /// `[height][width][channels]` of the source.
        extent: [usize; 3],
        /// Width and channels of the target.
        target: [usize; 2],
        taps: usize,
        groups: usize,
        /// Of each input row and of each input column: windows, and the taps that they have there.
        vertical: Vec<Vec<(usize, usize)>>,
        horizontal: Vec<Vec<(usize, usize)>>,
    },
    /// The row of each source compartment.
    Dense(Vec<u32>),
    Pairwise,
}

impl Fan {
    fn new(synapses: &Synapses, groups: &[Group], rules: &Rules) -> Result<Self, String> {
        let &Synapses { source, target, exponent, bits, mixed, delay, .. } = synapses;
        let (sources, targets) = (groups[source].size, groups[target].size);
        if !(1..=8).contains(&bits) || !(-8..=7).contains(&exponent) || delay > 63 {
            return Err(format!("weights of {bits} bits, exponent {exponent}, delay {delay} cannot be stored"));
        }
        let (rows, length, expected) = match &synapses.connectivity {
            Connectivity::Conv { geometry, groups } => {
                if let Some(fault) = geometry.fault() {
                    return Err(fault);
                }
                let (input, output, groups) = (geometry.input, geometry.output, *groups);
                if input.len() != sources || output.len() != targets {
                    return Err(format!("{input:?} to {output:?} are not {sources} to {targets} compartments"));
                }
                if groups == 0 || input.channels % groups != 0 || output.channels % groups != 0 {
                    return Err(format!("{groups} groups do not divide the channels"));
                }
                let windows =
                    |axis, inputs| (0..inputs).map(|at| geometry.windows(axis, at).collect()).collect::<Vec<Vec<_>>>();
                let rows = Rows::Conv {
                    extent: [input.height, input.width, input.channels],
                    target: [output.width, output.channels],
                    taps: geometry.kernel[1],
                    groups,
                    vertical: windows(0, input.height),
                    horizontal: windows(1, input.width),
                };
                let [ky, kx] = geometry.kernel;
                (rows, output.channels / groups, ky * kx * input.channels / groups * output.channels)
            }
            Connectivity::Dense { order } => {
                let row = match order {
                    None => (0..sources as u32).collect(),
                    Some(order) => {
                        if !crate::shape::is_permutation(order, sources) {
                            return Err(format!("its order is none of {sources} compartments"));
                        }
                        let mut row = vec![0; sources];
                        for (at, &compartment) in order.iter().enumerate() {
                            row[compartment as usize] = at as u32;
                        }
                        row
                    }
                };
                (Rows::Dense(row), targets, sources * targets)
            }
            Connectivity::Pairwise => {
                if sources != targets {
                    return Err(format!("{sources} compartments are not paired with {targets}"));
                }
                (Rows::Pairwise, 1, sources)
            }
        };
        if synapses.mantissas.len() != expected {
            return Err(format!("{} weights, but {expected} synapses", synapses.mantissas.len()));
        }
        let summed = (rules.weights.summed && exponent < 0).then_some(exponent);
        let mut weights = Vec::with_capacity(expected);
        for &mantissa in &synapses.mantissas {
            let within = if mixed { -256..=255 } else { -255..=255 };
            if !within.contains(&mantissa) {
                return Err(format!("the mantissa {mantissa} cannot be stored"));
            }
            let signs = match (mixed, mantissa < 0) {
                (true, _) => Signs::Mixed,
                (false, true) => Signs::Inhibitory,
                (false, false) => Signs::Excitatory,
            };
            let mantissa = stored(&rules.weights, Format { bits, signs, exponent }, i32::from(mantissa));
            weights.push(if summed.is_some() { mantissa } else { scale(&rules.weights, exponent, mantissa) });
        }
        let mut before = vec![0];
        for row in synapses.mantissas.chunks(length) {
            let synapses = row.iter().filter(|&&mantissa| mantissa != 0).count() as u32;
            before.push(before[before.len() - 1] + synapses);
        }
        Ok(Self {
            source,
            target,
            delay: (delay + groups[source].profile.axon_delay) as usize,
            synaptic_delay: delay as usize,
            rows,
            weights,
            before,
            length,
            summed,
        })
    }

    /// Visits each run of targets that a spike reaches: the first, what is added to each, and synapses among them.
    #[inline]
    pub fn each_row(&self, compartment: usize, mut visit: impl FnMut(usize, &[i32], u32)) {
        let length = self.length;
        let mut row = |first: usize, row: usize| {
            visit(first, &self.weights[row * length..][..length], self.before[row + 1] - self.before[row]);
        };
        match &self.rows {
            Rows::Pairwise => row(compartment, compartment),
            Rows::Dense(rows) => row(0, rows[compartment] as usize),
            Rows::Conv {
                extent: [_, width, channels],
                target: [columns, outputs],
                taps,
                groups,
                vertical,
                horizontal,
            } => {
                let (pixel, channel) = (compartment / channels, compartment % channels);
                let (y, x) = (pixel / width, pixel % width);
                let inputs = channels / groups;
                let (group, input) = (channel / inputs, channel % inputs);
                for &(oy, ky) in &vertical[y] {
                    for &(ox, kx) in &horizontal[x] {
                        let target = (oy * columns + ox) * outputs + group * length;
                        row(target, ((ky * taps + kx) * inputs + input) * groups + group);
                    }
                }
            }
        }
    }
}

impl ChipNetwork {
    /// Packs a network for rules; `output` is the group that is read.
    ///
    /// # Errors
    /// If parts contradict each other, or do not fit the chip's registers, or rules do not know what is asked for.
    pub fn new(groups: Vec<Group>, synapses: &[Synapses], output: usize, rules: Rules) -> Result<Self, BuildError> {
        for group in &groups {
            let fault = |reason: String| BuildError::new(&group.name, reason);
            if let Some(reason) = group.profile.fault(&rules) {
                return Err(fault(reason));
            }
            if group.size == 0 {
                return Err(fault("it has no compartments".to_owned()));
            }
            if !group.bias.is_empty() && group.bias.len() != group.size {
                return Err(fault(format!("{} biases for {} compartments", group.bias.len(), group.size)));
            }
            if let Some(bias) = group.bias.iter().find(|bias| !(-4096..=4095).contains(*bias)) {
                return Err(fault(format!("the bias {bias} cannot be stored")));
            }
            if !rules.biases && group.bias.iter().any(|&bias| bias != 0) {
                return Err(fault("these rules know no biases".to_owned()));
            }
        }
        if output >= groups.len() {
            return Err(BuildError::new("network", format!("the output {output} is none of {} groups", groups.len())));
        }
        let mut fans = Vec::with_capacity(synapses.len());
        for (index, synapses) in synapses.iter().enumerate() {
            if synapses.source >= groups.len() || synapses.target >= groups.len() {
                return Err(BuildError::new("network", format!("synapses {index} join no groups")));
            }
            let place = || format!("{} to {}", groups[synapses.source].name, groups[synapses.target].name);
            fans.push(Fan::new(synapses, &groups, &rules).map_err(|reason| BuildError::new(&place(), reason))?);
        }
        let reach = fans.iter().map(|fan| fan.delay + 1).max().unwrap_or(1);
        let mut starts = vec![0];
        for group in &groups {
            starts.push(starts[starts.len() - 1] + group.size);
        }
        Ok(Self { groups, starts, fans, output, rules, reach })
    }

    /// Compartments of the group that is read.
    pub fn outputs(&self) -> usize {
        self.groups[self.output].size
    }

    /// Compartments.
    pub fn compartments(&self) -> usize {
        self.starts[self.groups.len()]
    }
}
