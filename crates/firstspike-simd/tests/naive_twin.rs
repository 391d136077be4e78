//! Every kernel at every level of this processor against its naive twin.

mod common;

use common::*;
use firstspike_simd::{
    Arriving, Circuit, Element, Fans, FewSpikes, Grid, GridCounts, Integrators, Level, Listed, MOST_STEPS, Marks,
    NOTHING, PART, Patterns, ROW_PART, Raster, Reach, Sliding, Span, SpreadScratch, Spreading, Stamps, Taps, Winograd,
};
use proptest::prelude::*;

/// Holds `got` against exact sums within the bound that the crate states.
fn check<T: Float>(level: Level, got: &[T], exact: &[f64], magnitude: &[f64], terms: usize) {
    for ((got, exact), magnitude) in got.iter().zip(exact).zip(magnitude) {
        let bound = (terms + 2) as f64 * T::EPSILON * magnitude;
        assert!((got.to_f64() - exact).abs() <= bound, "{level}: {got:?} is not {exact} within {bound}");
    }
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
        let mut parts = start.clone();
        for (part, acc) in parts.chunks_mut(ROW_PART).enumerate() {
            let weights = &weights[part * ROW_PART..];
            T::accumulate_spikes(level, acc, weights, stride, keys, base, &values);
        }
        assert!(parts.iter().zip(&acc).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits()), "{level}: parts");

        let (exact, magnitude) = naive(&run);
        let mut acc = start.clone();
        T::accumulate_run(level, &mut acc, &weights, stride, &values[..run.len()]);
        check(level, &acc, &exact, &magnitude, run.len());

        let (exact, magnitude) = naive(&run[..1]);
        let mut acc = start.clone();
        T::add_scaled(level, &mut acc, &weights[..targets], values[0]);
        check(level, &acc, &exact, &magnitude, 1);
    }
}

fn rows_of_a_kernel<T: Float>(reach: Reach, numbers: &[f64]) {
    let Reach { length, counts, target, weight, target_steps, weight_steps } = reach;
    let numbers: Vec<T> = floats(numbers);
    let number = |at: usize| numbers[at % numbers.len()];
    let steps = |steps: [usize; 2]| counts[0] * steps[0] + counts[1] * steps[1];
    let start: Vec<T> = (0..target + steps(target_steps) + length).map(number).collect();
    let weights: Vec<T> = (0..weight + length).map(|at| number(at + 3)).collect();
    let value = number(7);
    let mut exact: Vec<f64> = start.iter().map(|x| x.to_f64()).collect();
    let mut magnitude: Vec<f64> = exact.iter().map(|x| x.abs()).collect();
    for (down, across) in (0..counts[0]).flat_map(|down| (0..counts[1]).map(move |across| (down, across))) {
        for at in 0..length {
            let to = target + down * target_steps[0] + across * target_steps[1] + at;
            let from = weight - down * weight_steps[0] - across * weight_steps[1] + at;
            let term = weights[from].to_f64() * value.to_f64();
            exact[to] += term;
            magnitude[to] += term.abs();
        }
    }
    for level in Level::available() {
        let mut targets = start.clone();
        T::add_scaled_rows(level, &mut targets, &weights, &reach, value);
        check(level, &targets, &exact, &magnitude, counts[0] * counts[1]);
    }
}

/// Holds the bands of some outputs, computed one by one, against all of them: they are the same to the last bit.
fn check_bands<T: Float>(
    (height, size): (usize, usize),
    all: &[T],
    start: &[T],
    mut band: impl FnMut(std::ops::Range<usize>, &mut [T]),
) {
    let row = all.len() / height;
    let mut got = start.to_vec();
    for (at, targets) in got.chunks_mut((size * row).max(1)).enumerate() {
        band(at * size..height.min((at + 1) * size), targets);
    }
    assert!(got.iter().zip(all).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits()), "bands of {size} rows");
}

/// Holds parts of the channels, computed one after another, against all of them: they are the same to the last bit.
fn check_parts<T: Float>(
    outputs: usize,
    all: &[T],
    start: &[T],
    mut part: impl FnMut(std::ops::Range<usize>, &mut [T]),
) {
    let mut got = start.to_vec();
    for first in (0..outputs).step_by(PART) {
        part(first..outputs.min(first + PART), &mut got);
    }
    assert!(got.iter().zip(all).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits()), "parts of {outputs}");
}

