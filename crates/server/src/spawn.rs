//! How connections and streams become tasks: the only place that decides on which thread one runs.
//!
//! A connection is a task of the runtime's pool, owned by its listener: dropped with it, counted by it. An HTTP/2
//! stream is a task of its own, since hyper polls streams apart from their connection; it ends with its connection.

use std::future::Future;

use hyper::rt::Executor;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::TaskTracker;

/// The connections of one listener. Dropping it cuts them.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    connections: JoinSet<()>,
    streams: TaskTracker,
}

/// Starts HTTP/2 streams.
#[derive(Clone, Debug)]
pub(crate) struct Streams(TaskTracker);

impl Crew {
    /// Connections still open.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// What an HTTP/2 connection starts its streams with.
    pub(crate) fn streams(&self) -> Streams {
        Streams(self.streams.clone())
    }

    /// Starts a connection.
    pub(crate) fn start(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.connections.spawn(connection);
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
