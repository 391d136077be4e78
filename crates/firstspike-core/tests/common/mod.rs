//! What the tests share: random numbers, populations in few words, and synapses by their definition.
#![allow(dead_code, reason = "every test uses a part of it")]

use firstspike_core::*;
use half::{bf16, f16};
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// A precision, and its rounding.
pub trait Float: Real {
    const EPSILON: f64;
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
}

pub const ENGINES: [Engine; 2] = [Engine::Event, Engine::Layered];

/// All that can be recorded of spikes.
pub const ALL_SPIKES: Record = Record { spikes: true, neurons: true, channels: true, times: false };

/// A plain run of images, of which nothing is recorded.
pub fn request<T: Real, I: Real>(engine: Engine, images: &[I], count: usize) -> Request<'_, T, I> {
    static CANCEL: AtomicBool = AtomicBool::new(false);
    static PROGRESS: AtomicUsize = AtomicUsize::new(0);
    Request {
        reference: None,
        engine,
        paths: Paths::Fastest,
        record: Record::default(),
        early_exit: false,
        disturbance: None,
        first_image: 0,
        images,
        count,
        cancel: &CANCEL,
        progress: &PROGRESS,
    }
}

/// Numbers that follow from a seed (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// In [-1, 1).
    pub fn real(&mut self) -> f64 {
        (self.bits() as i64) as f64 / (1u64 << 63) as f64
    }

    pub fn reals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.real()).collect()
    }

    /// About a third of it zeros; exact in both precisions.
    pub fn image(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| if self.below(3) == 0 { 0.0 } else { self.real() as f32 }).collect()
    }

    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut to: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            to.swap(i, self.below(i + 1));
        }
        to
    }
}

pub fn all<T: Real>(xs: &[f64]) -> Vec<T> {
    xs.iter().map(|&x| T::from_f64(x)).collect()
}

pub fn population<T: Real>(name: impl Into<String>, shape: Shape, stage: Stage<T>) -> Population<T> {
    Population { name: name.into(), shape, decode: Decode::default(), stage }
}

pub fn input<T: Real>(shape: Shape, encoder: Option<Encoder<T>>) -> Population<T> {
    population("input", shape, Stage::Input { encoder, order: Vec::new() })
}

pub fn neurons<T: Real>(
    name: &str,
    shape: Shape,
    projections: Vec<Projection<T>>,
    bias: &[f64],
    neuron: Neuron<T>,
) -> Population<T> {
    let bias = Bias { values: all(bias), classes: Vec::new() };
    population(name, shape, Stage::Neurons { projections, bias, neuron })
}

/// An encoder that hands on `x * scale + shift`.
pub fn encoder<T: Real>(scale: f64, shift: f64, saturate: bool) -> Encoder<T> {
    Encoder { scale: T::from_f64(scale), shift: T::from_f64(shift), saturate }
}

/// An encoder that hands on inputs as they are.
pub fn plain<T: Real>() -> Encoder<T> {
    encoder(1.0, 0.0, false)
}

pub const READOUT: Activation = Activation::Identity;

/// Every neuron of `source` to `outputs` neurons: `weights[input][output]`.
pub fn dense<T: Real>(source: usize, input: Shape, outputs: usize, weights: &[f64]) -> Projection<T> {
    let kind = Kind::Dense { input, outputs, order: None, transposed: false };
    Wiring { pool: None, kind, weights: Stored::new(DataType::Float64, weights) }.projection(source)
}

/// Height and width of [`fire`]'s images, and their channels.
pub const FIRE: Shape = Shape { height: 40, width: 40, channels: 8 };