fn convolution<T: Float>(
    rows: Axis,
    columns: Axis,
    [inputs, outputs, groups]: [usize; 3],
    share: f64,
    numbers: &[f64],
) {
    let mut at = 0;
    let mut next = || {
        at += 1;
        numbers[at % numbers.len()] * (1.0 + (at % 13) as f64 / 5.0)
    };
    let sliding = Sliding::new(
        [rows.input, columns.input, inputs],
        outputs,
        groups,
        [rows.kernel, columns.kernel],
        [rows.dilation, columns.dilation],
        rows.taps(),
        columns.taps(),
    );
    let pixels = rows.input * columns.input;
    let weights: Vec<T> =
        (0..rows.kernel * columns.kernel * inputs * outputs / groups).map(|_| T::from_f64(next())).collect();
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
                        for o in (0..outputs).filter(|o| i * groups / inputs == o * groups / outputs) {
                            let row = (ky * columns.kernel + kx) * inputs + i;
                            let weight = weights[row * (outputs / groups) + o % (outputs / groups)];
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
    let size = 1 + next().to_bits() as usize % rows.output.max(1);
    for level in Level::available() {
        let (mut keys, mut found, mut starts) = (vec![7; 3], vec![T::from_f64(1.0); 5], vec![7; pixels + 1]);
        let range = [f64::NEG_INFINITY, f64::INFINITY].map(T::from_f64);
        let extremes = T::rectify(level, &mut values.clone(), inputs, range, &mut starts);
        let value = |x: &T| x.to_f64();
        let expected = [values.iter().map(value).fold(0.0, f64::min), values.iter().map(value).fold(0.0, f64::max)];
        assert_eq!(extremes.map(Float::to_f64), expected, "{level}");
        T::list(level, &values, &mut keys, &mut found);
        let listed: Vec<u32> =
            (0..values.len()).filter(|&key| values[key].to_f64() != 0.0).map(|key| key as u32).collect();
        assert_eq!(keys, listed, "{level}");
        assert!(keys.iter().zip(&found).all(|(&key, value)| values[key as usize].to_f64() == value.to_f64()));
        let begins: Vec<u32> = (0..=pixels)
            .map(|pixel| listed.iter().filter(|&&key| (key as usize) < pixel * inputs).count() as u32)
            .collect();
        assert_eq!(starts, begins, "{level}");

        let bias: Vec<T> = start.iter().copied().cycle().take(outputs).collect();
        let begun: Vec<T> = bias.iter().copied().cycle().take(start.len()).collect();
        let moved = |(exact, (&from, &to)): (&f64, (&T, &T))| exact - from.to_f64() + to.to_f64();
        let expected: Vec<f64> = exact.iter().zip(start.iter().zip(&begun)).map(moved).collect();
        let moved = |(magnitude, (&from, &to)): (&f64, (&T, &T))| magnitude + from.to_f64().abs() + to.to_f64().abs();
        let begun_magnitude: Vec<f64> = magnitude.iter().zip(start.iter().zip(&begun)).map(moved).collect();
        let unset = || vec![T::from_f64(f64::NAN); start.len()];

        if groups == 1 {
            let spikes = Listed { keys: &keys, values: &found, starts: &starts };
            for (bias, start, exact, magnitude) in
                [(None, start.clone(), &exact, &magnitude), (Some(&*bias), unset(), &expected, &begun_magnitude)]
            {
                let mut acc = start.clone();
                T::convolve_spikes(level, &sliding, &mut acc, bias, &weights, spikes);
                check(level, &acc, exact, magnitude, terms);
                if bias.is_some() {
                    check_bands((rows.output, size), &acc, &start, |rows, targets| {
                        T::convolve_spikes(level, &sliding.band(rows), targets, bias, &weights, spikes);
                    });
                }
            }
            if rows.dilation == 1 && columns.dilation == 1 {
                let spreading = Spreading::new(
                    [rows.input, columns.input, inputs],
                    [rows.output, columns.output, outputs],
                    [rows.kernel, columns.kernel],
                    [rows.stride, columns.stride],
                    [rows.pad, columns.pad],
                );
                let mut packed = vec![T::from_f64(0.0); spreading.packed::<T>()];
                spreading.pack(&weights, &mut packed);
                let mut scratch = SpreadScratch::default();
                for (bias, start, exact, magnitude) in
                    [(None, start.clone(), &exact, &magnitude), (Some(&*bias), unset(), &expected, &begun_magnitude)]
                {
                    let mut acc = start.clone();
                    T::spread_spikes(level, &spreading, &mut acc, bias, &packed, spikes, &mut scratch);
                    check(level, &acc, exact, magnitude, terms);
                    check_parts(outputs, &acc, &start, |channels, targets| {
                        let part = spreading.of_channels(channels);
                        T::spread_spikes(level, &part, targets, bias, &packed, spikes, &mut scratch);
                    });
                    if bias.is_some() {
                        check_bands((rows.output, size), &acc, &start, |rows, targets| {
                            T::spread_spikes(
                                level,
                                &spreading.band(rows),
                                targets,
                                bias,
                                &packed,
                                spikes,
                                &mut scratch,
                            );
                        });
                    }
                }
            }
        }

        let mut packed = weights.clone();
        sliding.pack(&weights, &mut packed);
        let mut acc = start.clone();
        T::convolve_values(level, &sliding, &mut acc, None, &packed, &values);
        check(level, &acc, &exact, &magnitude, terms);
        let mut acc = unset();
        T::convolve_values(level, &sliding, &mut acc, Some(&bias), &packed, &values);
        check_bands((rows.output, size), &acc, &start, |rows, targets| {
            T::convolve_values(level, &sliding.band(rows), targets, Some(&bias), &packed, &values);
        });
        if groups == 1 {
            check_parts(outputs, &acc, &unset(), |channels, targets| {
                T::convolve_values(level, &sliding.of_channels(channels), targets, Some(&bias), &packed, &values);
            });
        }
        check(level, &acc, &expected, &begun_magnitude, terms);

        let mut rectified = values.clone();
        T::rectify(level, &mut rectified, inputs, [0.0, 1.5].map(T::from_f64), &mut starts);
        assert!(rectified.iter().zip(&values).all(|(x, value)| x.to_f64() == value.to_f64().clamp(0.0, 1.5)));
        // Elsewhere, side by side or between numbers of others, and counted on from some.
        for others in [0, 3] {
            let (pixels, apart, first) = (values.len() / inputs, inputs + others, others.min(2));
            let (other, range) = (T::from_f64(7.0), [0.0, 1.5].map(T::from_f64));
            let mut placed = vec![other; pixels * apart];
            let mut counts = vec![5; pixels + 1];
            T::rectify_into(level, &values, inputs, (&mut placed[first..], apart), range, &mut counts);
            assert!(counts.iter().zip(&starts).all(|(&count, &start)| count == start + 5));
            for (placed, rectified) in placed.chunks_exact(apart).zip(rectified.chunks_exact(inputs)) {
                let (before, own) = placed.split_at(first);
                let (own, behind) = own.split_at(inputs);
                assert!(own.iter().zip(rectified).all(|(a, b)| a.to_f64() == b.to_f64()), "{level}");
                assert!(before.iter().chain(behind).all(|x| x.to_f64() == 7.0), "others stay");
            }
        }
        T::list(level, &rectified, &mut keys, &mut found);
        assert_eq!(starts.last(), Some(&(keys.len() as u32)), "{level}");
        let positive = (0..values.len()).filter(|&key| values[key].to_f64() > 0.0).map(|key| key as u32);
        assert_eq!(keys, positive.collect::<Vec<_>>(), "{level}");
    }
}

fn pooling<T: Float>(rows: Axis, columns: Axis, channels: usize, marks: &[bool], numbers: &[f64]) {
    let (kernel, dilation) = ([rows.kernel, columns.kernel], [rows.dilation, columns.dilation]);
    let image = [rows.input, columns.input, channels];
    let sliding = Sliding::new(image, channels, channels, kernel, dilation, rows.taps(), columns.taps());
    let values: Vec<T> = (0..rows.input * columns.input * channels)
        .map(|at| T::from_f64(numbers[at % numbers.len()] * (at % 3) as f64))
        .collect();
    let signs: Vec<T> = marks.iter().map(|&mark| T::from_f64(if mark { -0.0 } else { 0.0 })).collect();
    let mut expected = Vec::new();
    for oy in 0..rows.output {
        for ox in 0..columns.output {
            for channel in 0..channels {
                let window = columns.pairs(ox).into_iter().flat_map(|(_, x)| {
                    rows.pairs(oy).into_iter().map(move |(_, y)| (y * columns.input + x) * channels + channel)
                });
                // Of equals the first remains: zeros have signs.
                let least = marks.get(channel) == Some(&true);
                let better = |a: T, b: T| if (least && b < a) || (!least && b > a) { b } else { a };
                expected.push(window.map(|at| values[at]).reduce(better).expect("a window with taps"));
            }
        }
    }
    for level in Level::available() {
        let mut pooled = vec![T::from_f64(7.0); expected.len()];
        T::pool_max(level, &sliding, &values, &signs, &mut pooled);
        let alike = |a: &T, b: &T| a.to_f64().to_bits() == b.to_f64().to_bits();
        assert!(pooled.iter().zip(&expected).all(|(a, b)| alike(a, b)), "{level}: {pooled:?} is not {expected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn maxima_of_windows_equal_the_naive_twin(
        rows in axes(),
        columns in axes(),
        marks in prop_oneof![
            prop::collection::vec(any::<bool>(), 1..20),
            prop::collection::vec(any::<bool>(), 60..80),
        ],
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        // As many outputs as have taps.
        let [rows, columns] = [rows, columns].map(|axis| {
            let whole = (0..axis.output).take_while(|&output| !axis.pairs(output).is_empty()).count();
            Axis { output: whole, ..axis }
        });
        for marked in [&marks[..], &[]] {
            pooling::<f32>(rows, columns, marks.len(), marked, &numbers);
            pooling::<f64>(rows, columns, marks.len(), marked, &numbers);
        }
    }

    #[test]
    fn every_level_equals_the_naive_twin(
        // Up to the widest tiles, and more than one of them.
        targets in prop_oneof![1usize..150, 250usize..600],
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

    #[test]
    fn rows_that_a_spike_reaches_equal_the_naive_twin(
        (length, counts, target) in (0usize..70, [0usize..4, 0usize..4], 0usize..50),
        (target_steps, weight_steps) in ([0usize..200, 0usize..90], [0usize..200, 0usize..90]),
        (before, numbers) in (0usize..50, prop::collection::vec(-2.0f64..2.0, 37)),
    ) {
        let weight = before + counts[0] * weight_steps[0] + counts[1] * weight_steps[1];
        let reach = Reach { length, counts, target, weight, target_steps, weight_steps };
        rows_of_a_kernel::<f32>(reach, &numbers);
        rows_of_a_kernel::<f64>(reach, &numbers);
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
        convolution::<f32>(rows, columns, [inputs, outputs, 1], share, &numbers);
        convolution::<f64>(rows, columns, [inputs, outputs, 1], share, &numbers);
    }

    #[test]
    fn convolutions_in_groups_equal_the_naive_twin(
        rows in axes(),
        columns in axes(),
        groups in prop_oneof![1usize..5, Just(16), Just(33), 60usize..70],
        inputs in 1usize..4,
        outputs in prop_oneof![1usize..3, Just(17)],
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        for channels in [[groups, groups, groups], [inputs * groups, outputs * groups, groups]] {
            convolution::<f32>(rows, columns, channels, 1.0, &numbers);
            convolution::<f64>(rows, columns, channels, 1.0, &numbers);
        }
    }
}

/// Axes of three or five taps whose outputs are as many as the image has room for: blocks of them side by side, and borders.
fn close_axes() -> impl Strategy<Value = Axis> {
    let parts = (1usize..21, prop_oneof![3 => Just(3usize), 1 => Just(5)], 1usize..3, -1isize..3);
    parts.prop_map(|(input, kernel, stride, pad)| {
        let output = (input as isize + 2 * pad - kernel as isize).max(0) as usize / stride + 1;
        Axis { input, output, kernel, stride, dilation: 1, pad }
    })
}

proptest! {
    #[test]
    fn depthwise_convolutions_equal_the_naive_twin(
        rows in close_axes(),
        columns in close_axes(),
        square: bool,
        channels in prop_oneof![1usize..20, Just(24), Just(32), 33usize..50],
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        let rows = if square { columns } else { rows };
        convolution::<f32>(rows, columns, [channels; 3], 1.0, &numbers);
        convolution::<f64>(rows, columns, [channels; 3], 1.0, &numbers);
    }
}

/// Three taps on an axis.
fn three(input: usize, output: usize, pad: isize) -> Axis {
    Axis { input, output, kernel: 3, stride: 1, dilation: 1, pad }
}

/// What came out of two images at a level.
type Results<T> = Vec<(Level, [Vec<T>; 2])>;

/// Minimal filtering: at each level the results of two images, in turn, what they should be, and the largest that a sum of
/// magnitudes may be.
fn tiles<T: Float>(
    rows: Axis,
    columns: Axis,
    [inputs, outputs]: [usize; 2],
    mut next: impl FnMut() -> [f64; 3],
) -> (Results<T>, [Vec<f64>; 2], f64) {
    let weights: Vec<T> = (0..9 * inputs * outputs).map(|_| T::from_f64(next()[0])).collect();
    let values: Vec<T> = (0..rows.input * columns.input * inputs).map(|_| T::from_f64(next()[1])).collect();
    let start: Vec<T> = (0..rows.output * columns.output * outputs).map(|_| T::from_f64(next()[2])).collect();
    let naive = |values: &[T]| {
        let mut exact: Vec<f64> = start.iter().map(|x| x.to_f64()).collect();
        for (oy, ox) in (0..rows.output).flat_map(|oy| (0..columns.output).map(move |ox| (oy, ox))) {
            let sums = &mut exact[(oy * columns.output + ox) * outputs..][..outputs];
            for (ky, y) in rows.pairs(oy) {
                for (kx, x) in columns.pairs(ox) {
                    for i in 0..inputs {
                        let value = values[(y * columns.input + x) * inputs + i].to_f64();
                        let row = &weights[((ky * 3 + kx) * inputs + i) * outputs..][..outputs];
                        for (sum, weight) in sums.iter_mut().zip(row) {
                            *sum += value * weight.to_f64();
                        }
                    }
                }
            }
        }
        exact
    };
    let mirrored: Vec<T> = values.iter().rev().copied().collect();
    let images = [&values[..], &mirrored];
    let exact = images.map(naive);
    let winograd = Winograd::new(
        [rows.input, columns.input, inputs],
        [rows.output, columns.output, outputs],
        [rows.pad, columns.pad],
    );
    let mut packed = vec![T::from_f64(0.0); winograd.packed::<T>()];
    winograd.pack(&weights, &mut packed, T::to_f64, T::from_f64);
    let bias: Vec<T> = start.iter().copied().take(outputs).collect();
    let begun: Vec<T> = bias.iter().copied().cycle().take(start.len()).collect();
    let run = |level: Level, values: &[T]| {
        let (mut acc, mut scratch) = (start.clone(), vec![T::from_f64(f64::NAN); 5]);
        T::convolve_tiles(level, &winograd, &mut acc, None, &packed, values, &mut scratch);
        // What was left in the memory is not read.
        scratch.fill(T::from_f64(f64::NAN));
        let mut begun = begun.clone();
        T::convolve_tiles(level, &winograd, &mut begun, None, &packed, values, &mut scratch);
        acc.fill(T::from_f64(f64::NAN));
        T::convolve_tiles(level, &winograd, &mut acc, Some(&bias), &packed, values, &mut scratch);
        assert!(acc.iter().zip(&begun).all(|(a, b)| a.to_f64() == b.to_f64()), "{level}: a bias is what it begins at");
        acc.clone_from(&start);
        T::convolve_tiles(level, &winograd, &mut acc, None, &packed, values, &mut scratch);
        for size in [4, 8] {
            check_bands((rows.output, size), &acc, &start, |rows, targets| {
                T::convolve_tiles(level, &winograd.band(rows), targets, None, &packed, values, &mut scratch);
            });
        }
        acc
    };
    let most = |numbers: &[T]| numbers.iter().map(|x| x.to_f64().abs()).fold(0.0, f64::max);
    let magnitude = 9.0 * inputs as f64 * most(&weights) * most(&values) + most(&start);
    let mut results = Vec::new();
    for level in Level::available() {
        results.push((level, images.map(|values| run(level, values))));
        results.push((level, bundles(level, &winograd, images, (&start, &begun, &bias), &packed)));
    }
    (results, exact, magnitude)
}

/// The results of two images in bundles, added to `start`. They are the same to the last bit in each lane, whatever is in the
/// others, and as those that begin at `begun` if they begin at a bias.
fn bundles<T: Float>(
    level: Level,
    winograd: &Winograd,
    images: [&[T]; 2],
    (start, begun, bias): (&[T], &[T], &[T]),
    packed: &[T],
) -> [Vec<T>; 2] {
    let (lanes, nothing) = (T::lanes(level), T::from_f64(f64::NAN));
    // Of three lanes one holds the first image, one the second, and one no numbers.
    let holds = |lane: usize, turn: usize| Some((lane + turn) % 3).filter(|&image| image < 2);
    let alike = |a: &[T], b: &[T]| a.iter().zip(b).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits());
    let mut scratch = vec![nothing; 5];
    let mut run = |turn: usize, start: &[T], bias: Option<&[T]>| {
        let mut values = vec![nothing; images[0].len() * lanes];
        for (at, value) in values.iter_mut().enumerate() {
            *value = holds(at % lanes, turn).map_or(nothing, |image| images[image][at / lanes]);
        }
        let mut targets: Vec<T> = start.iter().flat_map(|&x| std::iter::repeat_n(x, lanes)).collect();
        // What was left in the memory is not read.
        scratch.fill(nothing);
        T::convolve_bundle_tiles(level, winograd, &mut targets, bias, packed, &values, &mut scratch);
        let of = |lane: usize| targets[lane..].iter().step_by(lanes).copied().collect();
        let results: Vec<(usize, Vec<T>)> =
            (0..lanes).filter_map(|lane| Some((holds(lane, turn)?, of(lane)))).collect();
        let result = |image: usize| results.iter().find(|result| result.0 == image).map(|result| result.1.clone());
        let pair = [result(0), result(1)];
        let same = |(image, result): &(usize, Vec<T>)| pair[*image].as_ref().is_some_and(|first| alike(result, first));
        assert!(results.iter().all(same), "{level}: an image is the same in all lanes");
        pair
    };
    let unwritten = vec![nothing; start.len()];
    let pairs = run(0, &unwritten, Some(bias)).into_iter().zip(run(0, begun, None));
    for (with, without) in pairs.filter_map(|(with, without)| Some((with?, without?))) {
        assert!(alike(&with, &without), "{level}: a bias is what it begins at");
    }
    // A bundle of two lanes does not hold all images at once.
    let turns = [0, 1, 2].map(|turn| run(turn, start, None));
    [0, 1].map(|image| {
        let found: Vec<&Vec<T>> = turns.iter().filter_map(|turn| turn[image].as_ref()).collect();
        assert!(found.iter().all(|result| alike(result, found[0])), "{level}: neighbours do not matter");
        found[0].clone()
    })
}

fn check_tiles<T: Float>(rows: Axis, columns: Axis, channels: [usize; 2], numbers: &[f64]) {
    let mut at = 0;
    let next = || {
        at += 1;
        [numbers[at % numbers.len()] * (1.0 + (at % 13) as f64 / 5.0); 3]
    };
    let (results, exact, magnitude) = tiles::<T>(rows, columns, channels, next);
    for (level, got) in &results {
        for (got, exact) in got.iter().flatten().zip(exact.iter().flatten()) {
            let bound = 16.0 * T::EPSILON * magnitude;
            assert!((got.to_f64() - exact).abs() <= bound, "{level}: {got:?} is not {exact} within {bound}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn minimal_filtering_equals_the_naive_twin(
        (height, rows, top) in (1usize..12, 1usize..12, -3isize..4),
        (width, columns, left) in (1usize..30, 1usize..30, -3isize..4),
        inputs in prop_oneof![1usize..5, Just(16), 17usize..20, 30usize..40],
        outputs in prop_oneof![1usize..40, Just(64), 60usize..80],
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        let (rows, columns) = (three(height, rows, top), three(width, columns, left));
        check_tiles::<f32>(rows, columns, [inputs, outputs], &numbers);
        check_tiles::<f64>(rows, columns, [inputs, outputs], &numbers);
    }
}

/// More tiles than are gone through at once.
#[test]
fn many_tiles_equal_the_naive_twin() {
    check_tiles::<f32>(three(41, 41, 1), three(38, 39, 2), [40, 17], &[0.5, -1.25, 0.75]);
}

/// Bundles of one output on an axis, of channels that fit no block of registers, and of more channels than are kept at once.
#[test]
fn bundles_of_all_channels_equal_the_naive_twin() {
    for outputs in [15, 31, 65, 130] {
        for size in [1, 5, 9] {
            check_tiles::<f32>(three(size, size, 1), three(7, 4, -1), [33, outputs], &[0.5, -1.25, 0.75]);
            check_tiles::<f64>(three(size, size, 1), three(7, 4, -1), [33, outputs], &[0.5, -1.25, 0.75]);
        }
    }
}

#[test]
fn bundles_of_other_sizes_are_refused() {
    let winograd = Winograd::new([2, 2, 3], [2, 2, 5], [1, 1]);
    let level = Level::best();
    let sizes = [20 * f64::lanes(level), 5, winograd.packed::<f64>(), 12 * f64::lanes(level)];
    let fits = |[targets, bias, packed, values]: [usize; 4]| {
        let [mut targets, bias, packed, values] = [targets, bias, packed, values].map(|size| vec![0.0; size]);
        let run = || {
            f64::convolve_bundle_tiles(level, &winograd, &mut targets, Some(&bias), &packed, &values, &mut vec![]);
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok()
    };
    assert!(fits(sizes));
    for at in 0..sizes.len() {
        let mut other = sizes;
        other[at] -= 1;
        assert!(!fits(other), "{other:?}");
    }
}

/// The error that [`Winograd`] states, for what layers see: rectified values, and weights that keep their variance.
#[test]
fn minimal_filtering_is_as_exact_as_it_says() {
    for (size, channels) in [(24, [8, 16]), (28, [16, 64]), (13, [64, 96]), (14, [16, 16]), (8, [256, 32])] {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let scale = (2.0 / (9.0 * channels[0] as f64)).sqrt();
        let next = || {
            let normal = (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
            [normal * scale, normal.max(0.0), 0.0]
        };
        let (results, exact, _) = tiles::<f32>(three(size, size, 1), three(size, size, 1), channels, next);
        for (level, images) in &results {
            for (got, exact) in images.iter().zip(&exact) {
                let largest = exact.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                let errors = got.iter().zip(exact).map(|(&got, exact)| (f64::from(got) - exact).abs() / largest);
                let error = errors.fold(0.0, f64::max);
                assert!(error <= 1.5e-6, "{level}: {size}x{size}, {channels:?}: {error}");
            }
        }
    }
}

/// Channels that a byte does not tell apart, in one part or in several, and few spikes or many of a pixel.
#[test]
fn spikes_of_many_channels_equal_the_naive_twin() {
    let numbers: Vec<f64> = (0..31).map(|i| f64::from(i * 7 % 31) / 8.0 - 1.9).collect();
    for (kernel, stride) in [(1, 1), (3, 1), (3, 2)] {
        let axis = Axis { input: 4, output: 4 / stride, kernel, stride, dilation: 1, pad: (kernel as isize - 1) / 2 };
        for inputs in [255, 256, 257, 600] {
            for share in [0.0, 0.02, 0.3, 1.0] {
                convolution::<f32>(axis, axis, [inputs, 17, 1], share, &numbers);
                convolution::<f64>(axis, axis, [inputs, 17, 1], share, &numbers);
            }
        }
    }
}

/// Kernels of which registers hold the weights, on images that these fit into or not, with windows beyond the border.
#[test]
fn depthwise_kernels_at_borders_equal_the_naive_twin() {
    let numbers: Vec<f64> = (0..31).map(|i| f64::from(i) / 7.0 - 2.0).collect();
    let axis = |input, kernel, stride, pad| Axis { input, output: 18 / stride, kernel, stride, dilation: 1, pad };
    for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (3, 3)] {
        for (height, width, pad) in [(14, 15, 1), (7, 6, 0), (kernel, 16, 2), (2, 9, 1), (9, 4, -1)] {
            let (rows, columns) = (axis(height, kernel, stride, pad), axis(width, kernel, stride, 1));
            for channels in [6, 33] {
                convolution::<f32>(rows, columns, [channels; 3], 1.0, &numbers);
                convolution::<f64>(rows, columns, [channels; 3], 1.0, &numbers);
            }
        }
    }
}

/// Weights too many for a cache and many spikes: taps are gone through one by one, some of which lie beyond a border.
#[test]
fn large_kernels_at_borders_equal_the_naive_twin() {
    let axis = Axis { input: 4, output: 4, kernel: 5, stride: 1, dilation: 1, pad: 2 };
    convolution::<f32>(axis, axis, [66, 65, 1], 1.0, &[0.5, -1.25, 0.75]);
    convolution::<f32>(axis, Axis { dilation: 2, pad: 4, ..axis }, [66, 65, 1], 1.0, &[0.5, -1.25, 0.75]);
}

/// Channels of several panels, in groups too, and weights of which rows of taps, or single taps, fill a second-level cache.
#[test]
fn dense_kernels_of_many_weights_equal_the_naive_twin() {
    let numbers: Vec<f64> = (0..31).map(|i| f64::from(i * 11 % 31) / 8.0 - 1.9).collect();
    let axis = Axis { input: 3, output: 3, kernel: 3, stride: 1, dilation: 1, pad: 1 };
    for channels in [[230, 150, 1], [690, 66, 1], [6, 280, 2]] {
        convolution::<f32>(axis, axis, channels, 1.0, &numbers);
        convolution::<f64>(axis, axis, channels, 1.0, &numbers);
    }
}

/// What a gate makes of one input or two: value and pattern, and whether they lie beyond the range.
type Gated<T> = ((T, u32), bool);

fn few_spikes<T: Float>(neuron: FewSpikes<'_, T>, x: T) -> Gated<T> {
    let mut v = x + neuron.initial;
    let (mut value, mut pattern) = (T::from_f64(0.0), 0);
    for (step, &threshold) in neuron.threshold.iter().enumerate() {
        let negative = neuron.signed && step % 2 == 1;
        if (if negative { -v } else { v }) > threshold {
            v = if negative { v + neuron.reset[step] } else { v - neuron.reset[step] };
            value = value + neuron.output[step];
            pattern |= 1 << step;
        }
    }
    ((value, pattern), x < neuron.range[0] || x > neuron.range[1])
}

fn circuit<T: Float>(circuit: Circuit<'_, T>, x: T, y: T) -> Gated<T> {
    let (mut value, mut pattern, mut pair) = (T::from_f64(0.0), 0u32, 0);
    for i in 0..circuit.input.len() {
        let mut v = circuit.input[i] * x;
        if let Some(&weight) = circuit.second.get(i) {
            v = v + weight * y;
        }
        for j in 0..i {
            if pattern >> j & 1 != 0 {
                v = v - circuit.inhibition[pair + j];
            }
        }
        pair += i;
        if v > circuit.threshold[i] {
            value = value + circuit.output[i];
            pattern |= 1 << i;
        }
    }
    let beyond = |x: T| x < circuit.range[0] || x > circuit.range[1];
    ((value, pattern), beyond(x) || (!circuit.second.is_empty() && beyond(y)))
}

/// Holds what a kernel lists against what each gate sends: exactly that.
fn check_patterns<T: Float>(
    level: Level,
    channels: usize,
    sent: &[Gated<T>],
    kernel: impl FnOnce(Patterns<'_, T>) -> u64,
) {
    let (mut keys, mut values, mut patterns, mut starts) = (vec![9; 3], vec![], vec![3; 400], vec![]);
    let beyond =
        kernel(Patterns { keys: &mut keys, values: &mut values, patterns: &mut patterns, starts: &mut starts });
    let spiking = (0u32..).zip(sent).filter(|(_, ((_, pattern), _))| *pattern != 0);
    let (listed, found): (Vec<u32>, Vec<(T, u32)>) = spiking.map(|(key, &(found, _))| (key, found)).unzip();
    assert_eq!(keys, listed, "{level}");
    assert_eq!(values.into_iter().zip(patterns).collect::<Vec<_>>(), found, "{level}");
    let begins = (0..=sent.len() / channels)
        .map(|pixel| listed.iter().filter(|&&key| (key as usize) < pixel * channels).count() as u32);
    assert_eq!(starts, begins.collect::<Vec<_>>(), "{level}");
    assert_eq!(beyond, sent.iter().filter(|(_, beyond)| *beyond).count() as u64, "{level}");
}

fn gates<T: Float>(pixels: usize, channels: usize, steps: usize, signed: bool, numbers: &[f64]) {
    let mut at = 0;
    let mut next = |count: usize| -> Vec<T> {
        at += 7;
        (at..at + count).map(|i| T::from_f64(numbers[i % numbers.len()] * (1.0 + (i % 13) as f64 / 5.0))).collect()
    };
    let (x, y) = (next(pixels * channels), next(pixels * channels));
    let (threshold, reset, output, input, second) = (next(steps), next(steps), next(steps), next(steps), next(steps));
    let inhibition = next(steps * (steps - 1) / 2);
    // An input at the threshold does not spike.
    let threshold: Vec<T> =
        threshold.into_iter().zip(x.iter().cycle()).map(|(a, &b)| if signed { a } else { b }).collect();
    let range = [-1.5, 2.0].map(T::from_f64);
    let neuron = FewSpikes {
        threshold: &threshold,
        reset: &reset,
        output: &output,
        initial: T::from_f64(if signed { 0.3 } else { 0.0 }),
        signed,
        range,
    };
    let one =
        Circuit { input: &input, second: &[], threshold: &threshold, inhibition: &inhibition, output: &output, range };
    let two = Circuit { second: &second, ..one };
    for level in Level::available() {
        let sent: Vec<_> = x.iter().map(|&x| few_spikes(neuron, x)).collect();
        check_patterns(level, channels, &sent, |list| T::few_spikes(level, neuron, &x, channels, list));
        for circuits in [one, two] {
            let sent: Vec<_> = x.iter().zip(&y).map(|(&x, &y)| circuit(circuits, x, y)).collect();
            check_patterns(level, channels, &sent, |list| T::circuits(level, circuits, [&x, &y], channels, list));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn gates_equal_the_naive_twin(
        pixels in 1usize..20,
        channels in prop_oneof![1usize..9, Just(16), 17usize..70],
        steps in 1usize..=MOST_STEPS,
        signed in any::<bool>(),
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        gates::<f32>(pixels, channels, steps, signed, &numbers);
        gates::<f64>(pixels, channels, steps, signed, &numbers);
    }
}

/// Patterns of so many neurons, some of a larger population, that a kernel marks.
fn marked<R>(population: usize, words: usize, kernel: impl FnOnce(&mut [u64]) -> R) -> (Vec<u64>, R) {
    let mut patterns = vec![0; population * words];
    let result = kernel(&mut patterns);
    (patterns, result)
}

fn grid<T: Float>(grid: &Grid<'_, T>, marks: &mut Marks<'_>) -> (Vec<T>, GridCounts) {
    let zero = T::from_f64(0.0);
    let mut counts = GridCounts::default();
    let Arriving { rows, sums, neurons } = grid.arriving;
    let mut found = vec![zero; neurons];
    for neuron in 0..neurons {
        let at = |row: u32| if row == NOTHING { zero } else { sums[row as usize * neurons + neuron] };
        let total = rows.iter().fold(zero, |total, &row| total + at(row));
        let (mut current, mut potential, mut spiked) = (zero, zero, false);
        for (step, &row) in rows.iter().enumerate().take(grid.steps) {
            let counterweight = if step == grid.readout { T::from_f64(1.0) - total } else { zero };
            let arriving = at(row) + counterweight;
            counts.received += u64::from(arriving != zero);
            current = current + arriving;
            potential = potential + current;
            let crosses = potential >= grid.threshold && step >= grid.first && !(grid.latch && spiked);
            if !crosses && (spiked || grid.rectifier != Some(step)) {
                continue;
            }
            let late = step == grid.readout && grid.early.is_some_and(|early| potential >= early);
            counts.early += u64::from(step < grid.readout || late);
            if let Some(sent) = step.checked_sub(grid.sent) {
                marks.patterns[sent / 64 * marks.population + marks.first + neuron] |= 1 << (sent % 64);
                counts.spikes += 1;
            }
            found[neuron] = potential;
            (current, potential, spiked) = (zero, zero, true);
        }
    }
    (found, counts)
}

fn integrate<T: Float>(neurons: &Integrators<'_, T>, potentials: &mut [T], signs: [Option<Marks<'_>>; 2]) -> u64 {
    let Arriving { rows, sums, neurons: count } = neurons.arriving;
    let [Some(positive), mut negative] = signs else { panic!("no marks") };
    let mut spikes = 0;
    for (step, &row) in rows.iter().enumerate() {
        for (neuron, v) in potentials.iter_mut().enumerate() {
            *v = *v + neurons.current[neuron];
            if row != NOTHING {
                *v = *v + sums[row as usize * count + neuron];
            }
            let (level, worth) = (neurons.level[neuron], neurons.worth[neuron]);
            let marks = if *v >= level {
                *v = *v - worth;
                &mut *positive.patterns
            } else if let Some(negative) = negative.as_mut().filter(|_| *v <= -level) {
                *v = *v + worth;
                &mut *negative.patterns
            } else {
                continue;
            };
            marks[step / 64 * positive.population + positive.first + neuron] |= 1 << (step % 64);
            spikes += 1;
        }
    }
    spikes
}

/// Levels, latch, threshold and the like of neurons that run all of their steps at once.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent decisions")]
struct Decisions {
    neurons: usize,
    levels: usize,
    latch: bool,
    waits: bool,
    rectifies: bool,
    signed: bool,
    /// Whether anything arrives behind the readout.
    late: bool,
    /// Whether little arrives, so that neurons hardly ever spike before the readout.
    quiet: bool,
}

fn all_steps<T: Float>(decisions: Decisions, arrivals: &[bool], numbers: &[f64]) {
    let Decisions { neurons, levels, latch, waits, rectifies, signed, late, quiet } = decisions;
    let steps = 4 * (levels - 1);
    let mut at = 0;
    // Multiples of a power of two, so that thresholds are met exactly.
    let mut next = |count: usize| -> Vec<T> {
        at += 7;
        let numbers = (at..at + count).map(|i| numbers[i % numbers.len()] * (1 + i % 13) as f64);
        numbers.map(|x| T::from_f64((x * 4.0).round() / 4.0)).collect()
    };
    let mut rows = Vec::new();
    let mut count = 0;
    for step in 0..steps {
        let arrives = arrivals[step % arrivals.len()] && (late || step <= 2 * (levels - 1));
        rows.push(if arrives { count } else { NOTHING });
        count += u32::from(arrives);
    }
    let scale = T::from_f64(if quiet { 1.0 / 64.0 } else { 1.0 });
    let sums: Vec<T> = next(count as usize * neurons).into_iter().map(|x| x * scale).collect();
    let arriving = Arriving { rows: &rows, sums: &sums, neurons };
    let quartz = Grid {
        arriving,
        steps: if rectifies { 3 * levels - 2 } else { steps },
        threshold: T::from_f64(levels as f64 - 0.5),
        readout: 2 * (levels - 1),
        rectifier: rectifies.then_some(3 * (levels - 1)),
        latch,
        first: if waits { 2 * (levels - 1) } else { 0 },
        early: waits.then(|| T::from_f64(levels as f64 + 0.5)),
        sent: levels - 1,
    };
    let (current, level) = (next(neurons), next(neurons));
    let level: Vec<T> =
        level.into_iter().map(|x| if x > T::from_f64(0.0) { x } else { T::from_f64(0.5) - x }).collect();
    let worth: Vec<T> = level.iter().map(|&x| x + T::from_f64(0.25)).collect();
    let integrators = Integrators { arriving, current: &current, level: &level, worth: &worth };
    let potentials = next(neurons);
    let (population, first, words) = (neurons + 9, 5, steps.div_ceil(64));
    for instructions in Level::available() {
        for reads in [false, true] {
            let mut found = vec![T::from_f64(7.0); if reads { neurons } else { 0 }];
            let got = marked(population, words, |patterns| {
                T::run_grid(instructions, &quartz, &mut found, Marks { patterns, population, first })
            });
            let (patterns, (potentials, counts)) =
                marked(population, words, |patterns| grid(&quartz, &mut Marks { patterns, population, first }));
            assert_eq!(got, (patterns, counts), "{instructions}");
            assert!(!reads || found == potentials, "{instructions}");
        }

        let run = |naive: bool, potentials: &mut [T]| {
            let mut other = vec![0; if signed { population * words } else { 0 }];
            let marked = marked(population, words, |patterns| {
                let negative = signed.then_some(Marks { patterns: &mut other, population, first });
                let marks = Marks { patterns, population, first };
                if naive {
                    integrate(&integrators, potentials, [Some(marks), negative])
                } else {
                    T::integrate(instructions, &integrators, potentials, marks, negative)
                }
            });
            (marked, other)
        };
        let (mut before, mut after) = (potentials.clone(), potentials.clone());
        assert_eq!(run(false, &mut after), run(true, &mut before), "{instructions}");
        assert_eq!(after, before, "{instructions}");
    }
}

/// Neurons that reach targets by a kernel over rows and columns, in groups or not, and with shares.
fn deliveries<T: Float>(
    [rows, columns]: [Axis; 2],
    [inputs, outputs, groups]: [usize; 3],
    (cuts, words): ([usize; 2], usize),
    numbers: &[f64],
) {
    let mut at = 0;
    let mut next = || {
        at += 1;
        numbers[at % numbers.len()] * (1.0 + (at % 13) as f64 / 5.0)
    };
    let (group_in, group_out) = (inputs / groups, outputs / groups);
    let (height, length) = (rows.output, columns.output * outputs);
    let weights: Vec<T> = (0..rows.kernel * columns.kernel * inputs * group_out).map(|_| T::from_f64(next())).collect();
    let reach = |axis: Axis, input: usize| {
        let joined = move |output| axis.pairs(output).into_iter().filter(move |&(_, at)| at == input);
        (0..axis.output).flat_map(move |output| joined(output).map(move |(tap, _)| (output, tap)))
    };
    let share = T::from_f64(0.5);
    let row = |y| {
        let weight = |ky| ky * columns.kernel * inputs * group_out;
        reach(rows, y).map(|(oy, ky)| Span { to: oy, count: 1, weight: weight(ky), share }).collect()
    };
    let column = |x| {
        let weight = |kx| kx * inputs * group_out;
        let span = |(ox, kx)| Span { to: ox * outputs, count: group_out, weight: weight(kx), share: T::from_f64(1.0) };
        reach(columns, x).map(span).collect()
    };
    let spans: Vec<Vec<Span<T>>> = (0..columns.input).map(column).collect();
    let part = cuts[0].min(columns.output) * outputs;
    let parts: Vec<_> = (0..length).step_by(part).map(|at| at..(at + part).min(length)).collect();
    let fans = Fans::new(
        [inputs, outputs],
        groups,
        group_out,
        [height, length],
        (0..rows.input).map(row).collect(),
        &spans,
        weights.len(),
        &parts,
    );
    let neurons = rows.input * columns.input * inputs;
    let mut patterns = |share: f64| -> Vec<u64> {
        let mut bits =
            || (0..64).filter(|_| next().abs().fract() < share).fold(0, |pattern, bit| pattern | 1u64 << bit);
        (0..neurons * words).map(|_| bits()).collect()
    };
    let (positive, negative) = (patterns(0.1), if cuts[1] < 3 { Vec::new() } else { patterns(0.02) });
    let worth: Vec<T> = (0..if cuts[1] == 2 { 1 } else { neurons }).map(|_| T::from_f64(next())).collect();
    let raster = Raster { patterns: &positive, negative: &negative, worth: &worth };
    // Every fifth step has no row.
    let steps: Vec<u32> =
        (0..words as u32 * 64).map(|step| if step % 5 == 4 { NOTHING } else { step - step / 5 }).collect();
    let count = steps.iter().filter(|&&row| row != NOTHING).count();

    let (mut exact, mut magnitude) = (vec![0.0; count * height * length], vec![0.0; count * height * length]);
    for (neuron, step, sign) in [(&positive, 1.0), (&negative, -1.0)].iter().flat_map(|&(patterns, sign)| {
        let bits = patterns.iter().enumerate().flat_map(|(at, pattern)| (0..64).map(move |bit| (at, bit, *pattern)));
        let set = bits.filter(|&(_, bit, pattern)| pattern >> bit & 1 != 0);
        set.map(move |(at, bit, _)| (at % neurons, at / neurons * 64 + bit, sign))
    }) {
        if steps[step] == NOTHING {
            continue;
        }
        let (pixel, channel) = (neuron / inputs, neuron % inputs);
        for (oy, ky) in reach(rows, pixel / columns.input) {
            for (ox, kx) in reach(columns, pixel % columns.input) {
                for o in 0..group_out {
                    let weight = weights[((ky * columns.kernel + kx) * inputs + channel) * group_out + o].to_f64();
                    let worth = worth[if worth.len() == 1 { 0 } else { neuron }].to_f64();
                    let to = ox * outputs + channel / group_in * group_out + o;
                    let at = (steps[step] as usize * height + oy) * length + to;
                    exact[at] += weight * sign * worth * 0.5;
                    magnitude[at] += (weight * worth).abs();
                }
            }
        }
    }

    for level in Level::available() {
        for first in (0..height).step_by(cuts[1]) {
            let targets = first..(first + cuts[1]).min(height);
            for (index, part) in parts.iter().enumerate() {
                let size = targets.len() * part.len();
                let mut sums = vec![T::from_f64(0.0); count * size + 16];
                T::deliver(level, &fans, &weights, &raster, targets.clone(), index, &steps, &mut sums, &mut Vec::new());
                for (at, sum) in sums[..count * size].iter().enumerate() {
                    let (row, y, x) = (at / size, at % size / part.len() + first, at % part.len() + part.start);
                    let from = (row * height + y) * length + x;
                    check(
                        level,
                        &[*sum],
                        &exact[from..=from],
                        &magnitude[from..=from],
                        4 * inputs * rows.kernel * columns.kernel,
                    );
                }
                assert!(sums[count * size..].iter().all(|sum| sum.to_f64() == 0.0), "{level}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn all_steps_equal_the_naive_twin(
        neurons in prop_oneof![1usize..40, 60usize..140],
        levels in prop_oneof![2usize..12, 17usize..30],
        decisions in any::<[bool; 6]>(),
        arrivals in prop::collection::vec(any::<bool>(), 1..9),
        numbers in prop::collection::vec(-0.5f64..0.5, 31),
    ) {
        let [latch, waits, rectifies, signed, late, quiet] = decisions;
        let decisions = Decisions { neurons, levels, latch, waits, rectifies, signed, late, quiet };
        all_steps::<f32>(decisions, &arrivals, &numbers);
        all_steps::<f64>(decisions, &arrivals, &numbers);
    }

    #[test]
    fn deliveries_to_all_targets_equal_the_naive_twin(
        sizes in [1usize..6, 1usize..6],
        channels in [1usize..4, 1usize..170],
        worths in 1usize..3,
        words in 1usize..3,
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        // A kernel as large as the image.
        let axes = sizes.map(|size| Axis { input: size, output: 1, kernel: size, stride: 1, dilation: 1, pad: 0 });
        let channels = [channels[0], channels[1], 1];
        deliveries::<f32>(axes, channels, ([1, worths], words), &numbers);
        deliveries::<f64>(axes, channels, ([1, worths], words), &numbers);
    }

    #[test]
    fn deliveries_equal_the_naive_twin(
        axes in (axes(), axes()),
        groups in 1usize..4,
        channels in (1usize..4, prop_oneof![1usize..12, 15usize..40]),
        cuts in [1usize..6, 1usize..4],
        words in 1usize..3,
        numbers in prop::collection::vec(-2.0f64..2.0, 31),
    ) {
        let channels = [channels.0 * groups, channels.1 * groups, groups];
        deliveries::<f32>([axes.0, axes.1], channels, (cuts, words), &numbers);
        deliveries::<f64>([axes.0, axes.1], channels, (cuts, words), &numbers);
    }
}

#[test]
#[should_panic(expected = "every row of arrivals exists")]
fn missing_arrivals_are_refused() {
    let arriving = Arriving { rows: &[NOTHING, 1], sums: &[0.0; 5], neurons: 3 };
    let parameters = &[1.0f32; 3];
    let neurons = Integrators { arriving, current: parameters, level: parameters, worth: parameters };
    let marks = Marks { patterns: &mut [0; 3], population: 3, first: 0 };
    f32::integrate(Level::best(), &neurons, &mut [0.0; 3], marks, None);
}

#[test]
#[should_panic(expected = "neurons of the population")]
fn marks_of_other_neurons_are_refused() {
    let arriving = Arriving { rows: &[NOTHING], sums: &[], neurons: 3 };
    let parameters = &[1.0f32; 3];
    let neurons = Integrators { arriving, current: parameters, level: parameters, worth: parameters };
    let marks = Marks { patterns: &mut [0; 4], population: 4, first: 2 };
    f32::integrate(Level::best(), &neurons, &mut [0.0; 3], marks, None);
}

/// One neuron that reaches two targets in a row of so many.
fn pair(targets: usize, weights: usize) -> Fans<f32> {
    let span = |count| vec![Span { to: 0, count, weight: 0, share: 1.0 }];
    let whole = 0..targets;
    Fans::new([1, targets], 1, 2, [1, targets], vec![span(1)], &[span(2)], weights, &[whole])
}

#[test]
#[should_panic(expected = "every target exists")]
fn spans_beyond_the_targets_are_refused() {
    pair(1, 2);
}

#[test]
#[should_panic(expected = "every weight exists")]
fn spans_beyond_the_weights_are_refused() {
    pair(2, 1);
}

#[test]
#[should_panic(expected = "every row of arrivals exists")]
fn missing_rows_of_arrivals_are_refused() {
    let raster = Raster { patterns: &[1], negative: &[], worth: &[1.0] };
    f32::deliver(Level::best(), &pair(2, 2), &[1.0; 2], &raster, 0..1, 0, &[0], &mut [0.0; 17], &mut Vec::new());
}

#[test]
#[should_panic(expected = "patterns of all neurons")]
fn missing_patterns_are_refused() {
    let raster = Raster { patterns: &[], negative: &[], worth: &[1.0] };
    f32::deliver(Level::best(), &pair(2, 2), &[1.0; 2], &raster, 0..1, 0, &[0], &mut [0.0; 18], &mut Vec::new());
}

#[test]
#[should_panic(expected = "an inhibition of each pair")]
fn missing_inhibitions_are_refused() {
    let circuit = Circuit {
        input: &[1.0; 2],
        second: &[],
        threshold: &[1.0; 2],
        inhibition: &[],
        output: &[1.0; 2],
        range: [0.0, 1.0],
    };
    let (keys, patterns, starts) = (&mut vec![], &mut vec![], &mut vec![]);
    let list = Patterns { keys, values: &mut vec![], patterns, starts };
    f32::circuits(Level::best(), circuit, [&[1.0], &[]], 1, list);
}

#[test]
fn the_best_level_is_the_last_available_one() {
    assert_eq!(Some(&Level::best()), Level::available().last());
    assert_eq!(Level::available()[0], Level::baseline());
}

#[test]
#[should_panic(expected = "all channels see each other")]
fn spikes_of_groups_are_refused() {
    let taps = || vec![Taps { first: 0, count: 1, start: 0 }];
    let sliding = Sliding::new([1, 1, 2], 2, 2, [1, 1], [1, 1], taps(), taps());
    f32::convolve_spikes(
        Level::best(),
        &sliding,
        &mut [0.0; 2],
        None,
        &[0.0; 2],
        Listed { keys: &[], values: &[], starts: &[0, 0] },
    );
}

#[test]
fn rows_beyond_targets_or_weights_are_refused() {
    let reach =
        Reach { length: 2, counts: [2, 1], target: 1, weight: 3, target_steps: [2, usize::MAX], weight_steps: [3, 0] };
    let fits = |reach: Reach| {
        let add = || f64::add_scaled_rows(Level::best(), &mut [0.0; 5], &[1.0; 5], &reach, 1.0);
        std::panic::catch_unwind(add).is_ok()
    };
    assert!(fits(reach));
    assert!(fits(Reach { counts: [0, 9], target: usize::MAX, ..reach }));
    for beyond in [
        Reach { length: 3, ..reach },
        Reach { length: usize::MAX, ..reach },
        Reach { counts: [3, 1], ..reach },
        Reach { counts: [2, 2], ..reach },
        Reach { target: usize::MAX, ..reach },
        Reach { weight: 2, ..reach },
        Reach { weight: usize::MAX, ..reach },
        Reach { weight_steps: [4, 0], ..reach },
    ] {
        assert!(!fits(beyond), "{beyond:?}");
    }
}

#[test]
#[should_panic(expected = "uneven groups")]
fn uneven_groups_are_refused() {
    let taps = || vec![Taps { first: 0, count: 1, start: 0 }];
    Sliding::new([1, 1, 3], 4, 2, [1, 1], [1, 1], taps(), taps());
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

#[test]
#[should_panic(expected = "every window has taps")]
fn windows_of_padding_are_refused() {
    let taps = |count| vec![Taps { first: 0, count, start: 0 }];
    let sliding = Sliding::new([1, 1, 1], 1, 1, [1, 1], [1, 1], taps(1), taps(0));
    f32::pool_max(Level::best(), &sliding, &[0.0], &[], &mut [0.0]);
}

#[test]
#[should_panic(expected = "channels are pooled alone")]
fn pooling_over_channels_is_refused() {
    f32::pool_max(Level::best(), &pixel(), &[0.0; 2], &[], &mut [0.0; 3]);
}

fn pixel() -> Sliding {
    let taps = || vec![Taps { first: 0, count: 1, start: 0 }];
    Sliding::new([1, 1, 2], 3, 1, [1, 1], [1, 1], taps(), taps())
}

#[test]
#[should_panic(expected = "a tap outside of the image")]
fn taps_outside_of_the_image_are_refused() {
    let taps = |start| vec![Taps { first: 0, count: 1, start }];
    Sliding::new([1, 1, 1], 1, 1, [1, 1], [1, 1], taps(0), taps(1));
}

#[test]
#[should_panic(expected = "every tap has weights")]
fn missing_weights_are_refused() {
    f32::convolve_values(Level::best(), &pixel(), &mut [0.0; 3], None, &[0.0; 5], &[1.0; 2]);
}

#[test]
#[should_panic(expected = "every target exists")]
fn missing_targets_are_refused() {
    f32::convolve_spikes(
        Level::best(),
        &pixel(),
        &mut [0.0; 2],
        None,
        &[0.0; 6],
        Listed { keys: &[], values: &[], starts: &[0, 0] },
    );
}

#[test]
#[should_panic(expected = "out of range")]
fn spikes_that_are_not_there_are_refused() {
    f32::convolve_spikes(
        Level::best(),
        &pixel(),
        &mut [0.0; 3],
        None,
        &[0.0; 6],
        Listed { keys: &[0], values: &[1.0], starts: &[0, 2] },
    );
}

fn stamps<T: Float>(sizes: &[usize], spikes: &[(prop::sample::Index, f64)], numbers: &[f64]) {
    let targets = 200;
    let weights: Vec<T> = floats(numbers);
    let mut stamps = Stamps::new(targets);
    let mut stretches = Vec::new();
    for (neuron, &size) in sizes.iter().enumerate() {
        // The second stretch is next to the first, the third further away.
        let own = [(0, &weights[..size]), (size, &weights[1..=size]), (2 * size + 3, &weights[2..2 + size / 2])];
        let stamp = stamps.add_stamp(own.into_iter());
        stamps.add_neuron(stamp, neuron as u32);
        stretches.push(own);
    }
    let (keys, values): (Vec<u32>, Vec<T>) =
        spikes.iter().map(|(pick, value)| (pick.index(sizes.len()) as u32, T::from_f64(*value))).unzip();
    let (mut exact, mut magnitude) = (vec![1.0; targets], vec![1.0; targets]);
    for (&key, value) in keys.iter().zip(&values) {
        for (first, weights) in stretches[key as usize] {
            for (i, weight) in weights.iter().enumerate() {
                let term = weight.to_f64() * value.to_f64();
                exact[key as usize + first + i] += term;
                magnitude[key as usize + first + i] += term.abs();
            }
        }
    }
    for level in Level::available() {
        let mut sums = vec![T::from_f64(1.0); targets];
        T::stamp(level, &stamps, &keys, &values, &mut sums);
        check(level, &sums, &exact, &magnitude, 3 * spikes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn stamps_equal_the_naive_twin(
        sizes in prop::collection::vec(1usize..50, 1..9),
        spikes in prop::collection::vec((any::<prop::sample::Index>(), -2.0f64..2.0), 0..9),
        numbers in prop::collection::vec(-2.0f64..2.0, 60),
    ) {
        stamps::<f32>(&sizes, &spikes, &numbers);
        stamps::<f64>(&sizes, &spikes, &numbers);
    }
}

#[test]
#[should_panic(expected = "every target exists")]
fn stamps_beyond_the_targets_are_refused() {
    let mut stamps = Stamps::new(3);
    let stamp = stamps.add_stamp([(0, [1.0f32; 2].as_slice())].into_iter());
    stamps.add_neuron(stamp, 2);
}

#[test]
#[should_panic(expected = "targets ascend")]
fn stamps_that_do_not_ascend_are_refused() {
    Stamps::new(9).add_stamp([(4, &[1.0f32, 2.0][..]), (2, &[3.0])].into_iter());
}

/// Spreads spikes of two pixels with two channels each.
fn spread_keys(keys: &[u32], starts: &[u32]) {
    let spreading = Spreading::new([1, 2, 2], [1, 2, 1], [1, 1], [1, 1], [0, 0]);
    let packed = vec![1.0f32; spreading.packed::<f32>()];
    let spikes = Listed { keys, values: &vec![1.0; keys.len()], starts };
    f32::spread_spikes(Level::best(), &spreading, &mut [0.0; 2], None, &packed, spikes, &mut SpreadScratch::default());
}

#[test]
#[should_panic(expected = "keys ascend")]
fn keys_that_do_not_ascend_are_refused() {
    spread_keys(&[1, 0, 2], &[0, 2, 3]);
}

#[test]
#[should_panic(expected = "spikes lie in their pixels")]
fn spikes_of_other_pixels_are_refused() {
    spread_keys(&[0, 2, 3], &[0, 2, 3]);
}

#[test]
#[should_panic(expected = "spikes lie in their pixels")]
fn spikes_beyond_the_image_are_refused() {
    spread_keys(&[0, 2, 9], &[0, 1, 3]);
}
