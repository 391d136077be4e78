//! Random numbers as a function of where they are used: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011). The same seed and place give the same number, however work was split over threads.

/// Random numbers of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Random {
    key: [u32; 2],
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// Four words that belong to a place.
    fn words(self, place: [u32; 4]) -> [u32; 4] {
        let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (place, self.key);
        for _ in 0..10 {
            let a = u64::from(c0) * 0xd251_1f53;
            let b = u64::from(c2) * 0xcd9e_8d57;
            [c0, c1, c2, c3] = [(b >> 32) as u32 ^ c1 ^ k0, b as u32, (a >> 32) as u32 ^ c3 ^ k1, a as u32];
            k0 = k0.wrapping_add(0x9e37_79b9);
            k1 = k1.wrapping_add(0xbb67_ae85);
        }
        [c0, c1, c2, c3]
    }

    /// Uniform in (0, 1).
    pub(crate) fn uniform(self, place: [u32; 4]) -> f64 {
        unit(self.words(place)[0])
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(self, place: [u32; 4]) -> f64 {
        let [a, b, ..] = self.words(place);
        (-2.0 * unit(a).ln()).sqrt() * (std::f64::consts::TAU * unit(b)).cos()
    }
}

fn unit(word: u32) -> f64 {
    (f64::from(word) + 0.5) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_published_known_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        for (seed, place, words) in [
            (0, [0; 4], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (u64::MAX, [u32::MAX; 4], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (0x299f_31d0_a409_3822, pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ] {
            assert_eq!(Random::new(seed).words(place), words);
        }
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let random = Random::new(7);
        let draws: Vec<f64> = (0..20_000).map(|i| random.normal([i, 0, 0, 0])).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
