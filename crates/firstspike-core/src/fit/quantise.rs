//! Parameters on grids: whole multiples of a step, as many as some bits can tell apart.
//!
//! There is one grid for what a neuron's potential is compared with (thresholds and inhibition), one for the weights of
//! a second input and one for the outputs. Rounding a fit loses much more than a search on the grids has to: from each
//! of the best fits it goes on with random moves, of single parameters by some steps, of a grid's step, and of the kinds
//! that the search itself knows.

use super::FitError;
use super::circuit::{Point, Wiring};
use super::search::{Candidate, HOP, Search, TOLERANCE};
use super::stream::Stream;
use rayon::prelude::*;

/// Units of progress of the search from one fit.
pub(super) const WORK: usize = 300;

/// Steps of the grids.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grids {
    /// Of thresholds, resets and inhibition.
    pub threshold: f64,
    /// Of the weights of the second input; 0 where there is none.
    pub second: f64,
    /// Of outputs.
    pub output: f64,
}

/// A circuit on grids.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    pub point: Point,
    pub grids: Grids,
    pub loss: f64,
}

impl Quantised {
    /// Largest multiple of a step.
    pub(super) fn most(bits: u32) -> f64 {
        f64::from((1u32 << (bits - 1)) - 1)
    }
}

/// The best circuit on grids, from the best without.
pub(super) fn quantise(search: &Search<'_>, fits: Vec<Candidate>, bits: u32) -> Result<Quantised, FitError> {
    let found = fits.into_par_iter().enumerate().map(|(index, fit)| {
        // Streams apart from those of the search, of which there are fewer.
        let mut stream = Stream::new(search.seed, (1 << 31) + index);
        walk(search, &fit.point, Quantised::most(bits), &mut stream)
    });
    let found: Vec<Quantised> = found.collect::<Result<_, _>>()?;
    let best = found.into_iter().reduce(|a, b| if b.loss < a.loss { b } else { a });
    Ok(best.expect("a search finds at least one circuit"))
}

fn walk(search: &Search<'_>, start: &Point, most: f64, stream: &mut Stream) -> Result<Quantised, FitError> {
    let wiring = search.wiring;
    let mut objective = search.objective();
    let mut evaluate = |mut point: Point, mut grids: Grids| {
        round(wiring, &mut point, grids, most);
        let loss = objective.loss_on_grid(&point, &mut grids.output, most);
        Quantised { point, grids, loss }
    };
    let mut start = start.clone();
    let idle = wiring.len() - 1;
    if wiring.tied {
        // What the last step's spike takes is of no effect.
        start.values[idle] = 0.0;
    }
    let reach = |values: &mut dyn Iterator<Item = &f64>| values.fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs())) / most;
    let (thresholds, seconds) = (wiring.steps, wiring.second());
    let grids = Grids {
        threshold: reach(&mut start.values[..thresholds].iter().chain(&start.values[seconds.end..])),
        second: if wiring.two { reach(&mut start.values[seconds].iter()) } else { 0.0 },
        output: 0.0,
    };
    let mut now = evaluate(start.clone(), grids);
    for part in [0.85, 0.7, 0.55, 0.4] {
        let finer = Grids { threshold: part * grids.threshold, ..grids };
        let rounded = evaluate(start.clone(), finer);
        if rounded.loss < now.loss {
            now = rounded;
        }
    }
    let mut best = now.clone();
    let moves = WORK * HOP;
    for step in 0..moves {
        let (point, grids) = moved(search, &now, stream);
        let next = evaluate(point, grids);
        let left = 1.0 - step as f64 / moves as f64;
        if next.loss < now.loss * (1.0 + 0.2 * TOLERANCE * left * stream.unit()) {
            now = next;
        }
        if now.loss < best.loss {
            best.clone_from(&now);
        }
        if (step + 1).is_multiple_of(HOP) {
            search.report(1)?;
        }
    }
    Ok(best)
}

/// Moves parameters to the nearest points of their grids.
fn round(wiring: Wiring, point: &mut Point, grids: Grids, most: f64) {
    let seconds = wiring.second();
    for (j, value) in point.values.iter_mut().enumerate() {
        let step = if seconds.contains(&j) { grids.second } else { grids.threshold };
        *value = (*value / step).round().clamp(-most, most) * step;
    }
}

/// A random move: parameters by steps of their grid, a grid's step with or without all that is on it, or a change as of
/// the search.
fn moved(search: &Search<'_>, now: &Quantised, stream: &mut Stream) -> (Point, Grids) {
    let wiring = search.wiring;
    let seconds = wiring.second();
    let (mut point, mut grids) = (now.point.clone(), now.grids);
    match stream.below(10) {
        0 => point = search.change(&point, stream),
        1 => grids.output *= 1.0 + 0.05 * stream.normal(),
        kind @ (2 | 3) => {
            let scale = 1.0 + 0.03 * stream.normal();
            let of_second = wiring.two && stream.chance(0.3);
            if of_second {
                grids.second *= scale;
            } else {
                grids.threshold *= scale;
            }
            if kind == 2 {
                for (j, value) in point.values.iter_mut().enumerate() {
                    *value *= if seconds.contains(&j) == of_second { scale } else { 1.0 };
                }
            }
        }
        _ => {
            for _ in 0..=stream.below(3) {
                let j = stream.below(point.values.len());
                let step = if seconds.contains(&j) { grids.second } else { grids.threshold };
                point.values[j] += stream.sign() * step * (1 + stream.below(3) * stream.below(2)) as f64;
            }
        }
    }
    (point, grids)
}
