//! The threads that serve connections, and which of them takes the next one. Must not know what is served.
//!
//! A connection stays where it was put, with all that is done for it. So it goes to the worker that has the fewest; left
//! to the kernel (`SO_REUSEPORT`) a few long connections often meet on one thread while another has none.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sluicegate_core::Worker;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use crate::in_flight::Gauge;

/// Shorter than the times that requests usually have; see [`Berth::beat`].
const BEAT: Duration = Duration::from_secs(1);

/// Where connections run. Dropped, it ends its threads, and drops what still runs on them.
#[derive(Debug, Default)]
pub struct Workers {
    /// Where connections are accepted, and run too if there is no other place.
    here: Arc<Berth>,
    berths: Vec<Arc<Berth>>,
    /// The next to be asked first, so that equals take turns.
    next: AtomicUsize,
    /// One a thread, which ends when it is dropped.
    _threads: Vec<oneshot::Sender<()>>,
}

/// A place for connections: one runtime.
#[derive(Debug, Default)]
pub(super) struct Berth {
    runtime: Option<Handle>,
    connections: AtomicUsize,
    in_flight: Gauge,
    /// Told of each connection.
    boarded: Notify,
}

/// A connection's hold on its place.
#[derive(Debug)]
pub(super) struct Aboard(Arc<Berth>);

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
            berths.push(Berth::on(runtime.handle()));
            let (stop, stopped) = oneshot::channel::<()>();
            stops.push(stop);
            thread::Builder::new().name(name).spawn(move || {
                let _entered = worker.enter();
                // A dropped sender is the way it is told.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
            })?;
        }
        Ok(Self { berths, _threads: stops, ..Self::default() })
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
        berth.boarded.notify_one();
        Aboard(berth)
    }
}

impl Berth {
    /// A place on this runtime.
    fn on(runtime: &Handle) -> Arc<Self> {
        let berth = Arc::new(Self { runtime: Some(runtime.clone()), ..Self::default() });
        runtime.spawn(Arc::clone(&berth).beat());
        berth
    }

    /// Wakes once a second while there are connections. A runtime that is to wake later than a new timer wants wakes
    /// itself at once, by a system call, for each such timer: with this one set, the time of a request never is the
    /// earliest.
    async fn beat(self: Arc<Self>) {
        loop {
            while self.connections.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(BEAT).await;
            }
            self.boarded.notified().await;
        }
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
