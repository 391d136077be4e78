//! The parameters of few-spike neurons and of circuits, as one vector to search over.
//!
//! Both are chains of steps, each of which fires if what it sees of the input exceeds a threshold plus what earlier
//! spikes take:
//!
//! ```text
//! z_t = 1 if s_t x + b_t y > T_t + sum_{j < t} c_tj z_j        s_t = 1 or -1
//! ```
//!
//! In a circuit every `c_tj` is free. A few-spike neuron is *tied*: `c_tj = h_j` for all t, and `s_t = 1`. (Any other
//! weight `a_t` of the input is the same circuit with `b_t`, `T_t` and `c_tj` divided by its size.)

use super::samples::Samples;
use super::stream::Stream;
use crate::neuron::{Amos, FewSpike};
use std::ops::Range;

/// Which parameters there are, and in which order: thresholds, weights of the second input, inhibition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wiring {
    pub steps: usize,
    /// Whether a spike takes the same from all later steps.
    pub tied: bool,
    /// Whether there is a second input.
    pub two: bool,
}

/// Values of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub values: Vec<f64>,
    /// Bit t: step t sees `-x`.
    pub falling: u32,
}

/// A step on its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    falling: bool,
    threshold: f64,
    second: f64,
    /// What its spike takes from later steps.
    taken: f64,
}

/// Where a step of a new circuit comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Old(usize),
    New(Step),
}

impl Point {
    /// Whether step `t` sees `-x`.
    pub(super) fn falls(&self, t: usize) -> bool {
        self.falling >> t & 1 != 0
    }
}

impl Wiring {
    /// Number of parameters.
    pub(super) fn len(self) -> usize {
        let inhibition = if self.tied { self.steps } else { self.steps * (self.steps - 1) / 2 };
        self.second().end + inhibition
    }

    /// Where the weights of the second input are.
    pub(super) fn second(self) -> Range<usize> {
        self.steps..if self.two { 2 * self.steps } else { self.steps }
    }

    /// Where that is which the spikes of earlier steps take from step `t`.
    pub(super) fn inhibition(self, t: usize) -> Range<usize> {
        let start = self.second().end + if self.tied { 0 } else { t * t.saturating_sub(1) / 2 };
        start..start + t
    }

    fn nothing(self) -> Point {
        Point { values: vec![0.0; self.len()], falling: 0 }
    }

    /// A step of a circuit; its spike takes what it took from the last step.
    fn step(self, point: &Point, t: usize) -> Step {
        let last = self.inhibition(self.steps - 1).start;
        Step {
            falling: point.falls(t),
            threshold: point.values[t],
            second: if self.two { point.values[self.steps + t] } else { 0.0 },
            taken: if self.tied || t + 1 < self.steps { point.values[last + t] } else { 0.0 },
        }
    }

    /// A circuit of steps of another, of new ones, or of both. What old steps take from each other is kept as far as
    /// their order is.
    pub(super) fn assemble(self, point: &Point, sources: &[Source]) -> Point {
        let mut made = self.nothing();
        let steps: Vec<Step> = sources
            .iter()
            .map(|source| match *source {
                Source::Old(t) => self.step(point, t),
                Source::New(step) => step,
            })
            .collect();
        for (t, step) in steps.iter().enumerate() {
            made.falling |= u32::from(step.falling) << t;
            made.values[t] = step.threshold;
            if self.two {
                made.values[self.steps + t] = step.second;
            }
            if self.tied {
                made.values[self.second().end + t] = step.taken;
                continue;
            }
            for (j, earlier) in steps[..t].iter().enumerate() {
                made.values[self.inhibition(t).start + j] = match (sources[t], sources[j]) {
                    (Source::Old(to), Source::Old(from)) if from < to => point.values[self.inhibition(to).start + from],
                    _ => earlier.taken,
                };
            }
        }
        made
    }

    /// A random step whose threshold and inhibition are of some size, in units of the samples' spread.
    pub(super) fn draw_step(self, samples: &Samples, size: f64, stream: &mut Stream) -> Step {
        let [centre, spread] = samples.place;
        let [second_centre, second_spread] = samples.second_place;
        let falling = !self.tied && stream.chance(0.15);
        let second = if self.two { stream.sign() * stream.octaves(-1.0, 1.5) * spread / second_spread } else { 0.0 };
        let origin = if falling { -centre } else { centre } + second * second_centre;
        Step {
            falling,
            threshold: origin + spread * size * (0.5 + 0.6 * stream.normal()),
            second,
            taken: spread * size * (1.0 + 0.3 * stream.normal()),
        }
    }

    /// A random circuit.
    pub(super) fn draw(self, samples: &Samples, stream: &mut Stream) -> Point {
        if self.two && stream.chance(0.7) {
            return self.draw_diagonals(samples, stream);
        }
        let digits = !self.two && stream.chance(0.25);
        let steps = if digits { self.draw_digits(samples, stream) } else { self.draw_steps(samples, stream) };
        self.assemble(&self.nothing(), &steps)
    }

    /// Steps of falling size.
    fn draw_steps(self, samples: &Samples, stream: &mut Stream) -> Vec<Source> {
        let ratio = stream.between(0.65, 0.9);
        let mut size = stream.octaves(-1.0, 2.0);
        let mut next = || {
            let step = self.draw_step(samples, size, stream);
            size *= ratio;
            Source::New(step)
        };
        (0..self.steps).map(|_| next()).collect()
    }

