//! Instruction sets and their detection.

use std::fmt;
use std::sync::OnceLock;

/// What a [`Level`] stands for; private, so that a level can only be had where the processor supports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isa {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// An instruction set that this processor supports: a proof, checked when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub(crate) Isa);

impl Level {
    /// Plain loops, on every processor.
    pub fn baseline() -> Self {
        Self(Isa::Baseline)
    }

    /// All levels of this processor, slowest first.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::baseline()];
        #[cfg(target_arch = "x86_64")]
        {
            // Masks are counted and taken apart: every processor with AVX2 can do that, but it has to be asked.
            let bits = is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt");
            if bits && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self(Isa::Avx2));
            }
            if bits && is_x86_feature_detected!("avx512f") {
                levels.push(Self(Isa::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        levels.push(Self(Isa::Neon));
        levels
    }

    /// The fastest level of this processor; detected once.
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or_else(Self::baseline))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Isa::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
        })
    }
}
