//! Runs and calibration over many images.

mod common;

use common::*;
use firstspike_core::*;
use rayon::ThreadPoolBuilder;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const PIXELS: Shape = Shape { height: 2, width: 2, channels: 2 };
const HIDDEN: Shape = Shape { height: 1, width: 1, channels: 5 };

/// Input, hidden neurons and a readout. Spiking neurons hand on half of what the original ones do.
fn network<T: Real>(spiking: bool) -> Network<T> {
    let numbers = &mut Numbers(7);
    let mut hidden = neurons(
        "hidden",
        HIDDEN,
        vec![dense(0, PIXELS, 5, &numbers.reals(40))],
        &numbers.reals(5),
        if spiking {
            Neuron::Ttfs(Ttfs { window: T::from_f64(0.5), signed: false, saturate: true, bounded: false })
        } else {
            Neuron::Analog(Activation::Relu)
        },
    );
    if spiking {
        hidden.decode = Decode { scale: vec![T::from_f64(2.0)], shift: T::from_f64(-0.25) };
    }
    let readout = dense(1, HIDDEN, 3, &numbers.reals(15));
    let populations = vec![
        input(PIXELS, spiking.then(plain)),
        hidden,
        neurons("readout", Shape::new(1, 1, 3), vec![readout], &numbers.reals(3), Neuron::Analog(READOUT)),
    ];
    Network::new(populations, Level::best()).unwrap()
}

fn images(count: usize) -> Vec<f32> {
    Numbers(count as u64).image(count * PIXELS.len())
}

fn request<'a>(images: &'a [f32], raised: &'a AtomicBool, progress: &'a AtomicUsize) -> Request<'a, f64, f32> {
    let plain = common::request(Engine::Layered, images, images.len() / PIXELS.len());
    Request { record: ALL_SPIKES, cancel: raised, progress, ..plain }
}

