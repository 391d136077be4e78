//! Images abreast: several go through a layer before any of them goes through the next. Weights that do not all stay in the
//! second-level cache come from beyond it once for all of these images, not for each.

use super::Workspace;
use crate::network::{Network, Stage};
use crate::real::Real;
use std::ops::Range;

/// Bytes that a layer reads and writes in all images abreast, at most, to stay in the second-level cache too.
const CACHED: usize = 512 << 10;

/// Bytes of weights that stay in the second-level cache from image to image.
const STAYING: usize = 1 << 20;

/// Bytes of weights of a part of a layer that images go through before the next, where all do not stay in the cache.
const PARTED: usize = 768 << 10;

/// Bytes of values in all images abreast, at most: each image has memory of its own.
const MEMORY: usize = 32 << 20;

/// How images go abreast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Abreast {
    /// How many.
    pub images: usize,
    /// The first layer that they go through together; they go through those before one by one.
    from: usize,
    /// The parts of each layer's channels that they go through together, if it has several.
    parts: Vec<Vec<Range<usize>>>,
}

/// What is read and written for a layer, in bytes.
struct Traffic {
    weights: usize,
    /// Parts that it may be cut into.
    parts: usize,
    /// What its synapses read, for each part.
    inputs: usize,
    /// Values that it reads and writes.
    values: usize,
}

impl Traffic {
    /// Bytes that need not come from beyond the cache for an image, if so many go abreast; negative if there are more.
    fn saved(&self, images: usize) -> i64 {
        let stays = self.parts > 1 || self.weights <= STAYING;
        let weights = if stays { self.weights * (images - 1) / images } else { 0 };
        // Values that would still be there from the layer before.
        let lost = |values: usize| if values * images > CACHED { values } else { 0 };
        weights as i64 - lost(self.values) as i64 - (lost(self.inputs) * self.parts.saturating_sub(1)) as i64
    }
}

impl Abreast {
    /// What saves most: the more images, the fewer values stay in the cache. Nothing where weights stay there anyway.
    pub(crate) fn of<T: Real>(network: &Network<T>) -> Option<Self> {
        let populations = network.populations();
        if network.keeps_state() {
            return None;
        }
        let values = |index: usize| populations[index].shape.len() * size_of::<T>();
        let (mut parts, mut traffic) = (Vec::new(), Vec::new());
        for (index, population) in populations.iter().enumerate() {
            let weights = population.stage.weights() * size_of::<T>();
            let (mut own, mut inputs) = (Vec::new(), 0);
            if let Stage::Neurons { projections, .. } = &population.stage
                && let [projection] = &projections[..]
                && weights > STAYING
                && !network.is_stepped(index)
            {
                own = projection.parts(PARTED / size_of::<T>());
                inputs = projection.pooled() * size_of::<T>();
            }
            let values = values(index) + population.stage.sources().map(values).sum::<usize>();
            traffic.push(Traffic { weights, parts: own.len(), inputs, values });
            parts.push(own);
        }
        if traffic.iter().map(|layer| layer.weights).sum::<usize>() <= STAYING {
            return None;
        }
        let mut best = (STAYING as i64 / 2, None);
        for images in [8, 4, 2] {
            let (mut saved, mut memory) = (0, 0);
            for (from, layer) in traffic.iter().enumerate().rev() {
                saved += layer.saved(images);
                memory += layer.values * images;
                if saved > best.0 && memory <= MEMORY {
                    best = (saved, Some((images, from)));
                }
            }
        }
        let (images, from) = best.1?;
        Some(Self { images, from, parts })
    }
}

impl<T: Real> Workspace<T> {
    /// Runs images, which lie one after another, in the layered engine: one in each workspace, as [`Workspace::run`] does.
    pub(crate) fn run_abreast<I: Real>(spaces: &mut [Self], network: &Network<T>, abreast: &Abreast, images: &[I]) {
        let images = || images.chunks_exact(network.inputs());
        Self::gather_spare(spaces);
        for (k, image) in images().enumerate() {
            Self::with_spare(spaces, k, |space| space.run_layers(network, 0..abreast.from, image));
        }
        for (index, parts) in abreast.parts.iter().enumerate().skip(abreast.from) {
            if parts.is_empty() {
                for (k, image) in images().enumerate() {
                    Self::with_spare(spaces, k, |space| space.run_layers(network, index..index + 1, image));
                }
                continue;
            }
            for k in 0..spaces.len() {
                Self::with_spare(spaces, k, |space| space.begin_layer(network, index));
            }
            for part in parts {
                for space in &mut *spaces {
                    space.timed(index, |space| space.gather(network, index, Some(part.clone())));
                }
            }
            for k in 0..spaces.len() {
                Self::with_spare(spaces, k, |space| {
                    space.timed(index, |space| space.fire(network, index, None));
                    space.end_layer(network, index);
                });
            }
        }
    }

    /// Leaves spare memory to the first of some workspaces: that of the one that has most. Which workspaces come together changes from
    /// run to run, and memory of all would add up.
    fn gather_spare(spaces: &mut [Self]) {
        let mut most = Vec::new();
        for space in &mut *spaces {
            let spare = std::mem::take(&mut space.spare);
            if spare.len() > most.len() {
                most = spare;
            }
        }
        if let Some(first) = spaces.first_mut() {
            first.spare = most;
        }
    }

    /// Works in one of some workspaces with the spare memory of the first: what one image does not need any more is in the cache
    /// when the next does.
    fn with_spare(spaces: &mut [Self], own: usize, work: impl FnOnce(&mut Self)) {
        spaces[own].spare = std::mem::take(&mut spaces[0].spare);
        work(&mut spaces[own]);
        spaces[0].spare = std::mem::take(&mut spaces[own].spare);
    }
}
