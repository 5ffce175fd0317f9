//! The HTTP/1.1 client that adapters share: own connection pool over hyper's connections, exact about how much of a
//! failed request had left.
//!
//! Redirects are never followed, upgrades never taken, interim answers ignored. It must not know what is asked, of
//! whom, or why.

mod answer;
mod connect;
mod gauge;
mod headers;
mod line;
mod origin;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use ::http::header::{self, HeaderValue};
use ::http::{Method, Request, Response, Version};
use http_body::Body as HttpBody;
use parking_lot::RwLock;
use sluicegate_core::{Body, BodyError, Clock, Deadline, Sent};
use tokio::time::Sleep;

pub use self::answer::Answer;
pub use self::connect::{Connector, Io, TcpConnector};
pub use self::headers::strip_hop_by_hop;
use self::line::{Failure, Line};
pub use self::origin::Origin;
use self::origin::{IDLE_AGE, Lease};

/// The client. Lives as long as the process; one serves every endpoint.
pub struct Client {
    connector: Arc<dyn Connector>,
    clock: Arc<dyn Clock>,
    shelf: Arc<Shelf>,
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
    /// What came back is not an answer in HTTP/1.1, or larger in its head than allowed.
    Nonsense,
    /// The request's own body broke off.
    Request(BodyError),
    /// The time was over.
    TimedOut,
}

/// The endpoints, and whether somebody closes their old connections.
struct Shelf {
    origins: RwLock<HashMap<Arc<str>, Arc<Origin>>>,
    swept: AtomicBool,
}

/// Says so when the sweeping ends, however it ends.
struct Sweeping(Weak<Shelf>);

impl Client {
    /// A client over the connections that `connector` makes.
    pub fn new(connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        let shelf = Shelf { origins: RwLock::new(HashMap::new()), swept: AtomicBool::new(false) };
        Self { connector, clock, shelf: Arc::new(shelf) }
    }

    /// The endpoint at `authority` (`host:port`). For the slow side: keep what it returns.
    ///
    /// # Errors
    /// The authority cannot stand in a request's head.
    pub fn origin(&self, authority: &Arc<str>) -> Result<Arc<Origin>, HttpError> {
        if let Some(origin) = self.shelf.origins.read().get(authority) {
            return Ok(Arc::clone(origin));
        }
        let origin = Origin::new(Arc::clone(authority), Arc::clone(&self.clock))
            .map_err(|error| HttpError::new(Fault::Connect, Sent::Nothing, error.to_string()))?;
        let mut origins = self.shelf.origins.write();
        // What an earlier configuration named and nobody holds any more goes.
        origins.retain(|_, origin| Arc::strong_count(origin) > 1 || origin.idle() > 0);
        Ok(Arc::clone(origins.entry(Arc::clone(authority)).or_insert_with(|| Arc::new(origin))))
    }

    /// Sends `request` (its target in origin form) and waits for the head of its answer. A request that met a
    /// connection just closed, and of which nothing had left, is sent once more over a fresh one. Dropping the future,
    /// or the answer before its end, closes the connection.
    ///
    /// # Errors
    /// No answer: see [`HttpError`].
    pub async fn send(
        &self,
        origin: &Arc<Origin>,
        mut request: Request<Body>,
        patience: Patience,
    ) -> Result<Response<Answer>, HttpError> {
        prepare(origin, &mut request);
        let left = patience.deadline.left(self.clock.now());
        if left.is_zero() {
            return Err(HttpError::new(
                Fault::TimedOut,
                Sent::Nothing,
                "the request's time was over before it was sent",
            ));
        }
        let mut timer = Box::pin(tokio::time::sleep(left));
        if let Some(lease) = origin.take().await {
            match exchange(lease, request, timer).await {
                Ok(response) => return Ok(response),
                Err((Failure { error, request: Some(back) }, returned)) if error.fault == Fault::Broken => {
                    request = *back;
                    timer = returned;
                }
                Err((failure, _)) => return Err(failure.error),
            }
        }
        let lease = self.connect(origin, patience).await?;
        exchange(lease, request, timer).await.map_err(|(failure, _)| failure.error)
    }

    async fn connect(&self, origin: &Arc<Origin>, patience: Patience) -> Result<Lease, HttpError> {
        self.keep_swept();
        let left = patience.deadline.left(self.clock.now());
        let io =
            match tokio::time::timeout(patience.connect.min(left), self.connector.connect(origin.authority())).await {
                Ok(Ok(io)) => io,
                Ok(Err(error)) => return Err(HttpError::new(Fault::Connect, Sent::Nothing, error.to_string())),
                Err(_) if patience.connect <= left => {
                    let cause = format!("no connection within {:?}", patience.connect);
                    return Err(HttpError::new(Fault::Connect, Sent::Nothing, cause));
                }
                Err(_) => {
                    let cause = "no connection within the request's time";
                    return Err(HttpError::new(Fault::TimedOut, Sent::Nothing, cause));
                }
            };
        Ok(origin.lease(Line::over(io).await?))
    }

    /// Sees to it that old connections are closed also where no request comes any more.
    fn keep_swept(&self) {
        if !self.shelf.swept.swap(true, Ordering::Relaxed) {
            let sweeping = Sweeping(Arc::downgrade(&self.shelf));
            let clock = Arc::clone(&self.clock);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(IDLE_AGE).await;
                    let Some(shelf) = sweeping.0.upgrade() else { return };
                    if shelf.sweep(clock.now()) {
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
    /// Closes what is too old. Whether no connection is left.
    fn sweep(&self, now: std::time::Instant) -> bool {
        let origins: Vec<Arc<Origin>> = self.origins.read().values().cloned().collect();
        // Every one is swept, not only up to the first that has some left.
        origins.iter().filter(|origin| !origin.sweep(now)).count() == 0
    }
}

impl Drop for Sweeping {
    fn drop(&mut self) {
        if let Some(shelf) = self.0.upgrade() {
            shelf.swept.store(false, Ordering::Relaxed);
        }
    }
}

/// Makes the head fit for the wire: our own framing and host, nothing of another connection.
fn prepare(origin: &Origin, request: &mut Request<Body>) {
    *request.version_mut() = Version::HTTP_11;
    let bare = request.method() == Method::POST && request.body().is_end_stream();
    let headers = request.headers_mut();
    strip_hop_by_hop(headers);
    headers.insert(header::HOST, origin.host().clone());
    if bare {
        // hyper writes no length for a body that is not there; servers ask for one (RFC 9110, section 8.6).
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

type Timer = Pin<Box<Sleep>>;

async fn exchange(
    mut lease: Lease,
    request: Request<Body>,
    mut timer: Timer,
) -> Result<Response<Answer>, (Failure, Timer)> {
    let Some(line) = lease.line() else {
        let error = HttpError::new(Fault::Broken, Sent::Nothing, "the connection was given back");
        return Err((Failure { error, request: Some(Box::new(request)) }, timer));
    };
    match line.exchange(request, &mut timer).await {
        Ok(response) => {
            let (head, incoming) = response.into_parts();
            let mut parts = Some((incoming, lease, timer));
            let answer = poll_fn(|context| {
                let answer = parts.take().map(|(incoming, lease, timer)| Answer::new(incoming, lease, timer, context));
                answer.map_or(Poll::Pending, Poll::Ready)
            })
            .await;
            Ok(Response::from_parts(head, answer))
        }
        Err(failure) => Err((failure, timer)),
    }
}
