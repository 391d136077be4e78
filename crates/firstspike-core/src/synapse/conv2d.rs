//! A kernel shared by all pixels: plain, strided, dilated, grouped and depthwise.

use crate::aligned::Aligned;
use crate::bands::Bands;
use crate::real::Real;
use crate::shape::{Geometry, Shape};
use crate::signal::SpikeList;
use crate::synapse::{BandScratch, ConvolutionScratch, ImageBundle, Path, Paths, Sums};
use crate::weights::RawWeights;
use firstspike_simd::{Level, Listed, Reach, Sliding, Spreading, Stamps, Taps, Winograd};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Channels of an image whose spikes may be stamped, at most.
const FEW_CHANNELS: usize = 4;

/// Weights of stamps, at most.
const MOST_STAMPED: usize = 1 << 16;

/// Bytes of transformed weights, at most: most of the time would go into reading more of them.
const MOST_TRANSFORMED: usize = 16 << 20;

/// Cycles of a band of outputs, at least, some 20 us: a thread that sleeps may take as long to begin.
const WORTHWHILE: f64 = 80_000.0;

/// A 2-d convolution (cross-correlation).
#[derive(Clone, Debug)]
pub struct Conv2d<T> {
    geometry: Geometry,
    groups: usize,
    /// `[ky][kx][group][c_in of the group][c_out of the group]`: with one group `[ky][kx][c_in][c_out]`, and depthwise
    /// `[ky][kx][c_out]`.
    weights: Aligned<T>,
    /// How it slides over an image.
    sliding: Sliding,
    /// The weights in the order in which dense kernels meet them, where it is another: packed when they are first needed.
    panels: OnceLock<Aligned<T>>,
    /// How spikes spread from their inputs, where that is faster.
    spread: Option<Spread<T>>,
    /// How tiles of outputs are computed at once, where that takes fewer multiplications.
    tiled: Option<Tiled<T>>,
    /// What a spike does to its targets, where an image has few channels: fewer spikes than pixels, maybe. Made when it is
    /// first needed; nothing where it would take too many weights.
    stamps: OnceLock<Option<Stamps<T>>>,
    /// The same over an image with margins of zeros at its sides, in which every column has all of its taps.
    widened: Widened,
    /// What the first channel of each row and of each column reaches on its axis.
    reach: [Vec<Windows>; 2],
    /// What each way takes that there is.
    costs: Vec<(Way, Cost)>,
    /// What takes least for several images at once.
    bundled: Bundled,
}

/// Windows that a row or a column of pixels falls into: at even distances, as the taps are that it falls on, which
/// descend.
#[derive(Clone, Copy, Debug, Default)]
struct Windows {
    count: usize,
    first: usize,
    step: usize,
    tap: usize,
    tap_step: usize,
}

impl Windows {
    fn new(mut windows: impl Iterator<Item = (usize, usize)>) -> Self {
        let Some((first, tap)) = windows.next() else { return Self::default() };
        let Some((second, next)) = windows.next() else { return Self { count: 1, first, tap, ..Self::default() } };
        Self { count: 2 + windows.count(), first, step: second - first, tap, tap_step: tap - next }
    }
}

/// How spikes may be added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// With all neurons that did not spike: a register of weights serves several pixels, and multiplications are the limit.
    Dense,
    /// The same by minimal filtering, tile by tile of the outputs.
    Winograd,
    /// Output by output. A spike costs a load of weights for each register of outputs.
    Slide,
    /// Input by input, where each reaches several outputs.
    Spread,
    /// Spike by spike.
    Stamp,
}

impl Way {
    /// Whether neurons that did not spike are added up too.
    fn is_dense(self) -> bool {
        matches!(self, Self::Dense | Self::Winograd)
    }
}

/// Cycles of a way: a model, from measurements of the kernels with AVX-512 at many sizes and densities.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Whatever spikes there are.
    fixed: f64,
    /// For each spike.
    spike: f64,
    /// For each part of the input's channels that spikes are spread in.
    part: f64,
}

/// The way that takes least for several images at once, all of them dense, and its cycles for each: a model.
#[derive(Clone, Copy, Debug)]
struct Bundled {
    way: Way,
    cycles: f64,
}

/// Weights once more, in the order in which spikes meet them: packed when they are first needed, since many layers are
/// always dense, and a network's twin has no spikes.
#[derive(Clone, Debug)]
struct Spread<T> {
    spreading: Spreading,
    packed: OnceLock<Aligned<T>>,
}

impl<T: Real> Spread<T> {
    fn packed(&self, weights: &[T]) -> &[T] {
        self.packed.get_or_init(|| {
            let mut packed = Aligned::zeros(self.spreading.packed::<T>());
            self.spreading.pack(weights, &mut packed);
            packed
        })
    }

