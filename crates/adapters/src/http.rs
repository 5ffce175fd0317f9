//! The HTTP client that adapters share, for HTTP/1.1 and for HTTP/2 with prior knowledge, as each endpoint speaks it: own
//! pools of connections for each worker, exact about how much of a failed request had left.
//!
//! Redirects are never followed, upgrades never taken, interim answers ignored. It must not know what is asked, of
//! whom, or why.

mod alarm;
mod answer;
mod connect;
mod headers;
mod lane;
mod lanes;
mod line;
mod lines;
mod origin;
pub(crate) mod reach;
mod request;
mod tls;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use sluicegate_core::{BodyError, Clock, Deadline, Endpoint, PerWorker, Response, Sent, TlsIdentity, Worker};
use tokio::time::{Instant, Sleep};

pub use self::answer::Answer;
pub use self::connect::{Connector, Io, TcpConnector};
pub use self::headers::strip_hop_by_hop;
use self::line::{Failure, Line, LineAnswer};
use self::lines::{IDLE_AGE, Lease};
pub use self::origin::Origin;
use self::origin::Own;
pub use self::request::{Request, request, target};
use self::request::{at_hand, prepare_h2};
use self::tls::Identities;
pub use self::tls::{check_tls, open};

/// The client. Lives as long as the process; one serves every endpoint.
pub struct Client {
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    shelf: Arc<Shelf>,
    identities: Identities,
}

/// The version of HTTP an endpoint speaks. Not negotiated: it follows from the protocol spoken over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaks {
    /// HTTP/1.1, one request at a time over a connection.
    Http1,
    /// HTTP/2 with prior knowledge (RFC 9113, section 3.3), many requests at once over few connections.
    Http2,
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, at most.
    pub connect: Duration,
    /// For everything, to the last byte of the answer.
    pub deadline: Deadline,
}

/// A request that got no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct HttpError {
    /// What failed.
    pub fault: Fault,
    /// How much of the request had left.
    pub sent: Sent,
    /// For operators.
    pub cause: String,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection came about.
    Connect,
    /// The connection broke.
    Broken,
    /// What came back is not an answer in HTTP, or larger in its head than allowed.
    Nonsense,
    /// The request's own body broke off.
    Request(BodyError),
    /// The time was over.
    TimedOut,
}

/// What an endpoint is known by: its `host:port`, the one that requests name, what it speaks there, and over TLS who it must be
/// and who is shown to it. Connections are shared where all of it is equal, and nowhere else.
type Key = (Arc<str>, Option<Arc<str>>, Speaks, Option<Arc<TlsIdentity>>);

/// The endpoints, and whether each worker closes its old connections to them.
struct Shelf {
    origins: RwLock<HashMap<Key, Arc<Origin>>>,
    swept: PerWorker<AtomicBool>,
}

/// A worker's sweeping. Says so when it ends, however it ends.
struct Sweeping(Weak<Shelf>, Worker);

impl Client {
    /// A client over the connections that `connector` makes.
    pub fn new(connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        let shelf = Shelf { origins: RwLock::new(HashMap::new()), swept: PerWorker::default() };
        Self { connector, clock, shelf: Arc::new(shelf), identities: Identities::default() }
    }

    /// The endpoint, which speaks HTTP/1.1. For the slow side: keep what it returns.
    ///
    /// # Errors
    /// The authority cannot stand in a request's head, or what TLS needs cannot be used.
    pub fn origin(&self, endpoint: &Endpoint) -> Result<Arc<Origin>, HttpError> {
        self.origin_speaking(endpoint, Speaks::Http1)
    }

