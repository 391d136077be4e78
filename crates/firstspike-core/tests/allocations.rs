//! A workspace has grown after the first images: then nothing is allocated any more.

mod common;

use common::*;
use firstspike_core::*;

const STEPS: usize = 8;
const IMAGE: Shape = Shape { height: 10, width: 10, channels: 4 };
const FEATURES: Shape = Shape { height: 10, width: 10, channels: 8 };
const POOLED: Shape = Shape { height: 5, width: 5, channels: 8 };

/// Neurons of every kind: what they are, how inputs reach them, and what reads them.
struct Kind {
    name: &'static str,
    encoder: Option<Encoder<f32>>,
    relay: Option<Neuron<f32>>,
    neuron: Neuron<f32>,
    readout: Neuron<f32>,
}

fn kinds() -> Vec<Kind> {
    let analog = Neuron::Analog(READOUT);
    let quartz = Quartz::new(STEPS);
    let presentation = Presentation { steps: STEPS, from: 1 };
    let mean = Neuron::Mean(Mean { presentation, activation: READOUT, synapse: None, keep: false });
    let digits: Vec<f32> = (1..=STEPS).map(|t| 2.0 / (1 << t) as f32).collect();
    let inhibition = (0..STEPS).flat_map(|i| digits[..i].to_vec()).collect();
    let range = [f32::NEG_INFINITY, 2.0];
    let kind = |name, neuron, readout| Kind { name, encoder: None, relay: None, neuron, readout };
    vec![
        kind("ann", Neuron::Analog(Activation::Relu), analog.clone()),
        Kind {
            encoder: Some(plain()),
            ..kind(
                "ttfs",
                Neuron::Ttfs(Ttfs { window: 2.0, signed: false, saturate: true, bounded: false }),
                analog.clone(),
            )
        },
        kind(
            "ttfs-alpha",
            Neuron::TtfsAlpha(TtfsAlpha { window: 2.0, slope: vec![50.0; 8], origin: 0.0, rectify: true }),
            analog.clone(),
        ),
        kind(
            "fs",
            Neuron::FewSpike(FewSpike {
                threshold: digits.clone(),
                reset: digits.clone(),
                output: digits.clone(),
                initial: 0.0,
                signed: false,
                range,
            }),
            analog.clone(),
        ),
        kind(
            "amos",
            Neuron::Amos(Amos {
                input: vec![1.0; STEPS],
                second: Vec::new(),
                threshold: digits.clone(),
                inhibition,
                output: digits,
                range,
            }),
            analog.clone(),
        ),
        Kind { relay: Some(Neuron::QuartzInput(quartz)), ..kind("quartz", Neuron::Quartz(quartz), analog) },
        kind(
            "if",
            Neuron::IntegrateAndFire(IntegrateAndFire {
                presentation,
                threshold: vec![1.0],
                initial: 0.5,
                signed: false,
                keep: false,
            }),
            mean.clone(),
        ),
        kind(
            "lif",
            Neuron::Lif(Lif {
                presentation,
                membrane: LeakyMembrane::new(0.001, 0.05, 0.001),
                gain: vec![2.0],
                offset: 0.5,
                worth: vec![1.0],
                synapse: None,
                keep: false,
            }),
            mean,
        ),
    ]
}

fn convolution(numbers: &mut Numbers, source: usize, input: Shape, groups: usize) -> Projection<f32> {
    let output = Shape { channels: FEATURES.channels, ..input };
    let count = 9 * input.channels * output.channels / groups;
    let weights: Vec<f64> = numbers.reals(count).iter().map(|x| x / 8.0).collect();
    let geometry = Geometry { input, output, kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1, 1] };
    let kind = common::Kind::Conv2d { geometry, groups };
    Wiring { pool: None, kind, weights: Stored::new(DataType::Float32, &weights) }.projection(source)
}

/// Convolution, pooling, a depthwise convolution, and a dense readout.
fn network(Kind { encoder, relay, neuron, readout, .. }: Kind, level: Level) -> Network<f32> {
    let numbers = &mut Numbers(7);
    let mut populations = vec![input(IMAGE, encoder)];
    if let Some(relay) = relay {
        let same = Projection::new(0, None, Synapse::Identity(IMAGE)).unwrap();
        populations.push(neurons("relay", IMAGE, vec![same], &[0.0; 4], relay));
    }
    let last = populations.len() - 1;
    let first = convolution(numbers, last, IMAGE, 1);
    populations.push(neurons("first", FEATURES, vec![first], &[0.1; 8], neuron.clone()));
    let window =
        Geometry { input: FEATURES, output: POOLED, kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0] };
    let pool = MaxPool::new(window, None).unwrap();
    populations.push(population("pool", POOLED, Stage::MaxPool { source: last + 1, pool }));
    let second = convolution(numbers, last + 2, POOLED, 8);
    populations.push(neurons("second", POOLED, vec![second], &[0.1; 8], neuron));
    let weights = numbers.reals(POOLED.len() * 5);
    let last = dense(last + 3, POOLED, 5, &weights);
    populations.push(neurons("readout", Shape::new(1, 1, 5), vec![last], &[0.0; 5], readout));
    Network::new(populations, level).unwrap()
}

