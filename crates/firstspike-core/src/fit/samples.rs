//! What is to be fitted: a function on a grid, and how much each part of it matters.

use super::FitError;

/// A function of one input `x`, or of two (`x` and `y`), on the cells of a grid, with weights.
///
/// Cell i of n along a range covers `low + i w` to `low + (i + 1) w` with `w = (high - low) / n`; function and weight
/// are those of its midpoint.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Range of `x`.
    pub(super) range: [f64; 2],
    /// Cells along `x`.
    pub(super) columns: usize,
    /// Midpoints of the cells along `y`; a single 0 where there is no second input.
    pub(super) second: Vec<f64>,
    /// Whether there is a second input.
    pub(super) two: bool,
    /// The function, `[y][x]`.
    pub(super) target: Vec<f64>,
    /// Weights of sum 1, `[y][x]`.
    pub(super) weight: Vec<f64>,
    /// Sums of weight and of weight times target over the cells before each cell, and over all: `[y][x + 1]`.
    pub(super) sums: Vec<[f64; 2]>,
    /// Sum of weight times target squared.
    pub(super) squares: f64,
    /// Weighted variance of the target; 1 if the target is constant.
    pub(super) variance: f64,
    /// Where thresholds are needed: weighted mean and standard deviation of `x` where the target changes.
    pub(super) place: [f64; 2],
    /// Weighted mean and standard deviation of `y`.
    pub(super) second_place: [f64; 2],
}

impl Samples {
    /// A function of one input.
    ///
    /// # Errors
    /// If the range is empty, the numbers of targets and weights differ, or weights or targets make no sense.
    pub fn of_one(range: [f64; 2], target: &[f64], weight: &[f64]) -> Result<Self, FitError> {
        Self::new(range, vec![0.0], false, target, weight)
    }

    /// A function of two inputs; `target` and `weight` have `rows` rows, one for each cell of the second range.
    ///
    /// # Errors
    /// If a range is empty, the numbers of targets and weights differ, or weights or targets make no sense.
    pub fn of_two(
        range: [f64; 2],
        second_range: [f64; 2],
        rows: usize,
        target: &[f64],
        weight: &[f64],
    ) -> Result<Self, FitError> {
        if !is_range(second_range) || rows == 0 {
            return Err(FitError::Invalid("the second range is empty"));
        }
        let second = (0..rows).map(|row| midpoint(second_range, rows, row)).collect();
        Self::new(range, second, true, target, weight)
    }

    fn new(range: [f64; 2], second: Vec<f64>, two: bool, target: &[f64], weight: &[f64]) -> Result<Self, FitError> {
        let rows = second.len();
        if !is_range(range) {
            return Err(FitError::Invalid("the range is empty"));
        }
        if target.is_empty() || target.len() != weight.len() || !target.len().is_multiple_of(rows) {
            return Err(FitError::Invalid("there must be one target and one weight for each cell"));
        }
        if target.iter().any(|f| !f.is_finite()) || weight.iter().any(|w| !w.is_finite() || *w < 0.0) {
            return Err(FitError::Invalid("targets must be finite, weights finite and not negative"));
        }
        let mass: f64 = weight.iter().sum();
        if !(mass > 0.0 && mass.is_finite()) {
            return Err(FitError::Invalid("the weights have no finite sum above zero"));
        }
        let columns = target.len() / rows;
        let weight: Vec<f64> = weight.iter().map(|w| w / mass).collect();
        let weighted = || target.iter().copied().zip(weight.iter().copied());
        let [_, deviation] = moments(weighted());
        let x = |cell: usize| midpoint(range, columns, cell % columns);
        let change = |cell: usize| {
            let before = if cell.is_multiple_of(columns) { cell } else { cell - 1 };
            weight[cell] * (target[cell] - target[before]).abs()
        };
        Ok(Self {
            range,
            columns,
            two,
            sums: running_sums(columns, target, &weight),
            squares: weighted().map(|(f, w)| w * f * f).sum(),
            variance: if deviation > 0.0 { deviation * deviation } else { 1.0 },
            place: spread((0..target.len()).map(|cell| (x(cell), change(cell))), range),
            second_place: spread(
                weight.iter().enumerate().map(|(cell, &w)| (second[cell / columns], w)),
                [second[0], second[rows - 1]],
            ),
            second,
            target: target.to_vec(),
            weight,
        })
    }

