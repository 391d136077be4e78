//! Kernels over bundles of images against the same kernels image by image, at every level of this processor.

mod common;

use common::*;
use firstspike_simd::{Active, BundleCounts, Element, Level, Sliding, Taps};
use proptest::prelude::*;

/// The numbers of an image, of those of a bundle.
fn lane<T: Copy>(bundle: &[T], lanes: usize, lane: usize) -> Vec<T> {
    bundle.iter().skip(lane).step_by(lanes).copied().collect()
}

fn convolution<T: Float>([rows, columns]: [Axis; 2], [inputs, outputs, groups]: [usize; 3], numbers: &[f64]) {
    let (channels, targets) = (inputs * groups, outputs * groups);
    let sliding = Sliding::new(
        [rows.input, columns.input, channels],
        targets,
        groups,
        [rows.kernel, columns.kernel],
        [rows.dilation, columns.dilation],
        rows.taps(),
        columns.taps(),
    );
    let mut next = numbers.iter().copied().cycle();
    let mut some = |count: usize| -> Vec<T> { (0..count).map(|_| T::from_f64(next.next().unwrap())).collect() };
    let weights = some(rows.kernel * columns.kernel * channels * outputs);
    let bias = some(targets);
    for level in Level::available() {
        let lanes = T::lanes(level);
        let values = some(sliding.inputs() * lanes);
        let start = some(sliding.targets() * lanes);
        for bias in [None, Some(bias.as_slice())] {
            let mut bundle = start.clone();
            T::convolve_bundle(level, &sliding, &mut bundle, bias, &weights, &values, None);
            for image in 0..lanes {
                let exact = |numbers: &[T], of: fn(f64) -> f64| -> Vec<f64> {
                    numbers.iter().map(|x| of(x.to_f64())).collect()
                };
                let definition = |of: fn(f64) -> f64| {
                    let mut sums = exact(&lane(&start, lanes, image), of);
                    let bias = bias.map(|bias| exact(bias, of));
                    let (weights, values) = (exact(&weights, of), exact(&lane(&values, lanes, image), of));
                    let mut packed = weights.clone();
                    sliding.pack(&weights, &mut packed);
                    f64::convolve_values(Level::baseline(), &sliding, &mut sums, bias.as_deref(), &packed, &values);
                    sums
                };
                let terms = (rows.kernel * columns.kernel * inputs + 2) as f64;
                let magnitudes = definition(f64::abs);
                for ((got, sum), magnitude) in lane(&bundle, lanes, image).iter().zip(definition(|x| x)).zip(magnitudes)
                {
                    let bound = 2.0 * terms * T::EPSILON * magnitude;
                    assert!((got.to_f64() - sum).abs() <= bound, "{level}: {got:?} is not {sum} within {bound}");
                }
            }
        }
    }
}

