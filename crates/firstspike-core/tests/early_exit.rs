//! Images that end as soon as their class is settled.

mod common;

use common::*;
use firstspike_core::*;
use proptest::prelude::*;

fn vector(n: usize) -> Shape {
    Shape::new(1, 1, n)
}

fn run<T: Real>(network: &Runner<T>, engine: Engine, early_exit: bool, images: &[f32]) -> Outcome<T> {
    let plain = request(engine, images, images.len() / network.network().inputs());
    let record = Record { spikes: true, ..Record::default() };
    network.run(&Request { record, early_exit, ..plain }).unwrap()
}

/// Index of the largest output, the first of equal ones.
fn label<T: Real>(outputs: &[T]) -> usize {
    (0..outputs.len()).reduce(|a, b| if outputs[b] > outputs[a] { b } else { a }).unwrap()
}

fn ttfs<T: Real>(window: f64, signed: bool) -> Neuron<T> {
    Neuron::Ttfs(Ttfs { window: T::from_f64(window), signed, saturate: false, bounded: false })
}

fn readout<T: Real>(projections: Vec<Projection<T>>, bias: &[f64]) -> Population<T> {
    neurons("readout", vector(bias.len()), projections, bias, Neuron::Analog(READOUT))
}

/// Neurons that send on two inputs as they are, in a window of 1, and two classes.
fn pair(weights: [f64; 4]) -> Runner<f64> {
    let relay = Projection::new(0, None, Synapse::Identity(vector(2))).unwrap();
    let populations = vec![
        input(vector(2), Some(plain())),
        neurons("ttfs", vector(2), vec![relay], &[0.0; 2], ttfs(1.0, false)),
        readout(vec![dense(1, vector(2), 2, &weights)], &[0.0; 2]),
    ];
    Runner::new(Network::new(populations, Level::best()).unwrap())
}

#[test]
fn a_class_is_settled_once_what_is_left_of_the_window_is_too_short_for_the_others() {
    for engine in ENGINES {
        // The first neuron spikes 3/4 before the end, for the first class; the second one then needs more than 3/8.
        let network = pair([0.5, 0.0, 0.0, 1.0]);
        let late = run(&network, engine, true, &[0.75, 0.25]);
        assert_eq!((late.exits.images, late.exits.spikes, late.exits.synaptic_events), (1, 1, 2));
        assert!((late.exits.window - 0.375).abs() < 1e-9, "{}", late.exits.window);
        assert_eq!(late.outputs, [0.375, 0.0]);
        assert_eq!((late.counts[1].spikes, late.counts[2].synaptic_events), (1, 2));
        assert_eq!(late.trains[1].neurons, [0]);
        // It spikes in time, and is settled for the second class at once.
        let in_time = run(&network, engine, true, &[0.75, 0.5]);
        assert_eq!((in_time.exits.images, in_time.exits.spikes), (1, 0));
        assert_eq!((in_time.outputs, in_time.exits.window), (vec![0.375, 0.5], 0.5));
        // Nothing can be gained after the first spike.
        let at_once = run(&pair([2.0, 0.0, 0.0, 1.0]), engine, true, &[0.75, 0.5]);
        assert_eq!((at_once.exits.spikes, at_once.exits.window), (1, 0.75));
        // Equal to the end.
        let equal = run(&pair([1.0, 1.0, 1.0, 1.0]), engine, true, &[0.75, 0.5]);
        assert_eq!((equal.exits, equal.outputs), (Exits::default(), vec![1.25, 1.25]));
    }
}

#[test]
fn without_being_asked_for_images_run_to_their_end() {
    for engine in ENGINES {
        let outcome = run(&pair([2.0, 0.0, 0.0, 1.0]), engine, false, &[0.75, 0.5]);
        assert_eq!((outcome.exits, outcome.outputs), (Exits::default(), vec![1.5, 0.5]));
    }
}

/// Multiples of a quarter, so that potentials are equal now and then.
fn quarters(numbers: &mut Numbers, count: usize) -> Vec<f64> {
    (0..count).map(|_| (numbers.below(9) as f64 - 4.0) / 4.0).collect()
}

