//! Long work off the main thread.

use firstspike_core::RunError;
use firstspike_core::fit::FitError;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Handle on work under way: cancels it, and tells how far it is. Another piece of work may have it after that.
#[napi]
#[derive(Default)]
pub struct BindingTask {
    cancel: Arc<AtomicBool>,
    progress: Arc<AtomicUsize>,
}

impl BindingTask {
    /// What cancels a piece of work that begins, and what counts how far it is: nothing is done yet.
    pub(crate) fn begin(&self) -> (Arc<AtomicBool>, Arc<AtomicUsize>) {
        self.progress.store(0, Ordering::Relaxed);
        (Arc::clone(&self.cancel), Arc::clone(&self.progress))
    }
}

#[napi]
impl BindingTask {
    /// A handle to pass to one piece of work after another.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the work early, and any that is begun later; its promise is rejected with code `Cancelled`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// How much is done so far: images, or units of a search.
    #[napi(getter, catch_unwind)]
    pub fn done(&self) -> u32 {
        self.progress.load(Ordering::Relaxed) as u32
    }
}

/// One pool for each number of threads that was ever asked for; 0 means one per processor.
fn pool(threads: usize) -> Result<Arc<ThreadPool>> {
    static POOLS: Mutex<BTreeMap<usize, Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Ok(Arc::clone(pool));
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("firstspike-{index}"))
        .build()
        .map_err(|error| Error::from_reason(format!("{threads} threads cannot be had: {error}")))?;
    let pool = Arc::new(pool);
    pools.insert(threads, Arc::clone(&pool));
    Ok(pool)
}

/// Why work failed.
pub trait Failure: Display {
    /// What the error is called in JavaScript: its `code`.
    fn status(&self) -> Status;
}

impl Failure for RunError {
    fn status(&self) -> Status {
        match self {
            Self::Cancelled => Status::Cancelled,
            Self::InputLength { .. }
            | Self::NotFinite { .. }
            | Self::Overflow { .. }
            | Self::NoEarlyExit { .. }
            | Self::ChipInput { .. } => Status::InvalidArg,
            Self::ReferenceMismatch => Status::GenericFailure,
        }
    }
}

impl Failure for FitError {
    fn status(&self) -> Status {
        match self {
            Self::Cancelled => Status::Cancelled,
            Self::Invalid(_) => Status::InvalidArg,
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}

/// What turns a result into a JavaScript value, on the main thread.
type Finish<D> = Box<dyn FnOnce(Env) -> Result<D> + Send>;

/// Does `work` on a pool of `threads` and returns a promise of what `finish` makes of its result.
pub fn spawn<R, E, D>(
    env: &Env,
    threads: u32,
    work: impl FnOnce() -> std::result::Result<R, E> + Send + 'static,
    finish: impl FnOnce(Env, R) -> Result<D> + Send + 'static,
) -> Result<Object<'_>>
where
    R: Send + 'static,
    E: Failure + 'static,
    D: ToNapiValue + 'static,
{
    let pool = pool(threads as usize)?;
    let (deferred, promise) = env.create_deferred::<D, Finish<D>>()?;
    pool.spawn(move || match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => deferred.resolve(Box::new(move |env| finish(env, result))),
        Ok(Err(error)) => deferred.reject(Error::new(error.status(), error.to_string())),
        Err(payload) => {
            deferred.reject(Error::from_reason(format!("the kernel panicked: {}", panic_message(&*payload))));
        }
    });
    Ok(promise)
}
