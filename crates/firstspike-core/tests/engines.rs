//! Both engines on random feed-forward networks, against each other and against the network that does not spike.

mod common;

use common::*;
use firstspike_core::*;
use proptest::prelude::*;

/// What a population does, in any precision and form.
enum Plan {
    Input { order: Vec<u32> },
    Neurons { wirings: Vec<(usize, Wiring)>, bias: Bias<f64>, neuron: Neuron<f64> },
    MaxPool { source: usize, geometry: Geometry, minimum: Vec<bool> },
    Concat { sources: Vec<usize> },
    Permute { source: usize, to: Vec<u32> },
}

struct Layer {
    shape: Shape,
    spikes: bool,
    plan: Plan,
}

/// Weights, biases, windows and inputs are multiples of `unit`, a quarter or about that.
#[derive(Clone, Copy)]
struct Options {
    unit: f64,
    /// Whether some populations clip values beyond the window.
    saturate: bool,
}

/// What a random network is run as.
#[derive(Clone, Copy)]
enum Form {
    Spiking,
    /// The original network: no spikes, no windows.
    Analog,
    /// Weights, biases, windows and inputs replaced by their magnitudes: how large the terms of a sum can be.
    Magnitude,
}

/// Inputs are encoded as `x * SCALE + SHIFT`.
const SCALE: f64 = 0.5;
const SHIFT: f64 = 0.25;

struct Builder {
    numbers: Numbers,
    options: Options,
    layers: Vec<Layer>,
}

impl Builder {
    /// From -1 to 1, about half of them zero.
    fn weights(&mut self, count: usize) -> Stored {
        let steps = [-4.0, -3.0, -2.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0];
        let weights: Vec<f64> = (0..count).map(|_| self.numbers.pick(&steps) * self.options.unit).collect();
        Stored::new(DataType::Float64, &weights)
    }

    /// A recent layer, more often than not.
    fn source(&mut self) -> usize {
        let last = self.layers.len() - 1;
        if self.numbers.coin() { last } else { self.numbers.below(last + 1) }
    }

    fn geometry(&mut self, input: Shape, channels: usize, kernel: usize) -> Geometry {
        let numbers = &mut self.numbers;
        let mut pair = |from: usize, to: usize| [(); 2].map(|()| from + numbers.below(to - from + 1));
        let output = pair(1, 4);
        Geometry {
            input,
            output: Shape::new(output[0], output[1], channels),
            kernel: pair(1, kernel),
            stride: pair(1, 2),
            dilation: pair(1, 2),
            pad: pair(0, 3).map(|pad| pad as isize - 1),
        }
    }

    /// Synapses from a layer: to neurons of the given shape, or a convolution to as many as it gives.
    fn wiring(&mut self, source: usize, target: Option<Shape>) -> (Wiring, Shape) {
        let mut from = self.layers[source].shape;
        let pool = (self.numbers.below(3) == 0).then(|| {
            // All taps count, so that the mean is over 1, 2 or 4 of them.
            let geometry = self.geometry(from, from.channels, 2);
            from = geometry.output;
            (geometry, [9; 4])
        });
        let (kind, count, shape) = match target {
            Some(shape) if shape == from => (Kind::Identity(shape), 0, shape),
            Some(shape) => {
                let kind = Kind::Dense { input: from, outputs: shape.len(), order: None, transposed: false };
                (kind, from.len() * shape.len(), shape)
            }
            None => {
                let groups = if from.channels == 1 { 1 } else { self.numbers.pick(&[1, from.channels]) };
                let channels = if groups == 1 { 1 + self.numbers.below(3) } else { groups };
                let geometry = self.geometry(from, channels, 3);
                let count = channels * (from.channels / groups) * geometry.kernel[0] * geometry.kernel[1];
                let shape = geometry.output;
                (Kind::Conv2d { geometry, groups }, count, shape)
            }
        };
        (Wiring { pool, kind, weights: self.weights(count) }, shape)
    }

