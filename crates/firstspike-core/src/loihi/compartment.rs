//! One compartment and one step.

use super::rules::Rules;

/// Decays from none to all at once.
pub(super) const FULL_DECAY: u32 = 4096;

/// What compartments of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Decay of the current, effective: 0 (none) to 4096 (at once).
    pub current_decay: u32,
    /// Decay of the potential, effective: 0 (none) to 4096 (at once).
    pub voltage_decay: u32,
    /// Potential that has to be exceeded, in units of 64; 0 to 131071.
    pub threshold: u32,
    /// Exponent of biases, 0 to 7.
    pub bias_exponent: u32,
    /// Steps from a spike to the first step in which another is possible, 1 to 64.
    pub refractory: u32,
    /// Further steps that each spike waits, 0 to 63.
    pub axon_delay: u32,
    /// Smallest and largest potential.
    pub limits: (i32, i32),
}

impl Profile {
    /// Limits of registers of 23 bits and a sign.
    pub const LIMITS: (i32, i32) = (1 - (1 << 23), (1 << 23) - 1);

    /// What is wrong with the profile under rules, if anything is.
    pub(super) fn fault(&self, rules: &Rules) -> Option<String> {
        let Self { current_decay, voltage_decay, threshold, bias_exponent, refractory, axon_delay, limits } = *self;
        let bounds = [
            ("the decay of the current", current_decay, 0, FULL_DECAY),
            ("the decay of the potential", voltage_decay, 0, FULL_DECAY),
            ("the mantissa of the threshold", threshold, 0, (1 << 17) - 1),
            ("the exponent of the biases", bias_exponent, 0, 7),
            ("the refractory time", refractory, 1, 64),
            ("the axonal delay", axon_delay, 0, 63),
        ];
        for (what, value, least, most) in bounds {
            if value < least || value > most {
                return Some(format!("{what} is {value}, outside of {least} to {most}"));
            }
        }
        if !(limits.0 <= 0 && limits.1 >= 0) {
            return Some(format!("potentials from {} to {} leave out zero", limits.0, limits.1));
        }
        (!rules.refractory && refractory > 1).then(|| "these rules know no refractory time".to_owned())
    }
}

/// State of a compartment, at rest to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compartment {
    /// u, the current.
    pub current: i32,
    /// v, the potential.
    pub voltage: i32,
    /// Steps for which it still is refractory.
    pub waiting: u8,
}

/// A magnitude loses `decay / 4096` of itself, and what is left is truncated.
#[inline(always)]
fn decayed(number: i32, decay: u32) -> i32 {
    let left = (i64::from(number.unsigned_abs()) * i64::from(FULL_DECAY - decay)) >> 12;
    (if number < 0 { -left } else { left }) as i32
}

/// What happened in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Whether the compartment spiked.
    pub spikes: bool,
    /// Whether a register could not hold a number, and kept another in its place.
    pub overflows: bool,
}

impl Compartment {
    /// A step in which `input` arrives. `bias` is what is added in each step.
    #[inline(always)]
    pub fn step(&mut self, rules: &Rules, profile: &Profile, input: i32, bias: i32) -> Step {
        let held = i64::from(rules.input.hold(i64::from(input)));
        let current = i64::from(decayed(self.current, profile.current_decay)) + held;
        self.current = rules.current.hold(current);
        let overflows = held != i64::from(input) || i64::from(self.current) != current;
        if self.waiting > 0 {
            self.waiting -= 1;
            return Step { spikes: false, overflows };
        }
        let driven = i64::from(self.current) + i64::from(bias);
        let drive = rules.drive.hold(driven);
        let overflows = overflows || i64::from(drive) != driven;
        let voltage = i64::from(decayed(self.voltage, profile.voltage_decay)) + i64::from(drive);
        self.voltage = if rules.limits {
            voltage.clamp(i64::from(profile.limits.0), i64::from(profile.limits.1)) as i32
        } else {
            voltage as i32
        };
        let spikes = i64::from(self.voltage) > i64::from(profile.threshold) << 6;
        if spikes {
            self.voltage = 0;
            self.waiting = (profile.refractory - 1) as u8;
        }
        Step { spikes, overflows }
    }
}

/// What a compartment does from rest, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Current after each step.
    pub current: Vec<i32>,
    /// Potential after each step, and after the reset.
    pub voltage: Vec<i32>,
    /// Steps with a spike.
    pub spikes: Vec<u32>,
}

/// Drives a compartment at rest with what arrives in each step.
///
/// # Errors
/// What is wrong with the profile.
pub fn trace(rules: &Rules, profile: &Profile, bias: i16, input: &[i32]) -> Result<Trace, String> {
    if let Some(fault) = profile.fault(rules) {
        return Err(fault);
    }
    if bias != 0 && !rules.biases {
        return Err("these rules know no biases".to_owned());
    }
    let bias = i32::from(bias) << profile.bias_exponent;
    let (mut compartment, mut trace) = (Compartment::default(), Trace::default());
    for (step, &input) in input.iter().enumerate() {
        if compartment.step(rules, profile, input, bias).spikes {
            trace.spikes.push(step as u32);
        }
        trace.current.push(compartment.current);
        trace.voltage.push(compartment.voltage);
    }
    Ok(trace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decay_truncates_toward_zero() {
        assert_eq!(decayed(4097, 1), 4095);
        assert_eq!(decayed(-4097, 1), -4095);
        assert_eq!(decayed(1, 1), 0);
        assert_eq!(decayed(i32::MIN, 0), i32::MIN);
        assert_eq!(decayed(12345, FULL_DECAY), 0);
    }

    #[test]
    fn a_threshold_has_to_be_exceeded() {
        let profile = Profile {
            current_decay: 4096,
            voltage_decay: 0,
            threshold: 2,
            bias_exponent: 0,
            refractory: 1,
            axon_delay: 0,
            limits: Profile::LIMITS,
        };
        let trace = trace(&Rules::CHIP, &profile, 0, &[128, 0, 1, 0]).unwrap();
        assert_eq!(trace.voltage, [128, 128, 0, 0]);
        assert_eq!(trace.spikes, [2]);
    }

    proptest! {
        // Spikes at once, then again as soon as it may: the refractory time is the distance.
        #[test]
        fn spikes_are_a_refractory_time_apart(refractory in 1u32..65) {
            let profile = Profile {
                current_decay: 4096, voltage_decay: 0, threshold: 0, bias_exponent: 0, refractory, axon_delay: 0,
                limits: Profile::LIMITS,
            };
            let trace = trace(&Rules::CHIP, &profile, 0, &[64; 200]).unwrap();
            prop_assert!(trace.spikes.iter().enumerate().all(|(i, &step)| step == i as u32 * refractory));
        }
    }
}