/// A fire module, as SqueezeNet has them: few channels, and convolutions of these side by side, one of which sees the image too.
/// Sums come in several bands, and values beyond the window are clipped.
pub fn fire<T: Real>(level: Level) -> Network<T> {
    let numbers = &mut Numbers(11);
    let shape = |channels: usize| Shape { channels, ..FIRE };
    let mut layer = |name: &str, source: usize, [from, to]: [usize; 2], size: usize, shift: f64| {
        let pad = [(size / 2) as isize; 2];
        let (input, output) = (shape(from), shape(to));
        let geometry = Geometry { input, output, kernel: [size; 2], stride: [1, 1], dilation: [1, 1], pad };
        let weights: Vec<f64> =
            numbers.reals(size * size * from * to).iter().map(|x| (x - shift) / (2 * size) as f64).collect();
        let kind = Kind::Conv2d { geometry, groups: 1 };
        let wiring = Wiring { pool: None, kind, weights: Stored::new(DataType::Float32, &weights) };
        let ttfs = Ttfs { window: T::from_f64(2.5), signed: false, saturate: true, bounded: false };
        // More neurons spike without an image than with one.
        let bias: Vec<f64> = numbers.reals(to).iter().map(|x| x + 0.6).collect();
        neurons(name, shape(to), vec![wiring.projection(source)], &bias, Neuron::Ttfs(ttfs))
    };
    let squeeze = layer("squeeze", 0, [FIRE.channels, 16], 1, 1.5);
    let expand = [layer("expand 1x1", 1, [16, 40], 1, 0.0), layer("expand 3x3", 1, [16, 64], 3, 0.0)];
    // A part whose sums come from two sources.
    let mut both = layer("both", 1, [16, 8], 3, 0.0);
    let other = layer("other", 0, [FIRE.channels, 8], 1, 0.0);
    if let (Stage::Neurons { projections, .. }, Stage::Neurons { projections: others, .. }) =
        (&mut both.stage, other.stage)
    {
        projections.extend(others);
    }
    let last = layer("last", 5, [112, 48], 3, 0.0);
    let readout = dense(6, shape(48), 2, &numbers.reals(2 * shape(48).len()));
    let [one, three] = expand;
    let populations = vec![
        input(FIRE, Some(plain())),
        squeeze,
        one,
        three,
        both,
        population("concat", shape(112), Stage::Concat { sources: vec![2, 4, 3] }),
        last,
        neurons("readout", Shape::new(1, 1, 2), vec![readout], &[0.0; 2], Neuron::Analog(READOUT)),
    ];
    Network::new(populations, level).unwrap()
}

/// Stored weights: bytes for the kernel, numbers for the definition.
#[derive(Clone, Debug)]
pub struct Stored {
    pub data_type: DataType,
    bytes: Vec<u8>,
    elements: Vec<f64>,
    pub input_scale: Option<Vec<f64>>,
    pub output_scale: Option<Vec<f64>>,
}

/// Elements need no alignment.
const OFFSET: usize = 1;

impl Stored {
    /// Stores numbers of about 1, rounded to what the type can hold.
    pub fn new(data_type: DataType, numbers: &[f64]) -> Self {
        let mut bytes = vec![0; OFFSET];
        let elements = numbers.iter().map(|&x| store(data_type, x, &mut bytes)).collect();
        Self { data_type, bytes, elements, input_scale: None, output_scale: None }
    }

    pub fn raw(&self) -> RawWeights<'_> {
        RawWeights {
            data_type: self.data_type,
            bytes: &self.bytes[OFFSET..],
            input_scale: self.input_scale.as_deref(),
            output_scale: self.output_scale.as_deref(),
        }
    }

    fn weight(&self, element: usize, input: usize, output: usize) -> f64 {
        let scale = |scale: &Option<Vec<f64>>, at: usize| scale.as_ref().map_or(1.0, |scale| scale[at]);
        self.elements[element] * scale(&self.input_scale, input) * scale(&self.output_scale, output)
    }
}

/// Appends a number's bytes; gives the number that they stand for.
fn store(data_type: DataType, x: f64, bytes: &mut Vec<u8>) -> f64 {
    macro_rules! put {
        ($x:expr) => {{
            let x = $x;
            bytes.extend(x.to_le_bytes());
            f64::from(x)
        }};
    }
    match data_type {
        DataType::Float64 => put!(x),
        DataType::Float32 => put!(x as f32),
        DataType::Float16 => put!(f16::from_f64(x)),
        DataType::BFloat16 => put!(bf16::from_f64(x)),
        DataType::Int8 => put!((x * 100.0) as i8),
        DataType::UInt8 => put!((x.abs() * 200.0) as u8),
    }
}

/// A projection that can be built in both precisions, and listed synapse by synapse.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// The window, and the padding that counts.
    pub pool: Option<(Geometry, [usize; 4])>,
    pub kind: Kind,
    pub weights: Stored,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Conv2d { geometry: Geometry, groups: usize },
    Dense { input: Shape, outputs: usize, order: Option<Vec<u32>>, transposed: bool },
    Identity(Shape),
}

/// One synapse. Where pooling windows overlap, several join the same two neurons.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub weight: f64,
}

impl Wiring {
    pub fn projection<T: Real>(&self, source: usize) -> Projection<T> {
        let pool = self.pool.clone().map(|(geometry, counted)| AveragePool::new(geometry, counted).unwrap());
        let raw = self.weights.raw();
        let synapse = match &self.kind {
            Kind::Conv2d { geometry, groups } => {
                Synapse::Conv2d(Box::new(Conv2d::new(geometry.clone(), *groups, raw).unwrap()))
            }
            Kind::Dense { input, outputs, order, transposed } => {
                Synapse::Dense(Dense::new(*input, *outputs, raw, order.as_deref(), *transposed).unwrap())
            }
            Kind::Identity(shape) => Synapse::Identity(*shape),
        };
        Projection::new(source, pool, synapse).unwrap()
    }

