//! Descriptions of networks as JavaScript gives them, and what the kernel makes of them.

use firstspike_core::{
    Activation, AlphaSynapse, Amos, AveragePool, Bias, BiasSpike, DataType, Decode, Dense, Encoder, FewSpike, Geometry,
    IntegrateAndFire, LeakyMembrane, Lif, MaxPool, Mean, Neuron, Population, Presentation, Projection, Quartz,
    RawWeights, Real, Shape, Stage, Synapse, Ttfs, TtfsAlpha,
};
use napi::bindgen_prelude::{Float64Array, Uint8Array, Uint16Array, Uint32Array};
use napi_derive::napi;

/// `[height][width][channels]`.
#[napi(object, object_to_js = false)]
pub struct BindingShape {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Channels of each pixel.
    pub channels: u32,
}

/// A window that slides over an image; pairs are `[vertical, horizontal]`.
#[napi(object, object_to_js = false)]
pub struct BindingGeometry {
    /// What the window slides over.
    pub input: BindingShape,
    /// One pixel for each place of the window.
    pub output: BindingShape,
    /// Taps per axis.
    pub kernel: (u32, u32),
    /// Step between neighbouring windows.
    pub stride: (u32, u32),
    /// Step between neighbouring taps.
    pub dilation: (u32, u32),
    /// Padding before the first row and column; negative crops.
    pub pad: (i32, i32),
}

/// Average pooling.
#[napi(object, object_to_js = false)]
pub struct BindingAveragePool {
    /// The windows.
    pub geometry: BindingGeometry,
    /// Padding `[top, left, bottom, right]` whose zeros count in the divisor.
    pub counted: Vec<u32>,
}

/// Weights as stored, and the factors folded into them.
#[napi(object, object_to_js = false)]
pub struct BindingWeights {
    /// numpy's name of the element type.
    pub data_type: String,
    /// Little-endian elements at any alignment.
    pub bytes: Uint8Array,
    /// Factor of each input channel or element.
    pub input_scale: Option<Float64Array>,
    /// Factor of each output channel or element.
    pub output_scale: Option<Float64Array>,
}

/// How a spike reaches its targets.
#[napi(discriminant = "kind", discriminant_case = "lowercase", object_to_js = false)]
pub enum BindingSynapse {
    /// Every neuron to every neuron.
    Dense {
        /// Shape of the presynaptic side.
        input: BindingShape,
        /// Number of postsynaptic neurons.
        outputs: u32,
        /// `[input, output]`, or `[output, input]` if transposed.
        weights: BindingWeights,
        /// Neuron of each stored input.
        order: Option<Uint32Array>,
        /// Whether the stored matrix is `[output, input]`.
        transposed: bool,
    },
    /// A kernel shared by all pixels.
    Conv2d {
        /// How it slides.
        geometry: BindingGeometry,
        /// Groups of channels.
        groups: u32,
        /// `[c_out, c_in / groups, ky, kx]`.
        weights: BindingWeights,
    },
    /// One to one.
    Identity {
        /// Shape of both sides.
        shape: BindingShape,
    },
}

/// Synapses from a source population.
#[napi(object, object_to_js = false)]
pub struct BindingProjection {
    /// Index of the source.
    pub source: u32,
    /// Average pooling merged into the synapses.
    pub pool: Option<BindingAveragePool>,
    /// The synapses.
    pub synapse: BindingSynapse,
}

/// How long an image is shown to neurons whose rates count, in steps.
#[napi(object, object_to_js = false)]
pub struct BindingPresentation {
    /// Steps in all.
    pub steps: u32,
    /// The first step whose activity counts.
    pub from: u32,
}