fn rectification<T: Float>(pixels: usize, channels: usize, range: [f64; 2], numbers: &[f64]) {
    let range = range.map(T::from_f64);
    for level in Level::available() {
        let lanes = T::lanes(level);
        let numbers = numbers.iter().cycle().take(pixels * channels * lanes);
        let mut bundle: Vec<T> = numbers.map(|&x| T::from_f64(x)).collect();
        let mut images: Vec<Vec<T>> = (0..lanes).map(|image| lane(&bundle, lanes, image)).collect();
        let (mut starts, mut spikes) = (vec![7; pixels + 1], vec![1; lanes]);
        let counts = BundleCounts { starts: &mut starts, spikes: &mut spikes, active: None };
        let seen = T::rectify_bundle(level, &mut bundle, channels, range, counts);
        let (mut sums, mut extremes) = (vec![0; pixels + 1], [0.0f64; 2]);
        for (image, values) in images.iter_mut().enumerate() {
            let mut own = vec![0; pixels + 1];
            let clipped: Vec<f64> =
                values.iter().map(|x| x.to_f64().clamp(range[0].to_f64(), range[1].to_f64())).collect();
            let [least, most] = T::rectify(level, values, channels, range, &mut own).map(T::to_f64);
            assert!(values.iter().zip(clipped).all(|(x, clipped)| x.to_f64() == clipped), "{level}");
            extremes = [extremes[0].min(least), extremes[1].max(most)];
            assert_eq!(lane(&bundle, lanes, image), *values, "{level}");
            assert_eq!(spikes[image], 1 + u64::from(own[pixels]), "{level}");
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        assert_eq!((starts, seen.map(T::to_f64)), (sums, extremes), "{level}");
    }
}

/// Of images in which some neurons are silent.
fn active<T: Float>([rows, columns]: [Axis; 2], [inputs, outputs]: [usize; 2], numbers: &[f64]) {
    let columns = Axis { dilation: 1, ..columns };
    let (image, kernel) = ([rows.input, columns.input, inputs], [rows.kernel, columns.kernel]);
    let sliding = Sliding::new(image, outputs, 1, kernel, [rows.dilation, 1], rows.taps(), columns.taps());
    let mut next = numbers.iter().copied().cycle();
    let mut some = |count: usize| -> Vec<T> { (0..count).map(|_| T::from_f64(next.next().unwrap())).collect() };
    let weights = some(kernel[0] * kernel[1] * inputs * outputs);
    let bias = some(outputs);
    for level in Level::available() {
        let lanes = T::lanes(level);
        let (mut values, start) = (some(sliding.inputs() * lanes), some(sliding.targets() * lanes));
        let shares = some(sliding.inputs());
        for (neuron, share) in values.chunks_exact_mut(lanes).zip(shares) {
            if share.to_f64() < 0.3 {
                neuron.fill(T::from_f64(-1.0));
            }
        }
        let (mut starts, mut spikes) = (vec![0; rows.input * columns.input + 1], vec![0; lanes]);
        let mut active = Active::default();
        let counts = BundleCounts { starts: &mut starts, spikes: &mut spikes, active: Some(&mut active) };
        T::rectify_bundle(level, &mut values, inputs, [0.0, 1.0].map(T::from_f64), counts);
        let spiking = values.chunks_exact(lanes).filter(|neuron| neuron.iter().any(|x| x.to_f64() > 0.0)).count();
        assert_eq!((active.len(), active.is_empty()), (spiking, spiking == 0), "{level}");
        for bias in [None, Some(bias.as_slice())] {
            let [mut sums, mut all] = [start.clone(), start.clone()];
            T::convolve_active(level, &sliding, &mut sums, bias, &weights, &values, &active);
            T::convolve_bundle(level, &sliding, &mut all, bias, &weights, &values, None);
            assert_eq!(sums, all, "{level}: what is silent adds nothing");
        }
    }
}

/// Of images in which some pixels are silent.
fn silent<T: Float>([rows, columns]: [Axis; 2], [inputs, outputs, groups]: [usize; 3], numbers: &[f64]) {
    let (channels, targets) = (inputs * groups, outputs * groups);
    let (kernel, dilation) = ([rows.kernel, columns.kernel], [rows.dilation, columns.dilation]);
    let image = [rows.input, columns.input, channels];
    let sliding = Sliding::new(image, targets, groups, kernel, dilation, rows.taps(), columns.taps());
    let taps = |axis: Axis| axis.taps().iter().map(|taps| taps.count).sum::<usize>();
    let all = (taps(rows) * taps(columns) * channels * outputs) as u64;
    let mut next = numbers.iter().copied().cycle();
    let mut some = |count: usize| -> Vec<T> { (0..count).map(|_| T::from_f64(next.next().unwrap())).collect() };
    let weights = some(kernel[0] * kernel[1] * channels * outputs);
    let bias = some(targets);
    for (level, below) in Level::available().into_iter().flat_map(|level| [-2.0, 0.3, 2.0].map(|below| (level, below)))
    {
        let lanes = T::lanes(level);
        let (mut values, start) = (some(sliding.inputs() * lanes), some(sliding.targets() * lanes));
        let pixels = rows.input * columns.input;
        for (pixel, share) in values.chunks_exact_mut(channels * lanes).zip(some(pixels)) {
            if share.to_f64() < below {
                pixel.fill(T::from_f64(-1.0));
            }
        }
        let (mut starts, mut spikes) = (vec![0; pixels + 1], vec![0; lanes]);
        let counts = BundleCounts { starts: &mut starts, spikes: &mut spikes, active: None };
        T::rectify_bundle(level, &mut values, channels, [0.0, 1.0].map(T::from_f64), counts);
        for bias in [None, Some(bias.as_slice())] {
            let [mut known, mut unknown] = [start.clone(), start.clone()];
            assert_eq!(T::convolve_bundle(level, &sliding, &mut unknown, bias, &weights, &values, None), 0);
            let saved = T::convolve_bundle(level, &sliding, &mut known, bias, &weights, &values, Some(&starts));
            assert_eq!(known, unknown, "{level}: what is silent adds nothing");
            assert!(saved <= all && (starts[pixels] > 0 || saved == all), "{level}: {saved} of {all}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn silent_pixels_add_nothing(
        (rows, columns) in (axes(), axes()),
        (inputs, outputs, groups) in (1usize..4, 1usize..20, prop_oneof![3 => 1usize..2, 1 => 2usize..4]),
        numbers in prop::collection::vec(-1.0f64..1.0, 500..600),
    ) {
        silent::<f32>([rows, columns], [inputs, outputs, groups], &numbers);
        silent::<f64>([rows, columns], [inputs, outputs, groups], &numbers);
    }

    #[test]
    fn silent_neurons_add_nothing(
        (rows, columns) in (axes(), axes()),
        (inputs, outputs) in (1usize..6, 1usize..40),
        numbers in prop::collection::vec(-1.0f64..1.0, 500..600),
    ) {
        active::<f32>([rows, columns], [inputs, outputs], &numbers);
        active::<f64>([rows, columns], [inputs, outputs], &numbers);
    }

    #[test]
    fn convolutions_equal_those_of_each_image(
        (rows, columns) in (axes(), axes()),
        (inputs, outputs, groups) in (1usize..6, 1usize..20, prop_oneof![3 => 1usize..2, 1 => 2usize..4]),
        numbers in prop::collection::vec(-1.0f64..1.0, 500..600),
    ) {
        convolution::<f32>([rows, columns], [inputs, outputs, groups], &numbers);
        convolution::<f64>([rows, columns], [inputs, outputs, groups], &numbers);
    }

    #[test]
    fn spikes_are_counted_as_those_of_each_image(
        (pixels, channels) in (1usize..20, 1usize..40),
        range in (prop_oneof![Just(0.0), Just(-1.0), Just(-f64::INFINITY)], prop_oneof![Just(0.0), Just(1.0), Just(f64::INFINITY)]),
        numbers in prop::collection::vec(prop_oneof![Just(0.0f64), -2.0f64..2.0], 500..600),
    ) {
        let range = range.into();
        rectification::<f32>(pixels, channels, range, &numbers);
        rectification::<f64>(pixels, channels, range, &numbers);
    }

    #[test]
    fn numbers_are_scaled_as_one_by_one(
        numbers in prop::collection::vec(-2.0f32..2.0, 0..70),
        (scale, shift) in (-2.0f32..2.0, -1.0f32..1.0),
    ) {
        let expected: Vec<f32> = numbers.iter().map(|x| x * scale + shift).collect();
        let extremes = expected.iter().fold([0.0f32; 2], |[a, b], &x| [a.min(x), b.max(x)]);
        for level in Level::available() {
            let mut got = numbers.clone();
            prop_assert_eq!(f32::scale(level, &mut got, scale, shift), extremes, "{}", level);
            prop_assert_eq!(&got, &expected, "{}", level);
        }
    }
}

fn pixel() -> Sliding {
    let taps = || vec![Taps { first: 0, count: 1, start: 0 }];
    Sliding::new([1, 1, 1], 1, 1, [1, 1], [1, 1], taps(), taps())
}

#[test]
#[should_panic(expected = "every neuron has a value in every image")]
fn missing_images_are_refused() {
    let level = Level::best();
    let lanes = f32::lanes(level);
    f32::convolve_bundle(level, &pixel(), &mut vec![0.0; lanes], None, &[1.0], &vec![0.0; lanes - 1], None);
}

#[test]
#[should_panic(expected = "every target exists in every image")]
fn uneven_targets_are_refused() {
    let level = Level::best();
    let lanes = f32::lanes(level);
    f32::convolve_bundle(level, &pixel(), &mut vec![0.0; lanes + 1], None, &[1.0], &vec![0.0; lanes], None);
}

#[test]
#[should_panic(expected = "every pixel's spikes begin somewhere")]
fn missing_counts_of_spikes_are_refused() {
    let level = Level::best();
    let lanes = f32::lanes(level);
    f32::convolve_bundle(level, &pixel(), &mut vec![0.0; lanes], None, &[1.0], &vec![0.0; lanes], Some(&[0]));
}

#[test]
#[should_panic(expected = "every image has a counter")]
fn missing_counters_are_refused() {
    let level = Level::best();
    let mut sums = vec![0.0; f32::lanes(level)];
    f32::rectify_bundle(
        level,
        &mut sums,
        1,
        [0.0, 1.0],
        BundleCounts { starts: &mut [0; 2], spikes: &mut [], active: None },
    );
}

#[test]
#[should_panic(expected = "neurons of this image")]
fn neurons_of_other_images_are_refused() {
    let level = Level::best();
    let lanes = f32::lanes(level);
    let (mut values, mut active) = (vec![1.0; 2 * lanes], Active::default());
    let counts = BundleCounts { starts: &mut [0; 2], spikes: &mut vec![0; lanes], active: Some(&mut active) };
    f32::rectify_bundle(level, &mut values, 2, [0.0, 1.0], counts);
    let (targets, values) = (&mut vec![0.0; lanes], &values[..lanes]);
    f32::convolve_active(level, &pixel(), targets, None, &[1.0], values, &active);
}