/// How neurons of a random network spike.
#[derive(Clone, Copy, Debug)]
enum Code {
    Ttfs { signed: bool },
    Alpha,
    Quartz(Quartz),
}

/// An input, neurons, perhaps the largest of each four, and a readout: dense or a convolution in front of a single pixel,
/// perhaps behind an average pooling. Quartz neurons are read from times of their own.
struct Plan {
    code: Code,
    window: f64,
    hidden: Shape,
    weights: Vec<f64>,
    pool: Option<Geometry>,
    wiring: Wiring,
    bias: Vec<f64>,
}

const INPUTS: usize = 6;

impl Plan {
    fn new(seed: u64, code: Code) -> Self {
        let numbers = &mut Numbers(seed);
        let hidden = Shape::new(4, 2 * (1 + numbers.below(2)), 1 + numbers.below(5));
        let geometry = |input: Shape, kernel: [usize; 2], stride: usize, channels: usize| {
            let pixels = [input.height, input.width].map(|n| n / stride);
            let output = if stride == 1 { vector(channels) } else { Shape::new(pixels[0], pixels[1], channels) };
            Geometry { input, output, kernel, stride: [stride; 2], dilation: [1; 2], pad: [0; 2] }
        };
        let pool = numbers.coin().then(|| geometry(hidden, [2, 2], 2, hidden.channels));
        let last = pool.as_ref().map_or(hidden, |pool| pool.output);
        let whole = |shape: Shape| [shape.height, shape.width];
        let average = (numbers.below(3) == 0).then(|| (geometry(last, whole(last), 1, last.channels), [0; 4]));
        let from = average.as_ref().map_or(last, |(geometry, _)| geometry.output);
        let classes = 2 + numbers.below(4);
        let kind = if numbers.coin() {
            Kind::Dense { input: from, outputs: classes, order: None, transposed: false }
        } else {
            Kind::Conv2d { geometry: geometry(from, whole(from), 1, classes), groups: 1 }
        };
        let count = from.len() * classes;
        let weights = if numbers.coin() { quarters(numbers, count) } else { numbers.reals(count) };
        Self {
            code,
            window: numbers.pick(&[0.5, 1.0, 2.0]),
            hidden,
            weights: quarters(numbers, INPUTS * hidden.len()),
            pool,
            wiring: Wiring { pool: average, kind, weights: Stored::new(DataType::Float64, &weights) },
            bias: quarters(numbers, classes),
        }
    }

    fn network<T: Real>(&self) -> Network<T> {
        let inputs = vector(INPUTS);
        let relay = |neuron: Neuron<T>| {
            let synapses = Projection::new(0, None, Synapse::Identity(inputs)).unwrap();
            neurons("relay", inputs, vec![synapses], &[0.0; INPUTS], neuron)
        };
        let alpha = |window: f64, slope: f64, origin: f64, channels: usize| {
            let slope = all(&vec![slope; channels]);
            Neuron::TtfsAlpha(TtfsAlpha {
                window: T::from_f64(window),
                slope,
                origin: T::from_f64(origin),
                rectify: true,
            })
        };
        let (mut populations, neuron) = match self.code {
            Code::Ttfs { signed } => (vec![input(inputs, Some(plain()))], ttfs(self.window, signed)),
            Code::Alpha => (
                vec![input(inputs, None), relay(alpha(2.0, 1.0, -1.0, INPUTS))],
                alpha(self.window, 8.0, 0.0, self.hidden.channels),
            ),
            Code::Quartz(quartz) => {
                let rectified = Quartz { rectify: true, readout: false, ..quartz };
                (vec![input(inputs, None), relay(Neuron::QuartzInput(rectified))], Neuron::Quartz(rectified))
            }
        };
        let synapses = dense(populations.len() - 1, inputs, self.hidden.len(), &self.weights);
        let bias = vec![0.25; self.hidden.channels];
        populations.push(neurons("hidden", self.hidden, vec![synapses], &bias, neuron));
        if let Some(geometry) = &self.pool {
            let stage =
                Stage::MaxPool { source: populations.len() - 1, pool: MaxPool::new(geometry.clone(), None).unwrap() };
            populations.push(population("pool", geometry.output, stage));
        }
        let synapses = self.wiring.projection(populations.len() - 1);
        let outputs = vector(self.bias.len());
        if let Code::Quartz(quartz) = self.code {
            populations.push(neurons("times", outputs, vec![synapses], &self.bias, Neuron::Quartz(quartz)));
            let synapses = Projection::new(populations.len() - 1, None, Synapse::Identity(outputs)).unwrap();
            populations.push(readout(vec![synapses], &vec![0.0; self.bias.len()]));
        } else {
            populations.push(readout(vec![synapses], &self.bias));
        }
        Network::new(populations, Level::best()).unwrap()
    }
}