/// What neurons do with their potentials.
#[napi(discriminant = "kind", discriminant_case = "lowercase", object_to_js = false)]
pub enum BindingNeuron {
    /// No spikes: a function of the potential.
    Analog {
        /// The function's name.
        activation: String,
        /// Its parameters.
        parameters: Vec<f64>,
    },
    /// Time to first spike.
    Ttfs {
        /// Length of the window.
        window: f64,
        /// A relay of signed values.
        signed: bool,
        /// Whether values beyond the window are clipped.
        saturate: bool,
        /// Whether the function that the neuron stands for ends at the window.
        bounded: bool,
    },
    /// Time to first spike, with a constant external slope.
    TtfsAlpha {
        /// Length of the window.
        window: f64,
        /// Of each channel: the activation that a unit of time is worth.
        slope: Float64Array,
        /// The smallest activation that can be sent.
        origin: f64,
        /// Whether the neurons stand for a ReLU.
        rectify: bool,
    },
    /// Few spikes.
    FewSpike {
        /// Threshold of each step.
        threshold: Vec<f64>,
        /// What a spike in each step takes from the potential.
        reset: Vec<f64>,
        /// What a spike in each step is worth.
        output: Vec<f64>,
        /// Added to the potential at first.
        initial: f64,
        /// Whether every second step is of the opposite sign.
        signed: bool,
        /// Inputs that the parameters are made for.
        range: (f64, f64),
    },
    /// Circuits of neurons that spike at most once.
    Amos {
        /// Weight of the input on each neuron.
        input: Vec<f64>,
        /// Weight of the second input on each neuron; empty where there is none.
        second: Vec<f64>,
        /// Threshold of each neuron.
        threshold: Vec<f64>,
        /// Inhibition by earlier neurons: those of neuron 1, then of neuron 2, and so on.
        inhibition: Vec<f64>,
        /// What each neuron's spike is worth.
        output: Vec<f64>,
        /// Inputs that the parameters are made for.
        range: (f64, f64),
    },
    /// Spikes on a grid of time.
    Quartz {
        /// Levels of time.
        levels: u32,
        /// Whether the rectifier ends the window.
        rectify: bool,
        /// Whether it leaves values of zero silent.
        silent_zeros: bool,
        /// Whether a neuron that has spiked stays silent.
        latch: bool,
        /// Whether neurons wait for all inputs.
        two_phases: bool,
        /// Whether values are rounded down.
        floor: bool,
        /// How a bias spikes: at the `time` of its value, at that of its magnitude with its `sign`, or as a `weight`.
        bias: String,
        /// Largest magnitude of a bias.
        bias_limit: f64,
        /// Whether the spikes are read as an output, and the potential with them.
        readout: bool,
    },
    /// Values on a grid of time.
    QuartzInput {
        /// Levels of time.
        levels: u32,
        /// Whether values between two levels are shared out to both.
        between: bool,
    },
    /// Rates: spikes whenever a threshold's worth of input has come together.
    IntegrateAndFire {
        /// How long images are shown.
        presentation: BindingPresentation,
        /// Threshold of all neurons, or of each channel.
        threshold: Vec<f64>,
        /// Initial potential, as a share of the threshold.
        initial: f64,
        /// A relay of signed values.
        signed: bool,
        /// Whether the state is that of the image before.
        keep: bool,
    },
    /// Rates: the same with a leak and a refractory time.
    Lif {
        /// How long images are shown.
        presentation: BindingPresentation,
        /// Length of a step, in seconds.
        dt: f64,
        /// Membrane time constant, in seconds.
        tau_rc: f64,
        /// Refractory time, in seconds.
        tau_ref: f64,
        /// Current per unit of input of all neurons, or of each channel.
        gain: Vec<f64>,
        /// Current without input.
        offset: f64,
        /// What a spike is worth in its step: that of all neurons, or of each channel.
        worth: Vec<f64>,
        /// Time constant of the synapses that spikes arrive over, in steps; without one a spike lasts for its step.
        synapse: Option<f64>,
        /// Whether the state is that of the image before.
        keep: bool,
    },
    /// No spikes: a function of the mean input.
    Mean {
        /// How long images are shown.
        presentation: BindingPresentation,
        /// The function's name.
        activation: String,
        /// Its parameters.
        parameters: Vec<f64>,
        /// Time constant of the synapses that spikes arrive over, in steps; without one a spike lasts for its step.
        synapse: Option<f64>,
        /// Whether the state is that of the image before.
        keep: bool,
    },
}

