//! One image on several threads: bands of a layer's outputs are computed as all of them are.

mod common;

use common::*;
use firstspike_core::*;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use std::time::Duration;

/// A convolution and a max pooling, whose shapes follow from that of the input.
#[derive(Clone, Debug)]
struct Layer {
    channels: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: isize,
    depthwise: bool,
    pools: bool,
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let kernel = prop_oneof![Just(1usize), Just(3), Just(5)];
    let stride = prop_oneof![3 => Just(1usize), 1 => Just(2)];
    let dilation = prop_oneof![4 => Just(1usize), 1 => Just(2)];
    let layer =
        (16usize..80, kernel, stride, dilation, 0isize..3, prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let layer = layer.prop_map(|(channels, kernel, stride, dilation, pad, depthwise, pools)| Layer {
        channels,
        kernel,
        stride,
        dilation,
        pad,
        depthwise,
        pools,
    });
    prop::collection::vec(layer, 1..4)
}

fn network<T: Real>(image: Shape, layers: &[Layer], threshold: f64, seed: u64) -> Network<T> {
    let numbers = &mut Numbers(seed);
    let mut populations = vec![input(image, Some(plain()))];
    let mut shape = image;
    for (index, layer) in layers.iter().enumerate() {
        let &Layer { channels, kernel, stride, dilation, pad, depthwise, pools } = layer;
        let size = |input: usize| {
            ((input as isize + 2 * pad - (kernel as isize - 1) * dilation as isize - 1).max(0) as usize) / stride + 1
        };
        let channels = if depthwise { shape.channels } else { channels };
        let output = Shape::new(size(shape.height), size(shape.width), channels);
        let geometry = Geometry {
            input: shape,
            output,
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [dilation; 2],
            pad: [pad; 2],
        };
        let groups = if depthwise { channels } else { 1 };
        let terms = kernel * kernel * shape.channels / groups;
        let weights: Vec<f64> = numbers.reals(terms * channels).iter().map(|x| x / (terms as f64).sqrt()).collect();
        let kind = Kind::Conv2d { geometry, groups };
        let conv = Wiring { pool: None, kind, weights: Stored::new(DataType::Float32, &weights) };
        let bias: Vec<f64> = numbers.reals(channels).iter().map(|x| 0.1 * x - threshold).collect();
        let ttfs = Ttfs { window: T::from_f64(2.0), signed: false, saturate: true, bounded: false };
        let source = populations.len() - 1;
        populations.push(neurons(
            &format!("conv{index}"),
            output,
            vec![conv.projection(source)],
            &bias,
            Neuron::Ttfs(ttfs),
        ));
        shape = output;
        if pools && shape.height > 1 && shape.width > 1 {
            let output = Shape::new(shape.height - 1, shape.width - 1, channels);
            let geometry =
                Geometry { input: shape, output, kernel: [2; 2], stride: [1; 2], dilation: [1; 2], pad: [0; 2] };
            let pool = MaxPool::new(geometry, None).unwrap();
            populations.push(population(format!("pool{index}"), output, Stage::MaxPool { source: source + 1, pool }));
            shape = output;
        }
    }
    let last = populations.len() - 1;
    let readout = dense(last, shape, 3, &numbers.reals(3 * shape.len()));
    populations.push(neurons("readout", Shape::new(1, 1, 3), vec![readout], &[0.0; 3], Neuron::Analog(READOUT)));
    Network::new(populations, Level::best()).unwrap()
}

/// All that comes out of an image on so many threads, but the time.
fn outcome<T: Real>(runner: &Runner<T>, image: &[f32], paths: Paths, threads: usize) -> String {
    let plain = request(Engine::Layered, image, 1);
    let request = Request { reference: Some(runner), paths, record: ALL_SPIKES, ..plain };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let outcome = pool.install(|| runner.run(&request)).unwrap();
    format!("{:?}", Outcome { elapsed: Duration::ZERO, ..outcome })
}

fn check<T: Real>(image: Shape, layers: &[Layer], threshold: f64, seed: u64) {
    let runner = Runner::new(network::<T>(image, layers, threshold, seed));
    let values = Numbers(seed).image(image.len());
    for paths in [Paths::Fastest, Paths::Events] {
        let expected = outcome(&runner, &values, paths, 1);
        for threads in [2, 3, 4] {
            assert!(outcome(&runner, &values, paths, threads) == expected, "{threads} threads, {paths:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_image_does_not_depend_on_the_number_of_threads(
        (height, width, channels) in (5usize..40, 5usize..40, 1usize..40),
        layers in layers(),
        threshold in prop_oneof![Just(0.0), 0.0f64..1.0],
        seed: u64,
    ) {
        check::<f32>(Shape::new(height, width, channels), &layers, threshold, seed);
        check::<f64>(Shape::new(height, width, channels), &layers, threshold, seed);
    }
}

#[test]
fn large_layers_do_not_depend_on_the_number_of_threads() {
    let layer = |channels, kernel, stride, pad| Layer {
        channels,
        kernel,
        stride,
        dilation: 1,
        pad,
        depthwise: false,
        pools: channels == 33,
    };
    let layers = [layer(33, 7, 2, 3), layer(48, 3, 1, 1), layer(48, 3, 1, 1), layer(100, 1, 1, 0), layer(40, 3, 2, 1)];
    for threshold in [0.0, 0.5, 1.0] {
        check::<f32>(Shape::new(131, 127, 3), &layers, threshold, 5);
    }
    check::<f64>(Shape::new(131, 127, 3), &layers, 0.5, 5);
}
