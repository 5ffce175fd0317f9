//! Waiting for things to happen, with an end to it.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for what must come. Far longer than it takes, so that only a real fault meets it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The result of `future`.
///
/// # Panics
/// It is not there within [`PATIENCE`] of tokio's time: says `what` was waited for. Where tokio's time is paused this is
/// at once when nothing can move any more.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_time(PATIENCE, what, future).await
}

pub(crate) async fn within_time<T>(patience: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience, future).await {
        Ok(result) => result,
        Err(_) => panic!("waited {patience:?} in vain for {what}"),
    }
}

/// Waits until `condition` holds, where no event tells. Lets other tasks run meanwhile; tokio's time, if paused, stays.
///
/// # Panics
/// It does not hold within [`PATIENCE`] of real time: says `what` was waited for.
pub async fn wait_for(mut condition: impl FnMut() -> bool, what: &str) {
    let start = real_now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::task::yield_now().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "tokio's time may be paused: only real time ends a wait that spins")]
fn real_now() -> Instant {
    Instant::now()
}