/// Runs images with and without early exits, in both engines: labels must be the same, and counts those of what is left.
fn expect_labels<T: Real>(plan: &Plan, images: &[f32]) -> Result<[Outcome<T>; 2], TestCaseError> {
    let network = Runner::new(plan.network::<T>());
    let classes = plan.bias.len();
    let mut outcomes = Vec::new();
    for engine in ENGINES {
        let [whole, part] = [false, true].map(|early_exit| run(&network, engine, early_exit, images));
        for (whole, part) in whole.outputs.chunks(classes).zip(part.outputs.chunks(classes)) {
            prop_assert_eq!(label(whole), label(part), "{:?} of {:?}, {:?}", part, whole, engine);
        }
        let sum = |outcome: &Outcome<T>, count: fn(&Counts) -> u64| outcome.counts.iter().map(count).sum::<u64>();
        let saved = |count: fn(&Counts) -> u64| sum(&whole, count) - sum(&part, count);
        prop_assert_eq!(part.exits.spikes, saved(|counts| counts.spikes));
        prop_assert_eq!(part.exits.synaptic_events, saved(|counts| counts.synaptic_events));
        prop_assert!(part.exits.window <= part.exits.images as f64);
        outcomes.push(part);
    }
    let [event, layered] = outcomes.try_into().unwrap();
    Ok([event, layered])
}

/// Whether no class can overtake another of the given potentials if each neuron that has not spiked may still send up to
/// `left`, of either sign if `signed`.
fn is_settled(plan: &Plan, values: &[f64], left: f64, signed: bool) -> bool {
    let classes = plan.bias.len();
    let mut potentials = plan.bias.clone();
    let mut weights = vec![vec![0.0; classes]; values.len()];
    for Edge { from, to, weight } in plan.wiring.edges() {
        potentials[to] += weight * values[from];
        weights[from][to] += weight;
    }
    let silent: Vec<_> = weights.iter().zip(values).filter(|&(_, &value)| value == 0.0).collect();
    (0..classes).any(|c| {
        (0..classes).filter(|&k| k != c).all(|k| {
            let gains = silent.iter().map(|(weights, _)| weights[k] - weights[c]);
            let gain: f64 = gains.map(|gain| if signed { gain.abs() } else { gain.max(0.0) }).sum();
            potentials[c] - potentials[k] > left * gain
        })
    })
}

fn is_first_spike(code: Code) -> bool {
    !matches!(code, Code::Quartz(_))
}

