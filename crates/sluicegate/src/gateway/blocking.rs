//! Work for which a thread waits. It must not know what is done.

use sluicegate_core::Mistake;

use super::nowhere;

/// Work that reads files or uses the processor for long, off the request path's threads.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Vec<Mistake>> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| vec![Mistake::at(&nowhere(), format!("loading failed: {error}"))])
}
