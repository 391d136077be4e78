//! The fitter, as its callers see it.

use firstspike_core::fit::{Fit, FitError, Samples, Settings, fit_amos, fit_few_spike};
use firstspike_core::{Amos, FewSpike};
use rayon::ThreadPoolBuilder;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// A function on 4096 cells.
fn samples([low, high]: [f64; 2], f: impl Fn(f64) -> f64, importance: impl Fn(f64) -> f64) -> Samples {
    let x = (0..4096).map(|i| low + (f64::from(i) + 0.5) * (high - low) / 4096.0);
    let target: Vec<f64> = x.clone().map(f).collect();
    let weight: Vec<f64> = x.map(importance).collect();
    Samples::of_one([low, high], &target, &weight).unwrap()
}

fn settings(steps: usize, restarts: usize) -> Settings {
    Settings { steps, price: 0.0, bits: None, restarts, seed: 1 }
}

fn few_spike(samples: &Samples, settings: &Settings) -> Fit<FewSpike<f64>> {
    fit_few_spike(samples, settings, &AtomicBool::new(false), &AtomicUsize::new(0)).unwrap()
}

fn amos(samples: &Samples, settings: &Settings) -> Fit<Amos<f64>> {
    fit_amos(samples, settings, &AtomicBool::new(false), &AtomicUsize::new(0)).unwrap()
}

#[test]
fn the_published_errors_are_beaten_on_their_ranges() {
    let wide = samples([-8.0, 12.0], silu, |_| 1.0);
    let fit = few_spike(&wide, &settings(16, 16));
    assert!(fit.figures.mse < 0.0015, "published: 0.0034, here: {}", fit.figures.mse);
    let sigmoid = samples([-10.0, 10.0], |x| 1.0 / (1.0 + (-x).exp()), |_| 1.0);
    let fit = few_spike(&sigmoid, &settings(12, 16));
    assert!(fit.figures.mse < 5e-5, "published: 1.4e-4, here: {}", fit.figures.mse);
}

#[test]
fn narrow_inputs_are_fitted_where_they_are() {
    let density = |x: f64| (-0.5 * (x / 0.4).powi(2)).exp() + 5e-5;
    let narrow = samples([-8.0, 12.0], silu, density);
    let free = few_spike(&narrow, &settings(16, 32));
    assert!(free.figures.weighted_mse < 1e-4, "{:?}", free.figures);
    let priced = few_spike(&narrow, &Settings { price: 3e-3, ..settings(16, 32) });
    assert!(priced.figures.spikes < 2.5 && priced.figures.spikes < free.figures.spikes, "{:?}", priced.figures);
}

#[test]
fn a_ramp_becomes_binary_digits() {
    let fit = few_spike(&samples([0.0, 25.0], |x| x, |_| 1.0), &settings(8, 32));
    let digit = 25.0 / 256.0;
    assert!(fit.figures.mse < 1.05 * digit * digit / 12.0, "{:?}", fit.figures);
}

#[test]
fn circuits_need_fewer_neurons_than_steps() {
    let sigmoid = samples([-10.0, 10.0], |x| 1.0 / (1.0 + (-x).exp()), |_| 1.0);
    let circuit = amos(&sigmoid, &settings(8, 16));
    // Published, for twelve steps of a few-spike neuron: 1.4e-4.
    assert!(circuit.figures.mse < 8e-5, "{:?}", circuit.figures);
    assert_eq!(circuit.neuron.inhibition.len(), 28);
    assert!(circuit.neuron.input.iter().all(|a| a.abs() == 1.0));
}

#[test]
fn a_product_is_fitted_to_both_inputs() {
    let (rows, columns) = (24, 96);
    let cell = |i: usize, n: usize, low: f64, high: f64| low + (i as f64 + 0.5) * (high - low) / n as f64;
    let target: Vec<f64> = (0..rows * columns)
        .map(|at| cell(at % columns, columns, -2.0, 4.0) * cell(at / columns, rows, 0.0, 1.0))
        .collect();
    let weight = vec![1.0; target.len()];
    let product = Samples::of_two([-2.0, 4.0], [0.0, 1.0], rows, &target, &weight).unwrap();
    let fit = amos(&product, &settings(12, 8));
    assert_eq!(fit.neuron.second.len(), 12);
    // A constant would be off by 1.1.
    assert!(fit.figures.mse.sqrt() < 0.15, "{:?}", fit.figures);
    let progress = AtomicUsize::new(0);
    fit_amos(&product, &settings(4, 1), &AtomicBool::new(false), &progress).unwrap();
    assert_eq!(progress.load(Ordering::Relaxed), settings(4, 1).work(true));
    let refused = fit_few_spike(&product, &settings(4, 1), &AtomicBool::new(false), &AtomicUsize::new(0));
    assert_eq!(refused, Err(FitError::Invalid("a few-spike neuron has one input")));
}

