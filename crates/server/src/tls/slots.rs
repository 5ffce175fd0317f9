//! Handshakes under way on one listener: no more than may be, the others wait in the order they came. Must not know what
//! a handshake is.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many are under way. A semaphore whose size may change from one who comes to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    taken: AtomicUsize,
    freed: Notify,
}

/// One that is under way. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Shared>);

impl Slots {
    /// Waits until fewer than `most` are under way.
    pub(crate) async fn take(&self, most: usize) -> Slot {
        loop {
            let mut freed = pin!(self.0.freed.notified());
            // In the queue before looking, so that none is freed unheard in between.
            freed.as_mut().enable();
            let one_more = |taken: usize| (taken < most).then_some(taken + 1);
            if self.0.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok() {
                return Slot(Arc::clone(&self.0));
            }
            freed.await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_one();
    }
}