    fn neurons(&mut self) -> Layer {
        let source = self.source();
        let (wiring, shape) = self.wiring(source, None);
        let mut wirings = vec![(source, wiring)];
        for _ in 0..self.numbers.below(3) {
            let source = self.source();
            wirings.push((source, self.wiring(source, Some(shape)).0));
        }
        let numbers = &mut self.numbers;
        let classes = 1 + numbers.below(4);
        let bias = Bias {
            values: (0..classes * shape.channels)
                .map(|_| numbers.pick(&[-1.0, 0.0, 1.0]) * self.options.unit)
                .collect(),
            classes: if classes == 1 {
                vec![]
            } else {
                (0..shape.pixels()).map(|_| numbers.below(classes) as u16).collect()
            },
        };
        let neuron = if numbers.below(6) == 0 {
            Neuron::Analog(Activation::Relu)
        } else {
            let signed = numbers.below(3) == 0;
            Neuron::Ttfs(Ttfs {
                window: numbers.pick(&[1.0, 3.0, 16.0]) * self.options.unit,
                signed,
                saturate: self.options.saturate && numbers.coin(),
                bounded: !signed && numbers.below(3) == 0,
            })
        };
        Layer { shape, spikes: matches!(neuron, Neuron::Ttfs(_)), plan: Plan::Neurons { wirings, bias, neuron } }
    }

    fn max_pool(&mut self) -> Layer {
        let source = self.source();
        let Layer { shape, spikes, .. } = self.layers[source];
        let minimum = (0..shape.channels).map(|_| self.numbers.coin()).collect();
        let geometry = loop {
            let geometry = self.geometry(shape, shape.channels, 3);
            if MaxPool::new(geometry.clone(), None).is_ok() {
                break geometry;
            }
        };
        Layer { shape: geometry.output, spikes, plan: Plan::MaxPool { source, geometry, minimum } }
    }

    /// Of layers of the same height and width, up to three.
    fn concat(&mut self) -> Layer {
        let source = self.source();
        let shape = self.layers[source].shape;
        let fits = |layer: &Layer| (layer.shape.height, layer.shape.width) == (shape.height, shape.width);
        let sources: Vec<usize> = (0..self.layers.len()).rev().filter(|&i| fits(&self.layers[i])).take(3).collect();
        let channels = sources.iter().map(|&source| self.layers[source].shape.channels).sum();
        let spikes = sources.iter().all(|&source| self.layers[source].spikes);
        Layer { shape: Shape { channels, ..shape }, spikes, plan: Plan::Concat { sources } }
    }

    fn permute(&mut self) -> Layer {
        let source = self.source();
        let Layer { shape, spikes, .. } = self.layers[source];
        let mut to = self.numbers.permutation(shape.len());
        if self.numbers.below(3) == 0 {
            let kept = 1 + self.numbers.below(shape.len());
            for address in &mut to {
                *address = if (*address as usize) < kept { *address } else { NOWHERE };
            }
            return Layer { shape: Shape::new(1, 1, kept), spikes, plan: Plan::Permute { source, to } };
        }
        let shape = if self.numbers.coin() { Shape::new(shape.width, shape.height, shape.channels) } else { shape };
        Layer { shape, spikes, plan: Plan::Permute { source, to } }
    }

    /// An input, `steps` layers, and a readout of all of them.
    fn build(seed: u64, steps: usize, options: Options) -> (Vec<Layer>, Vec<f64>) {
        let mut numbers = Numbers(seed);
        let shape = Shape::new(1 + numbers.below(4), 1 + numbers.below(4), 1 + numbers.below(3));
        let order = if numbers.coin() { numbers.permutation(shape.len()) } else { Vec::new() };
        // From -1 to 2: some are encoded to values below 0 and above 1.
        let image = (0..shape.len()).map(|_| (numbers.below(13) as f64 - 4.0) * options.unit).collect();
        let layers = vec![Layer { shape, spikes: true, plan: Plan::Input { order } }];
        let mut builder = Self { numbers, options, layers };
        for _ in 0..steps {
            let layer = match builder.numbers.below(7) {
                0 => builder.max_pool(),
                1 => builder.concat(),
                2 => builder.permute(),
                _ => builder.neurons(),
            };
            builder.layers.push(layer);
        }
        let shape = Shape::new(1, 1, 3);
        let wirings = (0..builder.layers.len()).map(|source| (source, builder.wiring(source, Some(shape)).0)).collect();
        let bias = Bias { values: vec![options.unit; 3], classes: Vec::new() };
        let plan = Plan::Neurons { wirings, bias, neuron: Neuron::Analog(READOUT) };
        builder.layers.push(Layer { shape, spikes: false, plan });
        (builder.layers, image)
    }
}

