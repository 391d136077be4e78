//! Followers of leaders against their definition.

use firstspike_simd::{Followers, Level};
use proptest::prelude::*;

/// Steps in which one of some neurons is the first to send its n-th spike, or the last.
fn followed(neurons: &[Vec<bool>], least: bool) -> Vec<bool> {
    let spikes = |neuron: &[bool]| -> Vec<usize> { (0..neuron.len()).filter(|&step| neuron[step]).collect() };
    let trains: Vec<_> = neurons.iter().map(|neuron| spikes(neuron)).collect();
    let nth = |n: usize| trains.iter().map(move |train| train.get(n).copied());
    let steps = neurons.first().map_or(0, Vec::len);
    let mut followed = vec![false; steps];
    for n in 0..steps {
        let step = if least {
            nth(n).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max())
        } else {
            nth(n).flatten().min()
        };
        if let Some(step) = step {
            followed[step] = true;
        }
    }
    followed
}

/// Patterns of 64 steps.
fn words(steps: &[bool]) -> Vec<u64> {
    let word = |steps: &[bool]| steps.iter().rev().fold(0, |word, &spikes| word << 1 | u64::from(spikes));
    steps.chunks(64).map(word).collect()
}

/// For each window whether the least leads in it, and the steps of its neurons.
fn windows() -> impl Strategy<Value = Vec<(bool, Vec<Vec<bool>>)>> {
    (1..40usize, 1..6usize, 1..180usize, 0.0..1.0f64).prop_flat_map(|(count, size, steps, share)| {
        let neuron = prop::collection::vec(prop::bool::weighted(share), steps);
        prop::collection::vec((any::<bool>(), prop::collection::vec(neuron, size)), count)
    })
}

proptest! {
    #[test]
    fn followers_spike_with_the_leaders_of_their_windows(windows in windows()) {
        let of_word = |word: usize| -> Vec<u64> {
            let size = windows[0].1.len();
            let neuron = |k: usize| windows.iter().map(move |(_, neurons)| words(&neurons[k])[word]);
            (0..size).flat_map(neuron).collect()
        };
        for level in Level::available() {
            let mut followers = Followers::default();
            // What windows before have left makes no difference.
            followers.begin(1, [true, false].into_iter());
            followers.follow(level, &[u64::MAX, 1], &mut [0; 2]);
            followers.begin(windows[0].1.len(), windows.iter().map(|&(least, _)| least));
            let expected: Vec<_> = windows.iter().map(|(least, neurons)| words(&followed(neurons, *least))).collect();
            for word in 0..expected[0].len() {
                let mut got = vec![u64::MAX; windows.len()];
                followers.follow(level, &of_word(word), &mut got);
                let expected: Vec<_> = expected.iter().map(|words| words[word]).collect();
                prop_assert_eq!(&got, &expected, "{:?}, word {}", level, word);
            }
        }
    }
}

#[test]
#[should_panic(expected = "every follower has steps")]
fn missing_followers_are_refused() {
    let mut followers = Followers::default();
    followers.begin(2, [false; 3].into_iter());
    followers.follow(Level::best(), &[0; 6], &mut [0; 2]);
}

#[test]
#[should_panic(expected = "every neuron of the windows has steps")]
fn missing_windows_are_refused() {
    let mut followers = Followers::default();
    followers.begin(2, [false; 3].into_iter());
    followers.follow(Level::best(), &[0; 5], &mut [0; 3]);
}
