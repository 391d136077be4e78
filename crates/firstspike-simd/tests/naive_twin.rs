//! Every kernel at every level of this processor against its naive twin.

use firstspike_simd::{Element, Level, Sliding, Taps};
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

/// A kernel on one axis.
#[derive(Clone, Copy, Debug)]
struct Axis {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

impl Axis {
    /// Pairs of a tap and the input that it meets.
    fn pairs(self, output: usize) -> Vec<(usize, usize)> {
        let position = |tap: usize| (output * self.stride + tap * self.dilation).checked_sub(self.pad);
        (0..self.kernel).filter_map(|tap| Some((tap, position(tap).filter(|&at| at < self.input)?))).collect()
    }

    fn taps(self) -> Vec<Taps> {
        let taps = |pairs: Vec<(usize, usize)>| match pairs.first() {
            Some(&(first, start)) => Taps { first, count: pairs.len(), start },
            None => Taps { first: 0, count: 0, start: 0 },
        };
        (0..self.output).map(|output| taps(self.pairs(output))).collect()
    }
}

fn axes() -> impl Strategy<Value = Axis> {
    let parts = (1usize..9, 1usize..20, 1usize..4, 1usize..3, 1usize..3, 0usize..3);
    parts.prop_map(|(input, output, kernel, stride, dilation, pad)| Axis {
        input,
        output,
        kernel,
        stride,
        dilation,
        pad,
    })
}

fn convolution<T: Float>(rows: Axis, columns: Axis, inputs: usize, outputs: usize, share: f64, numbers: &[f64]) {
    let mut at = 0;
    let mut next = || {
        at += 1;
        numbers[at % numbers.len()] * (1.0 + (at % 13) as f64 / 5.0)
    };
    let sliding = Sliding::new(
        [rows.input, columns.input, inputs],
        outputs,
        [rows.kernel, columns.kernel],
        [rows.dilation, columns.dilation],
        rows.taps(),
        columns.taps(),
    );
    let pixels = rows.input * columns.input;
    let weights: Vec<T> = (0..rows.kernel * columns.kernel * inputs * outputs).map(|_| T::from_f64(next())).collect();
    let start: Vec<T> = (0..rows.output * columns.output * outputs).map(|_| T::from_f64(next())).collect();
    let values: Vec<T> = (0..pixels * inputs)
        .map(|_| if next().abs().fract() < share { T::from_f64(next()) } else { T::from_f64(0.0) })
        .collect();

    let mut exact: Vec<f64> = start.iter().map(|x| x.to_f64()).collect();
    let mut magnitude: Vec<f64> = exact.iter().map(|x| x.abs()).collect();
    for oy in 0..rows.output {
        for (ky, y) in rows.pairs(oy) {
            for ox in 0..columns.output {
                for (kx, x) in columns.pairs(ox) {
                    for i in 0..inputs {
                        for o in 0..outputs {
                            let weight = weights[((ky * columns.kernel + kx) * inputs + i) * outputs + o];
                            let term = weight.to_f64() * values[(y * columns.input + x) * inputs + i].to_f64();
                            exact[(oy * columns.output + ox) * outputs + o] += term;
                            magnitude[(oy * columns.output + ox) * outputs + o] += term.abs();
                        }
                    }
                }
            }
        }
    }

    let terms = rows.kernel * columns.kernel * inputs;
    for level in Level::available() {
        let (mut keys, mut found, mut starts) = (vec![7; 3], vec![T::from_f64(1.0); 5], vec![1; 2]);
        T::compress(level, &values, inputs, true, &mut keys, &mut found, &mut starts);
        let listed: Vec<u32> =
            (0..values.len()).filter(|&key| values[key].to_f64() != 0.0).map(|key| key as u32).collect();
        assert_eq!(keys, listed, "{level}");
        assert!(keys.iter().zip(&found).all(|(&key, value)| values[key as usize].to_f64() == value.to_f64()));
        let begins: Vec<u32> = (0..=pixels)
            .map(|pixel| listed.iter().filter(|&&key| (key as usize) < pixel * inputs).count() as u32)
            .collect();
        assert_eq!(starts, begins, "{level}");

        let mut acc = start.clone();
        T::convolve_spikes(level, &sliding, &mut acc, &weights, &keys, &found, &starts);
        check(level, &acc, &exact, &magnitude, terms);

        let mut acc = start.clone();
        T::convolve_values(level, &sliding, &mut acc, &weights, &values);
        check(level, &acc, &exact, &magnitude, terms);

        T::compress(level, &values, inputs, false, &mut keys, &mut found, &mut starts);
        let positive = (0..values.len()).filter(|&key| values[key].to_f64() > 0.0).map(|key| key as u32);
        assert_eq!(keys, positive.collect::<Vec<_>>(), "{level}");
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn convolutions_of_spikes_and_values_equal_the_naive_twin(
        rows in axes(),
        columns in axes(),
        inputs in prop_oneof![1usize..5, Just(8), Just(16), 17usize..20],
        outputs in prop_oneof![1usize..40, Just(64), 120usize..150],
        share in prop_oneof![Just(0.0), Just(0.2), Just(1.0)],
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        convolution::<f32>(rows, columns, inputs, outputs, share, &numbers);
        convolution::<f64>(rows, columns, inputs, outputs, share, &numbers);
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

fn pixel() -> Sliding {
    let taps = || vec![Taps { first: 0, count: 1, start: 0 }];
    Sliding::new([1, 1, 2], 3, [1, 1], [1, 1], taps(), taps())
}

#[test]
#[should_panic(expected = "a tap outside of the image")]
fn taps_outside_of_the_image_are_refused() {
    let taps = |start| vec![Taps { first: 0, count: 1, start }];
    Sliding::new([1, 1, 1], 1, [1, 1], [1, 1], taps(0), taps(1));
}

#[test]
#[should_panic(expected = "every tap has weights")]
fn missing_weights_are_refused() {
    f32::convolve_values(Level::best(), &pixel(), &mut [0.0; 3], &[0.0; 5], &[1.0; 2]);
}

#[test]
#[should_panic(expected = "every target exists")]
fn missing_targets_are_refused() {
    f32::convolve_spikes(Level::best(), &pixel(), &mut [0.0; 2], &[0.0; 6], &[], &[], &[0, 0]);
}

#[test]
#[should_panic(expected = "out of range")]
fn spikes_that_are_not_there_are_refused() {
    f32::convolve_spikes(Level::best(), &pixel(), &mut [0.0; 3], &[0.0; 6], &[0], &[1.0], &[0, 2]);
}