    /// Nothing for kernels that it does not suit.
    fn new(geometry: &Geometry, groups: usize) -> Option<Self> {
        let Geometry { input, output, kernel, stride, dilation, pad } = *geometry;
        if groups != 1 || dilation != [1, 1] {
            return None;
        }
        let sizes = |shape: Shape| [shape.height, shape.width, shape.channels];
        let spreading = Spreading::new(sizes(input), sizes(output), kernel, stride, pad);
        Some(Self { spreading, packed: OnceLock::new() })
    }
}

/// Weights at the points of minimal filtering: transformed when they are first needed, since there are four times as many.
#[derive(Clone, Debug)]
struct Tiled<T> {
    winograd: Winograd,
    packed: OnceLock<Aligned<T>>,
}

impl<T: Real> Tiled<T> {
    /// Nothing for kernels that it does not suit. In single precision only: the double one is there to compare with, and its
    /// errors are those of each output's own terms.
    fn new(geometry: &Geometry, groups: usize) -> Option<Self> {
        let Geometry { input, output, kernel, stride, dilation, pad } = *geometry;
        if size_of::<T>() != size_of::<f32>() || groups != 1 {
            return None;
        }
        if (kernel, stride, dilation) != ([3, 3], [1, 1], [1, 1]) {
            return None;
        }
        let sizes = |shape: Shape| [shape.height, shape.width, shape.channels];
        let winograd = Winograd::new(sizes(input), sizes(output), pad);
        // Few outputs do not need all products of a tile.
        let fewer = winograd.multiplications() < 9 * output.pixels();
        let fits = winograd.packed::<T>() * size_of::<T>() <= MOST_TRANSFORMED;
        (fewer && fits).then(|| Self { winograd, packed: OnceLock::new() })
    }

    fn packed(&self, weights: &[T]) -> &[T] {
        self.packed.get_or_init(|| {
            let mut packed = Aligned::zeros(self.winograd.packed::<T>());
            let round = |x: f64| T::from_f64(x).or_zero_if_subnormal();
            self.winograd.pack(weights, &mut packed, T::to_f64, round);
            packed
        })
    }
}

/// Images with margins.
#[derive(Clone, Debug)]
struct Widened {
    sliding: Sliding,
    /// Zeros before each row.
    left: usize,
    /// Columns.
    width: usize,
}

impl Widened {
    /// For numbers of which a register has so many lanes.
    fn new(geometry: &Geometry, groups: usize, lanes: usize) -> Self {
        let [_, kernel] = geometry.kernel;
        let [_, stride] = geometry.stride;
        let [_, dilation] = geometry.dilation;
        let left = geometry.pad[1].max(0) as usize;
        // Where the first column's window begins; crops begin inside.
        let begin = (left as isize - geometry.pad[1]) as usize;
        let end = begin + (geometry.output.width - 1) * stride + (kernel - 1) * dilation + 1;
        let width = end.max(left + geometry.input.width);
        let depthwise = groups == geometry.input.channels && groups == geometry.output.channels;
        // Copying an image; or columns without some of their taps, a block each, which wait for their own sums.
        let columns: Vec<Taps> = (0..geometry.output.width).map(|ox| geometry.taps(1, ox)).collect();
        let lacking = columns.iter().filter(|taps| taps.count < kernel).count();
        let tiles = geometry.output.channels.div_ceil(4 * lanes);
        let copy = 0.25 * (geometry.input.height * width * geometry.input.channels) as f64;
        let waits = (geometry.output.height * lacking * tiles) as f64
            * (10.0 + 3.0 * (geometry.kernel[0] * kernel * geometry.input.channels) as f64);
        if depthwise || waits < copy || width > 2 * geometry.input.width + 16 {
            // Depthwise kernels deal with borders themselves, and margins shall not be most of an image.
            let sliding = sliding(geometry, groups, geometry.input.width, columns);
            return Self { sliding, left: 0, width: geometry.input.width };
        }
        let columns = (0..geometry.output.width).map(|ox| Taps { first: 0, count: kernel, start: begin + ox * stride });
        let sliding = sliding(geometry, groups, width, columns.collect());
        Self { sliding, left, width }
    }
}

/// A kernel over images of another width.
fn sliding(geometry: &Geometry, groups: usize, width: usize, columns: Vec<Taps>) -> Sliding {
    let rows = (0..geometry.output.height).map(|oy| geometry.taps(0, oy)).collect();
    let input = [geometry.input.height, width, geometry.input.channels];
    Sliding::new(input, geometry.output.channels, groups, geometry.kernel, geometry.dilation, rows, columns)
}

