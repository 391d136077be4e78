//! Synapses on every path, at every level and in both precisions, against loops over their definition.

mod common;

use common::*;
use firstspike_core::*;
use proptest::prelude::*;

const DATA_TYPES: [DataType; 6] =
    [DataType::Float32, DataType::Float64, DataType::Float16, DataType::BFloat16, DataType::Int8, DataType::UInt8];

/// Channels below, at and above the widths of all registers.
const WIDTHS: [usize; 16] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 67];

/// Any window over any image of one channel; the output has any size, so that the last windows may overhang.
fn geometries() -> impl Strategy<Value = Geometry> {
    let pair = |range: std::ops::Range<usize>| [range.clone(), range];
    (pair(1..10), pair(1..6), pair(1..5), pair(1..3), pair(1..3), [-2isize..3, -2isize..3]).prop_map(
        |(input, output, kernel, stride, dilation, pad)| Geometry {
            input: Shape::new(input[0], input[1], 1),
            output: Shape::new(output[0], output[1], 1),
            kernel,
            stride,
            dilation,
            pad,
        },
    )
}

fn with_channels(geometry: &Geometry, inputs: usize, outputs: usize) -> Geometry {
    let channels = |shape: Shape, channels: usize| Shape { channels, ..shape };
    let (input, output) = (channels(geometry.input, inputs), channels(geometry.output, outputs));
    Geometry { input, output, ..geometry.clone() }
}

/// Random weights of any type, with scales or without.
fn stored(numbers: &mut Numbers, count: usize, inputs: usize, outputs: usize) -> Stored {
    let mut weights = Stored::new(numbers.pick(&DATA_TYPES), &numbers.reals(count));
    weights.input_scale = numbers.coin().then(|| numbers.reals(inputs));
    weights.output_scale = numbers.coin().then(|| numbers.reals(outputs));
    weights
}

fn convolution(geometry: Geometry, groups: usize, numbers: &mut Numbers) -> Wiring {
    let (inputs, outputs) = (geometry.input.channels, geometry.output.channels);
    let count = inputs / groups * outputs * geometry.kernel[0] * geometry.kernel[1];
    let weights = stored(numbers, count, inputs, outputs);
    Wiring { pool: None, kind: Kind::Conv2d { geometry, groups }, weights }
}

fn matrix(input: Shape, outputs: usize, numbers: &mut Numbers) -> Wiring {
    let inputs = input.len();
    let order = numbers.coin().then(|| numbers.permutation(inputs));
    let weights = stored(numbers, inputs * outputs, inputs, outputs);
    Wiring { pool: None, kind: Kind::Dense { input, outputs, order, transposed: numbers.coin() }, weights }
}

/// Where minimal filtering may be used: what an error is bound by is the largest that any output could be.
fn tiles<T: Float>(wiring: &Wiring, edges: &[Edge], image: &[f32]) -> Option<f64> {
    let Kind::Conv2d { geometry, groups: 1 } = &wiring.kind else { return None };
    let suits = (geometry.kernel, geometry.stride, geometry.dilation) == ([3, 3], [1, 1], [1, 1]);
    let weight = edges.iter().map(|edge| edge.weight.abs()).fold(0.0, f64::max);
    let value = image.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
    let terms =
        if wiring.pool.is_some() { wiring.projection::<T>(0).input().len() } else { 9 * geometry.input.channels };
    (suits && size_of::<T>() == size_of::<f32>()).then_some(16.0 * terms as f64 * weight * value)
}

/// Runs an image through a projection on all paths and at all levels. `bound` is that of the SIMD crate, for the
/// terms of a target and the few roundings of weights, shares and pooled values.
fn check<T: Float>(wiring: &Wiring, image: &[f32]) {
    let projection = wiring.projection::<T>(0);
    let (from, outputs) = (projection.input(), projection.outputs());
    let (mut exact, mut magnitude, mut terms) = (vec![0.0; outputs], vec![0.0; outputs], vec![4.0; outputs]);
    let edges = wiring.edges();
    for edge in &edges {
        let term = edge.weight * f64::from(image[edge.from]);
        exact[edge.to] += term;
        magnitude[edge.to] += term.abs();
        terms[edge.to] += 1.0;
    }
    let tiles = tiles::<T>(wiring, &edges, image);
    let mut pairs: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let events = pairs.iter().filter(|&&(from, _)| image[from] != 0.0).count() as u64;

    for level in available_levels() {
        for encoder in [None, Some(plain())] {
            let to = Shape::new(1, 1, outputs);
            let readout =
                neurons("readout", to, vec![projection.clone()], &vec![0.0; outputs], Neuron::Analog(READOUT));
            let spiking = encoder.is_some();
            let network = Network::new(vec![input(from, encoder), readout], level).unwrap();
            assert_eq!(network.connections().collect::<Vec<_>>(), [0, pairs.len() as u64]);
            for engine in ENGINES {
                let mut space = Workspace::new(&network);
                space.run(&network, engine, image);
                for (o, got) in space.output().iter().enumerate() {
                    let bound = T::EPSILON * tiles.unwrap_or(terms[o] * magnitude[o]);
                    assert!(
                        (got.to_f64() - exact[o]).abs() <= bound,
                        "{level}, {engine:?}, spiking {spiking}: {got:?} at {o} is not {} within {bound}",
                        exact[o]
                    );
                }
                assert_eq!(space.counts[1].synaptic_events, if spiking { events } else { 0 }, "{engine:?}");
            }
        }
    }
}

