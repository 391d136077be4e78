//! Every kernel at every level of this processor against its naive twin.

use firstspike_simd::{Element, Level, Run};
use proptest::prelude::*;

/// A precision with what the tests need to know of it.
trait Float: Element + std::fmt::Debug {
    const EPSILON: f64;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn from_f64(x: f64) -> Self {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
}

/// Holds `got` against exact sums within the bound that the crate states.
fn check<T: Float>(level: Level, got: &[T], exact: &[f64], magnitude: &[f64], terms: usize) {
    for ((got, exact), magnitude) in got.iter().zip(exact).zip(magnitude) {
        let bound = (terms + 2) as f64 * T::EPSILON * magnitude;
        assert!((got.to_f64() - exact).abs() <= bound, "{level}: {got:?} is not {exact} within {bound}");
    }
}

fn floats<T: Float>(xs: &[f64]) -> Vec<T> {
    xs.iter().map(|&x| T::from_f64(x)).collect()
}

fn spikes_and_runs<T: Float>(targets: usize, stride: usize, rows: usize, keys: &[u32], base: u32, numbers: &[f64]) {
    let weights: Vec<T> = floats(&numbers[..rows * stride]);
    let start: Vec<T> = floats(&numbers[rows * stride..rows * stride + targets]);
    let values: Vec<T> = floats(&numbers[rows * stride + targets..]);

    let naive = |inputs: &[(usize, T)]| {
        let mut exact: Vec<f64> = start.iter().map(|x| x.to_f64()).collect();
        let mut magnitude: Vec<f64> = exact.iter().map(|x| x.abs()).collect();
        for &(row, value) in inputs {
            for (j, (exact, magnitude)) in exact.iter_mut().zip(&mut magnitude).enumerate() {
                let term = weights[row * stride + j].to_f64() * value.to_f64();
                *exact += term;
                *magnitude += term.abs();
            }
        }
        (exact, magnitude)
    };

    let spikes: Vec<(usize, T)> =
        keys.iter().zip(&values).map(|(&key, &value)| ((key - base) as usize, value)).collect();
    let run: Vec<(usize, T)> = values.iter().take(rows).copied().enumerate().collect();
    for level in Level::available() {
        let (exact, magnitude) = naive(&spikes);
        let mut acc = start.clone();
        T::accumulate_spikes(level, &mut acc, &weights, stride, keys, base, &values);
        check(level, &acc, &exact, &magnitude, keys.len());

        if stride == targets {
            let (exact, magnitude) = naive(&spikes);
            let half = keys.len() / 2;
            let runs = [(0, half), (half, keys.len())].map(|(from, to)| Run { target: 0, row: 0, base, from, to });
            let mut acc = start.clone();
            T::accumulate_runs(level, &mut acc, targets, &weights, keys, &values, &runs);
            check(level, &acc, &exact, &magnitude, keys.len() + 2);
        }

        let (exact, magnitude) = naive(&run);
        let mut acc = start.clone();
        T::accumulate_run(level, &mut acc, &weights, stride, &values[..run.len()]);
        check(level, &acc, &exact, &magnitude, run.len());

        let (exact, magnitude) = naive(&run[..1]);
        let mut acc = start.clone();
        T::add_scaled(level, &mut acc, &weights[..targets], values[0]);
        check(level, &acc, &exact, &magnitude, 1);

        let mut acc = start.clone();
        T::add_products(level, &mut acc, &weights[..targets], &start);
        let products: Vec<f64> =
            start.iter().zip(&weights).map(|(s, w)| s.to_f64() + s.to_f64() * w.to_f64()).collect();
        let magnitude: Vec<f64> =
            start.iter().zip(&weights).map(|(s, w)| s.to_f64().abs() * (1.0 + w.to_f64().abs())).collect();
        check(level, &acc, &products, &magnitude, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_level_equals_the_naive_twin(
        targets in 1usize..150,
        padding in prop_oneof![Just(0usize), 1usize..9],
        rows in 1usize..12,
        base in 0u32..1000,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        seed in prop::collection::vec(-2.0f64..2.0, 37),
    ) {
        let stride = targets + padding;
        let keys: Vec<u32> = picks.iter().map(|pick| base + pick.index(rows) as u32).collect();
        let count = rows * stride + targets + keys.len().max(rows);
        let numbers: Vec<f64> = (0..count).map(|i| seed[i % seed.len()] * (1.0 + (i % 11) as f64 / 7.0)).collect();
        spikes_and_runs::<f32>(targets, stride, rows, &keys, base, &numbers);
        spikes_and_runs::<f64>(targets, stride, rows, &keys, base, &numbers);
    }
}

#[test]
fn the_best_level_is_the_last_available_one() {
    assert_eq!(Some(&Level::best()), Level::available().last());
    assert_eq!(Level::available()[0], Level::baseline());
}

#[test]
#[should_panic(expected = "every spike has a value")]
fn missing_values_are_refused() {
    f32::accumulate_spikes(Level::best(), &mut [0.0], &[1.0, 2.0], 1, &[0, 1], 0, &[1.0]);
}

#[test]
#[should_panic(expected = "every value has a row")]
fn missing_rows_are_refused() {
    f32::accumulate_run(Level::best(), &mut [0.0], &[1.0, 2.0], 1, &[1.0, 1.0, 1.0]);
}
