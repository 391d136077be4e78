//! Descriptions that contradict themselves are refused, by name and with a reason.

mod common;

use common::*;
use firstspike_core::*;

const IMAGE: Shape = Shape { height: 2, width: 3, channels: 2 };
const VECTOR: Shape = Shape { height: 1, width: 1, channels: 3 };

/// Indices of the sources that [`refusal`] offers.
const SPIKES: usize = 1;
const VALUES: usize = 2;
const STEPS: usize = 3;
const SHORT: usize = 4;
const ODD: usize = 5;

fn few_spike() -> FewSpike<f64> {
    let digits = vec![0.5, 0.25];
    FewSpike {
        threshold: digits.clone(),
        reset: digits.clone(),
        output: digits,
        initial: 0.0,
        signed: false,
        range: [0.0, 1.0],
    }
}

fn quartz(levels: usize) -> Quartz {
    Quartz::new(levels)
}

fn same(source: usize, shape: Shape) -> Projection<f64> {
    Projection::new(source, None, Synapse::Identity(shape)).unwrap()
}

fn relay(name: &str, neuron: Neuron<f64>) -> Population<f64> {
    neurons(name, IMAGE, vec![same(0, IMAGE)], &[0.0; 2], neuron)
}

fn ttfs(window: f64) -> Neuron<f64> {
    Neuron::Ttfs(Ttfs { window, signed: false, saturate: false, bounded: false })
}

/// Why a population is refused behind populations that are in order.
fn refusal(shape: Shape, stage: Stage<f64>) -> String {
    let short = dense(0, IMAGE, 3, &[0.0; 36]);
    let populations = vec![
        input(IMAGE, None),
        relay("spikes", ttfs(1.0)),
        relay("values", Neuron::Analog(READOUT)),
        relay("steps", Neuron::FewSpike(few_spike())),
        neurons("short", VECTOR, vec![short], &[0.0; 3], Neuron::Analog(READOUT)),
        population("odd", shape, stage),
    ];
    let error = Network::new(populations, Level::best()).unwrap_err();
    assert_eq!(error.population, "odd");
    assert_eq!(error.to_string(), format!("odd: {}", error.reason));
    error.reason
}

#[track_caller]
fn assert_refused(shape: Shape, stage: Stage<f64>, reason: &str) {
    let refusal = refusal(shape, stage);
    assert!(refusal.contains(reason), "{refusal:?} does not say {reason:?}");
}

fn geometry(input: Shape, output: Shape) -> Geometry {
    Geometry { input, output, kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] }
}

fn weights(count: usize) -> Stored {
    Stored::new(DataType::Float32, &vec![0.0; count])
}

fn neurons_from(projections: Vec<Projection<f64>>) -> Stage<f64> {
    let bias = Bias { values: vec![0.0; 2], classes: Vec::new() };
    Stage::Neurons { projections, bias, neuron: Neuron::Analog(READOUT) }
}

#[test]
fn a_network_begins_with_its_only_input_and_ends_with_values() {
    let refused = |populations: Vec<Population<f64>>, name: &str, reason: &str| {
        let error = Network::new(populations, Level::best()).unwrap_err();
        assert!(error.population == name && error.reason.contains(reason), "{error}");
    };
    let constant = || neurons("constant", VECTOR, vec![], &[0.0; 3], Neuron::Analog(READOUT));
    refused(vec![], "network", "no populations");
    refused(vec![constant()], "constant", "must be the input");
    refused(vec![input(IMAGE, Some(plain()))], "input", "spikes");
    refused(vec![input(IMAGE, None), relay("relay", ttfs(1.0))], "relay", "spikes");
    refused(vec![input(IMAGE, None), input(IMAGE, None)], "input", "must come first");
    assert!(Network::new(vec![input::<f64>(IMAGE, None)], Level::best()).is_ok());
}

#[test]
fn populations_have_neurons_but_not_too_many() {
    let stage = || Stage::Permute { source: VALUES, to: vec![] };
    assert_refused(Shape::new(0, 2, 2), stage(), "no shape");
    assert_refused(Shape::new(1 << 16, 1 << 15, 1), stage(), "no shape");
}

#[test]
fn an_order_is_a_permutation() {
    for order in [vec![0, 1], vec![0, 1, 2, 3], vec![0, 1, 1], vec![1, 2, 3]] {
        let stage = Stage::Input { encoder: None, order: order.clone() };
        let error = Network::new(vec![population::<f64>("input", VECTOR, stage)], Level::best()).unwrap_err();
        assert!(error.reason.contains("permutation"), "{error}");

        assert_refused(VECTOR, Stage::Permute { source: SHORT, to: order.clone() }, "permutation");

        let dense = Dense::<f64>::new(VECTOR, 2, weights(6).raw(), Some(&order), false);
        assert!(dense.unwrap_err().contains("permutation"));
    }
    assert_refused(VECTOR, Stage::Permute { source: SHORT, to: vec![] }, "permutation");
    assert_refused(VECTOR, Stage::Permute { source: VALUES, to: vec![0, 1, 2] }, "permutation");
}

