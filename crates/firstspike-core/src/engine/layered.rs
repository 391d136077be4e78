//! The fast path: a layer's window at once, neuron by neuron, from compressed spike lists.

use super::{Workspace, run_values};
use crate::network::{Network, Stage};
use crate::neuron::Neuron;
use crate::real::Real;
use crate::signal::{Signal, SpikeList};

impl<T: Real> Workspace<T> {
    pub(super) fn run_layers<I: Real>(&mut self, network: &Network<T>, image: &[I]) {
        for (index, population) in network.populations().iter().enumerate() {
            let shape = population.shape;
            if let Stage::Input { order, .. } = &population.stage {
                self.load(order, image);
            }
            let (done, rest) = self.signals.split_at_mut(index);
            let counts = &mut self.counts[index];
            match (&population.stage, &mut rest[0]) {
                (Stage::Input { encoder: Some(encoder), .. }, Signal::Spikes(out)) => {
                    out.compress(shape, &self.values, |x| {
                        let (value, outside) = encoder.spike(x)?;
                        counts.saturated += u64::from(outside);
                        Some(value)
                    });
                }
                (Stage::Input { .. }, Signal::Values(out)) => out.clone_from(&self.values),
                (Stage::Neurons { projections, bias, neuron }, out) => {
                    self.potentials.clear();
                    for pixel in 0..shape.pixels() {
                        self.potentials.extend_from_slice(bias.of_pixel(pixel, shape.channels));
                    }
                    for projection in projections {
                        let signal = &done[projection.source()];
                        counts.operations +=
                            projection.gather(network.level(), signal, &mut self.potentials, &mut self.pool);
                        if let Signal::Spikes(spikes) = signal {
                            counts.synaptic_events += projection.events(spikes);
                        }
                    }
                    match (neuron, out) {
                        (Neuron::Analog(activation), Signal::Values(out)) => {
                            out.clear();
                            out.extend(self.potentials.iter().map(|&v| activation.apply(v)));
                        }
                        (Neuron::Ttfs(ttfs), Signal::Spikes(out)) => {
                            counts.updates += shape.len() as u64;
                            out.compress(shape, &self.potentials, |v| {
                                let (value, beyond) = ttfs.spike(v)?;
                                counts.saturated += u64::from(beyond);
                                Some(value)
                            });
                        }
                        _ => unreachable!("a population's signal is of its neuron's kind"),
                    }
                }
                (stage, Signal::Values(out)) => {
                    assert!(run_values(stage, shape.channels, done, out), "sources of values have values");
                }
                (Stage::MaxPool { source, pool }, Signal::Spikes(out)) => {
                    pool.pool_spikes(spikes(&done[*source]), &mut self.values, &mut self.potentials);
                    out.compress(shape, &self.potentials, |value| (value != T::ZERO).then_some(value));
                }
                (Stage::Concat { sources }, Signal::Spikes(out)) => {
                    out.clear(shape);
                    out.starts.push(0);
                    for pixel in 0..shape.pixels() {
                        let mut channel = 0;
                        for &source in sources {
                            let channels = network.populations()[source].shape.channels;
                            let (keys, values) = spikes(&done[source]).pixels(pixel, pixel + 1);
                            let (from, to) = (pixel * channels, pixel * shape.channels + channel);
                            out.keys.extend(keys.iter().map(|&key| (key as usize - from + to) as u32));
                            out.values.extend_from_slice(values);
                            channel += channels;
                        }
                        out.starts.push(out.keys.len() as u32);
                    }
                }
                (Stage::Permute { source, to }, Signal::Spikes(out)) => {
                    let from = spikes(&done[*source]);
                    self.relabelled.clear();
                    self.relabelled.extend(from.keys.iter().zip(&from.values).map(|(&key, &v)| (to[key as usize], v)));
                    out.collect(shape, &mut self.relabelled);
                }
                (Stage::Input { encoder: None, .. } | Stage::Product { .. }, Signal::Spikes(_)) => {
                    unreachable!("these stages do not spike")
                }
            }
            if let Signal::Spikes(out) = &rest[0] {
                counts.spikes += out.len() as u64;
            }
        }
    }
}

pub(super) fn spikes<T>(signal: &Signal<T>) -> &SpikeList<T> {
    match signal {
        Signal::Spikes(spikes) => spikes,
        Signal::Values(_) => unreachable!("sources of spikes spike"),
    }
}
