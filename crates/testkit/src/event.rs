//! Something that happens once, when a test says so.

use std::sync::Arc;

use tokio::sync::watch;

/// A latch: closed until released, then open for ever. Clones are the same latch.
#[derive(Clone, Debug)]
pub struct Event(Arc<watch::Sender<bool>>);

impl Event {
    /// A closed latch.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it.
    pub fn release(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is open.
    #[must_use]
    pub fn released(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open.
    pub async fn wait(&self) {
        // Fails only when the sender is gone, which `self` holds.
        let _ = self.0.subscribe().wait_for(|released| *released).await;
    }

    /// Opens it when dropped: put into a future, it tells that the future is gone.
    #[must_use]
    pub fn on_drop(&self) -> impl Send + Sync + 'static {
        struct Guard(Event);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.release();
            }
        }
        Guard(self.clone())
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}
