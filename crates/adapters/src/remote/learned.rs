//! Whether an endpoint has a capability of its protocol: asked once, remembered, asked again after a failure. Must not
//! know which one, nor how it is asked.

use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use sluicegate_core::{CallClass, CallError, Sent};
use tokio::sync::Mutex;

/// How long after a failed question the next one is put.
const ASK_AGAIN: Duration = Duration::from_secs(5);

const UNKNOWN: u8 = 0;
const ABSENT: u8 = 1;
const PRESENT: u8 = 2;

/// What is known about one endpoint's capability.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    known: AtomicU8,
    /// Held by the one who asks; holds the moment before which it is not asked again.
    asking: Mutex<Option<Instant>>,
}

impl Learned {
    /// Whether it is there; `None` where that is not known.
    pub(crate) fn known(&self) -> Option<bool> {
        match self.known.load(Ordering::Relaxed) {
            PRESENT => Some(true),
            ABSENT => Some(false),
            _ => None,
        }
    }

    /// Remembers what a call told by the way.
    pub(crate) fn note(&self, present: bool) {
        self.known.store(if present { PRESENT } else { ABSENT }, Ordering::Relaxed);
    }

    /// Forgets: at the same address there may now be another server.
    pub(crate) fn forget(&self) {
        self.known.store(UNKNOWN, Ordering::Relaxed);
    }

    /// What is known, or becomes known by `ask`, which only one call at a time does.
    ///
    /// # Errors
    /// The endpoint cannot be connected to; then the call itself need not be tried.
    pub(crate) async fn learn(
        &self,
        now: Instant,
        ask: impl Future<Output = Result<bool, CallError>>,
    ) -> Result<Option<bool>, CallError> {
        if let Some(known) = self.known() {
            return Ok(Some(known));
        }
        let mut not_before = self.asking.lock().await;
        if let Some(known) = self.known() {
            return Ok(Some(known));
        }
        if not_before.is_some_and(|moment| now < moment) {
            return Ok(None);
        }
        match ask.await {
            Ok(present) => {
                self.note(present);
                Ok(Some(present))
            }
            Err(error) if error.class == CallClass::Transport && error.sent == Sent::Nothing => Err(error),
            Err(_) => {
                *not_before = Some(now + ASK_AGAIN);
                Ok(None)
            }
        }
    }
}