fn codes() -> impl Strategy<Value = Code> {
    let quartz = (2usize..24, any::<[bool; 5]>(), 0usize..3).prop_map(|(levels, decisions, bias)| {
        let [latch, two_phases, floor, silent_zeros, readout] = decisions;
        let bias = [BiasSpike::Time, BiasSpike::Sign, BiasSpike::Weight][bias];
        let quartz = Quartz::new(levels);
        Code::Quartz(Quartz { rectify: false, latch, two_phases, floor, silent_zeros, readout, bias, ..quartz })
    });
    prop_oneof![any::<bool>().prop_map(|signed| Code::Ttfs { signed }), Just(Code::Alpha), quartz]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn labels_are_those_of_whole_runs(seed: u64, code in codes()) {
        let plan = Plan::new(seed, code);
        let images = Numbers(seed ^ 1).image(8 * INPUTS);
        let single = expect_labels::<f32>(&plan, &images)?;
        let [event, layered] = expect_labels::<f64>(&plan, &images)?;
        // Engines agree; rounding may tell which spikes still count.
        prop_assert!((event.exits.window - layered.exits.window).abs() <= 1e-6 || !is_first_spike(code));
        prop_assert!(single.iter().all(|outcome| outcome.exits.images <= 8));
    }

    #[test]
    fn an_image_ends_when_no_class_can_overtake_any_more_and_not_before(seed: u64, signed: bool) {
        let plan = Plan::new(seed, Code::Ttfs { signed });
        let network = plan.network::<f64>();
        let image = Numbers(seed ^ 1).image(INPUTS);
        for engine in ENGINES {
            let last = network.populations().len() - 2;
            let shape = network.populations()[last].shape;
            let mut space = Workspace::new(&network);
            space.run(&network, engine, &image);
            let whole = space.signals[last].values(shape);
            space.conduct(Paths::Fastest, Record::default(), true);
            space.run(&network, engine, &image);
            let part = space.signals[last].values(shape);
            let left = space.exits.window * plan.window;
            prop_assert!(left == 0.0 || is_settled(&plan, &part, left, signed));
            for (whole, part) in whole.iter().zip(&part) {
                let kept = if *part == 0.0 { whole.abs() <= left } else { part == whole && part.abs() >= left };
                prop_assert!(kept, "{} of {}, {} before the end", part, whole, left);
            }
            let earlier = left + 1e-9;
            if earlier < plan.window {
                let values: Vec<f64> = whole.iter().map(|&x| if x.abs() >= earlier { x } else { 0.0 }).collect();
                prop_assert!(!is_settled(&plan, &values, earlier, signed));
            }
        }
    }
}

#[test]
fn all_codes_save_something() {
    let quartz = |readout| Code::Quartz(Quartz { rectify: false, readout, ..Quartz::new(16) });
    for code in [Code::Ttfs { signed: false }, Code::Ttfs { signed: true }, Code::Alpha, quartz(false), quartz(true)] {
        let mut exits = Exits::default();
        for seed in 0..100 {
            let network = Runner::new(Plan::new(seed, code).network::<f32>());
            exits += run(&network, Engine::Layered, true, &Numbers(seed).image(10 * INPUTS)).exits;
        }
        assert!(exits.images > 200 && exits.spikes > 200 && exits.window > 50.0, "{code:?}: {exits:?}");
    }
}

#[test]
fn networks_whose_last_window_cannot_be_cut_say_why() {
    let shape = vector(2);
    let hidden = |neuron: Neuron<f64>| neurons("hidden", shape, vec![dense(0, shape, 2, &[1.0; 4])], &[0.0; 2], neuron);
    let read = |source: usize, outputs: usize| dense(source, shape, outputs, &vec![1.0; 2 * outputs]);
    let relay = || Projection::new(1, None, Synapse::Identity(shape)).unwrap();
    let cases = [
        (vec![hidden(ttfs(1.0, false)), readout(vec![read(1, 1)], &[0.0])], "one class"),
        (vec![hidden(ttfs(1.0, false)), readout(vec![read(1, 2), read(0, 2)], &[0.0; 2])], "one layer"),
        (vec![hidden(ttfs(1.0, false)), readout(vec![relay()], &[0.0; 2])], "reaches all classes"),
        (vec![hidden(Neuron::Analog(Activation::Relu)), readout(vec![read(1, 2)], &[0.0; 2])], "spike once"),
        (vec![readout(vec![read(0, 2)], &[0.0; 2])], "spike once"),
        (vec![hidden(ttfs(1.0, false)), hidden(Neuron::Analog(Activation::Relu))], "one layer"),
    ];
    for (layers, reason) in cases {
        let populations = std::iter::once(input(shape, Some(plain()))).chain(layers).collect();
        let network = Network::new(populations, Level::best()).unwrap();
        let fault = network.early_exit_fault().unwrap().to_owned();
        assert!(fault.contains(reason), "{fault}");
        let request = Request { early_exit: true, ..request(Engine::Layered, &[0.5f32, 0.5], 1) };
        let error = Runner::new(network).run(&request).unwrap_err();
        assert_eq!(error, RunError::NoEarlyExit { reason: fault });
    }
}
