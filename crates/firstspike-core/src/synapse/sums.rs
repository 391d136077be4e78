//! What synapses add to.

use crate::bands::Bands;
use crate::network::Bias;
use crate::real::Real;
use crate::shape::Shape;
use firstspike_simd::Level;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of sums that stay in the second-level cache, beside what is added to them.
const NEAR: usize = 128 << 10;

/// Sums of what arrives at neurons. They begin at the biases of these: written when it is needed, since many kernels begin
/// at them by themselves.
#[derive(Debug)]
pub(crate) struct Sums<'a, T: Real> {
    targets: Targets<'a, T>,
    /// What they are still to begin at.
    bias: Option<(&'a Bias<T>, Shape)>,
    /// Where they may go when they are complete.
    outlet: Option<Outlet<'a, T>>,
    /// The channels that are added to this time, if not all are.
    part: Option<Range<usize>>,
}

/// Where sums go as values of spikes, band by band, as soon as those of a band are complete: among the values of others, with which
/// they would else have to be joined when they have left the cache.
#[derive(Debug)]
pub(crate) struct Outlet<'a, T> {
    /// Values of all that are joined, as soon as there are some.
    pub values: &'a mut Vec<T>,
    /// The first neuron's value, and from one pixel to the next.
    pub place: (usize, usize),
    /// How many values there are, those of others too.
    pub numbers: usize,
    /// How many spikes there are before each pixel.
    pub starts: &'a mut Vec<u32>,
    /// What values are brought into.
    pub range: [T; 2],
    /// The smallest and the largest value, or zero; nothing as long as no sums have gone here.
    pub extremes: Option<[T; 2]>,
}

impl<T: Real> Outlet<'_, T> {
    fn begin(&mut self, shape: Shape) {
        self.values.resize(self.numbers, T::ZERO);
        self.starts.resize(shape.pixels() + 1, 0);
        self.starts[0] = 0;
        self.extremes = Some([T::ZERO; 2]);
    }

    fn take(&mut self, level: Level, sums: &[T], shape: Shape, pixels: Range<usize>) {
        let (first, apart) = self.place;
        let into = (&mut self.values[first + pixels.start * apart..], apart);
        let starts = &mut self.starts[pixels.start..=pixels.end];
        let [least, most] = T::rectify_into(level, sums, shape.channels, into, self.range, starts);
        self.extremes = self.extremes.map(|[a, b]| [a.min(least), b.max(most)]);
    }
}