fn check_both(wiring: &Wiring, numbers: &mut Numbers) {
    let inputs = wiring.projection::<f64>(0).input().len();
    let image = numbers.image(inputs);
    check::<f32>(wiring, &image);
    check::<f64>(wiring, &image);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn convolutions_equal_their_definition(
        geometry in geometries(),
        groups in 1usize..4,
        group_in in 1usize..5,
        group_out in prop::sample::select(&WIDTHS[..]),
        seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let geometry = with_channels(&geometry, groups * group_in, groups * group_out);
        check_both(&convolution(geometry, groups, numbers), numbers);
    }

    #[test]
    fn depthwise_convolutions_equal_their_definition(
        geometry in geometries(),
        channels in prop::sample::select(&WIDTHS[..]),
        multiplier in 1usize..4,
        seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let geometry = with_channels(&geometry, channels, channels * multiplier);
        check_both(&convolution(geometry, channels, numbers), numbers);
    }

    #[test]
    fn dense_layers_equal_their_definition(
        (height, width, channels) in (1usize..5, 1usize..5, 1usize..9),
        outputs in prop::sample::select(&WIDTHS[..]),
        seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        check_both(&matrix(Shape::new(height, width, channels), outputs, numbers), numbers);
    }

    #[test]
    fn average_pooling_before_synapses_equals_its_definition(
        pool in geometries(),
        counted in [0usize..3, 0usize..3, 0usize..3, 0usize..3],
        after in geometries(),
        channels in 1usize..6,
        outputs in prop::sample::select(&WIDTHS[..10]),
        seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let pool = with_channels(&pool, channels, channels);
        let after = Geometry { input: pool.output, ..with_channels(&after, channels, outputs) };
        let nothing = Stored::new(DataType::Float64, &[]);
        for wiring in [
            convolution(after, 1, numbers),
            matrix(pool.output, outputs, numbers),
            Wiring { pool: None, kind: Kind::Identity(pool.output), weights: nothing },
        ] {
            check_both(&Wiring { pool: Some((pool.clone(), counted)), ..wiring }, numbers);
        }
    }

    #[test]
    fn max_pooling_equals_its_definition(
        geometry in geometries(),
        channels in prop::sample::select(&WIDTHS[..8]),
        seed: u64,
    ) {
        let numbers = &mut Numbers(seed);
        let geometry = with_channels(&geometry, channels, channels);
        let (from, to) = (geometry.input, geometry.output);
        let minimum: Vec<bool> = (0..channels).map(|_| numbers.coin()).collect();
        let image = numbers.image(from.len());

        let mut exact = vec![None; to.len()];
        for Tap { window, pixel, .. } in taps(&geometry) {
            for channel in 0..channels {
                let x = image[pixel * channels + channel];
                let best: &mut Option<f32> = &mut exact[window * channels + channel];
                *best = Some(best.map_or(x, |best| if minimum[channel] { best.min(x) } else { best.max(x) }));
            }
        }
        let pool = MaxPool::new(geometry, Some(minimum));
        let Some(exact) = exact.into_iter().collect::<Option<Vec<f32>>>() else {
            prop_assert!(pool.is_err(), "a window without taps has no maximum");
            return Ok(());
        };
        for encoder in [None, Some(plain::<f32>())] {
            let pooling = population("pool", to, Stage::MaxPool { source: 0, pool: pool.clone().unwrap() });
            let same = Projection::new(1, None, Synapse::Identity(to)).unwrap();
            let readout = neurons("readout", to, vec![same], &vec![0.0; channels], Neuron::Analog(READOUT));
            let spiking = encoder.is_some();
            let network = Network::new(vec![input(from, encoder), pooling, readout], Level::best()).unwrap();
            for engine in ENGINES {
                let mut space = Workspace::new(&network);
                space.run(&network, engine, &image);
                prop_assert_eq!(space.output(), &exact[..], "{:?}, spiking {}", engine, spiking);
                let spikes = if spiking { exact.iter().filter(|&&x| x != 0.0).count() as u64 } else { 0 };
                prop_assert_eq!((space.counts[1].spikes, space.counts[2].synaptic_events), (spikes, spikes));
            }
        }
    }
}