#[test]
fn a_seed_decides_the_fit_on_any_number_of_threads() {
    let wide = samples([-8.0, 12.0], silu, |_| 1.0);
    let on = |threads: usize, seed: u64, bits: Option<u32>| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let settings = Settings { seed, bits, ..settings(6, 24) };
        pool.install(|| (few_spike(&wide, &settings), amos(&wide, &settings)))
    };
    for bits in [None, Some(6)] {
        assert_eq!(on(1, 5, bits), on(3, 5, bits));
        assert_ne!(on(2, 5, bits), on(2, 6, bits));
    }
}

#[test]
fn quantised_parameters_are_on_their_grids() {
    let sigmoid = samples([-10.0, 10.0], |x| 1.0 / (1.0 + (-x).exp()), |_| 1.0);
    let on_grid = |values: &[f64], step: f64, bits: u32| {
        let most = f64::from((1u32 << (bits - 1)) - 1);
        values.iter().all(|x| ((x / step) - (x / step).round()).abs() < 1e-6 && (x / step).abs() < most + 0.5)
    };
    let mut last = 0.0;
    for bits in [8, 4] {
        let settings = Settings { bits: Some(bits), ..settings(8, 16) };
        let fit = few_spike(&sigmoid, &settings);
        let grids = fit.grids.unwrap();
        assert!(on_grid(&fit.neuron.threshold, grids.threshold, bits));
        assert!(on_grid(&fit.neuron.reset, grids.threshold, bits));
        assert!(on_grid(&fit.neuron.output, grids.output, bits));
        let circuit = amos(&sigmoid, &settings);
        let grids = circuit.grids.unwrap();
        assert!(on_grid(&circuit.neuron.threshold, grids.threshold, bits));
        assert!(on_grid(&circuit.neuron.inhibition, grids.threshold, bits));
        assert!(on_grid(&circuit.neuron.output, grids.output, bits));
        assert!(fit.figures.mse > last && fit.figures.mse < 0.002, "{bits} bits: {:?}", fit.figures);
        last = fit.figures.mse;
    }
}

#[test]
fn progress_adds_up_and_a_fit_can_be_cancelled() {
    let wide = samples([-8.0, 12.0], silu, |_| 1.0);
    let settings = Settings { bits: Some(8), ..settings(4, 8) };
    let progress = AtomicUsize::new(0);
    let fit = fit_few_spike(&wide, &settings, &AtomicBool::new(false), &progress);
    assert!(fit.is_ok());
    assert_eq!(progress.load(Ordering::Relaxed), settings.work(false));
    let cancelled = fit_amos(&wide, &settings, &AtomicBool::new(true), &progress);
    assert_eq!(cancelled, Err(FitError::Cancelled));
}

#[test]
fn extremes_are_fitted_too() {
    let flat = samples([0.0, 1.0], |_| 2.0, |_| 1.0);
    assert!(few_spike(&flat, &settings(1, 1)).figures.mse < 1e-9);
    let step = samples([-1.0, 1.0], |x| f64::from(u8::from(x > 0.25)), |_| 1.0);
    assert!(amos(&step, &settings(1, 8)).figures.mse < 1e-3);
    assert!(few_spike(&samples([-8.0, 12.0], silu, |_| 1.0), &settings(32, 1)).figures.mse < 0.01);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let flat = samples([0.0, 1.0], |_| 2.0, |_| 1.0);
    let good = settings(4, 1);
    for bad in [
        Settings { steps: 0, ..good },
        Settings { steps: 33, ..good },
        Settings { price: -1.0, ..good },
        Settings { price: f64::NAN, ..good },
        Settings { bits: Some(1), ..good },
        Settings { bits: Some(25), ..good },
        Settings { restarts: 0, ..good },
    ] {
        let refused = fit_amos(&flat, &bad, &AtomicBool::new(false), &AtomicUsize::new(0));
        assert!(matches!(refused, Err(FitError::Invalid(_))), "{bad:?}");
    }
}
