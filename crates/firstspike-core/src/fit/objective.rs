//! The loss of a circuit and its gradient, both exact.
//!
//! A circuit's value is a step function of its input. Its pieces are found by splitting the range: each neuron cuts
//! every interval that contains its border, which is one number for the whole interval, since all of its inputs made
//! the same earlier neurons fire. Integrals over a piece are differences of running sums, so that
//!
//! ```text
//! loss = sum w (f - value)^2 / variance(f) + price * mean spikes
//! ```
//!
//! costs as much as there are pieces, however fine the samples are. The loss is continuous in the borders: where one
//! at `x` parts the values `l` and `r`,
//!
//! ```text
//! d loss / d x = density(x) (((l - f)^2 - (r - f)^2) / variance + price * (spikes left - spikes right))
//! ```
//!
//! so descending it needs no surrogate for the derivative of a spike. For given pieces the best outputs `d` are those
//! of least squares; the gradient by all other parameters is the same whether or not `d` follows them.

use super::circuit::{Point, Wiring};
use super::samples::Samples;

/// Most pieces of one row: circuits of more cost more time than they are worth.
const MOST_PIECES: usize = 2048;

/// An interval of inputs, up to the next, that make the same neurons fire.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: f64,
    fired: u32,
}

/// Evaluates circuits one after another.
#[derive(Debug)]
pub(super) struct Objective<'a> {
    samples: &'a Samples,
    wiring: Wiring,
    price: f64,
    /// Pieces of all rows, and where each row begins and the last one ends.
    pieces: Vec<Piece>,
    rows: Vec<usize>,
    /// A row's pieces, before and after a step.
    halves: [Vec<Piece>; 2],
    /// `sum w z_i z_j` for `i <= j`.
    gram: Vec<f64>,
    /// `sum w f z_i`.
    moments: Vec<f64>,
    factor: Vec<f64>,
    spikes: f64,
    /// What each neuron's spike is worth.
    pub output: Vec<f64>,
    /// Derivatives of the loss by the parameters.
    pub gradient: Vec<f64>,
}

impl<'a> Objective<'a> {
    pub(super) fn new(samples: &'a Samples, wiring: Wiring, price: f64) -> Self {
        let steps = wiring.steps;
        Self {
            samples,
            wiring,
            price,
            pieces: Vec::new(),
            rows: Vec::new(),
            halves: [Vec::new(), Vec::new()],
            gram: vec![0.0; steps * steps],
            moments: vec![0.0; steps],
            factor: vec![0.0; steps * steps],
            spikes: 0.0,
            output: vec![0.0; steps],
            gradient: vec![0.0; wiring.len()],
        }
    }

    /// The loss with the best outputs; infinite if there are too many pieces.
    pub(super) fn loss(&mut self, point: &Point) -> f64 {
        if !self.measure(point) {
            return f64::INFINITY;
        }
        self.solve();
        self.value()
    }

    /// The loss with outputs that are whole multiples of a step, `most` to either side of zero at most; a step of zero
    /// stands for one that reaches the largest of the best outputs.
    pub(super) fn loss_on_grid(&mut self, point: &Point, step: &mut f64, most: f64) -> f64 {
        if !self.measure(point) {
            return f64::INFINITY;
        }
        self.solve();
        if *step == 0.0 {
            *step = self.output.iter().fold(f64::MIN_POSITIVE, |m, d| m.max(d.abs())) / most;
        }
        self.round_outputs(*step, most);
        self.value()
    }

    /// Finds the pieces of a circuit and their moments; false if there are too many.
    fn measure(&mut self, point: &Point) -> bool {
        self.pieces.clear();
        self.rows.clear();
        self.gram.fill(0.0);
        self.moments.fill(0.0);
        self.spikes = 0.0;
        for row in 0..self.samples.second.len() {
            self.rows.push(self.pieces.len());
            if !self.split(point, self.samples.second[row]) {
                return false;
            }
            self.accumulate(row);
        }
        self.rows.push(self.pieces.len());
        true
    }

