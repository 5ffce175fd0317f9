//! How connections and streams become tasks: the only place that decides on which thread one runs.
//!
//! A connection is a task of one of the [`Workers`], owned by its listener: dropped with it, counted by it. All that is
//! done for it stays with that worker. An HTTP/2 stream is no task: it runs in the one of its connection, so that neither
//! has to wake the other, and what several streams have to send leaves together.

mod workers;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use futures_util::future::{CatchUnwind, Either, Pending, pending};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::{JoinError, JoinSet};

use crate::in_flight::Gauge;
use crate::listener::Listener;
pub use workers::Workers;

/// The connections of one listener. Dropping it cuts them.
#[derive(Debug)]
pub(crate) struct Crew {
    workers: Arc<Workers>,
    connections: JoinSet<()>,
}

/// The streams of one HTTP/2 connection, beside one that never does anything: a set of which all were polled asks to be
/// looked at again at once, as if something had happened. Dropping it drops the work for them.
pub(crate) struct Streams<F>(FuturesUnordered<Either<Stream<F>, Pending<thread::Result<()>>>>);

/// The work for one of them. In a box of its own: it is large, and moved once.
type Stream<F> = CatchUnwind<AssertUnwindSafe<Pin<Box<F>>>>;

impl Crew {
    /// Nothing runs yet; what will, runs on `workers`.
    pub(crate) fn new(workers: Arc<Workers>) -> Self {
        Self { workers, connections: JoinSet::new() }
    }

    /// Connections still open.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Starts what `serve` makes of a connection, where there is the least to do. It is given what counts the requests
    /// in flight there.
    pub(crate) fn start<L, F>(&mut self, io: L::Io, serve: impl FnOnce(L::Io, Gauge) -> F + Send + 'static)
    where
        L: Listener,
        F: Future<Output = ()> + Send + 'static,
    {
        let aboard = self.workers.board();
        let gauge = aboard.in_flight();
        let Some(runtime) = aboard.runtime().cloned() else {
            self.connections.spawn(async move {
                let _aboard = aboard;
                serve(io, gauge).await;
            });
            return;
        };
        let carried = L::carry(io);
        let connection = async move {
            let _aboard = aboard;
            match carried() {
                Ok(io) => serve(io, gauge).await,
                Err(error) => tracing::warn!(%error, "a connection was lost on its way to its thread"),
            }
        };
        self.connections.spawn_on(connection, &runtime);
    }

    /// Waits until a connection has ended; `false` when none is left.
    pub(crate) async fn ended(&mut self) -> bool {
        match self.connections.join_next().await {
            Some(result) => {
                report(result);
                true
            }
            None => false,
        }
    }

    /// Waits until every connection has ended by itself, and its streams with it.
    pub(crate) async fn all_ended(&mut self) {
        while self.ended().await {}
    }

    /// Cuts every connection and waits until all that was done for them has been dropped.
    pub(crate) async fn cut(&mut self) {
        self.connections.abort_all();
        self.all_ended().await;
    }
}

impl<F: Future<Output = ()>> Streams<F> {
    /// Starts a stream; it is polled first when all are.
    pub(crate) fn start(&mut self, stream: F) {
        // What a panic leaves behind is dropped with the stream; nothing else sees it.
        self.0.push(Either::Left(AssertUnwindSafe(Box::pin(stream)).catch_unwind()));
    }

    /// Lets those run that have something to do; whether any has ended.
    pub(crate) fn poll_some(&mut self, context: &mut Context<'_>) -> bool {
        let mut ended = false;
        while let Poll::Ready(Some(result)) = self.0.poll_next_unpin(context) {
            ended = true;
            if result.is_err() {
                // The panic's own message went to the panic hook; what it says may hold inputs.
                tracing::error!("the work for a request panicked, and its stream was reset");
            }
        }
        ended
    }

    /// Whether none is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() <= 1
    }
}

impl<F> Default for Streams<F> {
    fn default() -> Self {
        Self(FuturesUnordered::from_iter([Either::Right(pending())]))
    }
}

fn report(result: Result<(), JoinError>) {
    if let Err(error) = result
        && error.is_panic()
    {
        // The panic's own message went to the panic hook; what it says may hold inputs.
        tracing::error!("a connection's task panicked and was closed");
    }
}