impl<T: Real> Conv2d<T> {
    /// Packs stored weights `[c_out][c_in / groups][ky][kx]`.
    ///
    /// # Errors
    /// If sizes contradict each other.
    pub fn new(geometry: Geometry, groups: usize, raw: RawWeights<'_>) -> Result<Self, String> {
        if let Some(fault) = geometry.fault() {
            return Err(fault);
        }
        let (inputs, outputs) = (geometry.input.channels, geometry.output.channels);
        if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(format!("{groups} groups of {inputs} and {outputs} channels"));
        }
        let (group_in, group_out) = (inputs / groups, outputs / groups);
        let taps = geometry.kernel[0] * geometry.kernel[1];
        let count = outputs * group_in * taps;
        if let Some(fault) = raw.fault(count, inputs, outputs) {
            return Err(fault);
        }
        let weights = raw.pack(count, |index| {
            let (tap, rest) = (index % taps, index / taps);
            let (i, o) = (rest % group_in, rest / group_in);
            let group = o / group_out;
            (((tap * groups + group) * group_in + i) * group_out + o % group_out, group * group_in + i, o)
        })?;
        let columns = (0..geometry.output.width).map(|ox| geometry.taps(1, ox)).collect();
        let sliding = sliding(&geometry, groups, geometry.input.width, columns);
        let widened = Widened::new(&geometry, groups, 64 / size_of::<T>());
        let spread = Spread::new(&geometry, groups);
        let tiled = Tiled::new(&geometry, groups);
        let Geometry { input, .. } = geometry;
        let reach = [(0, input.height), (1, input.width)]
            .map(|(axis, count)| (0..count).map(|at| Windows::new(geometry.windows(axis, at))).collect());
        let mut conv = Self {
            geometry,
            groups,
            weights,
            sliding,
            panels: OnceLock::new(),
            spread,
            tiled,
            stamps: OnceLock::new(),
            widened,
            reach,
            costs: Vec::new(),
            bundled: Bundled { way: Way::Dense, cycles: 0.0 },
        };
        conv.costs = conv.costs();
        conv.bundled = conv.bundled();
        Ok(conv)
    }

    /// How many weights there are.
    pub(super) fn weights(&self) -> usize {
        self.weights.len()
    }

    /// How the kernel slides.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Output channels that an input channel reaches.
    pub(super) fn outputs_per_group(&self) -> usize {
        self.geometry.output.channels / self.groups
    }

    /// Channels of targets of which some may be added to alone: none if there are groups.
    pub(super) fn parted(&self) -> usize {
        if self.groups == 1 { self.geometry.output.channels } else { 0 }
    }

    fn inputs_per_group(&self) -> usize {
        self.geometry.input.channels / self.groups
    }

    fn is_depthwise(&self) -> bool {
        self.inputs_per_group() == 1 && self.outputs_per_group() == 1
    }

    /// Weights of one tap: `c_in * c_out / groups` of them.
    fn tap_stride(&self) -> usize {
        self.geometry.input.channels * self.outputs_per_group()
    }

    pub(super) fn change_weights(&mut self, change: impl FnOnce(&mut [T])) {
        change(&mut self.weights);
        self.panels = OnceLock::new();
        if let Some(Spread { packed, .. }) = &mut self.spread {
            *packed = OnceLock::new();
        }
        if let Some(Tiled { packed, .. }) = &mut self.tiled {
            *packed = OnceLock::new();
        }
        self.stamps = OnceLock::new();
    }

    /// The weights in panels.
    fn panels(&self) -> &[T] {
        if self.sliding.is_packed::<T>() {
            return &self.weights;
        }
        self.panels.get_or_init(|| {
            let mut panels = Aligned::zeros(self.weights.len());
            self.sliding.pack(&self.weights, &mut panels);
            panels
        })
    }

    /// The stamps of all neurons: those share one whose targets and weights lie alike.
    fn stamps(&self) -> Option<&Stamps<T>> {
        let stamps = || {
            let mut stamps = Stamps::new(self.geometry.output.len());
            let mut known: BTreeMap<Vec<(usize, *const T)>, u32> = BTreeMap::new();
            for neuron in 0..self.geometry.input.len() {
                let mut rows: Vec<(usize, &[T])> = Vec::new();
                self.each_row(neuron, |target, weights| rows.push((target, weights)));
                let first = rows.first().map_or(0, |&(target, _)| target);
                let alike = rows.iter().map(|&(target, weights)| (target - first, weights.as_ptr())).collect();
                let stamp = *known.entry(alike).or_insert_with(|| {
                    stamps.add_stamp(rows.iter().map(|&(target, weights)| (target - first, weights)))
                });
                stamps.add_neuron(stamp, first as u32);
                if stamps.weights() > MOST_STAMPED {
                    return None;
                }
            }
            Some(stamps)
        };
        self.stamps.get_or_init(stamps).as_ref()
    }

    /// What each way takes, as a model.
    fn costs(&self) -> Vec<(Way, Cost)> {
        let Geometry { input, output, kernel, stride, .. } = self.geometry;
        let lanes = 64 / size_of::<T>();
        let registers = self.outputs_per_group().div_ceil(lanes) as f64;
        let (pixels, channels) = (output.pixels() as f64, self.inputs_per_group() as f64);
        // Pairs of an output and an input pixel that a tap joins; all at once, also those with the margins at the sides.
        let count =
            |axis: usize, outputs: usize| (0..outputs).map(|o| self.geometry.taps(axis, o).count).sum::<usize>();
        let rows = count(0, output.height) as f64;
        let pairs = rows * count(1, output.width) as f64;
        let all = rows * (output.width * kernel[1]) as f64;
        let reach = pairs / input.pixels() as f64;
        // The image with margins has to be made first.
        let image = if self.widened.width == input.width { 0.0 } else { 0.25 * input.len() as f64 };
        if self.is_depthwise() {
            let dense = pixels * 5.0 + 0.9 * all * input.channels.div_ceil(lanes) as f64 + image;
            // One by one, each spike is a loop of its own.
            return vec![
                (Way::Dense, Cost { fixed: dense, ..Cost::default() }),
                (Way::Slide, Cost { spike: 4.0 * reach, ..Cost::default() }),
            ];
        }
        // Beyond the second level of the cache weights come more slowly.
        let beyond = |mebibytes: usize| size_of_val(&*self.weights) > mebibytes << 20;
        let far = match kernel {
            _ if !beyond(1) => 1.0,
            [1, 1] => 1.1,
            _ if beyond(4) => 1.35,
            _ => 1.1,
        };
        let groups = self.groups as f64;
        // Tiles of registers by blocks of pixels side by side: small ones wait for their own sums.
        let tile = registers.min(4.0);
        let columns = if self.geometry.is_pointwise() { output.pixels() } else { output.width } as f64;
        let block = columns / (columns * tile / 24.0).max(columns / 14.0).ceil();
        let wait = (4.0 / (0.55 * tile * block)).max(1.0);
        let dense = groups * (pixels * 10.0 + 0.55 * all * channels * registers * far * wait) + image;
        // A row of taps takes some cycles to find its spikes, a group more.
        let apart = if self.groups == 1 { 1.0 } else { 5.0 };
        // Weights of a row of taps that do not stay in the first-level cache take twice as long.
        let row = kernel[1] * input.channels * size_of::<T>() * lanes * self.outputs_per_group().div_ceil(lanes).min(4);
        // So do those of which many lie in the same sets of it.
        let crowded = registers > 4.0 && (output.channels * size_of::<T>()).is_multiple_of(512);
        let load = if beyond(4) {
            2.4
        } else if beyond(1) {
            1.7
        } else if row > 64 << 10 || crowded {
            1.4
        } else if row > 40 << 10 {
            1.1
        } else {
            0.75
        };
        let slide = reach * (apart + registers * load);
        let mut costs = vec![
            (Way::Dense, Cost { fixed: dense, ..Cost::default() }),
            (Way::Slide, Cost { fixed: 24.0 * rows * output.width as f64, spike: slide, ..Cost::default() }),
        ];
        if let Some(Tiled { winograd, .. }) = &self.tiled {
            // Tiles of 36 points; some have fewer.
            let (tiles, bytes) = (winograd.multiplications() as f64 / 36.0, winograd.packed::<T>() * size_of::<T>());
            // Transforms of a register of inputs or of products, with all that is done for a tile; and the products.
            let transforms = 150.0 * (input.channels.div_ceil(lanes) as f64 + 1.0) + 115.0 * registers;
            // Few tiles wait for weights.
            let wait = bytes as f64 * if bytes > 1 << 20 { 0.034 } else { 0.02 };
            let fixed = tiles * (transforms + 20.0 * channels * registers) + wait;
            costs.push((Way::Winograd, Cost { fixed, ..Cost::default() }));
        }
        if let Some(Spread { spreading, .. }) = &self.spread {
            let ([visits, targets], width) = (spreading.work(), registers.min(spreading.width() as f64));
            let tiles = (registers / width).ceil();
            // A pixel's loop ends where the processor does not expect it, and its targets are loaded and stored; rows begin. All
            // weights that are beyond the second level of the cache come from there, in order, or of one tap spike by spike.
            let (pixel, own, load, fixed) = match kernel {
                [1, 1] if beyond(1) => (12.0 + 2.0 * width, 1.4, 1.29, 0.0),
                [1, 1] => (12.0 + 2.0 * width, 0.85, 0.87, 0.0),
                _ => {
                    let far = if beyond(1) { 0.025 * size_of_val(&*self.weights) as f64 } else { 0.0 };
                    (10.0 * width + 90.0 / input.width as f64, 0.95, 0.57, far)
                }
            };
            let spike = (own * tiles * visits + load * registers * targets).max(4.0 * tiles * visits);
            let part = input.pixels() as f64 * visits * tiles * pixel;
            costs.push((Way::Spread, Cost { fixed, spike, part }));
        }
        if input.channels <= FEW_CHANNELS {
            let registers = (kernel[1] * output.channels).div_ceil(stride[1] * lanes) as f64;
            let rows = kernel[0] as f64 / stride[0] as f64;
            costs.push((Way::Stamp, Cost { spike: rows * (3.0 + 1.6 * registers), ..Cost::default() }));
        }
        costs
    }

    /// What takes least for several images at once.
    fn bundled(&self) -> Bundled {
        let lanes = 64.0 / size_of::<T>() as f64;
        let Geometry { output, .. } = self.geometry;
        let inputs = self.inputs_per_group();
        let count =
            |axis: usize, outputs: usize| (0..outputs).map(|o| self.geometry.taps(axis, o).count).sum::<usize>();
        let pairs = count(0, output.height) * count(1, output.width);
        let dense = Bundled { way: Way::Dense, cycles: 0.55 * (pairs * inputs * output.channels) as f64 / lanes };
        let tiles = |Tiled { winograd, .. }: &Tiled<T>| {
            let multiplications = 0.6 * (36 * inputs * output.channels) as f64;
            let transforms = 110.0 * inputs as f64 + 90.0 * output.channels as f64;
            let cycles = winograd.multiplications() as f64 / 36.0 * (multiplications + transforms) / lanes;
            Bundled { way: Way::Winograd, cycles }
        };
        let tiled = self.tiled.as_ref().map(tiles);
        tiled.filter(|tiled| tiled.cycles < dense.cycles).unwrap_or(dense)
    }

    /// Cycles for each of several images at once: a model.
    pub(super) fn bundled_cycles(&self) -> f64 {
        self.bundled.cycles
    }

    /// Cycles for an image alone: a model.
    pub(super) fn cycles(&self, spikes: usize) -> f64 {
        self.cycles_of(self.way(spikes, true, Paths::Fastest), spikes)
    }

    /// Whether so many neurons, which alone spike in any image of a bundle, are added up faster than all: a model. Results
    /// must not depend on the other images, so that there is no choice where tiles are summed up, which rounds otherwise.
    pub(super) fn sparse_bundle(&self, active: usize) -> bool {
        let Geometry { output, dilation, .. } = &self.geometry;
        let Bundled { way, cycles: dense } = self.bundled;
        if way == Way::Winograd || self.groups != 1 || dilation[1] != 1 {
            return false;
        }
        let lanes = 64.0 / size_of::<T>() as f64;
        let share = active as f64 / self.geometry.input.len() as f64;
        // Where a row of taps ends is not expected.
        let rows = (output.pixels() * self.geometry.kernel[0] * output.channels.div_ceil(16)) as f64;
        share * 1.1 * dense + 15.0 * rows / lanes < dense
    }

    /// Adds one value per neuron up, in several images at once. See [`Projection::gather_bundle`](super::Projection::gather_bundle).
    pub(super) fn gather_bundle(
        &self,
        level: Level,
        ImageBundle { values, starts, active }: ImageBundle<'_, T>,
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) -> (Path, u64) {
        let (sums, bias) = sums.parts();
        if let Some(active) = active.filter(|active| self.sparse_bundle(active.len())) {
            T::convolve_active(level, &self.sliding, sums, bias, &self.weights, values, active);
            return (Path::Events, 0);
        }
        let left_out = match &self.tiled {
            Some(tiled) if self.bundled.way == Way::Winograd => {
                let (packed, tiles) = (tiled.packed(&self.weights), &mut scratch.of_all().tiles);
                T::convolve_bundle_tiles(level, &tiled.winograd, sums, bias, packed, values, tiles);
                0
            }
            _ => T::convolve_bundle(level, &self.sliding, sums, bias, &self.weights, values, starts),
        };
        (Path::Dense, left_out)
    }

    /// Cycles of a way that there is, for so many spikes.
    fn cycles_of(&self, way: Way, spikes: usize) -> f64 {
        let Some((_, Cost { fixed, spike, part })) = self.costs.iter().find(|&&(open, _)| open == way) else {
            return 0.0;
        };
        let parts = match &self.spread {
            Some(Spread { spreading, .. }) if way == Way::Spread => spreading.parts(spikes),
            _ => 0,
        };
        fixed + spikes as f64 * spike + parts as f64 * part
    }

    /// The way that takes least, if values of all neurons are at hand or not.
    fn way(&self, spikes: usize, values: bool, paths: Paths) -> Way {
        let open = self.costs.iter().filter(|(way, _)| paths == Paths::Fastest || !way.is_dense());
        let neurons = self.geometry.input.len() as f64;
        let cycles = |way: Way| {
            let conversion = match (way.is_dense(), values) {
                // Those of a list have to be spread out.
                (true, false) => 0.25 * neurons + 2.0 * spikes as f64,
                // They have to be listed; larger populations are no longer in the second level of the cache.
                (false, true) => neurons * if neurons > 1e5 { 0.8 } else { 0.35 },
                _ => 0.0,
            };
            self.cycles_of(way, spikes) + conversion
        };
        open.min_by(|a, b| cycles(a.0).total_cmp(&cycles(b.0))).map_or(Way::Slide, |&(way, _)| way)
    }

    /// Bands of outputs for some threads: as many as are worth a thread's while.
    fn bands(&self, way: Way, spikes: usize, threads: usize) -> Bands {
        let cycles = self.cycles_of(way, spikes);
        let step = if way == Way::Winograd { Winograd::ROWS } else { 1 };
        Bands::new(self.geometry.output.height, threads.min((cycles / WORTHWHILE) as usize), step)
    }

    /// Calls `visit` for every pixel of targets that a neuron has: the first target, and the synapses' weights.
    pub(super) fn each_row<'a>(&'a self, neuron: usize, mut visit: impl FnMut(usize, &'a [T])) {
        let (input, output) = (self.geometry.input, self.geometry.output);
        let (pixel, channel) = (neuron / input.channels, neuron % input.channels);
        let (group_in, group_out) = (self.inputs_per_group(), self.outputs_per_group());
        let target = (channel / group_in) * group_out;
        for (oy, ky) in self.geometry.windows(0, pixel / input.width) {
            for (ox, kx) in self.geometry.windows(1, pixel % input.width) {
                let tap = ky * self.geometry.kernel[1] + kx;
                let row = &self.weights[tap * self.tap_stride() + channel * group_out..][..group_out];
                visit((oy * output.width + ox) * output.channels + target, row);
            }
        }
    }

    /// Adds one spike to the potentials of its targets.
    pub(super) fn deliver(&self, level: Level, neuron: usize, value: T, potentials: &mut [T]) {
        let Geometry { input, output, kernel, .. } = self.geometry;
        let (pixel, channel) = (neuron / input.channels, neuron % input.channels);
        let (rows, columns) = (self.reach[0][pixel / input.width], self.reach[1][pixel % input.width]);
        let (length, tap) = (self.outputs_per_group(), self.tap_stride());
        let group = if self.groups == 1 { 0 } else { channel / self.inputs_per_group() };
        let reach = Reach {
            length,
            counts: [rows.count, columns.count],
            target: (rows.first * output.width + columns.first) * output.channels + group * length,
            weight: (rows.tap * kernel[1] + columns.tap) * tap + channel * length,
            target_steps: [rows.step * output.width * output.channels, columns.step * output.channels],
            weight_steps: [rows.tap_step * kernel[1] * tap, columns.tap_step * tap],
        };
        T::add_scaled_rows(level, potentials, &self.weights, &reach, value);
    }

    /// Calls `run` for every output pixel and every maximal run of input pixels that lie side by side and meet
    /// consecutive taps: (targets of the pixel, first tap, first pixel, pixels).
    fn each_run(&self, potentials: &mut [T], mut run: impl FnMut(&mut [T], usize, usize, usize)) {
        let (input, output, kernel) = (self.geometry.input, self.geometry.output, self.geometry.kernel);
        let contiguous = self.geometry.dilation[1] == 1;
        let columns: Vec<_> = (0..output.width).map(|ox| self.geometry.taps(1, ox)).collect();
        for (oy, row) in potentials.chunks_exact_mut(output.width * output.channels).enumerate() {
            let rows = self.geometry.taps(0, oy);
            for (acc, taps) in row.chunks_exact_mut(output.channels).zip(&columns) {
                for k in 0..rows.count {
                    let line = (rows.start + k * self.geometry.dilation[0]) * input.width;
                    let tap = (rows.first + k) * kernel[1] + taps.first;
                    if contiguous {
                        run(acc, tap, line + taps.start, taps.count);
                    } else {
                        for j in 0..taps.count {
                            run(acc, tap + j, line + taps.start + j * self.geometry.dilation[1], 1);
                        }
                    }
                }
            }
        }
    }

    /// Whether [`Conv2d::gather`] reads a list of spikes, one value per neuron being at hand.
    pub(super) fn lists(&self, spikes: &SpikeList<T>, paths: Paths) -> bool {
        !self.way(spikes.len(), true, paths).is_dense()
    }

    /// Adds spikes up, the way that takes least.
    pub(super) fn gather(
        &self,
        level: Level,
        spikes: &SpikeList<T>,
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) -> Path {
        let listed = Listed { keys: &spikes.keys, values: &spikes.values, starts: &spikes.starts };
        let way = self.way(spikes.len(), spikes.dense().is_some(), scratch.paths);
        let stamps = if way == Way::Stamp { self.stamps() } else { None };
        let bands = self.bands(way, spikes.len(), scratch.threads);
        match (way, stamps, &self.spread) {
            (Way::Dense | Way::Winograd, ..) => {
                self.gather_dense(level, way, spikes, sums, scratch);
                return Path::Dense;
            }
            (_, Some(_), _) if sums.is_continued() => {}
            (_, Some(stamps), _) => T::stamp(level, stamps, &spikes.keys, &spikes.values, sums.begun()),
            (Way::Spread | Way::Stamp, None, Some(spread)) => {
                let (packed, kernel) =
                    (spread.packed(&self.weights), sums.cut(&spread.spreading, Spreading::of_channels));
                let (sums, bias) = sums.parts();
                let kernel = (&*kernel, Spreading::band);
                bands.run(kernel, sums, &mut scratch.bands, |spreading, sums, scratch| {
                    T::spread_spikes(level, spreading, sums, bias, packed, listed, &mut scratch.spreading);
                });
            }
            _ if self.groups != 1 => self.gather_groups(level, spikes, sums.begun()),
            // How other channels are grouped in registers would change the order of its sums.
            _ if sums.is_continued() => {}
            _ => {
                let (sums, bias) = sums.parts();
                bands.run((&self.sliding, Sliding::band), sums, &mut scratch.bands, |sliding, sums, _| {
                    T::convolve_spikes(level, sliding, sums, bias, &self.weights, listed);
                });
            }
        }
        Path::Events
    }

    /// Adds spikes up with all neurons that did not spike.
    fn gather_dense(
        &self,
        level: Level,
        way: Way,
        spikes: &SpikeList<T>,
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) {
        if let Some(values) = spikes.dense() {
            self.gather_all(level, way, values, sums, scratch);
            return;
        }
        let ConvolutionScratch { image, bands: memory, threads, .. } = scratch;
        let bands = self.bands(way, 0, *threads);
        let Geometry { input, .. } = self.geometry;
        let tiled = self.tiled.as_ref().filter(|_| way == Way::Winograd);
        // Tiles need no margins.
        let (left, width) = if tiled.is_some() { (0, input.width) } else { (self.widened.left, self.widened.width) };
        let length = input.width * input.channels;
        if !sums.is_continued() {
            image.clear();
            image.resize(input.height * width * input.channels, T::ZERO);
            for (y, row) in image.chunks_exact_mut(width * input.channels).enumerate() {
                let (keys, values) = spikes.pixels(y * input.width, (y + 1) * input.width);
                let row = &mut row[left * input.channels..][..length];
                for (&key, &value) in keys.iter().zip(values) {
                    row[key as usize - y * length] = value;
                }
            }
        }
        match tiled {
            Some(tiled) => self.add_tiles(level, tiled, image, sums, (bands, memory)),
            None => self.add_values(level, image, sums, (bands, memory)),
        }
    }

    /// Adds the values of an image up, tile by tile.
    fn add_tiles(
        &self,
        level: Level,
        tiled: &Tiled<T>,
        image: &[T],
        sums: &mut Sums<'_, T>,
        (bands, memory): (Bands, &mut Vec<BandScratch<T>>),
    ) {
        if sums.is_continued() {
            return;
        }
        let packed = tiled.packed(&self.weights);
        let kernel = (&tiled.winograd, Winograd::band);
        sums.complete(
            level,
            (bands, tiled.winograd.rows_at_once::<T>()),
            kernel,
            memory,
            |winograd, sums, bias, scratch| {
                T::convolve_tiles(level, winograd, sums, bias, packed, image, &mut scratch.tiles);
            },
        );
    }

    /// Adds the values of an image up that has margins.
    fn add_values(
        &self,
        level: Level,
        image: &[T],
        sums: &mut Sums<'_, T>,
        (bands, memory): (Bands, &mut Vec<BandScratch<T>>),
    ) {
        let (kernel, packed) = (sums.cut(&self.widened.sliding, Sliding::of_channels), self.panels());
        sums.complete(level, (bands, 1), (&*kernel, Sliding::band), memory, |sliding, sums, bias, _| {
            T::convolve_values(level, sliding, sums, bias, packed, image);
        });
    }

    fn gather_groups(&self, level: Level, spikes: &SpikeList<T>, potentials: &mut [T]) {
        let channels = self.geometry.input.channels;
        let (group_in, group_out) = (self.inputs_per_group(), self.outputs_per_group());
        let tap_stride = self.tap_stride();
        self.each_run(potentials, |acc, tap, pixel, pixels| {
            for j in 0..pixels {
                let (keys, values) = spikes.pixels(pixel + j, pixel + j + 1);
                let base = ((pixel + j) * channels) as u32;
                let weights = &self.weights[(tap + j) * tap_stride..][..tap_stride];
                if group_in == 1 {
                    for (&key, &value) in keys.iter().zip(values) {
                        let at = (key - base) as usize * group_out;
                        for (acc, &weight) in acc[at..at + group_out].iter_mut().zip(&weights[at..at + group_out]) {
                            *acc += value * weight;
                        }
                    }
                    continue;
                }
                let mut from = 0;
                while from < keys.len() {
                    let group = (keys[from] - base) as usize / group_in;
                    let end = base + ((group + 1) * group_in) as u32;
                    let to = from + keys[from..].partition_point(|&key| key < end);
                    let targets = &mut acc[group * group_out..(group + 1) * group_out];
                    let rows = &weights[group * group_in * group_out..];
                    let first = base + (group * group_in) as u32;
                    T::accumulate_spikes(level, targets, rows, group_out, &keys[from..to], first, &values[from..to]);
                    from = to;
                }
            }
        });
    }

    /// Adds one value per neuron up, the dense way that takes less.
    pub(super) fn gather_values(
        &self,
        level: Level,
        values: &[T],
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) {
        let dense = self.costs.iter().filter(|(way, _)| way.is_dense());
        let least = dense.min_by(|(_, a), (_, b)| a.fixed.total_cmp(&b.fixed));
        let way = least.map_or(Way::Dense, |&(way, _)| way);
        self.gather_all(level, way, values, sums, scratch);
    }

    /// Adds one value per neuron up, one of the dense ways.
    fn gather_all(
        &self,
        level: Level,
        way: Way,
        values: &[T],
        sums: &mut Sums<'_, T>,
        scratch: &mut ConvolutionScratch<T>,
    ) {
        let ConvolutionScratch { image, bands: memory, threads, .. } = scratch;
        let bands = self.bands(way, 0, *threads);
        if let (Way::Winograd, Some(tiled)) = (way, &self.tiled) {
            self.add_tiles(level, tiled, values, sums, (bands, memory));
            return;
        }
        let Geometry { input, .. } = self.geometry;
        let image_row = self.widened.width * input.channels;
        if self.widened.width == input.width {
            self.add_values(level, values, sums, (bands, memory));
            return;
        }
        let begin = self.widened.left * input.channels;
        let end = begin + input.width * input.channels;
        image.resize(self.widened.sliding.inputs(), T::ZERO);
        let rows = image.chunks_exact_mut(image_row).zip(values.chunks_exact(end - begin));
        for (row, from) in rows.take(if sums.is_continued() { 0 } else { input.height }) {
            row[..begin].fill(T::ZERO);
            row[begin..end].copy_from_slice(from);
            row[end..].fill(T::ZERO);
        }
        self.add_values(level, image, sums, (bands, memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::DataType;
    use proptest::prelude::*;

    /// A convolution of 3x3 taps, and an image; numbers follow from a seed, and are exact in both precisions.
    fn example<T: Real>(
        [height, width]: [usize; 2],
        pad: isize,
        channels: [usize; 2],
        seed: u32,
    ) -> (Conv2d<T>, Vec<T>) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 20) as u16) / 2048.0 - 1.0
        };
        let bytes: Vec<u8> = (0..9 * channels[0] * channels[1]).flat_map(|_| next().to_le_bytes()).collect();
        let raw = RawWeights { data_type: DataType::Float32, bytes: &bytes, input_scale: None, output_scale: None };
        let output = |size: usize| (size as isize + 2 * pad - 2).max(1) as usize;
        let geometry = Geometry {
            input: Shape::new(height, width, channels[0]),
            output: Shape::new(output(height), output(width), channels[1]),
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [pad, pad],
        };
        let values = (0..geometry.input.len()).map(|_| T::from_f64(f64::from(next()).max(0.0))).collect();
        (Conv2d::new(geometry, 1, raw).unwrap(), values)
    }

    /// What a dense way adds up, from all values or from a list of those that are not zero.
    fn dense<T: Real>(conv: &Conv2d<T>, way: Way, values: &[T], listed: bool) -> Vec<T> {
        let mut spikes = SpikeList::default();
        if listed {
            spikes.compress(conv.geometry.input, values, |_, value| (value != T::ZERO).then_some(value));
        } else {
            spikes.take(Level::best(), conv.geometry.input, &mut values.to_vec(), T::EVERYTHING, 1);
        }
        let mut potentials = vec![T::ONE; conv.geometry.output.len()];
        let (mut sums, mut scratch) = (Sums::of(&mut potentials), ConvolutionScratch::default());
        conv.gather_dense(Level::best(), way, &spikes, &mut sums, &mut scratch);
        drop(sums);
        potentials
    }

    proptest! {
        #[test]
        fn tiles_are_the_dense_way_up_to_rounding(
            size in [3usize..20, 3usize..20],
            pad in 0isize..3,
            channels in [1usize..40, 1usize..70],
            seed: u32,
        ) {
            let (mut conv, values) = example::<f32>(size, pad, channels, seed);
            for _ in 0..2 {
                let expected = dense(&conv, Way::Dense, &values, false);
                let largest = expected.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
                for listed in [false, true] {
                    let got = dense(&conv, Way::Winograd, &values, listed);
                    for (got, expected) in got.iter().zip(&expected) {
                        prop_assert!((got - expected).abs() <= 1e-5 * largest.max(1.0), "{} is not {}", got, expected);
                    }
                }
                // Weights that change are transformed anew.
                conv.change_weights(<[f32]>::reverse);
            }
        }
    }

    #[test]
    fn tiles_are_for_large_dense_layers_in_single_precision() {
        let way = |conv: &Conv2d<f32>, paths| conv.way(conv.geometry.input.len(), true, paths);
        let (large, _) = example::<f32>([55, 55], 1, [32, 128], 1);
        assert_eq!(way(&large, Paths::Fastest), Way::Winograd);
        assert!(!way(&large, Paths::Events).is_dense());
        assert_ne!(large.way(100, true, Paths::Fastest), Way::Winograd);
        // One tile, for which all weights are read, and too few channels for the transforms.
        for (size, channels) in [(4, [128, 128]), (32, [3, 32])] {
            assert_ne!(way(&example([size, size], 1, channels, 1).0, Paths::Fastest), Way::Winograd);
        }
        assert!(example::<f64>([55, 55], 1, [32, 128], 1).0.tiled.is_none());
        assert!(example::<f32>([3, 3], 0, [32, 128], 1).0.tiled.is_none());
    }
}
