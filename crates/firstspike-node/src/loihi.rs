//! Networks in the integers of a chip.

use crate::describe::BindingGeometry;
use crate::task::{BindingTask, spawn};
use firstspike_core::RunError;
use firstspike_core::loihi::{
    ChipInput, ChipNetwork, ChipRecord, ChipRequest, Connectivity, Counts, Format, Group, Outcome, Profile, Rules,
    Signs, Synapses, effective_weight, run, trace,
};
use napi::bindgen_prelude::{Float64Array, Int16Array, Int32Array, Object, Uint32Array};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use std::sync::Arc;

/// What compartments of a group have in common.
#[napi(object, object_to_js = false)]
pub struct BindingChipProfile {
    /// Effective decay of the current, 0 to 4096.
    pub current_decay: u32,
    /// Effective decay of the potential, 0 to 4096.
    pub voltage_decay: u32,
    /// Mantissa of the threshold.
    pub threshold: u32,
    /// Exponent of biases.
    pub bias_exponent: u32,
    /// Refractory time in steps.
    pub refractory: u32,
    /// Steps that each spike waits.
    pub axon_delay: u32,
    /// Smallest and largest potential; those of the registers if absent.
    pub limits: Option<(i32, i32)>,
}

impl From<BindingChipProfile> for Profile {
    fn from(profile: BindingChipProfile) -> Self {
        Self {
            current_decay: profile.current_decay,
            voltage_decay: profile.voltage_decay,
            threshold: profile.threshold,
            bias_exponent: profile.bias_exponent,
            refractory: profile.refractory,
            axon_delay: profile.axon_delay,
            limits: profile.limits.unwrap_or(Self::LIMITS),
        }
    }
}

/// Compartments that are alike.
#[napi(object, object_to_js = false)]
pub struct BindingChipGroup {
    /// Unique.
    pub name: String,
    /// Compartments.
    pub size: u32,
    /// What they have in common.
    pub profile: BindingChipProfile,
    /// Mantissas of biases.
    pub bias: Option<Int16Array>,
}

/// Which compartments synapses join.
#[napi(discriminant = "kind", discriminant_case = "lowercase", object_to_js = false)]
pub enum BindingChipConnectivity {
    /// A kernel.
    Conv {
        /// How it slides.
        geometry: BindingGeometry,
        /// Groups of channels.
        groups: u32,
    },
    /// Each with each.
    Dense {
        /// The source compartment of each row of weights.
        order: Option<Uint32Array>,
    },
    /// Each with its like.
    Pairwise,
}

/// Synapses from a group to a group.
#[napi(object, object_to_js = false)]
pub struct BindingChipSynapses {
    /// Index of the presynaptic group.
    pub source: u32,
    /// Index of the postsynaptic group.
    pub target: u32,
    /// Which compartments they join.
    pub connectivity: BindingChipConnectivity,
    /// Signed mantissas.
    pub mantissas: Int16Array,
    /// Bits of a weight.
    pub bits: u32,
    /// Exponent of the weights.
    pub exponent: i32,
    /// Whether lists of synapses hold both signs.
    pub mixed: bool,
    /// Steps beyond the one that every spike takes.
    pub delay: u32,
}

/// Images as a network of the chip gets them.
#[napi(object, object_to_js = false)]
pub struct BindingChipInput {
    /// Images.
    pub count: u32,
    /// Where each image's spikes begin, and where the last one's end.
    pub offsets: Uint32Array,
    /// Steps in which spikes arrive.
    pub steps: Uint32Array,
    /// Compartments that spike, all groups numbered through.
    pub compartments: Uint32Array,
    /// The group whose biases are those of the image.
    pub biased: Option<u32>,
    /// Their mantissas.
    pub biases: Int16Array,
}

/// How to run a network of the chip.
#[napi(object, object_to_js = false)]
pub struct BindingChipRunOptions {
    /// Steps of each image.
    pub steps: u32,
    /// Threads; 0 means one per processor.
    pub threads: u32,
    /// Whether to keep every spike.
    pub record_spikes: bool,
    /// Whether to count the spikes of each compartment.
    pub record_compartments: bool,
    /// Whether to keep the state after the last step.
    pub record_states: bool,
}

