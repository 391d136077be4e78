//! Random numbers of one restart, one after another.
//!
//! Nothing here or elsewhere in the fitter calls a transcendental function: sums, products, quotients and square roots
//! are rounded alike everywhere, so a seed gives the same fit on every platform.

use crate::random::Random;

/// The random numbers of a stream of a seed.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    random: Random,
    number: u32,
    drawn: u32,
}

impl Stream {
    pub(super) fn new(seed: u64, stream: usize) -> Self {
        Self { random: Random::new(seed), number: stream as u32, drawn: 0 }
    }

    /// Evenly between 0 and 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.random.uniform([self.drawn, self.number, 0, 0])
    }

    /// Evenly between two numbers.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of `0..n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// True with a probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// 1 or -1.
    pub(super) fn sign(&mut self) -> f64 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Close to normal, with mean 0 and variance 1: a sum of twelve even numbers.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Between `2^low` and `2^high`, each octave as likely as any other.
    pub(super) fn octaves(&mut self, low: f64, high: f64) -> f64 {
        let exponent = self.between(low, high);
        let whole = exponent.floor();
        let power = f64::from_bits(((1023 + whole as i64) as u64) << 52);
        power * (1.0 + exponent - whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, stream| {
            let mut stream = Stream::new(seed, stream);
            [stream.unit(), stream.unit()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(2, 1));
        assert_ne!(draw(0, 0), draw(0, 1));
        assert_ne!(draw(0, 0)[0], draw(0, 0)[1]);
    }

    #[test]
    fn numbers_are_of_their_distribution() {
        let mut stream = Stream::new(7, 0);
        let normals: Vec<f64> = (0..4000).map(|_| stream.normal()).collect();
        let mean = normals.iter().sum::<f64>() / 4000.0;
        let variance = normals.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 4000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
        for _ in 0..1000 {
            assert!((0.25..4.0).contains(&stream.octaves(-2.0, 2.0)));
            assert!(stream.below(3) < 3);
            assert!(stream.sign().abs() == 1.0);
        }
    }
}