fn run(runner: &Runner<f64>, reference: Option<&Runner<f64>>, engine: Engine, images: &[f32]) -> Outcome<f64> {
    let (cancel, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
    let request = Request { reference, engine, ..request(images, &cancel, &progress) };
    let outcome = runner.run(&request).unwrap();
    assert_eq!(progress.load(Ordering::Relaxed), request.count);
    outcome
}

/// Everything but the time taken, for comparison.
fn text(outcome: Outcome<f64>) -> String {
    format!("{:?}", Outcome { elapsed: Duration::ZERO, ..outcome })
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn outcomes_do_not_depend_on_the_number_of_threads() {
    let (runner, reference, images) = (Runner::new(network(true)), Runner::new(network(false)), images(23));
    for engine in ENGINES {
        let [one, two, five] =
            [1, 2, 5].map(|threads| on_threads(threads, || text(run(&runner, Some(&reference), engine, &images))));
        assert_eq!(one, two);
        assert_eq!(one, five);
    }
}

#[test]
fn a_batch_is_its_images_one_after_another() {
    let (runner, reference, images) = (Runner::new(network(true)), Runner::new(network(false)), images(9));
    for engine in ENGINES {
        let batch = run(&runner, Some(&reference), engine, &images);
        let mut expected = run(&runner, Some(&reference), engine, &[]);
        for image in images.chunks(PIXELS.len()) {
            // Memory that other images have used must make no difference.
            let alone = run(&Runner::new(network(true)), Some(&Runner::new(network(false))), engine, image);
            expected.outputs.extend(alone.outputs);
            expected.reference_outputs.extend(alone.reference_outputs);
            expected.image_spikes.push(alone.counts.iter().map(|counts| counts.spikes as u32).sum());
            for (index, counts) in alone.counts.into_iter().enumerate() {
                expected.counts[index] += counts;
                let (sum, differences) = (&mut expected.differences[index], &alone.differences[index]);
                sum.max = sum.max.max(differences.max);
                sum.squares += differences.squares;
                sum.reference_squares += differences.reference_squares;
                sum.reference_active += differences.reference_active;
                for (sum, channel) in sum.channels.iter_mut().zip(&differences.channels) {
                    *sum += channel;
                }
                for (sum, active) in sum.active.iter_mut().zip(&differences.active) {
                    *sum += active;
                }
                let (train, own) = (&mut expected.trains[index], &alone.trains[index]);
                assert_eq!(own.offsets, [0, own.neurons.len() as u32]);
                train.neurons.extend(&own.neurons);
                train.times.extend(&own.times);
                train.offsets.push(train.neurons.len() as u32);
                for (sum, spikes) in expected.neuron_spikes[index].iter_mut().zip(&alone.neuron_spikes[index]) {
                    *sum += spikes;
                }
            }
        }
        assert_eq!(text(batch), text(expected));
    }
}

#[test]
fn records_agree_with_counts_and_come_only_if_asked_for() {
    let (runner, images) = (Runner::new(network(true)), images(9));
    let outcome = run(&runner, None, Engine::Layered, &images);
    assert!(outcome.counts[1].spikes > 0 && outcome.counts[1].saturated > 0);
    assert_eq!(outcome.counts[1].updates, 9 * HIDDEN.len() as u64);
    for ((counts, train), neurons) in outcome.counts.iter().zip(&outcome.trains).zip(&outcome.neuron_spikes) {
        assert_eq!(train.times.len() as u64, counts.spikes);
        assert_eq!(neurons.iter().map(|&spikes| u64::from(spikes)).sum::<u64>(), counts.spikes);
        assert_eq!(train.offsets.len(), 10);
        for image in train.offsets.windows(2) {
            assert!(train.neurons[image[0] as usize..image[1] as usize].is_sorted_by(|a, b| a < b));
        }
    }
    assert_eq!(outcome.trains[2].neurons, []);
    assert_eq!((outcome.differences.len(), outcome.reference_outputs.len()), (0, 0));

    let (cancel, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
    let bare = Request { record: Record::default(), ..request(&images, &cancel, &progress) };
    let bare = runner.run(&bare).unwrap();
    assert_eq!((bare.trains.len(), bare.neuron_spikes.len()), (0, 0));
    // Images of which nothing is recorded may be run at once: sums are rounded in another order then.
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-14;
    assert!(bare.outputs.iter().zip(&outcome.outputs).all(close), "{:?} {:?}", bare.outputs, outcome.outputs);
    let counted = |counts: &Counts| Counts { operations: 0, dense: 0, ..*counts };
    assert!(bare.counts.iter().map(counted).eq(outcome.counts.iter().map(counted)));
    assert_eq!(bare.image_spikes, outcome.image_spikes);
    let counts = bare.counts[1];
    assert_eq!(counts.memory_reads(), 2 * (counts.synaptic_events + counts.updates));
    assert_eq!(counts.memory_writes(), counts.synaptic_events + counts.updates);
}

#[test]
fn differences_are_those_of_decoded_values_from_the_reference() {
    let (runner, reference, images) = (Runner::new(network(true)), Runner::new(network(false)), images(6));
    let outcome = run(&runner, Some(&reference), Engine::Event, &images);
    let mut expected: Vec<Differences> =
        runner.network().populations().iter().map(|_| Differences::default()).collect();
    for (expected, population) in expected.iter_mut().zip(runner.network().populations()) {
        expected.channels.resize(population.shape.channels, Moments::default());
        expected.active.resize(population.shape.len(), 0);
    }
    let mut spaces = [Workspace::new(runner.network()), Workspace::new(reference.network())];
    for image in images.chunks(PIXELS.len()) {
        spaces[0].run(runner.network(), Engine::Event, image);
        spaces[1].run(reference.network(), Engine::Layered, image);
        for (index, (expected, population)) in expected.iter_mut().zip(runner.network().populations()).enumerate() {
            let [values, twins] = [0, 1].map(|side| spaces[side].signals[index].values(population.shape));
            for (neuron, (value, twin)) in values.into_iter().zip(twins).enumerate() {
                let decoded = if index == 1 { 2.0 * value - 0.25 } else { value };
                expected.max = expected.max.max((decoded - twin).abs());
                expected.squares += (decoded - twin).powi(2);
                expected.reference_squares += twin * twin;
                expected.reference_active += u64::from(twin != 0.0);
                expected.active[neuron] += u32::from(twin != 0.0);
                let channels = expected.channels.len();
                let channel = &mut expected.channels[neuron % channels];
                channel.values += decoded;
                channel.references += twin;
                channel.value_squares += decoded * decoded;
                channel.reference_squares += twin * twin;
                channel.products += decoded * twin;
                channel.squares += (decoded - twin).powi(2);
            }
        }
    }
    assert_eq!(outcome.differences[0].max, 0.0);
    assert!(outcome.differences[1].max > 0.0);
    for (got, expected) in outcome.differences.iter().zip(&expected) {
        assert_eq!((got.max, got.reference_active), (expected.max, expected.reference_active));
        assert_eq!(got.channels.len(), expected.channels.len());
        assert_eq!(got.active, expected.active);
        for (got, expected) in got.channels.iter().zip(&expected.channels) {
            let numbers =
                |m: &Moments| [m.values, m.references, m.value_squares, m.reference_squares, m.products, m.squares];
            for (got, expected) in numbers(got).into_iter().zip(numbers(expected)) {
                assert!((got - expected).abs() <= 1e-12 * expected.abs());
            }
        }
        assert!((got.squares - expected.squares).abs() <= 1e-12 * expected.squares);
        assert!((got.reference_squares - expected.reference_squares).abs() <= 1e-12 * expected.reference_squares);
    }
    let outputs: Vec<f64> = run(&reference, None, Engine::Layered, &images).outputs;
    assert_eq!(outcome.reference_outputs, outputs);
}

#[test]
fn a_raised_flag_cancels_and_the_runner_can_run_again() {
    let (runner, images) = (Runner::new(network(true)), images(5));
    let (cancel, progress) = (AtomicBool::new(true), AtomicUsize::new(0));
    assert_eq!(runner.run(&request(&images, &cancel, &progress)).unwrap_err(), RunError::Cancelled);
    assert_eq!(progress.load(Ordering::Relaxed), 0);
    assert_eq!(run(&runner, None, Engine::Layered, &images).image_spikes.len(), 5);

    let network = network(false);
    let observed = Calibration::new(&network, false).observe(&network, &images, 5, &cancel);
    assert_eq!(observed, Err(RunError::Cancelled));
}

#[test]
fn images_that_do_not_fit_or_are_not_finite_are_refused() {
    let mut refused = Vec::new();
    let good = images(3);
    let with = |at: usize, x: f32| {
        let mut images = good.clone();
        images[at] = x;
        images
    };
    let (short, long) = (good[1..].to_vec(), [&good[..], &[0.0]].concat());
    for images in [short, long, with(0, f32::NAN), with(13, f32::INFINITY), with(23, f32::NEG_INFINITY)] {
        let (cancel, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
        let request = Request { count: 3, ..request(&images, &cancel, &progress) };
        let error = Runner::new(network(true)).run(&request).unwrap_err();
        let network = network(false);
        assert_eq!(Calibration::new(&network, false).observe(&network, &images, 3, &cancel).as_ref(), Err(&error));
        refused.push(error);
    }
    assert_eq!(
        refused,
        [
            RunError::InputLength { count: 3, expected: 24, actual: 23 },
            RunError::InputLength { count: 3, expected: 24, actual: 25 },
            RunError::NotFinite { image: 0, element: 0 },
            RunError::NotFinite { image: 1, element: 5 },
            RunError::NotFinite { image: 2, element: 7 },
        ]
    );
}

#[test]
fn images_abreast_are_as_each_alone() {
    // Weights that do not stay in the second-level cache.
    let (shape, wide) = (Shape::new(1, 1, 300), Shape::new(1, 1, 700));
    let network = |spiking: bool| {
        let numbers = &mut Numbers(5);
        let window = |window| Neuron::Ttfs(Ttfs { window, signed: false, saturate: true, bounded: false });
        let neuron = |limit| if spiking { window(limit) } else { Neuron::Analog(Activation::Relu) };
        let readout = dense(2, wide, 3, &numbers.reals(2100));
        let mut hidden = |source: usize, from: Shape, limit: f64| {
            let synapses = dense(source, from, wide.channels, &numbers.reals(from.channels * wide.channels));
            neurons("hidden", wide, vec![synapses], &numbers.reals(wide.channels), neuron(limit))
        };
        let (first, second) = (hidden(0, shape, 3.0), hidden(1, wide, 9.0));
        let populations = vec![
            input(shape, spiking.then(plain)),
            first,
            second,
            neurons("readout", Shape::new(1, 1, 3), vec![readout], &numbers.reals(3), Neuron::Analog(READOUT)),
        ];
        Runner::<f64>::new(Network::new(populations, Level::best()).unwrap())
    };
    let (runner, reference) = (network(true), network(false));
    assert_eq!((runner.abreast(), Runner::new(self::network::<f64>(true)).abreast()), (8, 1));
    let images = Numbers(3).image(21 * shape.len());
    for record in [Record::default(), ALL_SPIKES] {
        let run = |images: &[f32]| {
            let plain = common::request(Engine::Layered, images, images.len() / shape.len());
            let reference = record.spikes.then_some(&reference);
            runner.run(&Request { record, reference, early_exit: record.spikes, ..plain }).unwrap()
        };
        let alone: Vec<_> = images.chunks(shape.len()).map(&run).collect();
        let [one, two, many] = [1, 2, 30].map(|threads| on_threads(threads, || run(&images)));
        let outputs: Vec<f64> = alone.iter().flat_map(|outcome| outcome.outputs.clone()).collect();
        let spikes: Vec<u32> = alone.iter().flat_map(|outcome| outcome.image_spikes.clone()).collect();
        assert_eq!((&one.outputs, &one.image_spikes), (&outputs, &spikes));
        let neurons: Vec<Vec<u32>> = (0..one.trains.len())
            .map(|index| alone.iter().flat_map(|outcome| outcome.trains[index].neurons.clone()).collect())
            .collect();
        assert_eq!(one.trains.iter().map(|train| train.neurons.clone()).collect::<Vec<_>>(), neurons);
        assert_eq!(text(two), text(one.clone()));
        assert_eq!(text(many), text(one));
    }
}

/// Layers whose weights do not stay in the second-level cache, so that images go through parts of their channels: convolutions
/// with a stride and without, also of one tap, and a dense layer behind a pooling. Biases of some differ from pixel to pixel.
fn large_layers<T: Real>(level: Level) -> Network<T> {
    let numbers = &mut Numbers(4);
    let mut layer = |name: &str, source: usize, kind: Kind, pool: Option<Geometry>, shift: f64| {
        let (output, inputs, count) = match &kind {
            Kind::Conv2d { geometry: Geometry { input, output, kernel, .. }, .. } => {
                let inputs = kernel[0] * kernel[1] * input.channels;
                (*output, inputs, inputs * output.channels)
            }
            Kind::Dense { input, outputs, .. } => (Shape::new(1, 1, *outputs), input.len(), input.len() * outputs),
            Kind::Identity(_) => unreachable!("layers have weights"),
        };
        let weights: Vec<f64> = numbers.reals(count).iter().map(|x| x * 2.0 / (inputs as f64).sqrt()).collect();
        let wiring =
            Wiring { pool: pool.map(|pool| (pool, [0; 4])), kind, weights: Stored::new(DataType::Float32, &weights) };
        let ttfs = Ttfs { window: T::from_f64(2.5), signed: false, saturate: true, bounded: false };
        let bias: Vec<f64> = numbers.reals(2 * output.channels).iter().map(|x| x / 4.0 + shift).collect();
        let mut layer = neurons(name, output, vec![wiring.projection(source)], &bias, Neuron::Ttfs(ttfs));
        if let (Stage::Neurons { bias, .. }, true) = (&mut layer.stage, source.is_multiple_of(2)) {
            bias.classes = (0..output.pixels()).map(|pixel| u16::from(pixel % 3 == 0)).collect();
        }
        layer
    };
    let conv = |input, output, size: usize, stride: usize| Geometry {
        input,
        output,
        kernel: [size; 2],
        stride: [stride; 2],
        dilation: [1, 1],
        pad: [(size / 2) as isize; 2],
    };
    let shapes = [96, 304, 100, 2700].map(|channels| Shape::new(3, 3, channels));
    let image = Shape { height: 6, width: 6, ..shapes[0] };
    let pooled = Shape::new(1, 1, 2700);
    let pool = Geometry { pad: [0, 0], ..conv(shapes[3], pooled, 3, 3) };
    let (first, second) = (conv(image, shapes[1], 3, 2), conv(shapes[1], shapes[2], 3, 1));
    let populations = vec![
        input(image, Some(plain())),
        layer("stride", 0, Kind::Conv2d { geometry: first, groups: 1 }, None, -0.2),
        layer("plain", 1, Kind::Conv2d { geometry: second, groups: 1 }, None, -0.2),
        layer("one tap", 2, Kind::Conv2d { geometry: conv(shapes[2], shapes[3], 1, 1), groups: 1 }, None, 0.1),
        layer("dense", 3, Kind::Dense { input: pooled, outputs: 300, order: None, transposed: false }, Some(pool), 0.0),
        neurons(
            "readout",
            Shape::new(1, 1, 2),
            vec![dense(4, Shape::new(1, 1, 300), 2, &Numbers(9).reals(600))],
            &[0.0; 2],
            Neuron::Analog(READOUT),
        ),
    ];
    Network::new(populations, level).unwrap()
}

/// Gives how many of some images were dense in each layer.
fn images_in_parts<T: Real>(level: Level) -> Vec<u64> {
    let runner = Runner::new(large_layers::<T>(level));
    assert_eq!(runner.abreast(), 8);
    let inputs = runner.network().inputs();
    let (numbers, mut images) = (&mut Numbers(6), Vec::new());
    for share in [1.0, 0.6, 0.3, 0.1, 0.02, 0.0, 0.5, 0.05] {
        let image = numbers.image(inputs);
        images.extend(image.into_iter().map(|x| if numbers.real().abs() < share { 3.0 * x } else { 0.0 }));
    }
    let run = |images: &[f32], paths: Paths| {
        let request = common::request(Engine::Layered, images, images.len() / inputs);
        on_threads(1, || runner.run(&Request { paths, ..request })).unwrap()
    };
    let mut dense = Vec::new();
    for paths in [Paths::Events, Paths::Fastest] {
        let together = run(&images, paths);
        let mut counts = vec![Counts::default(); together.counts.len()];
        let mut outputs = Vec::new();
        for image in images.chunks(inputs) {
            let alone = run(image, paths);
            outputs.extend(alone.outputs);
            counts.iter_mut().zip(alone.counts).for_each(|(sum, counts)| *sum += counts);
        }
        assert_eq!(together.outputs, outputs, "{level}");
        assert_eq!(together.counts, counts, "{level}");
        dense = counts.iter().map(|counts| counts.dense).collect();
    }
    dense
}

#[test]
fn images_in_parts_are_as_each_alone() {
    let mut dense = Vec::new();
    for level in Level::available() {
        dense.push(images_in_parts::<f32>(level));
        dense.push(images_in_parts::<f64>(level));
    }
    // Some images take the dense way, others add spikes one by one.
    assert!((1..4).all(|layer| dense.iter().all(|dense| (1..8).contains(&dense[layer]))), "{dense:?}");
}

/// What one image leaves: outputs, and what the populations counted. Populations may use memory of others again.
fn alone<T: Real>(
    network: &Network<T>,
    space: &mut Workspace<T>,
    recycles: bool,
    image: &[f32],
) -> (Vec<T>, Vec<Counts>) {
    space.reset_counts();
    space.recycle(recycles);
    space.run(network, Engine::Layered, image);
    (space.output().to_vec(), space.counts.clone())
}

/// Gives which of the two parts were dense.
fn values_are_joined<T: Real>() -> Vec<[u64; 2]> {
    let numbers = &mut Numbers(2);
    let dense = numbers.image(FIRE.len());
    let part = |share: f64, numbers: &mut Numbers| -> Vec<f32> {
        dense.iter().map(|&x| if numbers.real().abs() < share { x } else { 0.0 }).collect()
    };
    // Of all neurons, of some, of few and of none: layers are dense, or add spikes one by one.
    let images = [dense.clone(), part(0.3, numbers), part(0.02, numbers), vec![0.0; FIRE.len()], part(0.6, numbers)];
    let mut ways = Vec::new();
    for level in Level::available() {
        let network = fire::<T>(level);
        let mut spaces = [Workspace::new(&network), Workspace::new(&network)];
        let mut saturated = 0;
        for image in images.iter().chain(&images) {
            let [kept, freed] =
                [false, true].map(|recycles| alone(&network, &mut spaces[usize::from(recycles)], recycles, image));
            assert_eq!(kept, freed, "{level}");
            saturated += kept.1.iter().map(|counts| counts.saturated).sum::<u64>();
            ways.push([2, 3].map(|index: usize| kept.1[index].dense));
            // Signals are kept as before, right after those that were not.
            assert_eq!(alone(&network, &mut spaces[1], false, image), kept, "{level}");
        }
        assert!(saturated > 0, "some values are clipped");
    }
    ways
}

#[test]
fn values_that_are_joined_at_once_are_as_those_that_stay() {
    let ways = [values_are_joined::<f32>(), values_are_joined::<f64>()].concat();
    assert!(ways.contains(&[1, 1]) && ways.iter().any(|&[one, three]| one != three), "all kinds of parts: {ways:?}");
}

#[test]
fn a_reference_of_other_populations_is_refused() {
    let readout = |outputs: usize| {
        let bias = vec![0.0; outputs];
        let projection = dense(0, PIXELS, outputs, &vec![0.0; PIXELS.len() * outputs]);
        neurons("readout", Shape::new(1, 1, outputs), vec![projection], &bias, Neuron::Analog(READOUT))
    };
    let images = images(1);
    for populations in [vec![input(PIXELS, None), readout(3)], vec![input(PIXELS, None), readout(5), readout(4)]] {
        let other = Runner::new(Network::new(populations, Level::best()).unwrap());
        let (cancel, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
        let request = Request { reference: Some(&other), ..request(&images, &cancel, &progress) };
        assert_eq!(Runner::new(network(true)).run(&request).unwrap_err(), RunError::ReferenceMismatch);
    }
}

#[test]
fn calibration_depends_on_no_threads_and_no_splitting() {
    let (network, images) = (network(false), images(29));
    let calibrate = |threads: usize, split: usize| {
        on_threads(threads, || {
            let mut calibration = Calibration::new(&network, true);
            for images in images.chunks(split * PIXELS.len()) {
                let count = images.len() / PIXELS.len();
                calibration.observe(&network, images, count, &AtomicBool::new(false)).unwrap();
            }
            calibration
        })
    };
    let whole = calibrate(1, 29);
    assert_eq!(whole.images(), 29);
    for (threads, split) in [(2, 29), (5, 29), (1, 1), (2, 7), (5, 28)] {
        assert_eq!(
            format!("{:?}", calibrate(threads, split)),
            format!("{whole:?}"),
            "{threads} threads, {split} images"
        );
    }
}

#[test]
fn calibration_sees_every_activation_of_every_population() {
    let (network, images) = (network(false), images(12));
    let mut calibration = Calibration::new(&network, true);
    calibration.observe(&network, &images, 12, &AtomicBool::new(false)).unwrap();
    let mut space = Workspace::new(&network);
    let mut seen = vec![Vec::new(); 3];
    for image in images.chunks(PIXELS.len()) {
        space.run(&network, Engine::Layered, image);
        for (index, seen) in seen.iter_mut().enumerate() {
            seen.extend(space.signals[index].values(network.populations()[index].shape).into_iter().map(f64::from));
        }
    }
    let check = |statistics: &Statistics, seen: &[f64], tolerance: f64| {
        let mut seen = seen.to_vec();
        seen.sort_unstable_by(f64::total_cmp);
        assert_eq!(statistics.count, seen.len() as u64);
        assert_eq!(statistics.zeros, seen.iter().filter(|&&x| x == 0.0).count() as u64);
        assert_eq!((statistics.min, statistics.max), (seen[0], seen[seen.len() - 1]));
        for percent in [0.0, 10.0, 50.0, 99.0, 100.0] {
            let rank = percent / 100.0 * (seen.len() - 1) as f64;
            let (low, high) = (seen[rank.floor() as usize], seen[rank.ceil() as usize]);
            let got = statistics.percentile(percent).unwrap();
            assert!(got >= low - tolerance * low.abs() && got <= high + tolerance * high.abs(), "{percent} %: {got}");
        }
    };
    for (index, seen) in seen.iter().enumerate() {
        check(calibration.population(index), seen, 0.002);
        let channels = calibration.channels(index);
        assert_eq!(channels.len(), network.populations()[index].shape.channels);
        for (channel, statistics) in channels.iter().enumerate() {
            let seen: Vec<f64> = seen.iter().copied().skip(channel).step_by(channels.len()).collect();
            check(statistics, &seen, 0.032);
        }
    }
    let mut frugal = Calibration::new(&network, false);
    frugal.observe(&network, &images, 12, &AtomicBool::new(false)).unwrap();
    assert_eq!(frugal.channels(1)[0].max, calibration.channels(1)[0].max);
    assert_eq!(frugal.channels(1)[0].percentile(50.0), None);
}