#[test]
fn sources_are_earlier_populations() {
    let turned = Shape::new(3, 2, 2);
    for source in [ODD, ODD + 1] {
        let pool = MaxPool::new(geometry(IMAGE, IMAGE), None).unwrap();
        assert_refused(IMAGE, neurons_from(vec![same(source, IMAGE)]), "not an earlier population");
        assert_refused(IMAGE, Stage::MaxPool { source, pool }, "not an earlier population");
        assert_refused(IMAGE, Stage::Concat { sources: vec![VALUES, source] }, "not an earlier population");
        assert_refused(turned, Stage::Permute { source, to: (0..12).collect() }, "not an earlier population");
        for sources in [[source, VALUES], [VALUES, source]] {
            assert_refused(IMAGE, Stage::Product { sources, circuit: None }, "not an earlier population");
        }
    }
}

#[test]
fn synapses_join_the_shapes_of_their_populations() {
    let turned = Shape::new(3, 2, 2);
    let conv = |input: Shape| {
        let conv = Conv2d::new(geometry(input, IMAGE), 1, weights(4).raw()).unwrap();
        Projection::new(VALUES, None, Synapse::Conv2d(Box::new(conv))).unwrap()
    };
    assert_refused(IMAGE, neurons_from(vec![same(SHORT, IMAGE)]), "but the source is");
    assert_refused(IMAGE, neurons_from(vec![conv(turned)]), "but the source is");
    assert_refused(IMAGE, neurons_from(vec![conv(Shape::new(6, 1, 2))]), "but the source is");
    assert_refused(VECTOR, neurons_from(vec![same(VALUES, IMAGE)]), "to 12 neurons of 3");

    for input in [turned, VECTOR] {
        let pool = AveragePool::new(geometry(IMAGE, IMAGE), [0; 4]).unwrap();
        let after = Conv2d::<f64>::new(geometry(input, IMAGE), 1, weights(2 * input.channels).raw()).unwrap();
        let reason = Projection::new(0, Some(pool), Synapse::Conv2d(Box::new(after))).unwrap_err();
        assert!(reason.contains("before synapses from"), "{reason}");
    }
}

#[test]
fn biases_cover_all_channels_of_all_classes() {
    let stage = |biases: usize, classes: Vec<u16>| Stage::Neurons {
        projections: vec![same(VALUES, IMAGE)],
        bias: Bias { values: vec![0.0; biases], classes },
        neuron: Neuron::Analog(READOUT),
    };
    assert_refused(IMAGE, stage(1, vec![]), "1 biases for 1 classes of 2 channels");
    assert_refused(IMAGE, stage(4, vec![0, 1]), "2 bias classes for 6 pixels");
    assert_refused(IMAGE, stage(4, vec![0, 1, 2, 0, 0, 0]), "4 biases for 3 classes");
}

#[test]
fn parameters_of_neurons_make_sense() {
    let refused = |neuron: Neuron<f64>, reason: &str| {
        let bias = Bias { values: vec![0.0; 2], classes: Vec::new() };
        assert_refused(IMAGE, Stage::Neurons { projections: vec![same(0, IMAGE)], bias, neuron }, reason);
    };
    for window in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(ttfs(window), "is no window");
    }
    refused(Neuron::FewSpike(FewSpike { threshold: vec![], ..few_spike() }), "0 thresholds");
    refused(Neuron::FewSpike(FewSpike { output: vec![1.0], ..few_spike() }), "2 thresholds, 2 resets, 1 outputs");
    refused(Neuron::FewSpike(FewSpike { initial: f64::NAN, ..few_spike() }), "not finite");
    refused(Neuron::QuartzInput(quartz(1)), "1 levels");
}

#[test]
fn neurons_understand_the_spikes_of_their_sources() {
    let few_spike = Neuron::FewSpike(few_spike());
    let reading = |source: Neuron<f64>, neuron: Neuron<f64>| {
        let readout = neurons("readout", IMAGE, vec![same(2, IMAGE)], &[0.0; 2], Neuron::Analog(READOUT));
        let reader = neurons("reader", IMAGE, vec![same(1, IMAGE)], &[0.0; 2], neuron);
        Network::new(vec![input(IMAGE, None), relay("source", source), reader, readout], Level::best())
    };
    let values = || Neuron::Analog(READOUT);
    let grid = |levels: usize| Neuron::QuartzInput(quartz(levels));
    for (source, neuron) in [
        (ttfs(1.0), Neuron::Quartz(quartz(8))),
        (few_spike.clone(), Neuron::Quartz(quartz(8))),
        (values(), Neuron::Quartz(quartz(8))),
        (grid(4), Neuron::Quartz(quartz(8))),
        (ttfs(1.0), grid(8)),
        (grid(8), grid(8)),
        (grid(8), ttfs(1.0)),
        (grid(8), few_spike.clone()),
    ] {
        let error = reading(source, neuron).unwrap_err();
        assert!(error.population == "reader" && error.reason.contains("cannot read"), "{error}");
    }
    for (source, neuron) in
        [(grid(8), Neuron::Quartz(quartz(8))), (grid(8), values()), (values(), grid(8)), (ttfs(1.0), few_spike)]
    {
        assert!(reading(source, neuron).is_ok());
    }
}

