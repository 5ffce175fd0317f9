//! Work that goes on as long as the gateway does. One that panics begins anew, after a pause; how often is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Before the same work begins anew.
const PAUSE: Duration = Duration::from_secs(1);

/// How often work began anew.
pub(super) type Restarts = Arc<AtomicU64>;

/// Begins `work`, and begins it again whenever it panics. One that ends by itself has ended.
pub(super) fn keep<F>(name: &'static str, restarts: &Restarts, mut work: impl FnMut() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let restarts = Arc::clone(restarts);
    tokio::spawn(async move {
        while tokio::spawn(work()).await.is_err_and(|error| error.is_panic()) {
            restarts.fetch_add(1, Ordering::Relaxed);
            // The panic's own message went to the panic hook.
            tracing::error!("{name} failed, and begins anew");
            tokio::time::sleep(PAUSE).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn v_11_work_that_panics_begins_anew() {
        let (told, mut heard) = unbounded_channel();
        let (restarts, mut times) = (Restarts::default(), 0);
        keep("a test", &restarts, move || {
            times += 1;
            let (told, time) = (told.clone(), times);
            async move {
                assert!(time >= 3, "the first two fail");
                told.send(time).unwrap();
            }
        });
        assert_eq!(heard.recv().await, Some(3));
        assert_eq!(heard.recv().await, None, "what ended by itself is not begun again");
        assert_eq!(restarts.load(Ordering::Relaxed), 2);
    }
}
