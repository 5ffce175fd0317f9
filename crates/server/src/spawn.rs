//! How connections and streams become tasks: the only place that decides on which thread one runs.
//!
//! A connection is a task of one of the [`Workers`], owned by its listener: dropped with it, counted by it. All that is
//! done for it stays with that worker. An HTTP/2 stream is a task of its own, since hyper polls streams apart from their
//! connection; it ends with its connection.

mod workers;

use std::future::Future;
use std::sync::Arc;

use hyper::rt::Executor;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::TaskTracker;

use crate::listener::Listener;
use crate::pulse::Gauge;
pub use workers::Workers;

/// The connections of one listener. Dropping it cuts them.
#[derive(Debug)]
pub(crate) struct Crew {
    workers: Arc<Workers>,
    connections: JoinSet<()>,
    streams: TaskTracker,
}

/// Starts HTTP/2 streams.
#[derive(Clone, Debug)]
pub(crate) struct Streams(TaskTracker);

impl Crew {
    /// Nothing runs yet; what will, runs on `workers`.
    pub(crate) fn new(workers: Arc<Workers>) -> Self {
        Self { workers, connections: JoinSet::new(), streams: TaskTracker::new() }
    }

    /// Connections still open.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// What an HTTP/2 connection starts its streams with.
    pub(crate) fn streams(&self) -> Streams {
        Streams(self.streams.clone())
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

    /// Waits until every connection and stream has ended by itself.
    pub(crate) async fn all_ended(&mut self) {
        while self.ended().await {}
        self.streams.close();
        self.streams.wait().await;
    }

    /// Cuts every connection and waits until all that was done for them has been dropped.
    pub(crate) async fn cut(&mut self) {
        self.connections.abort_all();
        self.all_ended().await;
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        // Not kept: a stream ends when it is reset or its connection is gone.
        drop(self.0.spawn(stream));
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