fn network<T: Float>(layers: &[Layer], form: Form) -> Network<T> {
    let stage = |layer: &Layer| match &layer.plan {
        Plan::Input { order } => Stage::Input {
            encoder: matches!(form, Form::Spiking).then(|| encoder(SCALE, SHIFT, false)),
            order: order.clone(),
        },
        Plan::Neurons { wirings, bias, neuron } => {
            let project = |(source, wiring): &(usize, Wiring)| match form {
                Form::Magnitude => wiring.magnitude().projection(*source),
                _ => wiring.projection(*source),
            };
            let window = if let Neuron::Ttfs(ttfs) = neuron { ttfs.window } else { 0.0 };
            let magnitude = |bias: f64| bias.abs() + window;
            Stage::Neurons {
                projections: wirings.iter().map(project).collect(),
                bias: Bias {
                    values: match form {
                        Form::Magnitude => bias.values.iter().map(|&bias| T::from_f64(magnitude(bias))).collect(),
                        _ => all(&bias.values),
                    },
                    classes: bias.classes.clone(),
                },
                neuron: match (neuron, form) {
                    (Neuron::Ttfs(ttfs), Form::Spiking) => Neuron::Ttfs(Ttfs {
                        window: T::from_f64(ttfs.window),
                        signed: ttfs.signed,
                        saturate: ttfs.saturate,
                        bounded: ttfs.bounded,
                    }),
                    (Neuron::Ttfs(ttfs), Form::Analog) if ttfs.bounded => {
                        Neuron::Analog(Activation::ClippedRelu { ceiling: ttfs.window })
                    }
                    (Neuron::Ttfs(ttfs), Form::Analog) if !ttfs.signed => Neuron::Analog(Activation::Relu),
                    (Neuron::Analog(activation), Form::Spiking | Form::Analog) => Neuron::Analog(*activation),
                    _ => Neuron::Analog(Activation::Identity),
                },
            }
        }
        Plan::MaxPool { source, geometry, minimum } => {
            let minimum = Some(minimum.clone()).filter(|_| !matches!(form, Form::Magnitude));
            Stage::MaxPool { source: *source, pool: MaxPool::new(geometry.clone(), minimum).unwrap() }
        }
        Plan::Concat { sources } => Stage::Concat { sources: sources.clone() },
        Plan::Permute { source, to } => Stage::Permute { source: *source, to: to.clone() },
    };
    let populations =
        layers.iter().enumerate().map(|(i, layer)| population(i.to_string(), layer.shape, stage(layer))).collect();
    Network::new(populations, Level::best()).unwrap()
}

/// What every population hands on, and what it counts.
fn run<T: Float>(layers: &[Layer], form: Form, engine: Engine, image: &[f64]) -> (Vec<Signal<T>>, Vec<Counts>) {
    let network = network(layers, form);
    let mut space = Workspace::new(&network);
    let image: Vec<f64> = match form {
        Form::Spiking => image.to_vec(),
        Form::Analog => image.iter().map(|x| x * SCALE + SHIFT).collect(),
        Form::Magnitude => image.iter().map(|x| x.abs() * SCALE + SHIFT).collect(),
    };
    space.run(&network, engine, &image);
    (space.signals, space.counts)
}

fn decoded<T: Real>(signals: &[Signal<T>], layers: &[Layer]) -> Vec<Vec<f64>> {
    let values =
        |(signal, layer): (&Signal<T>, &Layer)| signal.values(layer.shape).iter().map(|x| x.to_f64()).collect();
    signals.iter().zip(layers).map(values).collect()
}