    /// The same wires with magnitudes for weights.
    pub fn magnitude(&self) -> Self {
        let elements: Vec<f64> = self.weights.elements.iter().map(|x| x.abs()).collect();
        Self { weights: Stored::new(DataType::Float64, &elements), ..self.clone() }
    }

    pub fn edges(&self) -> Vec<Edge> {
        let edges = match &self.kind {
            Kind::Conv2d { geometry, groups } => convolution(geometry, *groups, &self.weights),
            Kind::Dense { input, outputs, order, transposed } => {
                let inputs = input.len();
                let element = |i: usize, o: usize| if *transposed { o * inputs + i } else { i * outputs + o };
                (0..inputs)
                    .flat_map(|i| (0..*outputs).map(move |o| (i, o)))
                    .map(|(i, o)| Edge {
                        from: order.as_ref().map_or(i, |order| order[i] as usize),
                        to: o,
                        weight: self.weights.weight(element(i, o), i, o),
                    })
                    .collect()
            }
            Kind::Identity(shape) => (0..shape.len()).map(|i| Edge { from: i, to: i, weight: 1.0 }).collect(),
        };
        let Some((geometry, counted)) = &self.pool else { return edges };
        let mut outgoing = vec![Vec::new(); geometry.output.len()];
        for edge in edges {
            outgoing[edge.from].push(edge);
        }
        let merge = |first: Edge| {
            outgoing[first.to].iter().map(move |then| Edge {
                from: first.from,
                to: then.to,
                weight: first.weight * then.weight,
            })
        };
        average(geometry, *counted).into_iter().flat_map(merge).collect()
    }
}

/// A tap of a window that exists: indices of the window, of the tap, and of the input pixel below it.
#[derive(Clone, Copy, Debug)]
pub struct Tap {
    pub window: usize,
    pub index: usize,
    pub pixel: usize,
}

/// All taps of all windows within the input and a margin `[top, left, bottom, right]` around it, with their positions.
fn positions(geometry: &Geometry, margin: [usize; 4]) -> Vec<(usize, usize, [isize; 2])> {
    let Geometry { input, output, kernel, stride, dilation, pad } = geometry;
    let margin = margin.map(|n| n as isize);
    let mut found = Vec::new();
    for window in 0..output.pixels() {
        for tap in 0..kernel[0] * kernel[1] {
            let at = |axis: usize, window: usize, tap: usize| {
                (window * stride[axis] + tap * dilation[axis]) as isize - pad[axis]
            };
            let y = at(0, window / output.width, tap / kernel[1]);
            let x = at(1, window % output.width, tap % kernel[1]);
            let rows = -margin[0]..input.height as isize + margin[2];
            let columns = -margin[1]..input.width as isize + margin[3];
            if rows.contains(&y) && columns.contains(&x) {
                found.push((window, tap, [y, x]));
            }
        }
    }
    found
}

pub fn taps(geometry: &Geometry) -> Vec<Tap> {
    let pixel = |[y, x]: [isize; 2]| y as usize * geometry.input.width + x as usize;
    positions(geometry, [0; 4]).into_iter().map(|(window, index, at)| Tap { window, index, pixel: pixel(at) }).collect()
}

fn convolution(geometry: &Geometry, groups: usize, weights: &Stored) -> Vec<Edge> {
    let (inputs, outputs) = (geometry.input.channels, geometry.output.channels);
    let (group_in, group_out) = (inputs / groups, outputs / groups);
    let kernel = geometry.kernel[0] * geometry.kernel[1];
    let mut edges = Vec::new();
    for Tap { window, index, pixel } in taps(geometry) {
        for o in 0..outputs {
            for k in 0..group_in {
                let i = o / group_out * group_in + k;
                let weight = weights.weight((o * group_in + k) * kernel + index, i, o);
                edges.push(Edge { from: pixel * inputs + i, to: window * outputs + o, weight });
            }
        }
    }
    edges
}

fn average(geometry: &Geometry, counted: [usize; 4]) -> Vec<Edge> {
    let channels = geometry.input.channels;
    let mut divisors = vec![0; geometry.output.pixels()];
    for (window, ..) in positions(geometry, counted) {
        divisors[window] += 1;
    }
    taps(geometry)
        .into_iter()
        .flat_map(|tap| (0..channels).map(move |channel| (tap, channel)))
        .map(|(Tap { window, pixel, .. }, channel)| Edge {
            from: pixel * channels + channel,
            to: window * channels + channel,
            weight: 1.0 / f64::from(divisors[window]),
        })
        .collect()
}