    /// Adds the pieces of one row; false if there are too many.
    fn split(&mut self, point: &Point, y: f64) -> bool {
        let [low, high] = self.samples.range;
        let wiring = self.wiring;
        let [now, next] = &mut self.halves;
        now.clear();
        now.push(Piece { start: low, fired: 0 });
        for t in 0..wiring.steps {
            next.clear();
            let inhibition = &point.values[wiring.inhibition(t)];
            let falls = point.falls(t);
            let (left, right) = (u32::from(falls) << t, u32::from(!falls) << t);
            let seen = if wiring.two { point.values[wiring.steps + t] * y } else { 0.0 };
            let threshold = point.values[t] - seen;
            for (i, &Piece { start, fired }) in now.iter().enumerate() {
                let potential = threshold + sum_over(fired, inhibition);
                let border = if falls { -potential } else { potential };
                let end = now.get(i + 1).map_or(high, |piece| piece.start);
                if border > start {
                    next.push(Piece { start, fired: fired | left });
                }
                if border < end {
                    next.push(Piece { start: border.max(start), fired: fired | right });
                }
            }
            std::mem::swap(now, next);
            if now.len() > MOST_PIECES {
                return false;
            }
        }
        self.pieces.extend_from_slice(now);
        true
    }

    /// Cell of an input, and its position within.
    fn locate(&self, x: f64) -> (usize, f64) {
        let position = (x - self.samples.range[0]) / self.samples.cell();
        let cell = (position as usize).min(self.samples.columns - 1);
        (cell, position - cell as f64)
    }

    /// Adds the moments of the pieces of the last row.
    fn accumulate(&mut self, row: usize) {
        let steps = self.wiring.steps;
        let columns = self.samples.columns;
        let sums = &self.samples.sums[row * (columns + 1)..][..=columns];
        let mut before = [0.0; 2];
        for i in self.rows[row]..self.pieces.len() {
            let until = self.pieces.get(i + 1).map_or(sums[columns], |next| {
                let (cell, part) = self.locate(next.start);
                let ([w, wf], [w_next, wf_next]) = (sums[cell], sums[cell + 1]);
                [w + part * (w_next - w), wf + part * (wf_next - wf)]
            });
            let (mass, moment) = (until[0] - before[0], until[1] - before[1]);
            before = until;
            let fired = self.pieces[i].fired;
            self.spikes += mass * f64::from(fired.count_ones());
            let mut rest = fired;
            while rest != 0 {
                let j = rest.trailing_zeros() as usize;
                self.moments[j] += moment;
                let pairs = &mut self.gram[j * steps..][..steps];
                for_each(rest, |l| pairs[l] += mass);
                rest &= rest - 1;
            }
        }
    }

    /// Outputs of least squares: solves `gram output = moments` by Cholesky's factorisation.
    fn solve(&mut self) {
        let n = self.wiring.steps;
        self.factor.copy_from_slice(&self.gram);
        self.output.copy_from_slice(&self.moments);
        let (u, d) = (&mut self.factor, &mut self.output);
        // Neurons that hardly ever differ would else get outputs that are huge and cancel.
        let trace: f64 = (0..n).map(|j| u[j * n + j]).sum();
        let ridge = 1e-9 * trace + f64::MIN_POSITIVE;
        for j in 0..n {
            u[j * n + j] += ridge;
        }
        for j in 0..n {
            let (above, below) = u.split_at_mut((j + 1) * n);
            let row = &mut above[j * n + j..];
            let scale = 1.0 / row[0].max(0.5 * ridge).sqrt();
            for x in row.iter_mut() {
                *x *= scale;
            }
            d[j] *= scale;
            for i in j + 1..n {
                let factor = row[i - j];
                if factor != 0.0 {
                    let target = &mut below[(i - j - 1) * n + i..][..n - i];
                    for (x, y) in target.iter_mut().zip(&row[i - j..]) {
                        *x -= factor * y;
                    }
                    d[i] -= factor * d[j];
                }
            }
        }
        for j in (0..n).rev() {
            let row = &u[j * n..][..n];
            let known: f64 = (j + 1..n).map(|l| row[l] * d[l]).sum();
            d[j] = (d[j] - known) / row[j];
        }
    }