    /// The mean of the function over its second input: a function of the first alone.
    pub(super) fn mean_over_second(&self) -> Self {
        let columns = self.columns;
        let over_rows = |of: &dyn Fn(usize) -> f64, column: usize| -> f64 {
            (0..self.second.len()).map(|row| of(row * columns + column)).sum()
        };
        let weight: Vec<f64> = (0..columns).map(|column| over_rows(&|cell| self.weight[cell], column)).collect();
        let target: Vec<f64> = weight
            .iter()
            .enumerate()
            .map(|(column, &mass)| {
                let sum = over_rows(&|cell| self.weight[cell] * self.target[cell], column);
                if mass > 0.0 { sum / mass } else { self.target[column] }
            })
            .collect();
        Self::of_one(self.range, &target, &weight).expect("sums of samples are samples")
    }

    /// Width of a cell.
    pub(super) fn cell(&self) -> f64 {
        (self.range[1] - self.range[0]) / self.columns as f64
    }

    /// Midpoint of a column's cells.
    pub(super) fn midpoint(&self, column: usize) -> f64 {
        midpoint(self.range, self.columns, column)
    }
}

fn is_range([low, high]: [f64; 2]) -> bool {
    low.is_finite() && high.is_finite() && low < high
}

fn midpoint([low, high]: [f64; 2], cells: usize, cell: usize) -> f64 {
    low + (cell as f64 + 0.5) * (high - low) / cells as f64
}

fn running_sums(columns: usize, target: &[f64], weight: &[f64]) -> Vec<[f64; 2]> {
    let mut sums = Vec::with_capacity(target.len() / columns * (columns + 1));
    for (targets, weights) in target.chunks_exact(columns).zip(weight.chunks_exact(columns)) {
        let mut sum = [0.0; 2];
        sums.push(sum);
        for (f, w) in targets.iter().zip(weights) {
            sum = [sum[0] + w, sum[1] + w * f];
            sums.push(sum);
        }
    }
    sums
}

/// Mean and standard deviation of numbers with weights.
fn moments(weighted: impl Iterator<Item = (f64, f64)> + Clone) -> [f64; 2] {
    let mass: f64 = weighted.clone().map(|(_, w)| w).sum();
    let mean = weighted.clone().map(|(x, w)| w * x).sum::<f64>() / mass;
    let variance = weighted.map(|(x, w)| w * (x - mean) * (x - mean)).sum::<f64>() / mass;
    [mean, variance.sqrt()]
}

/// Mean and standard deviation of numbers with weights; of even weights where they have none, or all at one place.
fn spread(weighted: impl Iterator<Item = (f64, f64)> + Clone, [low, high]: [f64; 2]) -> [f64; 2] {
    let width = high - low;
    let [mean, deviation] = moments(weighted);
    let even = [0.5 * (low + high), if width > 0.0 { width / 12f64.sqrt() } else { 1.0 }];
    if !mean.is_finite() {
        return even;
    }
    [mean, if deviation > 1e-4 * width { deviation } else { even[1] }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_where_the_target_changes() {
        let n = 1000;
        let step: Vec<f64> = (0..n).map(|i| f64::from(u8::from((600..620).contains(&i))) * f64::from(i)).collect();
        let samples = Samples::of_one([0.0, 10.0], &step, &vec![1.0; n as usize]).unwrap();
        assert!((samples.place[0] - 6.1).abs() < 0.02, "{:?}", samples.place);
        let flat = Samples::of_one([0.0, 12.0], &[1.0; 12], &[1.0; 12]).unwrap();
        assert_eq!(flat.place, [6.0, 12.0 / 12f64.sqrt()]);
        assert_eq!(flat.variance, 1.0);
    }

    #[test]
    fn means_over_the_second_input_are_weighted() {
        let of_two = Samples::of_two([0.0, 2.0], [0.0, 1.0], 2, &[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 3.0, 0.0]).unwrap();
        let mean = of_two.mean_over_second();
        assert_eq!((mean.target, mean.weight), (vec![2.5, 2.0], vec![1.0, 0.0]));
        assert!(!mean.two);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |range, target: &[f64], weight: &[f64]| Samples::of_one(range, target, weight).is_err();
        assert!(refused([1.0, 1.0], &[1.0], &[1.0]));
        assert!(refused([0.0, f64::INFINITY], &[1.0], &[1.0]));
        assert!(refused([0.0, 1.0], &[], &[]));
        assert!(refused([0.0, 1.0], &[1.0], &[1.0, 2.0]));
        assert!(refused([0.0, 1.0], &[f64::NAN], &[1.0]));
        assert!(refused([0.0, 1.0], &[1.0], &[-1.0]));
        assert!(refused([0.0, 1.0], &[1.0], &[0.0]));
        assert!(Samples::of_two([0.0, 1.0], [0.0, 1.0], 2, &[1.0; 3], &[1.0; 3]).is_err());
        assert!(Samples::of_two([0.0, 1.0], [1.0, 0.0], 2, &[1.0; 4], &[1.0; 4]).is_err());
    }
}