/// How real input becomes spikes.
#[napi(object, object_to_js = false)]
pub struct BindingEncoder {
    /// Factor.
    pub scale: f64,
    /// Summand.
    pub shift: f64,
    /// Whether inputs outside of the range are clipped.
    pub saturate: bool,
}

/// What a population does.
#[napi(discriminant = "kind", discriminant_case = "lowercase", object_to_js = false)]
pub enum BindingStage {
    /// The network's input.
    Input {
        /// How values become spikes; they are handed on as they are if absent.
        encoder: Option<BindingEncoder>,
        /// Neuron of each element.
        order: Option<Uint32Array>,
    },
    /// Neurons that integrate.
    Neurons {
        /// Their synapses.
        projections: Vec<BindingProjection>,
        /// Biases: one per channel, for each class of pixels.
        bias: Float64Array,
        /// Class of each pixel.
        bias_classes: Option<Uint16Array>,
        /// What they do with the sum.
        neuron: BindingNeuron,
    },
    /// Maximum over windows.
    MaxPool {
        /// Index of the source.
        source: u32,
        /// The windows.
        geometry: BindingGeometry,
        /// Channels (non-zero) in which the minimum is taken.
        minimum: Option<Uint8Array>,
    },
    /// Channels side by side.
    Concat {
        /// Indices of the sources.
        sources: Vec<u32>,
    },
    /// New addresses.
    Permute {
        /// Index of the source.
        source: u32,
        /// New address of each neuron of the source; 2^32 - 1 leaves it out.
        to: Uint32Array,
    },
    /// Element-wise product.
    Product {
        /// Indices of the two sources; the second may have a single pixel.
        sources: Vec<u32>,
        /// A circuit of two inputs for each product, of the kind `amos`; exact arithmetic, if absent.
        circuit: Option<BindingNeuron>,
    },
}

/// A layer, or a part of one.
#[napi(object, object_to_js = false)]
pub struct BindingPopulation {
    /// Unique.
    pub name: String,
    /// Arrangement of the neurons.
    pub shape: BindingShape,
    /// The original activation is `value * scale + shift`: the scale of all neurons, or of each channel.
    pub decode_scale: Float64Array,
    /// The shift.
    pub decode_shift: f64,
    /// What the population does.
    pub stage: BindingStage,
}

impl From<&BindingShape> for Shape {
    fn from(shape: &BindingShape) -> Self {
        Self::new(shape.height as usize, shape.width as usize, shape.channels as usize)
    }
}

impl From<&BindingGeometry> for Geometry {
    fn from(geometry: &BindingGeometry) -> Self {
        let pair = |(y, x): (u32, u32)| [y as usize, x as usize];
        Self {
            input: (&geometry.input).into(),
            output: (&geometry.output).into(),
            kernel: pair(geometry.kernel),
            stride: pair(geometry.stride),
            dilation: pair(geometry.dilation),
            pad: [geometry.pad.0 as isize, geometry.pad.1 as isize],
        }
    }
}

impl BindingWeights {
    fn raw(&self) -> Result<RawWeights<'_>, String> {
        let data_type = match self.data_type.as_str() {
            "float32" => DataType::Float32,
            "float64" => DataType::Float64,
            "float16" => DataType::Float16,
            "bfloat16" => DataType::BFloat16,
            "int8" => DataType::Int8,
            "uint8" => DataType::UInt8,
            other => return Err(format!("weights cannot be {other}")),
        };
        Ok(RawWeights {
            data_type,
            bytes: &self.bytes,
            input_scale: self.input_scale.as_deref(),
            output_scale: self.output_scale.as_deref(),
        })
    }
}

