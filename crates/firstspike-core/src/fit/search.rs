//! The search for parameters: many restarts, then a tournament of the best of them.
//!
//! A restart draws a circuit and descends (Adam on the exact gradient). The best restarts go on by hops: a random
//! change, a short descent, and the result is kept if it is better or, early on, hardly worse. After each round the
//! better half goes on for twice as many hops. Random numbers belong to restarts and contestants, so the result does
//! not depend on the number of threads.

use super::FitError;
use super::circuit::{Point, Source, Wiring};
use super::objective::Objective;
use super::samples::Samples;
use super::stream::Stream;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Descending steps of a hop: the unit of progress.
pub(super) const HOP: usize = 60;
/// Hops' worth of descending in a restart.
const RESTART: usize = 5;
/// Hops of the first round.
const HOPS: usize = 200;
/// Of so many restarts one takes part in the tournament.
const SHARE: usize = 8;
/// Contestants of the last round: one for each core of a small machine.
const FINALISTS: usize = 2;
/// How much worse the result of the first hops may be, as a share of the loss.
pub(super) const TOLERANCE: f64 = 0.05;

/// Where to search, for what, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub samples: &'a Samples,
    pub wiring: Wiring,
    pub price: f64,
    pub restarts: usize,
    pub seed: u64,
    pub cancel: &'a AtomicBool,
    pub progress: &'a AtomicUsize,
}

/// A circuit and its loss.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub point: Point,
    pub loss: f64,
}

/// Contestants and hops of each round.
fn rounds(restarts: usize) -> impl Iterator<Item = (usize, usize)> {
    let first = (restarts.div_ceil(SHARE), HOPS);
    std::iter::successors(Some(first), |&(contestants, hops)| {
        (contestants > FINALISTS).then(|| (contestants.div_ceil(2), 2 * hops))
    })
}

/// Units of progress of a search for a circuit of one input or two.
pub(super) fn work(restarts: usize, two: bool) -> usize {
    let search = restarts * RESTART + rounds(restarts).map(|(contestants, hops)| contestants * hops).sum::<usize>();
    if two { 2 * search } else { search }
}

