//! The equations of TTFS neurons on networks that are small enough for pen and paper.

mod common;

use common::*;
use firstspike_core::*;
use proptest::prelude::*;

fn vector(n: usize) -> Shape {
    Shape::new(1, 1, n)
}

fn ttfs(window: f64) -> Ttfs<f64> {
    Ttfs { window, signed: false, saturate: false, bounded: false }
}

/// An input, one population of the neurons in question, and a readout of weight 1.
fn network(encoder: Encoder<f64>, inputs: usize, weights: &[f64], bias: &[f64], neuron: Ttfs<f64>) -> Network<f64> {
    let n = bias.len();
    let readout = Projection::new(1, None, Synapse::Identity(vector(n))).unwrap();
    Network::new(
        vec![
            input(vector(inputs), Some(encoder)),
            neurons("ttfs", vector(n), vec![dense(0, vector(inputs), n, weights)], bias, Neuron::Ttfs(neuron)),
            neurons("readout", vector(n), vec![readout], &vec![0.0; n], Neuron::Analog(READOUT)),
        ],
        Level::best(),
    )
    .unwrap()
}

/// Runs an image under both engines, which must give the same trains, counts and outputs.
fn run(network: Network<f64>, image: &[f64]) -> Outcome<f64> {
    let runner = Runner::new(network);
    let [event, layered] =
        ENGINES.map(|engine| runner.run(&Request { record: ALL_SPIKES, ..request(engine, image, 1) }).unwrap());
    assert_eq!(event.trains, layered.trains);
    assert_eq!(event.outputs, layered.outputs);
    for (event, layered) in event.counts.iter().zip(&layered.counts) {
        assert_eq!(Counts { operations: layered.operations, dense: layered.dense, ..*event }, *layered);
    }
    layered
}

/// Neurons and times of a population's spikes.
fn spikes(outcome: &Outcome<f64>, population: usize) -> Vec<(u32, f64)> {
    let train = &outcome.trains[population];
    train.neurons.iter().copied().zip(train.times.iter().copied()).collect()
}

#[test]
fn a_neuron_spikes_at_its_threshold_less_its_weighted_inputs() {
    // V = 2 * 0.5 - 0.25 = 0.75 at t_min, theta = 3 - 0.5: the potential crosses it after 2.5 - 0.75.
    let outcome = run(network(plain(), 2, &[2.0, -1.0], &[0.5], ttfs(3.0)), &[0.5, 0.25]);
    assert_eq!(spikes(&outcome, 0), [(0, 0.5), (1, 0.75)]);
    assert_eq!(spikes(&outcome, 1), [(0, 1.75)]);
    assert_eq!(outcome.outputs, [1.25]);
}

#[test]
fn the_larger_the_value_the_earlier_the_spike() {
    let outcome = run(network(plain(), 1, &[1.0, 2.0, 3.0], &[0.0; 3], ttfs(4.0)), &[1.0]);
    assert_eq!(spikes(&outcome, 1), [(0, 3.0), (1, 2.0), (2, 1.0)]);
}

#[test]
fn inputs_that_arrive_late_count_before_a_neuron_may_spike() {
    // The early input alone drives the potential far over the threshold; the late one takes it all back.
    let outcome = run(network(plain(), 2, &[8.0, -16.0], &[0.0], ttfs(1.0)), &[1.0, 0.5]);
    assert_eq!(spikes(&outcome, 1), []);
    assert_eq!(outcome.counts[1].saturated, 0);
}

#[test]
fn a_crossing_at_the_end_of_the_window_is_silent() {
    let little = 0.5f64.powi(40);
    let outcome = run(network(plain(), 1, &[1.0, 1.0, 1.0], &[-0.5, little - 0.5, -0.75], ttfs(2.0)), &[0.5]);
    assert_eq!(spikes(&outcome, 1), [(1, 2.0 - little)]);
    assert_eq!(outcome.counts[1].updates, 3);
}

#[test]
fn silent_neurons_send_nothing() {
    let outcome = run(network(plain(), 1, &[1.0, -1.0], &[0.0, 0.5], ttfs(2.0)), &[0.5]);
    assert_eq!(spikes(&outcome, 1), [(0, 1.5)]);
    assert_eq!((outcome.counts[1].synaptic_events, outcome.counts[2].synaptic_events), (2, 1));
    assert_eq!(outcome.neuron_spikes, [vec![1], vec![1, 0], vec![0, 0]]);
    assert_eq!(outcome.outputs, [0.5, 0.0]);
}