    /// Digits of the distance from the lower end, exact or nearly so: what piecewise linear functions are made of.
    fn draw_digits(self, samples: &Samples, stream: &mut Stream) -> Vec<Source> {
        let [centre, spread] = samples.place;
        // Even weights reach the square root of three deviations to either side.
        let reach = spread * 3f64.sqrt() * if stream.chance(0.5) { 1.0 } else { stream.between(0.6, 1.5) };
        let ratio = if stream.chance(0.5) { 0.5 } else { stream.between(0.5, 0.75) };
        let noise = if stream.chance(0.5) { 0.0 } else { stream.octaves(-6.0, -2.0) };
        let mut size = reach;
        let mut next = || {
            let threshold = centre - reach + size * (1.0 + noise * stream.normal());
            let taken = size * (1.0 + noise * stream.normal());
            size *= ratio;
            Source::New(Step { falling: false, threshold, second: 0.0, taken })
        };
        (0..self.steps).map(|_| next()).collect()
    }

    /// Steps that see `x + b y` and steps that see `x - b y`, each kind on its own: a product is a difference of
    /// squares of the two.
    fn draw_diagonals(self, samples: &Samples, stream: &mut Stream) -> Point {
        let steps = self.draw_steps(samples, stream);
        let mut point = self.assemble(&self.nothing(), &steps);
        let size = samples.place[1] / samples.second_place[1] * stream.octaves(-1.0, 1.0);
        for t in 0..self.steps {
            let weight = &mut point.values[self.steps + t];
            let straight = size * weight.signum();
            let moved = (straight - *weight) * samples.second_place[0];
            *weight = straight;
            point.values[t] += moved;
        }
        let rises: Vec<bool> =
            (0..self.steps).map(|t| (point.values[self.steps + t] > 0.0) != point.falls(t)).collect();
        for t in 0..self.steps {
            for (j, place) in self.inhibition(t).enumerate() {
                if rises[j] != rises[t] {
                    point.values[place] = 0.0;
                }
            }
        }
        point
    }

    /// The same wiring with every inhibition on its own, and a tied circuit's parameters for it.
    pub(super) fn untie(self, point: &Point) -> (Self, Point) {
        let mut values = point.values[..self.second().end].to_vec();
        for t in 0..self.steps {
            values.extend_from_slice(&point.values[self.inhibition(t)]);
        }
        (Self { tied: false, ..self }, Point { values, falling: point.falling })
    }

    /// Parameters of a circuit of one input for this one of two, which ignores the second.
    pub(super) fn with_second(self, point: &Point) -> Point {
        let mut values = point.values.clone();
        values.splice(self.steps..self.steps, std::iter::repeat_n(0.0, self.steps));
        Point { values, falling: point.falling }
    }

    /// Parameters as a few-spike neuron.
    pub(super) fn few_spike(self, point: &Point, output: Vec<f64>, range: [f64; 2]) -> FewSpike<f64> {
        let (threshold, reset) = point.values.split_at(self.steps);
        FewSpike { threshold: threshold.to_vec(), reset: reset.to_vec(), output, initial: 0.0, signed: false, range }
    }

    /// Parameters as a circuit.
    pub(super) fn amos(self, point: &Point, output: Vec<f64>, range: [f64; 2]) -> Amos<f64> {
        Amos {
            input: (0..self.steps).map(|t| if point.falls(t) { -1.0 } else { 1.0 }).collect(),
            second: point.values[self.second()].to_vec(),
            threshold: point.values[..self.steps].to_vec(),
            inhibition: point.values[self.second().end..].to_vec(),
            output,
            range,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Samples {
        let target: Vec<f64> = (0..100).map(f64::from).collect();
        Samples::of_one([-1.0, 3.0], &target, &[1.0; 100]).unwrap()
    }

    #[test]
    fn a_circuit_of_its_own_steps_is_itself() {
        for (tied, two) in [(true, false), (false, false), (false, true)] {
            let wiring = Wiring { steps: 5, tied, two };
            let point = wiring.draw(&samples(), &mut Stream::new(3, 0));
            let steps: Vec<Source> = (0..5).map(Source::Old).collect();
            assert_eq!(wiring.assemble(&point, &steps), point);
        }
    }

    #[test]
    fn a_step_that_moves_takes_its_inhibition_along() {
        let wiring = Wiring { steps: 3, tied: false, two: false };
        let point = Point { values: vec![1.0, 2.0, 3.0, 10.0, 20.0, 21.0], falling: 0b100 };
        let moved = wiring.assemble(&point, &[Source::Old(1), Source::Old(2), Source::Old(0)]);
        assert_eq!(moved, Point { values: vec![2.0, 3.0, 1.0, 21.0, 21.0, 0.0], falling: 0b010 });
    }

    #[test]
    fn an_untied_few_spike_neuron_takes_what_it_took() {
        let wiring = Wiring { steps: 3, tied: true, two: false };
        let point = Point { values: vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0], falling: 0 };
        let (free, untied) = wiring.untie(&point);
        assert_eq!(free.len(), untied.values.len());
        assert_eq!(untied.values, [1.0, 2.0, 3.0, 10.0, 10.0, 20.0]);
    }
}