    /// Rounds the outputs to a grid, then moves one after another to where the loss is least.
    fn round_outputs(&mut self, step: f64, most: f64) {
        const SWEEPS: usize = 3;
        let n = self.wiring.steps;
        let round = |d: f64| (d / step).round().clamp(-most, most) * step;
        for d in &mut self.output {
            *d = round(*d);
        }
        for _ in 0..SWEEPS {
            for j in 0..n {
                let own = self.gram[j * n + j];
                if own == 0.0 {
                    continue;
                }
                let before: f64 = (0..j).map(|l| self.gram[l * n + j] * self.output[l]).sum();
                let after: f64 = (j + 1..n).map(|l| self.gram[j * n + l] * self.output[l]).sum();
                self.output[j] = round((self.moments[j] - before - after) / own);
            }
        }
    }

    /// The loss of the circuit measured last with the present outputs.
    fn value(&self) -> f64 {
        let n = self.wiring.steps;
        let d = &self.output;
        let mut error = self.samples.squares;
        for (j, row) in self.gram.chunks_exact(n).enumerate() {
            let rest: f64 = (j + 1..n).map(|l| row[l] * d[l]).sum();
            error += d[j] * (row[j] * d[j] + 2.0 * (rest - self.moments[j]));
        }
        error.max(0.0) / self.samples.variance + self.price * self.spikes
    }

    /// Derivatives of the loss of the circuit measured last.
    pub(super) fn differentiate(&mut self, point: &Point) {
        let (wiring, samples) = (self.wiring, self.samples);
        self.gradient.fill(0.0);
        for (row, bounds) in self.rows.windows(2).enumerate() {
            let pieces = &self.pieces[bounds[0]..bounds[1]];
            let mut left = sum_over(pieces[0].fired, &self.output);
            for pair in pieces.windows(2) {
                let (before, after) = (pair[0].fired, pair[1].fired);
                let right = sum_over(after, &self.output);
                let cell = row * samples.columns + self.locate(pair[1].start).0;
                let f = samples.target[cell];
                let error = ((left - f) * (left - f) - (right - f) * (right - f)) / samples.variance;
                let spikes = f64::from(before.count_ones()) - f64::from(after.count_ones());
                left = right;
                let slope = samples.weight[cell] / samples.cell() * (error + self.price * spikes);
                // The border is that of the first step in which the two sides differ.
                let t = (before ^ after).trailing_zeros() as usize;
                let slope = if point.falls(t) { -slope } else { slope };
                self.gradient[t] += slope;
                if wiring.two {
                    self.gradient[wiring.steps + t] -= slope * samples.second[row];
                }
                let inhibition = &mut self.gradient[wiring.inhibition(t)];
                for_each(after & ((1 << t) - 1), |j| inhibition[j] += slope);
            }
        }
    }
}

