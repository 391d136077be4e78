//! Pooling neurons that follow the leader of their window, all steps at once: each has always sent as many spikes as the neuron of
//! its window that has sent most.

use crate::level::{Isa, Level};

/// Steps that followers may take in all: spikes are counted in short numbers.
pub const MOST_FOLLOWED: usize = i16::MAX as usize;

/// Some pooling neurons, and how many spikes the neurons of their windows have sent so far.
#[derive(Clone, Debug, Default)]
pub struct Followers {
    /// Spikes of each neuron of the windows, the first of all windows first; negative where the least leads.
    sent: Vec<i16>,
    /// Those of the leader of each window.
    leading: Vec<i16>,
    /// -1 where the least leads, else 0.
    signs: Vec<i16>,
    /// Some steps of each neuron of the windows.
    steps: Vec<u16>,
    /// Memory for leaders, and for the steps in which followers spike.
    leaders: Vec<i16>,
    followed: Vec<u16>,
}

impl Followers {
    /// Begins with windows of `size` neurons: one for each of `least`, which says where the neuron leads that has sent fewest.
    pub fn begin(&mut self, size: usize, least: impl Iterator<Item = bool>) {
        self.signs.clear();
        self.signs.extend(least.map(|least| -i16::from(least)));
        let count = self.signs.len();
        for (numbers, length) in
            [(&mut self.sent, size * count), (&mut self.leading, count), (&mut self.leaders, count)]
        {
            numbers.clear();
            numbers.resize(length, 0);
        }
    }

    /// Takes the next 64 steps (of [`MOST_FOLLOWED`] at most) of the neurons of all windows, a bit for each step and the first
    /// neuron of all windows first, and writes those in which followers spike.
    ///
    /// # Panics
    /// If there are others than when they began.
    pub fn follow(&mut self, level: Level, windows: &[u64], followed: &mut [u64]) {
        assert_eq!(windows.len(), self.sent.len(), "every neuron of the windows has steps");
        assert_eq!(followed.len(), self.signs.len(), "every follower has steps");
        followed.fill(0);
        for begin in (0..u64::BITS).step_by(u16::BITS as usize) {
            self.steps.clear();
            self.steps.extend(windows.iter().map(|pattern| (pattern >> begin) as u16));
            // Nobody's count changes where nobody spikes.
            if self.steps.iter().fold(0, |any, steps| any | steps) == 0 {
                continue;
            }
            match level.0 {
                Isa::Baseline => self.take_steps(),
                // SAFETY: a level exists only where its instruction set is available. AVX-512F has nothing for numbers this short.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 | Isa::Avx512 => unsafe { self.take_steps_avx2() },
                // It is part of the architecture.
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => self.take_steps(),
            }
            for (followed, &some) in followed.iter_mut().zip(&self.followed) {
                *followed |= u64::from(some) << begin;
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn take_steps_avx2(&mut self) {
        self.take_steps();
    }

    /// Plain loops over all windows, which the compiler turns into what it may use where this is inlined.
    #[inline(always)]
    fn take_steps(&mut self) {
        let Self { sent, leading, signs, steps, leaders, followed } = self;
        let count = signs.len();
        followed.clear();
        followed.resize(count, 0);
        if count == 0 {
            return;
        }
        for step in 0..u16::BITS {
            leaders.fill(i16::MIN);
            for (sent, steps) in sent.chunks_exact_mut(count).zip(steps.chunks_exact(count)) {
                let windows = sent.iter_mut().zip(steps).zip(signs.iter().zip(&mut *leaders));
                for ((sent, &steps), (&sign, leader)) in windows {
                    let spike = (steps >> step & 1) as i16;
                    *sent += (spike ^ sign) - sign;
                    *leader = (*leader).max(*sent);
                }
            }
            for ((followed, &leader), leading) in followed.iter_mut().zip(&*leaders).zip(&mut *leading) {
                *followed |= u16::from(leader != *leading) << step;
                *leading = leader;
            }
        }
    }
}