/// Sums of multiples of a quarter are exact in double precision, in whatever order: what is silent is silent for
/// every engine, and spikes at the end of a window are common. Unless a network is so deep that digits run out.
fn is_exact(layers: &[Layer], magnitudes: &[Vec<f64>]) -> bool {
    let mut digits: Vec<i32> = Vec::new();
    for layer in layers {
        let deepest = |sources: &[usize]| sources.iter().map(|&source| digits[source]).max().unwrap_or(0);
        digits.push(match &layer.plan {
            Plan::Input { .. } => 3,
            Plan::Neurons { wirings, .. } => {
                let of_wiring = |(source, wiring): &(usize, Wiring)| {
                    digits[*source] + 2 + if wiring.pool.is_some() { 2 } else { 0 }
                };
                wirings.iter().map(of_wiring).max().unwrap_or(2)
            }
            Plan::Concat { sources } => deepest(sources),
            Plan::MaxPool { source, .. } | Plan::Permute { source, .. } => digits[*source],
        });
    }
    let mut sums = digits.iter().zip(magnitudes);
    sums.all(|(&digits, magnitudes)| magnitudes.iter().all(|&sum| sum * f64::from(digits).exp2() < 53f64.exp2()))
}

const EXACT: Options = Options { unit: 0.25, saturate: false };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn engines_give_the_same_spikes_and_counts(seed: u64, steps in 1usize..9, saturate: bool) {
        let (layers, image) = Builder::build(seed, steps, Options { saturate, ..EXACT });
        let (magnitudes, _) = run::<f64>(&layers, Form::Magnitude, Engine::Layered, &image);
        prop_assume!(is_exact(&layers, &decoded(&magnitudes, &layers)));

        let (event, event_counts) = run::<f64>(&layers, Form::Spiking, Engine::Event, &image);
        let (layered, layered_counts) = run::<f64>(&layers, Form::Spiking, Engine::Layered, &image);
        prop_assert_eq!(decoded(&event, &layers), decoded(&layered, &layers));
        // The engines differ in how many multiply-adds they need.
        let counts = |counts: Vec<Counts>| {
            counts.into_iter().map(|counts| Counts { operations: 0, dense: 0, ..counts }).collect::<Vec<_>>()
        };
        prop_assert_eq!(counts(event_counts), counts(layered_counts));
    }

    #[test]
    fn bundles_of_images_give_the_same_outputs_and_counts(seed: u64, steps in 1usize..9, saturate: bool) {
        let (layers, image) = Builder::build(seed, steps, Options { saturate, ..EXACT });
        // Inputs are at most 2.
        let largest = vec![2.0; image.len()];
        let (magnitudes, _) = run::<f64>(&layers, Form::Magnitude, Engine::Layered, &largest);
        prop_assume!(is_exact(&layers, &decoded(&magnitudes, &layers)));

        let runner = Runner::new(network::<f64>(&layers, Form::Spiking));
        prop_assume!(runner.bundle().is_some());
        // Two bundles, and an image that is left.
        let count = 2 * runner.bundle().unwrap() + 1;
        let mut numbers = Numbers(seed);
        let images: Vec<f64> = (0..count * image.len()).map(|_| (numbers.below(13) as f64 - 4.0) * 0.25).collect();
        let (outputs, counts, image_spikes) = {
            let outcome = runner.run(&request(Engine::Layered, &images, count)).unwrap();
            (outcome.outputs, outcome.counts, outcome.image_spikes)
        };
        let mut expected = (Vec::new(), vec![Counts::default(); layers.len()], Vec::new());
        for image in images.chunks(image.len()) {
            let (signals, counts) = run::<f64>(&layers, Form::Spiking, Engine::Layered, image);
            let Some(Signal::Values(output)) = signals.last() else { unreachable!("a readout has values") };
            expected.0.extend_from_slice(output);
            expected.2.push(counts.iter().map(|counts| counts.spikes as u32).sum::<u32>());
            for (sum, counts) in expected.1.iter_mut().zip(counts) {
                *sum += counts;
            }
        }
        let without = |counts: Vec<Counts>| -> Vec<Counts> {
            counts.into_iter().map(|counts| Counts { operations: 0, dense: 0, ..counts }).collect()
        };
        prop_assert_eq!(outputs, expected.0);
        prop_assert_eq!(image_spikes, expected.2);
        prop_assert_eq!(without(counts), without(expected.1));

        // Numbers that both precisions have.
        let single = Runner::new(network::<f32>(&layers, Form::Spiking));
        prop_assume!(single.bundle().is_some());
        let count = single.bundle().unwrap();
        let images = &images[..count * image.len()];
        let rounded: Vec<f32> = images.iter().map(|&x| x as f32).collect();
        let of_double = single.run(&request(Engine::Layered, images, count)).unwrap().outputs;
        prop_assert_eq!(of_double, single.run(&request(Engine::Layered, &rounded, count)).unwrap().outputs);
    }

    #[test]
    fn without_clipping_spikes_stand_for_the_original_activations(seed: u64, steps in 1usize..9) {
        let (layers, image) = Builder::build(seed, steps, EXACT);
        let (magnitudes, _) = run::<f64>(&layers, Form::Magnitude, Engine::Layered, &image);
        prop_assume!(is_exact(&layers, &decoded(&magnitudes, &layers)));

        let (analog, _) = run::<f64>(&layers, Form::Analog, Engine::Layered, &image);
        let analog = decoded(&analog, &layers);
        for engine in ENGINES {
            let (spiking, counts) = run::<f64>(&layers, Form::Spiking, engine, &image);
            prop_assert_eq!(&decoded(&spiking, &layers), &analog, "{:?}", engine);
            for ((counts, values), layer) in counts.iter().zip(&analog).zip(&layers) {
                let active = values.iter().filter(|&&x| x != 0.0).count() as u64;
                prop_assert_eq!(counts.spikes, if layer.spikes { active } else { 0 }, "{:?}", engine);
            }
        }
    }

    /// Rounding: each layer adds at most as many epsilons of its sums' magnitude as its sums have terms, and a few.
    #[test]
    fn engines_agree_within_rounding(seed: u64, steps in 1usize..9, saturate: bool) {
        let (layers, image) = Builder::build(seed, steps, Options { unit: 0.23, saturate });
        let (magnitudes, _) = run::<f64>(&layers, Form::Magnitude, Engine::Layered, &image);
        let magnitudes = decoded(&magnitudes, &layers);
        let (expected, _) = run::<f64>(&layers, Form::Spiking, Engine::Layered, &image);
        let expected = decoded(&expected, &layers);
        let terms = |layer: &Layer| match &layer.plan {
            Plan::Neurons { wirings, .. } => {
                8 + wirings.iter().map(|(_, wiring)| wiring.projection::<f64>(0).input().len()).sum::<usize>()
            }
            _ => 2,
        };
        let mut rounding = 0.0;
        let (double, _) = run::<f64>(&layers, Form::Spiking, Engine::Event, &image);
        let double = decoded(&double, &layers);
        let single = ENGINES.map(|engine| decoded(&run::<f32>(&layers, Form::Spiking, engine, &image).0, &layers));
        for (index, layer) in layers.iter().enumerate() {
            rounding += terms(layer) as f64;
            for (neuron, &expected) in expected[index].iter().enumerate() {
                for (got, epsilon) in
                    [(&double, f64::EPSILON), (&single[0], f32::EPSILON.into()), (&single[1], f32::EPSILON.into())]
                {
                    let bound = rounding * epsilon * magnitudes[index][neuron];
                    let got = got[index][neuron];
                    prop_assert!((got - expected).abs() <= bound, "{} is not {} within {}", got, expected, bound);
                }
            }
        }
    }
}

/// A gate for each channel, as in squeeze-and-excitation, computed beside spikes from values.
#[test]
fn values_are_multiplied_channel_by_channel_or_one_by_one() {
    let shape = Shape::new(1, 2, 2);
    let image = [1.0, 2.0, 3.0, 4.0];
    let gate = dense(0, shape, 2, &[0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25]);
    let network = Network::new(
        vec![
            input::<f64>(shape, None),
            neurons("gate", Shape::new(1, 1, 2), vec![gate], &[0.0, 0.0], Neuron::Analog(Activation::Relu)),
            population("gated", shape, Stage::Product { sources: [0, 1], circuit: None }),
            population("squared", shape, Stage::Product { sources: [2, 2], circuit: None }),
        ],
        Level::best(),
    )
    .unwrap();
    for engine in ENGINES {
        let mut space = Workspace::new(&network);
        space.run(&network, engine, &image);
        assert_eq!(space.signals[2].values(shape), [0.5, 2.0, 1.5, 4.0]);
        assert_eq!(space.output(), [0.25, 4.0, 2.25, 16.0]);
    }
}