fn projection<T: Real>(from: &BindingProjection) -> Result<Projection<T>, String> {
    let pool = match &from.pool {
        None => None,
        Some(pool) => {
            let counted: Vec<usize> = pool.counted.iter().map(|&n| n as usize).collect();
            let counted = counted.try_into().map_err(|_| "four counted pads are needed".to_owned())?;
            Some(AveragePool::new((&pool.geometry).into(), counted)?)
        }
    };
    let synapse = match &from.synapse {
        BindingSynapse::Dense { input, outputs, weights, order, transposed } => {
            Synapse::Dense(Dense::new(input.into(), *outputs as usize, weights.raw()?, order.as_deref(), *transposed)?)
        }
        BindingSynapse::Conv2d { geometry, groups, weights } => {
            Synapse::convolution(geometry.into(), *groups as usize, weights.raw()?)?
        }
        BindingSynapse::Identity { shape } => Synapse::Identity(shape.into()),
    };
    Projection::new(from.source as usize, pool, synapse)
}

impl From<&BindingPresentation> for Presentation {
    fn from(from: &BindingPresentation) -> Self {
        Self { steps: from.steps as usize, from: from.from as usize }
    }
}

fn activation(name: &str, parameters: &[f64]) -> Result<Activation, String> {
    Ok(match (name, parameters) {
        ("identity", []) => Activation::Identity,
        ("relu", []) => Activation::Relu,
        ("clipped-relu", &[ceiling]) => Activation::ClippedRelu { ceiling },
        ("sigmoid", []) => Activation::Sigmoid,
        ("silu", []) => Activation::Silu,
        ("hard-swish", []) => Activation::HardSwish,
        ("tanh", []) => Activation::Tanh,
        ("gelu", []) => Activation::Gelu,
        ("gelu-tanh", []) => Activation::GeluTanh,
        ("erf", []) => Activation::Erf,
        ("elu", &[slope]) => Activation::Elu { slope },
        ("softplus", []) => Activation::Softplus,
        ("softsign", []) => Activation::Softsign,
        ("mish", []) => Activation::Mish,
        ("quantize", &[scale, low, high]) => Activation::Quantize { scale, low, high },
        _ => return Err(format!("there is no activation {name} with the parameters {parameters:?}")),
    })
}

fn rounded<T: Real>(numbers: &[f64]) -> Vec<T> {
    numbers.iter().map(|&x| T::from_f64(x)).collect()
}

fn neuron<T: Real>(from: &BindingNeuron) -> Result<Neuron<T>, String> {
    Ok(match from {
        BindingNeuron::Analog { activation: name, parameters } => Neuron::Analog(activation(name, parameters)?),
        BindingNeuron::Ttfs { window, signed, saturate, bounded } => {
            Neuron::Ttfs(Ttfs { window: T::from_f64(*window), signed: *signed, saturate: *saturate, bounded: *bounded })
        }
        BindingNeuron::TtfsAlpha { window, slope, origin, rectify } => Neuron::TtfsAlpha(TtfsAlpha {
            window: T::from_f64(*window),
            slope: rounded(slope),
            origin: T::from_f64(*origin),
            rectify: *rectify,
        }),
        BindingNeuron::FewSpike { threshold, reset, output, initial, signed, range } => Neuron::FewSpike(FewSpike {
            threshold: rounded(threshold),
            reset: rounded(reset),
            output: rounded(output),
            initial: T::from_f64(*initial),
            signed: *signed,
            range: [T::from_f64(range.0), T::from_f64(range.1)],
        }),
        BindingNeuron::Amos { input, second, threshold, inhibition, output, range } => Neuron::Amos(Amos {
            input: rounded(input),
            second: rounded(second),
            threshold: rounded(threshold),
            inhibition: rounded(inhibition),
            output: rounded(output),
            range: [T::from_f64(range.0), T::from_f64(range.1)],
        }),
        BindingNeuron::Quartz {
            levels,
            rectify,
            silent_zeros,
            latch,
            two_phases,
            floor,
            bias,
            bias_limit,
            readout,
        } => Neuron::Quartz(Quartz {
            levels: *levels as usize,
            rectify: *rectify,
            silent_zeros: *silent_zeros,
            latch: *latch,
            two_phases: *two_phases,
            floor: *floor,
            bias: match bias.as_str() {
                "time" => BiasSpike::Time,
                "sign" => BiasSpike::Sign,
                "weight" => BiasSpike::Weight,
                other => return Err(format!("a bias does not spike by its {other}")),
            },
            bias_limit: *bias_limit,
            readout: *readout,
            between: false,
        }),
        BindingNeuron::QuartzInput { levels, between } => {
            Neuron::QuartzInput(Quartz { bias: BiasSpike::None, between: *between, ..Quartz::new(*levels as usize) })
        }
        BindingNeuron::IntegrateAndFire { presentation, threshold, initial, signed, keep } => {
            Neuron::IntegrateAndFire(IntegrateAndFire {
                presentation: presentation.into(),
                threshold: rounded(threshold),
                initial: T::from_f64(*initial),
                signed: *signed,
                keep: *keep,
            })
        }
        BindingNeuron::Lif { presentation, dt, tau_rc, tau_ref, gain, offset, worth, synapse, keep } => {
            Neuron::Lif(Lif {
                presentation: presentation.into(),
                membrane: LeakyMembrane::new(T::from_f64(*dt), T::from_f64(*tau_rc), T::from_f64(*tau_ref)),
                gain: rounded(gain),
                offset: T::from_f64(*offset),
                worth: rounded(worth),
                synapse: synapse.map(|tau| AlphaSynapse::new(T::from_f64(tau))),
                keep: *keep,
            })
        }
        BindingNeuron::Mean { presentation, activation: name, parameters, synapse, keep } => Neuron::Mean(Mean {
            presentation: presentation.into(),
            activation: activation(name, parameters)?,
            synapse: synapse.map(|tau| AlphaSynapse::new(T::from_f64(tau))),
            keep: *keep,
        }),
    })
}

