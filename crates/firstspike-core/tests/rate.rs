//! Neurons whose rates count: against the exact solution of their equations, against published traces, and networks of
//! them against a twin that goes through all neurons and synapses in each step.

mod common;

use common::*;
use firstspike_core::*;
use proptest::prelude::*;

const NEURONS: usize = 6;
const INPUTS: usize = 5;

fn vector(n: usize) -> Shape {
    Shape::new(1, 1, n)
}

/// Multiples of a quarter, so that no sum is rounded.
fn quarters(numbers: &mut Numbers, count: usize) -> Vec<f64> {
    (0..count).map(|_| (numbers.below(9) as f64 - 4.0) / 4.0).collect()
}

/// Two layers of neurons and a readout.
struct Plan {
    weights: [Vec<f64>; 3],
    bias: [Vec<f64>; 3],
    presentation: Presentation,
}

impl Plan {
    fn new(numbers: &mut Numbers, steps: usize) -> Self {
        let counts = [INPUTS * NEURONS, NEURONS * NEURONS, NEURONS * 3];
        Self {
            weights: counts.map(|count| quarters(numbers, count)),
            bias: [NEURONS, NEURONS, 3].map(|count| quarters(numbers, count)),
            presentation: Presentation { steps, from: numbers.below(steps) },
        }
    }

    fn network(&self, neuron: &Neuron<f64>, synapse: Option<AlphaSynapse<f64>>, keep: bool) -> Network<f64> {
        let layer = |index: usize, inputs: usize, outputs: usize, neuron: Neuron<f64>| {
            let projection = dense(index, vector(inputs), outputs, &self.weights[index]);
            neurons(&format!("layer {index}"), vector(outputs), vec![projection], &self.bias[index], neuron)
        };
        let mean = Mean { presentation: self.presentation, activation: READOUT, synapse, keep };
        let populations = vec![
            input(vector(INPUTS), None),
            layer(0, INPUTS, NEURONS, neuron.clone()),
            layer(1, NEURONS, NEURONS, neuron.clone()),
            layer(2, NEURONS, 3, Neuron::Mean(mean)),
        ];
        Network::new(populations, Level::best()).unwrap()
    }

    /// Weighted values and bias of a layer.
    fn sum(&self, layer: usize, values: &[f64], bias: bool) -> Vec<f64> {
        let outputs = self.bias[layer].len();
        (0..outputs)
            .map(|to| {
                let synapses = values.iter().enumerate().map(|(from, x)| x * self.weights[layer][from * outputs + to]);
                synapses.sum::<f64>() + if bias { self.bias[layer][to] } else { 0.0 }
            })
            .collect()
    }

    /// The twin: `fire` gets layer, constant current, and what arrives in the step; gives what each neuron sends.
    fn run(
        &self,
        image: &[f64],
        mut fire: impl FnMut(usize, &[f64], &[f64]) -> Vec<f64>,
        mut filter: impl FnMut(Vec<f64>) -> Vec<f64>,
    ) -> Vec<f64> {
        let constant = self.sum(0, image, true);
        let mut sums = [0.0; 3];
        for step in 0..self.presentation.steps {
            let first = fire(0, &constant, &[0.0; NEURONS]);
            let second = fire(1, &self.bias[1], &self.sum(1, &first, false));
            let arriving = filter(self.sum(2, &second, false));
            for (sum, x) in sums.iter_mut().zip(arriving).filter(|_| step >= self.presentation.from) {
                *sum += x;
            }
        }
        let counted = (self.presentation.steps - self.presentation.from) as f64;
        sums.iter().zip(&self.bias[2]).map(|(sum, bias)| sum / counted + bias).collect()
    }
}

fn integrate_and_fire(plan: &Plan, initial: f64, signed: bool, keep: bool) -> Neuron<f64> {
    let threshold = (0..NEURONS).map(|n| 0.5 + 0.25 * n as f64).collect();
    Neuron::IntegrateAndFire(IntegrateAndFire { presentation: plan.presentation, threshold, initial, signed, keep })
}