#[test]
fn nothing_is_allocated_from_image_to_image() {
    let mut numbers = Numbers(3);
    // The first has more spikes than any other.
    let images: Vec<Vec<f32>> = (0..6).map(|i| vec![1.0 - 0.15 * i as f32; IMAGE.len()]).collect();
    let mut random: Vec<Vec<f32>> = (0..6).map(|_| numbers.image(IMAGE.len())).collect();
    random.splice(0..0, images);
    let mut allocating = Vec::new();
    for level in Level::available() {
        for kind in kinds() {
            let name = kind.name;
            let network = network(kind, level);
            // Also where layers use memory of earlier ones again.
            for (engine, recycles) in [(Engine::Event, false), (Engine::Layered, false), (Engine::Layered, true)] {
                let mut space = Workspace::new(&network);
                space.recycle(recycles);
                for image in &random {
                    space.run(&network, engine, image);
                }
                let counted = allocation_counter::measure(|| {
                    for image in &random {
                        space.run(&network, engine, image);
                    }
                });
                if counted.count_total > 0 {
                    allocating.push(format!("{name}, {engine:?}, {recycles}, {level}: {}", counted.count_total));
                }
            }
        }
    }
    assert_eq!(allocating, [""; 0]);
}

/// A layer that minimal filtering suits, of values and of spikes.
#[test]
fn nothing_is_allocated_where_a_layer_is_dense() {
    let mut numbers = Numbers(5);
    let shape = Shape::new(16, 16, 16);
    let images: Vec<Vec<f32>> = (0..3).map(|_| numbers.image(shape.len())).collect();
    for encoder in [None, Some(plain())] {
        let spiking = encoder.is_some();
        let conv = convolution(&mut numbers, 0, shape, 1);
        let to = Shape { channels: FEATURES.channels, ..shape };
        let readout = neurons("readout", to, vec![conv], &[0.1; 8], Neuron::Analog(READOUT));
        let network = Network::new(vec![input(shape, encoder), readout], Level::best()).unwrap();
        let mut space = Workspace::new(&network);
        let mut run = || images.iter().for_each(|image| space.run(&network, Engine::Layered, image));
        run();
        assert_eq!(allocation_counter::measure(run).count_total, 0, "spiking {spiking}");
        assert_eq!(space.counts[1].dense > 0, spiking);
    }
}

/// Of networks of all kinds that are run so: with silent neurons left out, tiles and maxima.
#[test]
fn nothing_is_allocated_from_bundle_to_bundle() {
    let mut bundles = 0;
    for level in Level::available() {
        for kind in kinds() {
            let name = kind.name;
            let runner = Runner::new(network(kind, level));
            let Some(lanes) = runner.bundle() else { continue };
            bundles += 1;
            let mut numbers = Numbers(3);
            let mut images: Vec<Vec<f32>> = (0..4).map(|_| numbers.image(lanes * IMAGE.len())).collect();
            images.insert(0, vec![1.0; lanes * IMAGE.len()]);
            let mut space = Workspace::new(runner.network());
            let mut run = || images.iter().for_each(|images| space.run_bundle(runner.network(), images));
            run();
            assert_eq!(allocation_counter::measure(run).count_total, 0, "{name}, {level}");
            assert!(space.counts[1].synaptic_events > 0 || name == "ann", "{name}, {level}");
        }
    }
    assert!(bundles > 0, "no network is run in bundles");
}

#[test]
fn nothing_is_allocated_where_values_are_joined_at_once() {
    let mut numbers = Numbers(5);
    let images =
        [1.0f32, 0.7, 0.2, 0.0].map(|most| numbers.image(FIRE.len()).iter().map(|x| x.min(most)).collect::<Vec<_>>());
    for level in Level::available() {
        let network = fire::<f32>(level);
        let mut space = Workspace::new(&network);
        space.recycle(true);
        let mut run = || images.iter().for_each(|image| space.run(&network, Engine::Layered, image));
        run();
        assert_eq!(allocation_counter::measure(run).count_total, 0, "{level}");
    }
}