#[test]
fn stages_without_synapses_fit_their_sources() {
    let pool = |input: Shape, output: Shape| MaxPool::new(geometry(input, output), None).unwrap();
    assert_refused(IMAGE, Stage::MaxPool { source: SHORT, pool: pool(IMAGE, IMAGE) }, "shapes are not those");
    assert_refused(VECTOR, Stage::MaxPool { source: VALUES, pool: pool(IMAGE, IMAGE) }, "shapes are not those");

    let twice = Shape { channels: 4, ..IMAGE };
    assert_refused(IMAGE, Stage::Concat { sources: vec![] }, "0 channels");
    assert_refused(IMAGE, Stage::Concat { sources: vec![VALUES, VALUES] }, "4 channels are concatenated to 2");
    assert_refused(twice, Stage::Concat { sources: vec![VALUES, SHORT] }, "differ in height or width");
    assert_refused(twice, Stage::Concat { sources: vec![SPIKES, STEPS] }, "do not spike in the same manner");

    assert_refused(IMAGE, Stage::Product { sources: [VALUES, SHORT], circuit: None }, "no product of");
    assert_refused(IMAGE, Stage::Product { sources: [SHORT, VALUES], circuit: None }, "no product of");
    assert_refused(VECTOR, Stage::Product { sources: [VALUES, VALUES], circuit: None }, "no product of");
}

#[test]
fn geometries_have_no_zeros() {
    let good = geometry(IMAGE, IMAGE);
    let bad = [
        Geometry { kernel: [0, 1], ..good.clone() },
        Geometry { stride: [1, 0], ..good.clone() },
        Geometry { dilation: [0, 0], ..good.clone() },
        Geometry { input: Shape::new(0, 3, 2), ..good.clone() },
        Geometry { output: Shape::new(2, 3, 0), ..good },
    ];
    for geometry in bad {
        assert!(Conv2d::<f64>::new(geometry.clone(), 1, weights(4).raw()).is_err());
        assert!(AveragePool::new(geometry.clone(), [0; 4]).is_err());
        assert!(MaxPool::new(geometry, None).is_err());
    }
}

#[test]
fn pooling_keeps_channels_and_marks_each_of_them() {
    let more = Shape { channels: 3, ..IMAGE };
    assert!(AveragePool::new(geometry(IMAGE, more), [0; 4]).unwrap_err().contains("channels"));
    assert!(MaxPool::new(geometry(IMAGE, more), None).unwrap_err().contains("channels"));
    assert!(MaxPool::new(geometry(IMAGE, IMAGE), Some(vec![true])).unwrap_err().contains("each channel"));
    let padding = Geometry { pad: [1, 0], ..geometry(IMAGE, IMAGE) };
    assert!(MaxPool::new(padding, None).unwrap_err().contains("nothing but padding"));
}

#[test]
fn weights_are_as_many_as_their_shapes_say() {
    let conv = |groups: usize, weights: &Stored| Conv2d::<f64>::new(geometry(IMAGE, IMAGE), groups, weights.raw());
    for (groups, count) in [(1, 4), (2, 2)] {
        assert!(conv(groups, &weights(count)).is_ok());
        assert!(conv(groups, &weights(count + 1)).unwrap_err().contains("bytes"));
    }
    for groups in [0, 3] {
        assert!(conv(groups, &weights(4)).unwrap_err().contains("groups"));
    }
    let dense = |weights: &Stored| Dense::<f64>::new(VECTOR, 2, weights.raw(), None, true);
    assert!(dense(&weights(6)).is_ok());
    assert!(dense(&weights(5)).unwrap_err().contains("need 24 bytes, but there are 20"));
    assert!(Dense::<f64>::new(VECTOR, 0, weights(0).raw(), None, true).is_err());
    let scaled = |input: usize, output: usize| {
        let mut weights = weights(6);
        weights.input_scale = Some(vec![1.0; input]);
        weights.output_scale = Some(vec![1.0; output]);
        weights
    };
    assert!(dense(&scaled(3, 2)).is_ok());
    assert!(dense(&scaled(2, 2)).unwrap_err().contains("3 input scales"));
    assert!(dense(&scaled(3, 3)).unwrap_err().contains("2 output scales"));
}