/// What a group did in each step, over all images.
#[napi(object, object_from_js = false)]
pub struct BindingChipCounts {
    /// Spikes sent.
    pub spikes: Float64Array,
    /// Synapses onto the group that spikes went over.
    pub synaptic_events: Float64Array,
    /// Compartments that had anything to do.
    pub updates: Float64Array,
    /// Compartments whose registers could not hold a sum.
    pub overflows: Float64Array,
}

impl From<Vec<Counts>> for BindingChipCounts {
    fn from(counts: Vec<Counts>) -> Self {
        let of = |count: fn(&Counts) -> u64| counts.iter().map(|step| count(step) as f64).collect::<Vec<f64>>().into();
        Self {
            spikes: of(|step| step.spikes),
            synaptic_events: of(|step| step.synaptic_events),
            updates: of(|step| step.updates),
            overflows: of(|step| step.overflows),
        }
    }
}

/// All spikes of an image.
#[napi(object, object_from_js = false)]
pub struct BindingChipRaster {
    /// Step of each spike.
    pub steps: Uint32Array,
    /// Compartment of each spike, all groups numbered through.
    pub compartments: Uint32Array,
}

/// What a run of a network of the chip gave.
#[napi(object, object_from_js = false)]
pub struct BindingChipOutcome {
    /// Potentials of the outputs after the last step, image after image.
    pub potentials: Int32Array,
    /// Spikes of each output.
    pub output_spikes: Uint32Array,
    /// Step of the first spike of each output; -1 for none.
    pub first_spikes: Int32Array,
    /// Spikes of each image.
    pub image_spikes: Uint32Array,
    /// Counts of each group.
    pub counts: Vec<BindingChipCounts>,
    /// Spikes of each compartment; empty unless recorded.
    pub compartment_spikes: Uint32Array,
    /// Spikes of each image; empty unless recorded.
    pub rasters: Vec<BindingChipRaster>,
    /// Currents after the last step; empty unless recorded.
    pub currents: Int32Array,
    /// Potentials after the last step; empty unless recorded.
    pub voltages: Int32Array,
    /// Seconds from the first image to the last.
    pub seconds: f64,
}

impl From<Outcome> for BindingChipOutcome {
    fn from(outcome: Outcome) -> Self {
        let rasters = outcome.rasters.into_iter();
        Self {
            potentials: outcome.potentials.into(),
            output_spikes: outcome.output_spikes.into(),
            first_spikes: outcome.first_spikes.into(),
            image_spikes: outcome.image_spikes.into(),
            counts: outcome.counts.into_iter().map(BindingChipCounts::from).collect(),
            compartment_spikes: outcome.compartment_spikes.into(),
            rasters: rasters
                .map(|raster| BindingChipRaster {
                    steps: raster.steps.into(),
                    compartments: raster.compartments.into(),
                })
                .collect(),
            currents: outcome.currents.into(),
            voltages: outcome.voltages.into(),
            seconds: outcome.elapsed.as_secs_f64(),
        }
    }
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::new(Status::InvalidArg, reason.into())
}

fn rules_named(name: &str) -> Result<Rules> {
    Rules::named(name).ok_or_else(|| invalid(format!("there are no rules {name}")))
}

fn synapses(bound: BindingChipSynapses) -> Synapses {
    Synapses {
        source: bound.source as usize,
        target: bound.target as usize,
        connectivity: match bound.connectivity {
            BindingChipConnectivity::Conv { geometry: ref bound, groups } => {
                Connectivity::Conv { geometry: bound.into(), groups: groups as usize }
            }
            BindingChipConnectivity::Dense { order } => {
                Connectivity::Dense { order: order.map(|order| order.to_vec()) }
            }
            BindingChipConnectivity::Pairwise => Connectivity::Pairwise,
        },
        mantissas: bound.mantissas.to_vec(),
        bits: bound.bits,
        exponent: bound.exponent,
        mixed: bound.mixed,
        delay: bound.delay,
    }
}

/// A network of the chip that is ready to run.
#[napi]
pub struct BindingChipNetwork {
    inner: Arc<ChipNetwork>,
}