    /// The endpoint, as [`Client::origin`].
    ///
    /// # Errors
    /// The authority cannot stand in a request's head, or what TLS needs cannot be used.
    pub fn origin_speaking(&self, endpoint: &Endpoint, speaks: Speaks) -> Result<Arc<Origin>, HttpError> {
        let key = (Arc::clone(&endpoint.authority), endpoint.host.clone(), speaks, endpoint.tls.clone());
        if let Some(origin) = self.shelf.origins.read().get(&key) {
            return Ok(Arc::clone(origin));
        }
        let unfit = |cause: String| HttpError::new(Fault::Connect, Sent::Nothing, cause);
        let secured = self.identities.connector(endpoint, speaks, &self.connector);
        let secured = secured.map_err(|error| unfit(error.to_string()))?;
        let origin = Origin::new(endpoint, speaks, secured, Arc::clone(&self.clock))
            .map_err(|error| unfit(error.to_string()))?;
        let mut origins = self.shelf.origins.write();
        // What an earlier configuration named and nobody holds any more goes.
        origins.retain(|_, origin| Arc::strong_count(origin) > 1 || origin.idle() > 0);
        Ok(Arc::clone(origins.entry(key).or_insert_with(|| Arc::new(origin))))
    }

    /// Sends `request` (its target in origin form) and waits for the head of its answer. A request that met a
    /// connection just closed, and of which nothing had left, is sent once more over a fresh one. Dropping the future, or
    /// the answer before its end, closes the connection, or resets the stream.
    ///
    /// # Errors
    /// No answer: see [`HttpError`].
    pub async fn send(
        &self,
        origin: &Arc<Origin>,
        mut request: Request,
        patience: Patience,
    ) -> Result<Response<Answer>, HttpError> {
        self.put(origin, &mut request, patience).await
    }

    /// The same; the request stays where it is, since it is large and each step that takes it would move it twice. What is
    /// left of it is of no use.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn put(
        &self,
        origin: &Arc<Origin>,
        request: &mut Request,
        patience: Patience,
    ) -> Result<Response<Answer>, HttpError> {
        let lines = match origin.own() {
            // Large, and for who knows what it speaks not on this way.
            Own::Lanes(_) => return Box::pin(self.send_shared(origin, std::mem::take(request), patience)).await,
            Own::Lines(lines) => lines,
        };
        let now = self.clock.now();
        if patience.deadline.0 <= now {
            return Err(over());
        }
        let due = Instant::from_std(patience.deadline.0);
        while let Some(lease) = lines.take(now) {
            match exchange(lease, request, origin, due).await {
                Err(Failure { error, whole: true }) if error.fault == Fault::Broken => {}
                outcome => return outcome.map_err(|failure| failure.error),
            }
        }
        // In a box: it is rare, and what is common needs none of its room.
        let io = Box::pin(self.connect(origin, patience)).await?;
        exchange(lines.lease(Line::over(io, due)), request, origin, due).await.map_err(|failure| failure.error)
    }

    /// The same to an endpoint that speaks HTTP/2, over one of the shared connections. A request that the server says it
    /// never took up is sent once more, too, if its body is at hand.
    ///
    /// # Errors
    /// No answer: see [`HttpError`].
    pub async fn send_shared(
        &self,
        origin: &Origin,
        request: Request,
        patience: Patience,
    ) -> Result<Response<Answer>, HttpError> {
        let Own::Lanes(lanes) = origin.own() else {
            return Err(HttpError::new(Fault::Connect, Sent::Nothing, "the endpoint does not speak HTTP/2"));
        };
        let left = left(patience, self.clock.now())?;
        let mut timer = Box::pin(tokio::time::sleep(left));
        // As the timer has it: to ask the clock once more would cost each request.
        let began = timer.deadline().checked_sub(left);
        let (head, mut body) = prepare_h2(origin, request)?;
        let connector = origin.connector(&self.connector);
        let mut again = at_hand(&body);
        loop {
            let place = tokio::select! {
                biased;
                place = lanes.take(connector, patience.connect) => place?,
                () = &mut timer => {
                    let cause = "no room on a connection within the request's time";
                    return Err(HttpError::new(Fault::TimedOut, Sent::Nothing, cause));
                }
            };
            let failure = match lane::exchange(place, &head, body, (timer, began)).await {
                Ok(response) => return Ok(response.map(Answer::from)),
                Err(failure) => failure,
            };
            let safe = failure.error.fault == Fault::Broken && failure.error.sent == Sent::Nothing;
            // Once: `again` is taken.
            match again.take().filter(|_| safe) {
                Some(more) => body = failure.body.unwrap_or(more),
                None => return Err(failure.error),
            }
            timer = failure.timer;
        }
    }

    /// The time that is left until `deadline`.
    pub fn time_left(&self, deadline: Deadline) -> Duration {
        deadline.left(self.clock.now())
    }

    async fn connect(&self, origin: &Arc<Origin>, patience: Patience) -> Result<Box<dyn Io>, HttpError> {
        self.keep_swept();
        let left = patience.deadline.left(self.clock.now());
        let connecting = origin.connector(&self.connector).connect(origin.authority());
        match tokio::time::timeout(patience.connect.min(left), connecting).await {
            Ok(Ok(io)) => Ok(io),
            Ok(Err(error)) => Err(HttpError::new(Fault::Connect, Sent::Nothing, error.to_string())),
            Err(_) if patience.connect <= left => {
                let cause = format!("no connection within {:?}", patience.connect);
                Err(HttpError::new(Fault::Connect, Sent::Nothing, cause))
            }
            Err(_) => {
                let cause = "no connection within the request's time";
                Err(HttpError::new(Fault::TimedOut, Sent::Nothing, cause))
            }
        }
    }

    /// Sees to it that this worker's old connections are closed also where no request comes any more.
    fn keep_swept(&self) {
        let worker = Worker::current();
        if !self.shelf.swept.of(worker, AtomicBool::default).swap(true, Ordering::Relaxed) {
            let sweeping = Sweeping(Arc::downgrade(&self.shelf), worker);
            let clock = Arc::clone(&self.clock);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(IDLE_AGE).await;
                    let Some(shelf) = sweeping.0.upgrade() else { return };
                    if shelf.sweep(worker, clock.now()) {
                        return;
                    }
                }
            });
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}