/// Neurons that spike in a step, and the values of their spikes.
fn spikes_in(signal: &Signal<f64>, step: usize) -> Vec<(u32, f64)> {
    match signal {
        Signal::Train(steps) => steps[step].entries().map(|(key, value, _)| (key, value)).collect(),
        Signal::Raster(raster) => {
            let spikes = raster.entries().filter(|&(at, ..)| at == step);
            spikes.map(|(_, key, value)| (key, value)).collect()
        }
        _ => panic!("no steps"),
    }
}

/// Neurons on a grid, and the windows of 2x2 that they are pooled in.
const POOLED: [Shape; 2] = [Shape { height: 4, width: 4, channels: 2 }, Shape { height: 3, width: 3, channels: 2 }];

/// Neurons with thresholds of 1 and 0.75, each with a pixel of its own, poolings of these (a minimum in the second channel, if
/// asked for) and the mean of what they send.
fn pooled_network(steps: usize, minimum: bool, signed: bool) -> Network<f64> {
    let [image, pooled] = POOLED;
    let presentation = Presentation { steps, from: 0 };
    let threshold = vec![1.0, 0.75];
    let model = IntegrateAndFire { presentation, threshold, initial: 0.5, signed, keep: false };
    let geometry =
        Geometry { input: image, output: pooled, kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
    let pool = MaxPool::new(geometry, minimum.then(|| vec![false, true])).unwrap();
    let same = Projection::new(0, None, Synapse::Identity(image)).unwrap();
    let mean = Mean { presentation, activation: READOUT, synapse: None, keep: false };
    let last = Projection::new(2, None, Synapse::Identity(pooled)).unwrap();
    let populations = vec![
        input(image, None),
        neurons("neurons", image, vec![same], &[0.0; 2], Neuron::IntegrateAndFire(model)),
        population("pool", pooled, Stage::MaxPool { source: 1, pool }),
        neurons("readout", pooled, vec![last], &[0.0; 2], Neuron::Mean(mean)),
    ];
    Network::new(populations, Level::best()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn integrate_and_fire_networks_equal_their_twins(seed: u64, steps in 1usize..24, half: bool, signed: bool, keep: bool) {
        let numbers = &mut Numbers(seed);
        let plan = Plan::new(numbers, steps);
        let initial = if half { 0.5 } else { 0.0 };
        let neuron = integrate_and_fire(&plan, initial, signed, keep);
        let network = plan.network(&neuron, None, keep);
        let images: Vec<_> = (0..3).map(|_| quarters(numbers, INPUTS)).collect();
        for engine in ENGINES {
            let mut space = Workspace::new(&network);
            let mut potentials = [[0.0; NEURONS]; 2];
            for image in &images {
                space.run(&network, engine, image);
                if !keep {
                    potentials = [[0.0; NEURONS]; 2];
                }
                let mut spikes = 0;
                let expected = plan.run(
                    image,
                    |layer, constant, arriving| {
                        (0..NEURONS)
                            .map(|n| {
                                let theta = 0.5 + 0.25 * n as f64;
                                let v = &mut potentials[layer][n];
                                *v += constant[n] + arriving[n];
                                let sent = if *v + initial * theta >= theta {
                                    theta
                                } else if signed && -*v + initial * theta >= theta {
                                    -theta
                                } else {
                                    0.0
                                };
                                *v -= sent;
                                spikes += u64::from(sent != 0.0);
                                sent
                            })
                            .collect()
                    },
                    |arriving| arriving,
                );
                prop_assert_eq!(space.output(), &expected[..]);
                let counted: u64 = space.counts.iter().map(|counts| counts.spikes).sum();
                prop_assert_eq!(counted, spikes);
                space.counts.fill(Counts::default());
            }
        }
    }

    #[test]
    fn lif_networks_equal_their_twins(seed: u64, steps in 1usize..60, synapse: bool, keep: bool) {
        let numbers = &mut Numbers(seed);
        let plan = Plan::new(numbers, steps);
        let membrane = LeakyMembrane::new(0.001, 0.02, 0.002);
        let tau = 3.0;
        let filter = synapse.then(|| AlphaSynapse::new(tau));
        let neuron = Neuron::Lif(Lif {
            presentation: plan.presentation,
            membrane,
            gain: vec![3.0],
            offset: 0.5,
            worth: vec![2.0],
            synapse: filter,
            keep,
        });
        let network = plan.network(&neuron, filter, keep);
        let images: Vec<_> = (0..3).map(|_| quarters(numbers, INPUTS)).collect();
        for engine in ENGINES {
            let mut space = Workspace::new(&network);
            let mut states = [MembraneState::default(); 2 * NEURONS];
            let mut filters = [const { Vec::new() }; 3];
            for image in &images {
                space.run(&network, engine, image);
                if !keep {
                    states.fill(MembraneState::default());
                    filters = Default::default();
                }
                let [.., last] = &mut filters.clone();
                let mut inner = filters.clone();
                let expected = plan.run(
                    image,
                    |layer, constant, arriving| {
                        let arriving = if synapse { convolve(&mut inner[layer], arriving, tau) } else { arriving.to_vec() };
                        (0..NEURONS)
                            .map(|n| {
                                let current = 3.0 * (constant[n] + arriving[n]) + 0.5;
                                let spikes = membrane.advance(&mut states[layer * NEURONS + n], current, 1.0);
                                if spikes { 2.0 } else { 0.0 }
                            })
                            .collect()
                    },
                    |arriving| if synapse { convolve(last, &arriving, tau) } else { arriving },
                );
                for (found, expected) in space.output().iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-9, "{} is not {}", found, expected);
                }
                let [.., kept] = &mut filters;
                kept.clone_from(last);
                filters[..2].clone_from_slice(&inner[..2]);
            }
        }
    }

    /// What is exact does not depend on where steps begin, as long as there is at most one spike in each.
    #[test]
    fn a_step_of_a_membrane_is_two_half_steps(seed: u64, tau_ref in 0.001f64..0.004) {
        let numbers = &mut Numbers(seed);
        let (dt, tau_rc) = (0.001, 0.02);
        let whole = LeakyMembrane::new(dt, tau_rc, tau_ref);
        let half = LeakyMembrane::new(dt / 2.0, tau_rc, tau_ref);
        let (mut a, mut b) = (MembraneState::default(), MembraneState::default());
        for _ in 0..200 {
            let current = 4.0 * numbers.real() + 1.0;
            let spikes = whole.advance(&mut a, current, 1.0);
            let first = half.advance(&mut b, current, 1.0);
            let second = half.advance(&mut b, current, 1.0);
            prop_assert_eq!(spikes, first || second);
            prop_assert!((a.potential - b.potential).abs() < 1e-9);
            prop_assert!((a.refractory - b.refractory).abs() < 1e-9);
        }
    }

    #[test]
    fn a_constant_current_gives_the_rate_of_the_response_curve(current in 1.01f64..20.0, tau_ref in 0.001f64..0.005) {
        let (dt, tau_rc) = (0.001, 0.02);
        let membrane = LeakyMembrane::new(dt, tau_rc, tau_ref);
        let mut state = MembraneState::default();
        let steps = 20_000;
        let spikes = (0..steps).filter(|_| membrane.advance(&mut state, current, 1.0)).count();
        let rate = 1.0 / (tau_ref + tau_rc * (1.0 / (current - 1.0)).ln_1p());
        // A spike more or less, since the last period is not whole.
        let expected: f64 = rate * f64::from(steps) * dt;
        prop_assert!((spikes as f64 - expected).abs() <= 1.01, "{} spikes, not {}", spikes, expected);
    }

    #[test]
    fn pooling_neurons_have_always_sent_what_their_leader_has(
        seed: u64,
        steps in prop_oneof![1usize..20, 60usize..140],
        minimum: bool,
        signed: bool,
    ) {
        let numbers = &mut Numbers(seed);
        let [image, pooled] = POOLED;
        let network = pooled_network(steps, minimum, signed);
        let pixels = quarters(numbers, image.len());
        let mut sent = Vec::new();
        for engine in ENGINES {
            let mut space = Workspace::new(&network);
            space.run(&network, engine, &pixels);
            let mut sums = [vec![0.0; image.len()], vec![0.0; pooled.len()]];
            for step in 0..steps {
                for (sum, signal) in sums.iter_mut().zip(&space.signals[1..3]) {
                    for (key, value) in spikes_in(signal, step) {
                        sum[key as usize] += value;
                    }
                }
                for key in 0..pooled.len() {
                    let (y, x, channel) = (key / 6, key / 2 % 3, key % 2);
                    let window = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| sums[0][((y + dy) * 4 + x + dx) * 2 + channel]);
                    let leader = window.into_iter().reduce(|a, b| if minimum && channel == 1 { a.min(b) } else { a.max(b) });
                    prop_assert_eq!(Some(sums[1][key]), leader);
                }
            }
            sent.push(space.output().to_vec());
        }
        prop_assert_eq!(&sent[0], &sent[1]);
    }
}

