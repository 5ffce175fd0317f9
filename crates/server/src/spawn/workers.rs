//! The threads that serve connections, and which of them takes the next one. Must not know what is served.
//!
//! A connection stays where it was put, with all that is done for it. So it goes to the worker that has the fewest; left
//! to the kernel (`SO_REUSEPORT`) a few long connections often meet on one thread while another has none.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sluicegate_core::Worker;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::pulse::Gauge;

/// Where connections run. Dropped, it ends its threads, and drops what still runs on them.
#[derive(Debug, Default)]
pub struct Workers {
    /// Where connections are accepted, and run too if there is no other place.
    here: Arc<Berth>,
    berths: Vec<Arc<Berth>>,
    /// The next to be asked first, so that equals take turns.
    next: AtomicUsize,
    _threads: Threads,
}

/// A place for connections: one runtime.
#[derive(Debug, Default)]
pub(super) struct Berth {
    runtime: Option<Handle>,
    connections: AtomicUsize,
    in_flight: Gauge,
}

/// A connection's hold on its place.
#[derive(Debug)]
pub(super) struct Aboard(Arc<Berth>);

#[derive(Debug, Default)]
struct Threads {
    /// One a thread with a runtime of its own, which ends when it is dropped.
    _stops: Vec<oneshot::Sender<()>>,
    shared: Option<Runtime>,
}

impl Workers {
    /// No threads: connections run in the runtime that accepts them.
    #[must_use]
    pub fn here() -> Self {
        Self::default()
    }

    /// `count` threads with a runtime of one thread each.
    ///
    /// # Errors
    /// The system's.
    pub fn per_core(count: NonZeroUsize) -> io::Result<Self> {
        let mut berths = Vec::with_capacity(count.get());
        let mut stops = Vec::with_capacity(count.get());
        for worker in Worker::group(count) {
            let name = format!("worker-{}", worker.number());
            let runtime = Builder::new_current_thread().thread_name(&name).enable_all().build()?;
            berths.push(Arc::new(Berth { runtime: Some(runtime.handle().clone()), ..Berth::default() }));
            let (stop, stopped) = oneshot::channel::<()>();
            stops.push(stop);
            thread::Builder::new().name(name).spawn(move || {
                let _entered = worker.enter();
                // A dropped sender is the way it is told.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
            })?;
        }
        Ok(Self { berths, _threads: Threads { _stops: stops, shared: None }, ..Self::default() })
    }

    /// One runtime of `count` threads, on any of which a connection runs, now on this one and then on that.
    ///
    /// # Errors
    /// The system's.
    pub fn shared(count: NonZeroUsize) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(count.get()).thread_name("worker").enable_all().build()?;
        let berth = Berth { runtime: Some(runtime.handle().clone()), ..Berth::default() };
        Ok(Self {
            berths: vec![Arc::new(berth)],
            _threads: Threads { _stops: Vec::new(), shared: Some(runtime) },
            ..Self::default()
        })
    }

    /// Requests in flight at all places.
    pub(crate) fn in_flight(&self) -> usize {
        self.berths.iter().chain([&self.here]).map(|berth| berth.in_flight.load(Ordering::Acquire)).sum()
    }

    /// Takes a place for a connection where there are the fewest.
    pub(super) fn board(&self) -> Aboard {
        let first = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.berths.len()).unwrap_or(0);
        let (before, after) = self.berths.split_at(first);
        let fewest = after.iter().chain(before).min_by_key(|berth| berth.connections.load(Ordering::Acquire));
        let berth = Arc::clone(fewest.unwrap_or(&self.here));
        berth.connections.fetch_add(1, Ordering::AcqRel);
        Aboard(berth)
    }
}

impl Aboard {
    /// The runtime of the place; `None` for the one that asks.
    pub(super) fn runtime(&self) -> Option<&Handle> {
        self.0.runtime.as_ref()
    }

    /// What counts the requests in flight there.
    pub(super) fn in_flight(&self) -> Gauge {
        Arc::clone(&self.0.in_flight)
    }
}

impl Drop for Aboard {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.shared.take() {
            // May happen within another runtime, which must not wait.
            runtime.shutdown_background();
        }
    }
}
