//! The simulation against a naive twin: every synapse on its own, every compartment in every step.

use super::*;
use crate::shape::{Geometry, Shape};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// A synapse: source and target, numbered through, what it adds, and the steps from spike to arrival.
type Synapse = (usize, usize, i64, usize);

struct Twin {
    synapses: Vec<Synapse>,
    profiles: Vec<Profile>,
    bias: Vec<i64>,
}

impl Twin {
    fn new(groups: &[Group], all: &[Synapses]) -> Self {
        let start = |group: usize| groups[..group].iter().map(|group| group.size).sum::<usize>();
        let mut synapses = Vec::new();
        for one in all {
            let mut join = |source: usize, target: usize, at: usize| {
                let mantissa = i32::from(one.mantissas[at]);
                let signs = match (one.mixed, mantissa < 0) {
                    (true, _) => Signs::Mixed,
                    (_, true) => Signs::Inhibitory,
                    _ => Signs::Excitatory,
                };
                let format = Format { bits: one.bits, signs, exponent: one.exponent };
                let weight = effective_weight(&Rules::CHIP.weights, format, mantissa);
                let delay = 1 + one.delay + groups[one.source].profile.axon_delay;
                if mantissa != 0 {
                    let ends = (start(one.source) + source, start(one.target) + target);
                    synapses.push((ends.0, ends.1, i64::from(weight), delay as usize));
                }
            };
            let (sources, targets) = (groups[one.source].size, groups[one.target].size);
            match &one.connectivity {
                Connectivity::Pairwise => (0..sources).for_each(|at| join(at, at, at)),
                Connectivity::Dense { order } => {
                    for row in 0..sources {
                        let source = order.as_ref().map_or(row, |order| order[row] as usize);
                        (0..targets).for_each(|target| join(source, target, row * targets + target));
                    }
                }
                Connectivity::Conv { geometry, groups } => {
                    let (input, output) = (geometry.input, geometry.output);
                    let (inputs, outputs) = (input.channels / groups, output.channels / groups);
                    for target in 0..targets {
                        let (pixel, channel) = (target / output.channels, target % output.channels);
                        let (oy, ox) = (pixel / output.width, pixel % output.width);
                        for ky in 0..geometry.kernel[0] {
                            for kx in 0..geometry.kernel[1] {
                                let y = (oy * geometry.stride[0] + ky) as isize - geometry.pad[0];
                                let x = (ox * geometry.stride[1] + kx) as isize - geometry.pad[1];
                                if y < 0 || x < 0 || y >= input.height as isize || x >= input.width as isize {
                                    continue;
                                }
                                for c in 0..inputs {
                                    let of_group = channel / outputs * inputs + c;
                                    let source = (y as usize * input.width + x as usize) * input.channels + of_group;
                                    let tap = ky * geometry.kernel[1] + kx;
                                    join(source, target, (tap * inputs + c) * output.channels + channel);
                                }
                            }
                        }
                    }
                }
            }
        }
        let profiles = groups.iter().flat_map(|group| vec![group.profile; group.size]).collect();
        let bias = groups.iter().flat_map(|group| {
            let scale = 1i64 << group.profile.bias_exponent;
            (0..group.size).map(move |at| group.bias.get(at).map_or(0, |&bias| i64::from(bias) * scale))
        });
        Self { synapses, profiles, bias: bias.collect() }
    }

    /// Spikes `(step, compartment)`, potentials, and what was counted in all: synaptic events, updates, overflows.
    fn run(&self, outside: &[(u32, u32)], steps: usize) -> (Vec<(u32, u32)>, Vec<i64>, [u64; 3]) {
        let wrap = |number: i64, bits: u32| (number + (1 << bits)).rem_euclid(2 << bits) - (1 << bits);
        let decay = |number: i64, decay: u32| number.signum() * (number.abs() * i64::from(4096 - decay) / 4096);
        let n = self.profiles.len();
        let mut arriving = vec![vec![0i64; n]; steps + 200];
        let (mut u, mut v, mut waiting) = (vec![0i64; n], vec![0i64; n], vec![0u32; n]);
        let (mut spikes, mut events, mut updates, mut overflows) = (Vec::new(), 0, 0, 0);
        let mut own = BTreeSet::new();
        for step in 0..steps {
            let mut sent: BTreeSet<usize> = std::mem::take(&mut own);
            let given =
                outside.iter().filter(|(at, _)| *at as usize == step).map(|&(_, compartment)| compartment as usize);
            for compartment in given {
                if sent.insert(compartment) {
                    spikes.push((step.saturating_sub(1) as u32, compartment as u32));
                }
            }
            for &(source, target, weight, delay) in &self.synapses {
                if sent.contains(&source) {
                    arriving[step + delay - 1][target] += weight;
                    events += u64::from(step + delay - 1 < steps);
                }
            }
            for at in 0..n {
                let profile = &self.profiles[at];
                let input = arriving[step][at];
                let exact = decay(u[at], profile.current_decay) + input;
                u[at] = wrap(decay(u[at], profile.current_decay) + wrap(input, 21), 23);
                let over = wrap(input, 21) != input || u[at] != exact;
                updates += u64::from(input != 0 || u[at] != 0 || v[at] != 0 || self.bias[at] != 0);
                if waiting[at] > 0 {
                    waiting[at] -= 1;
                    overflows += u64::from(over);
                    continue;
                }
                let sum = decay(v[at], profile.voltage_decay) + wrap(u[at] + self.bias[at], 23);
                overflows += u64::from(over || wrap(u[at] + self.bias[at], 23) != u[at] + self.bias[at]);
                v[at] = sum.clamp(1 - (1 << 23), (1 << 23) - 1);
                if v[at] > i64::from(profile.threshold) * 64 {
                    v[at] = 0;
                    waiting[at] = profile.refractory - 1;
                    own.insert(at);
                    spikes.push((step as u32, at as u32));
                }
            }
        }
        spikes.sort_unstable();
        (spikes, v, [events, updates, overflows])
    }
}