impl Search<'_> {
    /// The best circuits, best first.
    pub(super) fn run(&self) -> Result<Vec<Candidate>, FitError> {
        let draws = (0..self.restarts).into_par_iter().map(|index| self.restart(index));
        let mut best: Vec<Candidate> = draws.collect::<Result<_, _>>()?;
        if self.wiring.two {
            best.extend(self.of_one_input()?);
        }
        best = sorted(best);
        let mut stream = self.restarts;
        for (contestants, hops) in rounds(self.restarts) {
            best.truncate(contestants);
            let hopped = best.into_par_iter().enumerate().map(|(index, start)| self.hop(stream + index, start, hops));
            best = sorted(hopped.collect::<Result<_, _>>()?);
            stream += contestants;
        }
        Ok(best)
    }

    /// Circuits that ignore the second input: where that varies little they are hard to beat.
    fn of_one_input(&self) -> Result<Vec<Candidate>, FitError> {
        let samples = self.samples.mean_over_second();
        let wiring = Wiring { two: false, ..self.wiring };
        let found = Search { samples: &samples, wiring, ..*self }.run()?;
        let mut objective = self.objective();
        let lifted = found.iter().map(|candidate| {
            let point = self.wiring.with_second(&candidate.point);
            Candidate { loss: objective.loss(&point), point }
        });
        Ok(lifted.collect())
    }

    pub(super) fn objective(&self) -> Objective<'_> {
        Objective::new(self.samples, self.wiring, self.price)
    }

    /// Counts work that is done; fails if no more is wanted.
    pub(super) fn report(&self, done: usize) -> Result<(), FitError> {
        self.progress.fetch_add(done, Ordering::Relaxed);
        if self.cancel.load(Ordering::Relaxed) { Err(FitError::Cancelled) } else { Ok(()) }
    }

    /// Draws a circuit and descends. Half of the circuits of one input begin as few-spike neurons, which have fewer
    /// parameters.
    fn restart(&self, index: usize) -> Result<Candidate, FitError> {
        let mut stream = Stream::new(self.seed, index);
        let tied = self.wiring.tied || (!self.wiring.two && index.is_multiple_of(2));
        let wiring = Wiring { tied, ..self.wiring };
        let point = wiring.draw(self.samples, &mut stream);
        let search = Self { wiring, ..*self };
        let mut found = search.descend(&mut search.objective(), point, RESTART * HOP, stream.octaves(-6.0, -2.0));
        if wiring != self.wiring {
            found.point = wiring.untie(&found.point).1;
        }
        self.report(RESTART)?;
        Ok(found)
    }

    fn hop(&self, stream: usize, start: Candidate, hops: usize) -> Result<Candidate, FitError> {
        let mut stream = Stream::new(self.seed, stream);
        let mut objective = self.objective();
        let mut now = start.clone();
        let mut best = start;
        for hop in 0..hops {
            let point = self.change(&now.point, &mut stream);
            let next = self.descend(&mut objective, point, HOP, stream.octaves(-9.0, -4.0));
            let left = 1.0 - hop as f64 / hops as f64;
            if next.loss < now.loss * (1.0 + TOLERANCE * left * stream.unit()) {
                now = next;
            }
            if now.loss < best.loss {
                best.clone_from(&now);
            }
            self.report(1)?;
        }
        Ok(best)
    }

    /// Natural size of a change of each parameter.
    fn units(&self) -> Vec<f64> {
        let (spread, seconds) = (self.samples.place[1], self.wiring.second());
        let unit = |j| if seconds.contains(&j) { spread / self.samples.second_place[1] } else { spread };
        (0..self.wiring.len()).map(unit).collect()
    }

    /// The best that some steps of Adam pass by; their rate, in units of each parameter, falls to zero.
    fn descend(&self, objective: &mut Objective<'_>, mut point: Point, steps: usize, rate: f64) -> Candidate {
        const MEAN: f64 = 0.9;
        const SQUARE: f64 = 0.99;
        let units = self.units();
        let mut averages = vec![(0.0, 0.0); units.len()];
        let (mut mean_bias, mut square_bias) = (1.0, 1.0);
        let mut best = Candidate { point: point.clone(), loss: f64::INFINITY };
        for step in 0..steps {
            let loss = objective.loss(&point);
            if loss < best.loss {
                best.loss = loss;
                best.point.clone_from(&point);
            }
            if loss.is_infinite() {
                break;
            }
            objective.differentiate(&point);
            mean_bias *= MEAN;
            square_bias *= SQUARE;
            let left = 1.0 - step as f64 / steps as f64;
            let rate = rate * left * left.sqrt();
            let slopes = objective.gradient.iter().zip(&units).zip(&mut averages);
            for (value, ((slope, unit), (mean, square))) in point.values.iter_mut().zip(slopes) {
                let slope = slope * unit;
                *mean = MEAN * *mean + (1.0 - MEAN) * slope;
                *square = SQUARE * *square + (1.0 - SQUARE) * slope * slope;
                let size = (*square / (1.0 - square_bias)).sqrt() + 1e-9;
                *value -= unit * rate * (*mean / (1.0 - mean_bias)) / size;
            }
        }
        best
    }

    /// A random change: of some parameters, of all a little, of one step for a new one, or of the order.
    pub(super) fn change(&self, point: &Point, stream: &mut Stream) -> Point {
        let wiring = self.wiring;
        match stream.below(4) {
            0 => {
                let mut changed = point.clone();
                let units = self.units();
                let size = stream.octaves(-6.0, 1.0);
                for _ in 0..=stream.below(3) {
                    let j = stream.below(units.len());
                    changed.values[j] += size * units[j] * stream.normal();
                }
                changed
            }
            1 => {
                let mut changed = point.clone();
                let size = stream.octaves(-10.0, -3.0);
                for (value, unit) in changed.values.iter_mut().zip(self.units()) {
                    *value += size * unit * stream.normal();
                }
                changed
            }
            kind => {
                let mut steps: Vec<Source> = (0..wiring.steps).map(Source::Old).collect();
                let taken = steps.remove(stream.below(wiring.steps));
                let size = stream.octaves(-4.0, 1.0);
                let put = if kind == 2 { Source::New(wiring.draw_step(self.samples, size, stream)) } else { taken };
                steps.insert(stream.below(wiring.steps), put);
                wiring.assemble(point, &steps)
            }
        }
    }
}

/// Best first; of equals, the earlier first.
pub(super) fn sorted(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| a.loss.total_cmp(&b.loss));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_halve_contestants_and_double_hops() {
        assert_eq!(rounds(128).collect::<Vec<_>>(), [(16, 200), (8, 400), (4, 800), (2, 1600)]);
        assert_eq!(rounds(1).collect::<Vec<_>>(), [(1, 200)]);
        assert_eq!([work(1, false), work(1, true)], [205, 410]);
    }

    #[test]
    fn progress_reaches_the_work_announced() {
        let target: Vec<f64> = (0..64).map(f64::from).collect();
        let samples = Samples::of_one([0.0, 1.0], &target, &[1.0; 64]).unwrap();
        let (cancel, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
        let wiring = Wiring { steps: 2, tied: true, two: false };
        let search = Search {
            samples: &samples,
            wiring,
            price: 0.0,
            restarts: 20,
            seed: 0,
            cancel: &cancel,
            progress: &progress,
        };
        assert!(search.run().is_ok());
        assert_eq!(progress.load(Ordering::Relaxed), work(20, false));
        cancel.store(true, Ordering::Relaxed);
        assert!(matches!(search.run(), Err(FitError::Cancelled)));
    }
}