/// Where sums are.
#[derive(Debug)]
enum Targets<'a, T> {
    /// One for each neuron, as soon as they begin: memory that is as long as it happens to be is not filled twice.
    Memory(&'a mut Vec<T>),
    /// Those of several images, for each neuron side by side.
    Bundle(&'a mut [T], usize),
    Begun(&'a mut [T]),
}

impl<'a, T: Real> Sums<'a, T> {
    /// Sums that begin at biases; what they hold is lost.
    pub(crate) fn begin(sums: &'a mut Vec<T>, bias: &'a Bias<T>, shape: Shape) -> Self {
        Self { targets: Targets::Memory(sums), bias: Some((bias, shape)), outlet: None, part: None }
    }

    /// The same of several images, those of a neuron side by side.
    pub(crate) fn begin_bundle(sums: &'a mut [T], bias: &'a Bias<T>, shape: Shape, images: usize) -> Self {
        Self { targets: Targets::Bundle(sums, images), bias: Some((bias, shape)), outlet: None, part: None }
    }

    /// Sums that have begun.
    pub(crate) fn of(sums: &'a mut [T]) -> Self {
        Self { targets: Targets::Begun(sums), bias: None, outlet: None, part: None }
    }

    /// The same where only those of some channels are added to this time, as far as a kernel can do that: else all are the first time,
    /// that of the first channels, and none later.
    pub(crate) fn of_part(mut self, part: Option<Range<usize>>) -> Self {
        self.part = part;
        if self.is_continued() {
            // Biases that are not those of channels were written the first time.
            self.bias = self.bias.filter(|(bias, shape)| bias.of_channels(*shape).is_some());
        }
        self
    }

    /// Whether other channels have been added to before.
    pub(crate) fn is_continued(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.start > 0)
    }

    /// A kernel for the channels that are added to this time, which `part` cuts out of that for all.
    pub(crate) fn cut<'k, K: Clone>(&self, kernel: &'k K, part: impl Fn(&K, Range<usize>) -> K) -> Cow<'k, K> {
        match &self.part {
            Some(channels) => Cow::Owned(part(kernel, channels.clone())),
            None => Cow::Borrowed(kernel),
        }
    }

    /// The channels that are added to this time, of so many.
    pub(crate) fn channels(&self, all: usize) -> Range<usize> {
        self.part.clone().unwrap_or(0..all)
    }

    /// The same of sums that may go to an outlet as soon as they are complete.
    pub(crate) fn with_outlet(mut self, outlet: Option<Outlet<'a, T>>) -> Self {
        self.outlet = outlet;
        self
    }

    /// The smallest and the largest value, or zero, if sums have gone to an outlet.
    pub(crate) fn gone(&self) -> Option<[T; 2]> {
        self.outlet.as_ref().and_then(|outlet| outlet.extremes)
    }

    /// Computes all sums at once: each of the `bands`, as [`Bands::run`] does, by a kernel that begins at the biases of channels, if
    /// it gets some, else at what it finds. Those that may go to an outlet are cut into smaller bands, which stay near, of a
    /// multiple of `step` rows each but for the last.
    pub(crate) fn complete<K: Sync, S: Default + Send>(
        &mut self,
        level: Level,
        (bands, step): (Bands, usize),
        (kernel, part): (&K, impl Fn(&K, Range<usize>) -> K + Sync),
        memory: &mut Vec<S>,
        work: impl Fn(&K, &mut [T], Option<&[T]>, &mut S) + Sync,
    ) {
        let outlet = self.outlet.as_mut().filter(|_| bands.count() == 1);
        if let (Some(outlet), Targets::Memory(sums), Some((bias, shape))) = (outlet, &mut self.targets, self.bias)
            && let Some(bias) = bias.of_channels(shape)
        {
            self.bias = None;
            outlet.begin(shape);
            memory.resize_with(memory.len().max(1), S::default);
            let row = shape.width * shape.channels;
            let rows = (NEAR / (row * size_of::<T>())).max(1).next_multiple_of(step).min(shape.height);
            sums.resize(rows * row, T::ZERO);
            for top in (0..shape.height).step_by(rows) {
                let rows = top..shape.height.min(top + rows);
                let sums = &mut sums[..rows.len() * row];
                work(&part(kernel, rows.clone()), sums, Some(bias), &mut memory[0]);
                outlet.take(level, sums, shape, rows.start * shape.width..rows.end * shape.width);
            }
            return;
        }
        let (sums, bias) = self.parts();
        bands.run((kernel, part), sums, memory, |kernel, sums, scratch| work(kernel, sums, bias, scratch));
    }

    /// To be added to.
    pub(crate) fn begun(&mut self) -> &mut [T] {
        if let Some((bias, shape)) = self.bias.take().filter(|_| !self.is_continued()) {
            match &mut self.targets {
                Targets::Memory(memory) => bias.write(shape, memory),
                Targets::Bundle(targets, images) => bias.fill_bundle(shape, *images, targets),
                Targets::Begun(_) => {}
            }
        }
        self.targets()
    }

    /// To be written or added to: they begin at the biases of channels, if there are some, else at what they hold.
    pub(crate) fn parts(&mut self) -> (&mut [T], Option<&'a [T]>) {
        let Some((channels, shape)) = self.bias.and_then(|(bias, shape)| Some((bias.of_channels(shape)?, shape)))
        else {
            return (self.begun(), None);
        };
        self.bias = None;
        if let Targets::Memory(memory) = &mut self.targets {
            memory.resize(shape.len(), T::ZERO);
        }
        (self.targets(), Some(channels))
    }

    fn targets(&mut self) -> &mut [T] {
        match &mut self.targets {
            Targets::Memory(memory) => memory,
            Targets::Bundle(targets, _) | Targets::Begun(targets) => targets,
        }
    }
}

impl<T: Real> Drop for Sums<'_, T> {
    /// Where nothing was added, they are the biases.
    fn drop(&mut self) {
        self.begun();
    }
}