prop_compose! {
    fn profiles()(
        decays in (prop_oneof![Just(0u32), Just(4096), 0..4097u32], prop_oneof![Just(0u32), 0..4097u32]),
        threshold in prop_oneof![0u32..40, 100u32..3000], bias_exponent in 0u32..8, refractory in 1u32..5,
        axon_delay in prop_oneof![Just(0u32), 0..5u32],
    ) -> Profile {
        Profile {
            current_decay: decays.0, voltage_decay: decays.1, threshold, bias_exponent, refractory, axon_delay,
            limits: Profile::LIMITS,
        }
    }
}

/// An image of 4 by 3 pixels, a convolution with groups onto another, and a dense layer; the first again inhibits itself.
fn networks() -> impl Strategy<Value = (Vec<Group>, Vec<Synapses>)> {
    let profiles = prop::collection::vec(profiles(), 3);
    let conv = (1usize..4, 1usize..3, 0isize..2, prop_oneof![Just(1usize), Just(2)]);
    let weights = (any::<u64>(), -2i32..8, any::<bool>(), 0u32..4);
    (profiles, conv, weights, prop::collection::vec(-30i16..30, 24)).prop_map(
        |(profiles, (kernel, stride, pad, channel_groups), (seed, exponent, mixed, delay), bias)| {
            let input = Shape::new(4, 3, 2);
            let size = |n: usize| (n + 2 * pad as usize).saturating_sub(kernel) / stride + 1;
            let output = Shape::new(size(4), size(3), 4);
            let geometry = Geometry {
                input,
                output,
                kernel: [kernel, kernel],
                stride: [stride, stride],
                dilation: [1, 1],
                pad: [pad, pad],
            };
            let sizes = [input.len(), output.len(), 7];
            let groups: Vec<Group> = profiles
                .into_iter()
                .zip(sizes)
                .enumerate()
                .map(|(index, (profile, size))| {
                    let bias = if index == 0 { bias.clone() } else { Vec::new() };
                    Group { name: format!("g{index}"), size, profile, bias }
                })
                .collect();
            let mut state = seed | 1;
            let mut mantissas = |n: usize| {
                (0..n)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let number = ((state >> 33) % 511) as i16 - 255;
                        if number % 5 == 0 { 0 } else { number }
                    })
                    .collect::<Vec<i16>>()
            };
            let order = (0..output.len() as u32).rev().collect();
            let inputs = input.channels / channel_groups;
            let plain = |source, target, connectivity, mantissas| Synapses {
                source,
                target,
                connectivity,
                mantissas,
                bits: 8,
                exponent,
                mixed,
                delay,
            };
            let kernels = mantissas(kernel * kernel * inputs * output.channels);
            let conv = Connectivity::Conv { geometry, groups: channel_groups };
            let synapses = vec![
                plain(0, 1, conv, kernels),
                plain(1, 2, Connectivity::Dense { order: Some(order) }, mantissas(output.len() * 7)),
                plain(0, 0, Connectivity::Pairwise, vec![-255; input.len()]),
            ];
            (groups, synapses)
        },
    )
}

proptest! {
    #[test]
    fn runs_are_those_of_the_twin(
        (groups, synapses) in networks(),
        outside in prop::collection::vec((0u32..40, 0u32..24), 0..60),
    ) {
        let (steps, twin) = (60, Twin::new(&groups, &synapses));
        let network = ChipNetwork::new(groups, &synapses, 2, Rules::CHIP).unwrap();
        // Two images: the second begins at rest as the first did.
        let (mut given, mut at): (Vec<u32>, Vec<u32>) = outside.iter().copied().unzip();
        given.extend_from_within(..);
        at.extend_from_within(..);
        let n = outside.len() as u32;
        let input = ChipInput { offsets: vec![0, n, 2 * n], steps: given, compartments: at, ..ChipInput::default() };
        let record = ChipRecord { spikes: true, compartments: true, states: true };
        let (cancel, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
        let request =
            ChipRequest { input: &input, count: 2, steps, record, cancel: &cancel, progress: &progress };
        let outcome = run(&network, &request).unwrap();
        let (spikes, voltages, [events, updates, overflows]) = twin.run(&outside, steps);
        for (image, raster) in outcome.rasters.iter().enumerate() {
            let mut found: Vec<_> = raster.steps.iter().copied().zip(raster.compartments.iter().copied()).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &spikes);
            let reached = &outcome.voltages[image * voltages.len()..][..voltages.len()];
            prop_assert!(reached.iter().map(|&voltage| i64::from(voltage)).eq(voltages.iter().copied()));
        }
        let sum = |of: fn(&Counts) -> u64| outcome.counts.iter().flatten().map(of).sum::<u64>();
        prop_assert_eq!(sum(|counts| counts.synaptic_events), 2 * events);
        prop_assert_eq!(sum(|counts| counts.updates), 2 * updates);
        prop_assert_eq!(sum(|counts| counts.overflows), 2 * overflows);
        prop_assert_eq!(sum(|counts| counts.spikes), 2 * spikes.len() as u64);
    }
}