/// Spikes are counted in 16 bits where that is enough: neurons that spike in every step reach the largest number, and one
/// beyond.
#[test]
fn poolings_of_very_many_steps_are_right() {
    let [image, pooled] = POOLED;
    // Two pixels are brighter than the others; seven of nine windows have one.
    let bright = |pixel: usize| [5, 10].contains(&pixel);
    let pixels: Vec<f64> = (0..image.len()).map(|key| if bright(key / 2) { 1.0 } else { 0.25 }).collect();
    for steps in [32_767, 32_768, 40_000] {
        let network = pooled_network(steps, false, false);
        for engine in ENGINES {
            let mut space = Workspace::new(&network);
            space.run(&network, engine, &pixels);
            let dim = |threshold: f64| (0.5 * threshold + 0.25 * steps as f64).div_euclid(threshold) * threshold;
            for (key, &mean) in space.output().iter().enumerate() {
                let threshold = [1.0, 0.75][key % 2];
                let leader = if [2, 6].contains(&(key / 2)) { dim(threshold) } else { steps as f64 * threshold };
                assert_eq!(mean, leader / steps as f64, "{steps} steps, {engine:?}, pooling neuron {key}");
            }
        }
        assert_eq!(network.outputs(), pooled.len());
    }
}

/// What arrives over alpha synapses: the definition, an integral of `h(t) = t / tau^2 e^(-t/tau)` over each step before.
fn convolve(history: &mut Vec<Vec<f64>>, arriving: &[f64], tau: f64) -> Vec<f64> {
    history.push(arriving.to_vec());
    let integral = |t: f64| 1.0 - (1.0 + t / tau) * (-t / tau).exp();
    let mut sum = vec![0.0; arriving.len()];
    for (age, values) in history.iter().rev().enumerate() {
        let weight = integral(age as f64 + 1.0) - integral(age as f64);
        sum.iter_mut().zip(values).for_each(|(sum, x)| *sum += weight * x);
    }
    sum
}