/// Calls `f` with the place of each bit that is set.
fn for_each(mut bits: u32, mut f: impl FnMut(usize)) {
    while bits != 0 {
        f(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// Sum of the numbers at the places of the bits that are set.
fn sum_over(bits: u32, numbers: &[f64]) -> f64 {
    let mut sum = 0.0;
    for_each(bits, |j| sum += numbers[j]);
    sum
}

#[cfg(test)]
mod tests {
    use super::super::stream::Stream;
    use super::*;

    const COLUMNS: usize = 400;

    fn samples(two: bool) -> Samples {
        let rows = if two { 5 } else { 1 };
        let x = |cell: usize| -1.0 + 4.0 * ((cell % COLUMNS) as f64 + 0.5) / COLUMNS as f64;
        let y = |cell: usize| 0.2 * (cell / COLUMNS) as f64;
        let target: Vec<f64> = (0..rows * COLUMNS).map(|cell| x(cell) * (0.5 + y(cell)) + x(cell).powi(2)).collect();
        let weight: Vec<f64> = (0..rows * COLUMNS).map(|cell| 1.0 / (1.0 + x(cell).powi(2))).collect();
        if two {
            Samples::of_two([-1.0, 3.0], [-0.1, 0.9], rows, &target, &weight).unwrap()
        } else {
            Samples::of_one([-1.0, 3.0], &target, &weight).unwrap()
        }
    }

    const WIRINGS: [Wiring; 3] = [
        Wiring { steps: 6, tied: true, two: false },
        Wiring { steps: 6, tied: false, two: false },
        Wiring { steps: 6, tied: false, two: true },
    ];

    /// The loss by running the circuit on every sample.
    fn naive(samples: &Samples, wiring: Wiring, point: &Point, output: &[f64], price: f64) -> f64 {
        let fires = |x: f64, y: f64| {
            (0..wiring.steps).fold(0u32, |fired, t| {
                let seen = if point.falls(t) { -x } else { x };
                let second = if wiring.two { point.values[wiring.steps + t] * y } else { 0.0 };
                let taken = sum_over(fired, &point.values[wiring.inhibition(t)]);
                fired | u32::from(seen + second > point.values[t] + taken) << t
            })
        };
        let cells = samples.target.iter().zip(&samples.weight).enumerate();
        let terms = cells.map(|(cell, (f, w))| {
            let (row, column) = (cell / samples.columns, cell % samples.columns);
            let fired = fires(samples.midpoint(column), samples.second[row]);
            let error = f - sum_over(fired, output);
            w * (error * error / samples.variance + price * f64::from(fired.count_ones()))
        });
        terms.sum()
    }

    #[test]
    fn the_loss_is_that_of_running_the_circuit() {
        for wiring in WIRINGS {
            let samples = samples(wiring.two);
            for stream in 0..20 {
                let point = wiring.draw(&samples, &mut Stream::new(1, stream));
                let mut objective = Objective::new(&samples, wiring, 0.01);
                let loss = objective.loss(&point);
                let expected = naive(&samples, wiring, &point, &objective.output, 0.01);
                // The naive sum takes cells whole that a border cuts.
                assert!((loss - expected).abs() < 0.02 * expected, "{wiring:?} {stream}: {loss} {expected}");
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        for wiring in WIRINGS {
            let samples = samples(wiring.two);
            let point = wiring.draw(&samples, &mut Stream::new(2, 1));
            let mut objective = Objective::new(&samples, wiring, 0.01);
            objective.loss(&point);
            objective.differentiate(&point);
            let gradient = objective.gradient.clone();
            let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
            assert!(largest > 0.0);
            for (j, slope) in gradient.iter().enumerate() {
                // Less than the distance of a border from the next cell.
                let step = 1e-7;
                let [above, below] = [step, -step].map(|step| {
                    let mut moved = point.clone();
                    moved.values[j] += step;
                    objective.loss(&moved)
                });
                let difference = (above - below) / (2.0 * step);
                assert!((slope - difference).abs() < 1e-3 * largest, "{wiring:?} {j}: {slope} {difference}");
            }
        }
    }

    #[test]
    fn outputs_are_the_best_there_are() {
        for wiring in WIRINGS {
            let samples = samples(wiring.two);
            let point = wiring.draw(&samples, &mut Stream::new(3, 0));
            let mut objective = Objective::new(&samples, wiring, 0.0);
            let best = objective.loss(&point);
            for j in 0..wiring.steps {
                for change in [-1e-3, 1e-3] {
                    objective.output[j] += change;
                    assert!(objective.value() >= best - 1e-9);
                    objective.output[j] -= change;
                }
            }
        }
    }

    #[test]
    fn outputs_on_a_grid_are_multiples_of_its_step() {
        let wiring = WIRINGS[0];
        let samples = samples(false);
        let point = wiring.draw(&samples, &mut Stream::new(4, 0));
        let mut objective = Objective::new(&samples, wiring, 0.0);
        let free = objective.loss(&point);
        let mut step = 0.0;
        let on_grid = objective.loss_on_grid(&point, &mut step, 127.0);
        assert!(step > 0.0 && on_grid >= free - 1e-9 && on_grid < free + 0.01, "{free} {on_grid}");
        assert!(objective.output.iter().all(|d| ((d / step) - (d / step).round()).abs() < 1e-9));
    }
}
