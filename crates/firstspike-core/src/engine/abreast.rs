//! Images abreast: several go through a layer before any of them goes through the next. Weights that do not all stay in the
//! second-level cache come from beyond it once for all of these images, not for each.

use super::Workspace;
use crate::network::Network;
use crate::real::Real;

/// Bytes that a layer reads and writes in all images abreast, at most: they shall stay in the second-level cache too.
const CACHED: usize = 512 << 10;

/// Bytes of weights that stay in the second-level cache from image to image.
const STAYING: usize = 1 << 20;

/// Bytes of all neurons' values in all images abreast, at most: each image has memory of its own, also for the layers that it goes
/// through alone.
const MEMORY: usize = 32 << 20;

/// How images go abreast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abreast {
    /// How many.
    pub images: usize,
    /// The first layer that they go through together; they go through those before one by one.
    from: usize,
}

impl Abreast {
    /// What saves most: the more images, the fewer layers of which they stay in the cache. Nothing where weights stay there
    /// anyway, or images do not.
    pub(crate) fn of<T: Real>(network: &Network<T>) -> Option<Self> {
        let populations = network.populations();
        let weights: Vec<usize> =
            populations.iter().map(|population| population.stage.weights() * size_of::<T>()).collect();
        if weights.iter().sum::<usize>() <= STAYING || network.keeps_state() {
            return None;
        }
        let neurons = |index: usize| populations[index].shape.len();
        let moved = |index: usize| {
            (neurons(index) + populations[index].stage.sources().map(neurons).sum::<usize>()) * size_of::<T>()
        };
        let values = (0..populations.len()).map(neurons).sum::<usize>() * size_of::<T>();
        let choices = [8, 4, 2].into_iter().filter(|images| values * images <= MEMORY).map(|images| {
            let from =
                (0..populations.len()).rposition(|index| moved(index) * images > CACHED).map_or(0, |last| last + 1);
            // More of a layer than stays there comes for each image anyway.
            let staying = weights[from..].iter().map(|&bytes| bytes.min(STAYING));
            let saved = staying.sum::<usize>() * (images - 1) / images;
            (saved, Self { images, from })
        });
        let (saved, abreast) = choices.max_by_key(|&(saved, _)| saved)?;
        (saved > STAYING / 2).then_some(abreast)
    }
}

impl<T: Real> Workspace<T> {
    /// Runs images, which lie one after another, in the layered engine: one in each workspace, as [`Workspace::run`] does.
    pub(crate) fn run_abreast<I: Real>(spaces: &mut [Self], network: &Network<T>, abreast: &Abreast, images: &[I]) {
        let all = network.populations().len();
        let images = || images.chunks_exact(network.inputs());
        for (space, image) in spaces.iter_mut().zip(images()) {
            space.run_layers(network, 0..abreast.from, image);
        }
        for index in abreast.from..all {
            for (space, image) in spaces.iter_mut().zip(images()) {
                space.run_layers(network, index..index + 1, image);
            }
        }
    }
}