#[test]
fn a_bias_alone_makes_a_neuron_spike() {
    let outcome = run(network(plain(), 1, &[1.0], &[0.25], ttfs(2.0)), &[0.0]);
    assert_eq!(spikes(&outcome, 0), []);
    assert_eq!(spikes(&outcome, 1), [(0, 1.75)]);
    assert_eq!(outcome.counts[1].synaptic_events, 0);
}

#[test]
fn inputs_spike_within_the_calibrated_range_and_the_lowest_is_silent() {
    // p = -1, q = 3: x' = x / 4 + 1 / 4.
    let outcome = run(network(encoder(0.25, 0.25, false), 4, &[0.0; 4], &[0.0], ttfs(1.0)), &[-1.0, 0.0, 1.0, 3.0]);
    assert_eq!(spikes(&outcome, 0), [(1, 0.75), (2, 0.5), (3, 0.0)]);
    assert_eq!((outcome.counts[0].spikes, outcome.counts[0].saturated), (3, 0));
}

#[test]
fn inputs_outside_the_calibrated_range_are_counted_and_clipped_only_if_asked_for() {
    for (saturate, times, saturated, output) in
        [(false, vec![(0, 1.5), (1, -1.0)], 2, 1.5), (true, vec![(1, 0.0)], 1, 1.0)]
    {
        let outcome = run(network(encoder(1.0, 0.0, saturate), 2, &[1.0, 1.0], &[0.0], ttfs(4.0)), &[-0.5, 2.0]);
        assert_eq!(spikes(&outcome, 0), times);
        assert_eq!(outcome.counts[0].saturated, saturated);
        assert_eq!(outcome.outputs, [output]);
    }
}

#[test]
fn values_beyond_the_window_are_counted_and_clipped_only_if_asked_for() {
    // The second neuron's value is the window: it spikes as the window begins, which is in time.
    for (saturate, first, output) in [(false, -2.0, 5.0), (true, 0.0, 3.0)] {
        let neuron = Ttfs { saturate, ..ttfs(3.0) };
        let outcome = run(network(plain(), 1, &[5.0, 3.0, 2.0], &[0.0; 3], neuron), &[1.0]);
        assert_eq!(spikes(&outcome, 1), [(0, first), (1, 0.0), (2, 1.0)]);
        assert_eq!((outcome.counts[1].spikes, outcome.counts[1].saturated), (3, 1));
        assert_eq!(outcome.outputs, [output, 3.0, 2.0]);
    }
}

#[test]
fn a_relay_of_signed_values_spikes_for_both_signs() {
    for (saturate, last) in [(false, -1.0), (true, 0.0)] {
        let neuron = Ttfs { window: 2.0, signed: true, saturate, bounded: false };
        let outcome = run(network(plain(), 1, &[1.0, -1.0, 0.5, -3.0], &[0.0, 0.0, -0.5, 0.0], neuron), &[1.0]);
        assert_eq!(spikes(&outcome, 1), [(0, 1.0), (1, 1.0), (3, last)]);
        assert_eq!(outcome.counts[1].saturated, 1);
        assert_eq!(outcome.outputs, [1.0, -1.0, 0.0, last - 2.0]);
    }
}

#[test]
fn neurons_have_the_bias_of_their_pixels_class() {
    let shape = Shape::new(1, 3, 2);
    let same = |source| vec![Projection::new(source, None, Synapse::Identity(shape)).unwrap()];
    let bias = Bias { values: vec![0.25, 0.5, 1.0, 0.0], classes: vec![0, 1, 0] };
    let populations = vec![
        input(shape, Some(plain())),
        population("ttfs", shape, Stage::Neurons { projections: same(0), bias, neuron: Neuron::Ttfs(ttfs(2.0)) }),
        neurons("readout", shape, same(1), &[0.0; 2], Neuron::Analog(READOUT)),
    ];
    let outcome = run(Network::new(populations, Level::best()).unwrap(), &[0.0; 6]);
    assert_eq!(spikes(&outcome, 1), [(0, 1.75), (1, 1.5), (2, 1.0), (4, 1.75), (5, 1.5)]);
}