impl HttpError {
    fn new(fault: Fault, sent: Sent, cause: impl Into<String>) -> Self {
        Self { fault, sent, cause: cause.into() }
    }
}

impl Shelf {
    /// Closes what of a worker is too old. Whether no connection of it is left.
    fn sweep(&self, worker: Worker, now: std::time::Instant) -> bool {
        let origins: Vec<Arc<Origin>> = self.origins.read().values().cloned().collect();
        // Every one is swept, not only up to the first that has some left.
        origins.iter().filter(|origin| !origin.sweep(worker, now)).count() == 0
    }
}

impl Drop for Sweeping {
    fn drop(&mut self) {
        if let Some(shelf) = self.0.upgrade() {
            shelf.swept.of(self.1, AtomicBool::default).store(false, Ordering::Relaxed);
        }
    }
}

type Timer = Pin<Box<Sleep>>;

/// The time that is left at `now`, while there is some.
fn left(patience: Patience, now: std::time::Instant) -> Result<Duration, HttpError> {
    let left = patience.deadline.left(now);
    if left.is_zero() { Err(over()) } else { Ok(left) }
}

fn over() -> HttpError {
    HttpError::new(Fault::TimedOut, Sent::Nothing, "the request's time was over before it was sent")
}

async fn exchange(
    mut lease: Lease,
    request: &mut Request,
    origin: &Origin,
    due: Instant,
) -> Result<Response<Answer>, Failure> {
    let Some(line) = lease.line() else {
        let error = HttpError::new(Fault::Broken, Sent::Nothing, "the connection was given back");
        return Err(Failure { error, whole: true });
    };
    let head = line.exchange(request, origin, due).await?;
    let answer = match lease.whole() {
        Some(whole) => Answer::from(whole),
        None => LineAnswer::new(lease, due).into(),
    };
    Ok(head.with(answer))
}
