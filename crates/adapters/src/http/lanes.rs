//! The HTTP/2 connections of one worker to one endpoint: few, shared by its requests, and another only when those there
//! are full. Bounded in number; where all are full, requests wait for room in the order they came. Must not know what is
//! asked over them.

use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_core::{Sent, Worker};
use tokio::sync::Notify;

use super::lane::{Lane, Offer, Place};
use super::{Connector, Fault, HttpError};

/// Most connections to one endpoint by all workers together, as long as each may then have as many as below.
const CONNECTIONS: usize = 8;

/// Connections that a worker may have in any case.
const LEAST: usize = 2;

/// The connections of one worker to one endpoint.
pub(super) struct Lanes {
    authority: Arc<str>,
    most: usize,
    /// Itself, for the connections to report to.
    own: Weak<Lanes>,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// The oldest first; they are filled in this order, so that the others fall idle.
    lanes: Vec<Arc<Lane>>,
    /// A connection that is being made. All who need it wait for the same one.
    attempt: Option<Attempt>,
}

/// A connection that is being made.
type Attempt = Arc<Making>;

/// What came of it, and who waits to hear. They hear in the order in which they came, so that who was first goes first.
#[derive(Default)]
struct Making {
    /// Told once; `None` where it was given up.
    told: OnceLock<Option<Result<(), HttpError>>>,
    waiting: Notify,
}

/// Tells those who wait, also when the making is dropped.
struct Teller(Attempt);

/// What a request finds.
enum Found {
    Place(Place),
    Attempt(Attempt),
    Full,
}

impl Lanes {
    /// No connections yet, of this worker.
    pub(super) fn new(authority: Arc<str>) -> Arc<Self> {
        let most = Worker::current().share(CONNECTIONS, LEAST);
        let make = |own: &Weak<Self>| Self {
            authority,
            most,
            own: own.clone(),
            state: Mutex::default(),
            freed: Notify::new(),
        };
        Arc::new_cyclic(make)
    }

    /// Streams on all connections.
    pub(super) fn in_use(&self) -> usize {
        self.state.lock().lanes.iter().map(|lane| lane.in_use()).sum()
    }

    /// Connections without a stream.
    pub(super) fn idle(&self) -> usize {
        self.state.lock().lanes.iter().filter(|lane| lane.in_use() == 0).count()
    }

    /// A place on a connection; waits for one to be made, within `limit`, or to have room. The caller limits the time.
    ///
    /// # Errors
    /// There is no connection, and none can be made.
    pub(super) async fn take(
        self: &Arc<Self>,
        connector: &Arc<dyn Connector>,
        limit: Duration,
    ) -> Result<Place, HttpError> {
        if let Found::Place(place) = self.find(connector, limit) {
            return Ok(place);
        }
        loop {
            let mut freed = pin!(self.freed.notified());
            // In the queue before looking, so that no place is freed unheard in between.
            freed.as_mut().enable();
            let attempt = match self.find(connector, limit) {
                Found::Place(place) => return Ok(place),
                Found::Attempt(attempt) => attempt,
                Found::Full => {
                    freed.await;
                    continue;
                }
            };
            match self.outcome(attempt).await {
                Ok(()) => {}
                Err(error) if self.state.lock().lanes.is_empty() => return Err(error),
                // Others are full, but there: a place will be free.
                Err(_) => freed.await,
            }
        }
    }

    /// What comes of making a connection.
    async fn outcome(&self, attempt: Attempt) -> Result<(), HttpError> {
        let mut told = pin!(attempt.waiting.notified());
        // In the queue before looking, so that it is not told in between.
        told.as_mut().enable();
        if attempt.told.get().is_none() {
            told.await;
        }
        attempt.told.get().cloned().flatten().unwrap_or_else(|| {
            self.state.lock().attempt = None;
            Err(HttpError::new(Fault::Connect, Sent::Nothing, "the connection was given up while it was made"))
        })
    }

    /// Puts nothing new on `lane`.
    pub(super) fn forget(&self, lane: &Arc<Lane>) {
        self.state.lock().lanes.retain(|other| !Arc::ptr_eq(other, lane));
        // Who waits for room may now make another connection.
        self.freed.notify_waiters();
    }

    /// The same, if it has no stream. Whether it has none.
    pub(super) fn forget_idle(&self, lane: &Arc<Lane>) -> bool {
        let mut state = self.state.lock();
        let idle = lane.in_use() == 0;
        if idle {
            state.lanes.retain(|other| !Arc::ptr_eq(other, lane));
        }
        idle
    }

    /// Wakes one who waits for room.
    pub(super) fn freed(&self) {
        self.freed.notify_one();
    }

    fn find(self: &Arc<Self>, connector: &Arc<dyn Connector>, limit: Duration) -> Found {
        let mut state = self.state.lock();
        state.lanes.retain(|lane| lane.is_open());
        let mut index = 0;
        while let Some(lane) = state.lanes.get(index) {
            match lane.place(self) {
                Offer::Place(place) => return Found::Place(place),
                Offer::Full => index += 1,
                Offer::Over => state.lanes.remove(index).retire(),
            }
        }
        if let Some(attempt) = &state.attempt {
            return Found::Attempt(Arc::clone(attempt));
        }
        if state.lanes.len() >= self.most {
            return Found::Full;
        }
        let attempt = Attempt::default();
        state.attempt = Some(Arc::clone(&attempt));
        let teller = Teller(Arc::clone(&attempt));
        let connecting = connect(self.own.clone(), Arc::clone(connector), Arc::clone(&self.authority), limit);
        tokio::spawn(async move {
            let result = connecting.await;
            let _ = teller.0.told.set(Some(result));
        });
        Found::Attempt(attempt)
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        // Does nothing where it was told what came of it.
        let _ = self.0.told.set(None);
        self.0.waiting.notify_waiters();
    }
}

impl Drop for Lanes {
    // Nobody can ask for them any more, and no stream holds them.
    fn drop(&mut self) {
        for lane in &self.state.get_mut().lanes {
            lane.retire();
        }
    }
}

/// Makes a connection and puts it among the others.
async fn connect(
    lanes: Weak<Lanes>,
    connector: Arc<dyn Connector>,
    authority: Arc<str>,
    limit: Duration,
) -> Result<(), HttpError> {
    let fail = |cause: String| Err(HttpError::new(Fault::Connect, Sent::Nothing, cause));
    let making = async {
        match connector.connect(&authority).await {
            Ok(io) => Ok(Lane::over(io, lanes.clone())),
            Err(error) => fail(error.to_string()),
        }
    };
    let made =
        tokio::time::timeout(limit, making).await.unwrap_or_else(|_| fail(format!("no connection within {limit:?}")));
    let Some(lanes) = lanes.upgrade() else {
        return Err(HttpError::new(Fault::Connect, Sent::Nothing, "nobody waits for it any more"));
    };
    let mut state = lanes.state.lock();
    state.attempt = None;
    made.map(|lane| state.lanes.push(lane))
}
