//! Work in parts that the threads of the current pool take one by one.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread that has nothing left to do waits for the others awake: to sleep and to be woken takes a good part of it.
const PATIENCE: Duration = Duration::from_micros(200);

/// Does all parts of some work on the threads of the current pool, and gives what they gave in their order. A thread takes
/// the next part when it is done with one, so that a slow thread does less than a fast one.
///
/// # Errors
/// That of the first part that fails; those behind it may not have been begun.
pub(crate) fn share<R: Send, E: Send>(count: usize, work: impl Fn(usize) -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
    let helpers = rayon::current_num_threads().min(count).saturating_sub(1);
    if helpers == 0 {
        return (0..count).map(work).collect();
    }
    let (next, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = Mutex::new(Vec::with_capacity(count));
    let take_parts = || {
        busy.fetch_add(1, Ordering::AcqRel);
        let mut own = Vec::new();
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= count {
                break;
            }
            let result = work(part);
            if result.is_err() {
                next.fetch_max(count, Ordering::Relaxed);
            }
            own.push((part, result));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
        busy.fetch_sub(1, Ordering::AcqRel);
    };
    rayon::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| take_parts());
        }
        take_parts();
        let start = Instant::now();
        while busy.load(Ordering::Acquire) > 0 && start.elapsed() < PATIENCE {
            spin_loop();
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|&(part, _)| part);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::ThreadPoolBuilder;
    use std::convert::Infallible;
    use std::thread::sleep;

    fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn results_are_in_the_order_of_parts() {
        for (threads, count) in [(1, 5), (2, 0), (2, 1), (2, 7), (3, 100), (8, 3)] {
            let squares = on_threads(threads, || {
                share(count, |part| {
                    // Parts end in another order than they begin in, some later than anyone waits for.
                    sleep(Duration::from_micros(if part % 3 == 0 { 400 } else { 10 }));
                    Ok::<_, Infallible>(part * part)
                })
            });
            assert_eq!(squares, Ok((0..count).map(|part| part * part).collect()), "{threads} threads");
        }
    }

    #[test]
    fn the_first_failure_is_told_and_ends_the_work() {
        for threads in 1..4 {
            let begun = AtomicUsize::new(0);
            let failed = on_threads(threads, || {
                share(1000, |part| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    // The second of them at once, the first later.
                    sleep(Duration::from_millis(match part {
                        10 => 5,
                        11 => 0,
                        _ => 1,
                    }));
                    if part == 10 || part == 11 { Err(part) } else { Ok(()) }
                })
            });
            assert_eq!(failed, Err(10), "{threads} threads");
            assert!(begun.into_inner() < 100, "{threads} threads");
        }
    }

    #[test]
    fn a_panic_comes_through() {
        let work = |part: usize| if part == 3 { panic!("part 3") } else { Ok::<_, Infallible>(part) };
        for threads in 1..4 {
            let run = std::panic::catch_unwind(|| on_threads(threads, || share(9, work)));
            assert!(run.is_err(), "{threads} threads");
        }
    }
}