/// Pools two rows of two pixels, column by column. Of the two channels the second takes the minimum.
fn pooled(pixels: [[f64; 2]; 4], signed: bool) -> Outcome<f64> {
    let from = Shape::new(2, 2, 2);
    let geometry = Geometry {
        input: from,
        output: Shape::new(1, 2, 2),
        kernel: [2, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
    };
    let to = geometry.output;
    let same = |source, shape| Projection::new(source, None, Synapse::Identity(shape)).unwrap();
    let neuron = Neuron::Ttfs(Ttfs { signed, ..ttfs(4.0) });
    let populations = vec![
        input(from, Some(plain())),
        neurons("relay", from, vec![same(0, from)], &[0.0; 2], neuron),
        population(
            "pool",
            to,
            Stage::MaxPool { source: 1, pool: MaxPool::new(geometry, Some(vec![false, true])).unwrap() },
        ),
        neurons("readout", to, vec![same(2, to)], &[0.0; 2], Neuron::Analog(READOUT)),
    ];
    run(Network::new(populations, Level::best()).unwrap(), pixels.as_flattened())
}

#[test]
fn pooling_passes_on_the_first_spike_and_for_a_minimum_the_last_if_all_have_spiked() {
    let outcome = pooled([[1.0, 1.0], [0.0, 2.0], [3.0, 2.0], [0.5, 0.0]], false);
    assert_eq!(spikes(&outcome, 2), [(0, 1.0), (1, 3.0), (2, 3.5)]);
    assert_eq!(outcome.outputs, [3.0, 1.0, 0.5, 0.0]);
    assert_eq!((outcome.counts[2].updates, outcome.counts[2].synaptic_events), (0, 0));
}

#[test]
fn pooling_of_signed_values_knows_that_silence_is_zero() {
    let outcome = pooled([[-1.0, -1.0], [-2.0, 2.0], [-3.0, -2.0], [0.0, 1.0]], true);
    assert_eq!(spikes(&outcome, 2), [(0, 3.0), (1, 2.0), (3, 3.0)]);
    assert_eq!(outcome.outputs, [-1.0, -2.0, 0.0, 1.0]);
}

#[test]
fn concatenated_spikes_are_delayed_so_that_their_windows_end_together() {
    let hidden = neurons(
        "hidden",
        vector(1),
        vec![dense(0, vector(2), 1, &[-1.0, -1.0])],
        &[0.0],
        Neuron::Ttfs(Ttfs { signed: true, ..ttfs(4.0) }),
    );
    let readout = dense(2, vector(3), 1, &[1.0, 10.0, 100.0]);
    let populations = vec![
        input(vector(2), Some(plain())),
        hidden,
        population("concat", vector(3), Stage::Concat { sources: vec![1, 0] }),
        neurons("readout", vector(1), vec![readout], &[0.0], Neuron::Analog(READOUT)),
    ];
    let outcome = run(Network::new(populations, Level::best()).unwrap(), &[0.25, 1.0]);
    assert_eq!(spikes(&outcome, 0), [(0, 0.75), (1, 0.0)]);
    assert_eq!(spikes(&outcome, 2), [(0, 2.75), (1, 3.75), (2, 3.0)]);
    assert_eq!(outcome.outputs, [-1.25 + 2.5 + 100.0]);
}

proptest! {
    /// Equation 7 with the threshold of equation 18, in absolute times: inputs in [0, 1], t_min = 1.
    #[test]
    fn spike_times_are_those_of_the_paper(
        image in prop::collection::vec(0.0f64..1.0, 3),
        weights in prop::collection::vec(-2.0f64..2.0, 3),
        bias in -1.0f64..1.0,
        window in 0.5f64..8.0,
    ) {
        let (t_min, t_max) = (1.0, 1.0 + window);
        let theta = t_max - t_min - bias;
        let driven: f64 = weights.iter().zip(&image).map(|(w, x)| w * ((1.0 - x) - t_min)).sum();
        let t = driven + theta + t_min;
        prop_assume!((t - t_max).abs() > 1e-9 && (t - t_min).abs() > 1e-9);

        let network = network(plain(), 3, &weights, &[bias], ttfs(window));
        for engine in ENGINES {
            let mut space = Workspace::new(&network);
            space.run(&network, engine, &image);
            let x = space.output()[0];
            prop_assert!((x - (t_max - t.min(t_max))).abs() < 1e-12, "{:?}: {} for {}", engine, x, t);
            prop_assert_eq!(space.counts[1].spikes, u64::from(t < t_max));
            prop_assert_eq!(space.counts[1].saturated, u64::from(t < t_min));
        }
    }
}