#[napi]
impl BindingChipNetwork {
    /// Packs a network under rules: `chip`, `brian2`, `nengo` or `lava`.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        groups: Vec<BindingChipGroup>,
        all_synapses: Vec<BindingChipSynapses>,
        output: u32,
        rules: String,
    ) -> Result<Self> {
        let groups = groups.into_iter().map(|group| Group {
            name: group.name,
            size: group.size as usize,
            profile: group.profile.into(),
            bias: group.bias.map(|bias| bias.to_vec()).unwrap_or_default(),
        });
        let all_synapses: Vec<Synapses> = all_synapses.into_iter().map(synapses).collect();
        let network = ChipNetwork::new(groups.collect(), &all_synapses, output as usize, rules_named(&rules)?);
        Ok(Self { inner: Arc::new(network.map_err(|error| invalid(error.to_string()))?) })
    }

    /// Runs images, each from rest.
    #[napi(catch_unwind, ts_return_type = "Promise<BindingChipOutcome>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        input: BindingChipInput,
        options: BindingChipRunOptions,
        task: &BindingTask,
    ) -> Result<Object<'env>> {
        let network = Arc::clone(&self.inner);
        let (cancel, progress) = task.begin();
        let count = input.count as usize;
        let input = ChipInput {
            offsets: input.offsets.to_vec(),
            steps: input.steps.to_vec(),
            compartments: input.compartments.to_vec(),
            biased: input.biased.map(|group| group as usize),
            biases: input.biases.to_vec(),
        };
        let record = ChipRecord {
            spikes: options.record_spikes,
            compartments: options.record_compartments,
            states: options.record_states,
        };
        let steps = options.steps as usize;
        let work = move || -> std::result::Result<Outcome, RunError> {
            let (cancel, progress) = (&*cancel, &*progress);
            run(&network, &ChipRequest { input: &input, count, steps, record, cancel, progress })
        };
        spawn(env, options.threads, work, |_, outcome| Ok(BindingChipOutcome::from(outcome)))
    }
}

/// What a spike adds over synapses of a format (`mixed`, `excitatory` or `inhibitory`), for each mantissa.
///
/// # Errors
/// If a number cannot be stored, or there are no such rules.
#[napi(catch_unwind)]
pub fn chip_weights(
    mantissas: Int16Array,
    bits: u32,
    signs: String,
    exponent: i32,
    rules: String,
) -> Result<Int32Array> {
    let signs = match signs.as_str() {
        "mixed" => Signs::Mixed,
        "excitatory" => Signs::Excitatory,
        "inhibitory" => Signs::Inhibitory,
        _ => return Err(invalid(format!("there are no signs {signs}"))),
    };
    if !(1..=8).contains(&bits) || !(-8..=7).contains(&exponent) {
        return Err(invalid(format!("weights of {bits} bits and exponent {exponent} cannot be stored")));
    }
    if let Some(mantissa) = mantissas.iter().find(|mantissa| !(-256..=255).contains(*mantissa)) {
        return Err(invalid(format!("the mantissa {mantissa} cannot be stored")));
    }
    let rules = rules_named(&rules)?;
    let format = Format { bits, signs, exponent };
    let weight = |&mantissa: &i16| effective_weight(&rules.weights, format, i32::from(mantissa));
    Ok(mantissas.iter().map(weight).collect::<Vec<i32>>().into())
}

/// What a compartment does step by step.
#[napi(object, object_from_js = false)]
pub struct BindingChipTrace {
    /// Current after each step.
    pub current: Int32Array,
    /// Potential after each step.
    pub voltage: Int32Array,
    /// Steps with a spike.
    pub spikes: Uint32Array,
}

/// Drives a compartment at rest with what arrives in each step.
///
/// # Errors
/// If a number cannot be stored, or the rules do not know a part of the profile.
#[napi(catch_unwind)]
pub fn chip_trace(
    profile: BindingChipProfile,
    bias: i32,
    input: Int32Array,
    rules: String,
) -> Result<BindingChipTrace> {
    let Some(bias) = i16::try_from(bias).ok().filter(|bias| (-4096..=4095).contains(bias)) else {
        return Err(invalid(format!("the bias {bias} cannot be stored")));
    };
    let trace = trace(&rules_named(&rules)?, &profile.into(), bias, &input).map_err(invalid)?;
    Ok(BindingChipTrace { current: trace.current.into(), voltage: trace.voltage.into(), spikes: trace.spikes.into() })
}