fn stage<T: Real>(from: &BindingStage) -> Result<Stage<T>, String> {
    let indices = |sources: &[u32]| sources.iter().map(|&index| index as usize).collect::<Vec<_>>();
    Ok(match from {
        BindingStage::Input { encoder, order } => Stage::Input {
            encoder: encoder.as_ref().map(|e| Encoder {
                scale: T::from_f64(e.scale),
                shift: T::from_f64(e.shift),
                saturate: e.saturate,
            }),
            order: order.as_deref().unwrap_or_default().to_vec(),
        },
        BindingStage::Neurons { projections, bias, bias_classes, neuron: model } => Stage::Neurons {
            projections: projections.iter().map(projection).collect::<Result<_, _>>()?,
            bias: Bias {
                values: bias.iter().map(|&x| T::from_f64(x)).collect(),
                classes: bias_classes.as_deref().unwrap_or_default().to_vec(),
            },
            neuron: neuron(model)?,
        },
        BindingStage::MaxPool { source, geometry, minimum } => {
            let minimum = minimum.as_ref().map(|marks| marks.iter().map(|&mark| mark != 0).collect());
            Stage::MaxPool { source: *source as usize, pool: MaxPool::new(geometry.into(), minimum)? }
        }
        BindingStage::Concat { sources } => Stage::Concat { sources: indices(sources) },
        BindingStage::Permute { source, to } => Stage::Permute { source: *source as usize, to: to.to_vec() },
        BindingStage::Product { sources, circuit } => Stage::Product {
            sources: indices(sources).try_into().map_err(|_| "a product has two sources".to_owned())?,
            circuit: match circuit.as_ref().map(neuron).transpose()? {
                None => None,
                Some(Neuron::Amos(circuit)) => Some(circuit),
                Some(_) => return Err("a product's circuit is one of amos".to_owned()),
            },
        },
    })
}

/// The kernel's population, or the name and what is wrong with it.
pub fn population<T: Real>(from: &BindingPopulation) -> Result<Population<T>, String> {
    let stage = stage(&from.stage).map_err(|reason| format!("{}: {reason}", from.name))?;
    let decode = Decode { scale: rounded(&from.decode_scale), shift: T::from_f64(from.decode_shift) };
    Ok(Population { name: from.name.clone(), shape: (&from.shape).into(), decode, stage })
}