#[test]
fn a_sequence_goes_on_where_the_run_before_has_ended() {
    let numbers = &mut Numbers(3);
    let plan = Plan::new(numbers, 9);
    let neuron = integrate_and_fire(&plan, 0.5, false, true);
    let runner = Runner::new(plan.network(&neuron, None, true));
    let images = quarters(numbers, 6 * INPUTS);
    let run = |images: &[f64], sequence: &Sequence<f64>| {
        let request = request(Engine::Layered, images, images.len() / INPUTS);
        runner.run_on(&request, sequence).unwrap().outputs
    };
    let all = run(&images, &Sequence::default());
    assert_eq!(run(&images, &Sequence::default()), all, "a sequence begins at rest");
    let (first, rest) = images.split_at(2 * INPUTS);
    let sequence = Sequence::default();
    assert_eq!([run(first, &sequence), run(rest, &sequence)].concat(), all);
    assert_ne!(run(rest, &Sequence::default()), all[6..]);
}

/// Traces of one neuron in several simulators, and the exact solution: tau 2.5 ms, threshold 0.1, no refractory time.
#[test]
fn a_membrane_follows_the_exact_traces() {
    let Some(folder) =
        std::env::var_os("FIRSTSPIKE_DATA").map(|data| std::path::PathBuf::from(data).join("nir/01_lif"))
    else {
        eprintln!("skipped: FIRSTSPIKE_DATA is not set");
        return;
    };
    let read = |name: &str| -> Vec<[f64; 3]> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let row = |line: &str| {
            let mut columns = line.split(',').map(|x| x.trim().parse().unwrap());
            std::array::from_fn(|_| columns.next().unwrap())
        };
        text.lines().map(row).collect()
    };
    let exact = read("lif_exact.csv");
    let membrane = LeakyMembrane::new(1e-4, 2.5e-3, 0.0);
    let mut state = MembraneState::default();
    let mut largest: f64 = 0.0;
    for &[input, potential, spike] in &exact {
        assert_eq!(membrane.advance(&mut state, input, 0.1), spike != 0.0);
        largest = largest.max((state.potential - potential).abs());
    }
    // Simulators differ in when a spike that comes within a step takes effect, and in the scale of their inputs.
    let steps = |trace: &[[f64; 3]]| -> Vec<usize> { (0..trace.len()).filter(|&i| trace[i][2] != 0.0).collect() };
    let expected = steps(&exact);
    for simulator in ["norse", "nengo", "sinabs", "snntorch", "spyx", "rockpool", "spinnaker2", "lava_cpu_float"] {
        let found = steps(&read(&format!("lif_{simulator}.csv")));
        assert_eq!(found.len(), expected.len(), "{simulator}");
        assert!(found.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 10), "{simulator}: {found:?}");
    }
    assert!(largest < 1e-8, "{largest:e}");
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let plan = Plan::new(&mut Numbers(1), 4);
    let refusal = |neuron: Neuron<f64>| {
        let projection = dense(0, vector(INPUTS), NEURONS, &plan.weights[0]);
        let layer = neurons("layer", vector(NEURONS), vec![projection], &plan.bias[0], neuron);
        Network::new(vec![input(vector(INPUTS), None), layer], Level::best()).unwrap_err().to_string()
    };
    let Neuron::IntegrateAndFire(model) = integrate_and_fire(&plan, 0.5, false, false) else { unreachable!() };
    let faulty = |change: fn(&mut IntegrateAndFire<f64>)| {
        let mut model = model.clone();
        change(&mut model);
        refusal(Neuron::IntegrateAndFire(model))
    };
    assert!(faulty(|model| model.initial = 1.0).contains("an initial potential of 1.0 thresholds"));
    assert!(faulty(|model| model.threshold[2] = 0.0).contains("a threshold of 0.0"));
    assert!(faulty(|model| model.threshold.truncate(2)).contains("2 thresholds for 6 channels"));
    assert!(faulty(|model| model.presentation.from = 4).contains("an average over steps 4 to 4"));
    let lif = Lif {
        presentation: plan.presentation,
        membrane: LeakyMembrane::new(0.001, 0.02, 0.002),
        gain: vec![1.0],
        offset: 0.5,
        worth: vec![1.0],
        synapse: None,
        keep: false,
    };
    let faulty = |change: fn(&mut Lif<f64>)| {
        let mut lif = lif.clone();
        change(&mut lif);
        refusal(Neuron::Lif(lif))
    };
    assert!(faulty(|lif| lif.membrane = LeakyMembrane::new(0.001, 0.0, 0.002)).contains("tau_rc 0.0"));
    assert!(faulty(|lif| lif.membrane = LeakyMembrane::new(0.001, 0.02, -1.0)).contains("tau_ref -1.0"));
    assert!(faulty(|lif| lif.offset = f64::NAN).contains("an offset of NaN"));
    assert!(faulty(|lif| lif.gain = vec![f64::INFINITY]).contains("a gain of inf"));
    assert!(faulty(|lif| lif.synapse = Some(AlphaSynapse::new(0.0))).contains("time constant is not positive"));
}
