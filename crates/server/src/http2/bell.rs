//! Wakes a connection's task once for all that happens in it. While the task runs, what it is woken for is only noted: it
//! looks again before it rests, and nobody is scheduled a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

/// The task rests: whoever rings wakes it.
const RESTING: u8 = 0;
/// The task runs.
const RUNNING: u8 = 1;
/// The task runs, and there is more to do.
const RUNG: u8 = 2;

/// Shared by all that a connection waits for.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Bell {
    /// The task of `waker` runs, and will look at everything.
    pub(super) fn enter(&self, waker: &Waker) {
        self.task.register(waker);
        self.state.store(RUNNING, Ordering::SeqCst);
    }

    /// Whether the task may rest. If not, something happened since it entered or asked last.
    pub(super) fn rest(&self) -> bool {
        let rested = self.state.compare_exchange(RUNNING, RESTING, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if !rested {
            self.state.store(RUNNING, Ordering::SeqCst);
        }
        rested
    }

    /// Lets the task rest although there is more to do: it is woken for it at once.
    pub(super) fn yield_now(&self) {
        self.state.store(RESTING, Ordering::SeqCst);
        self.task.wake();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // From `RUNNING` to `RUNG`; a resting task is woken, and stays so until it enters.
        if self.state.compare_exchange(RUNNING, RUNG, Ordering::SeqCst, Ordering::SeqCst) == Err(RESTING) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_running_task_is_told_and_not_woken() {
        let (bell, woken) = (Arc::new(Bell::default()), Arc::new(Woken::default()));
        let count = || woken.0.load(Ordering::SeqCst);
        let ring = Waker::from(Arc::clone(&bell));
        bell.enter(&Waker::from(Arc::clone(&woken)));
        ring.wake_by_ref();
        ring.wake_by_ref();
        assert!(!bell.rest(), "there is more to do");
        assert!(bell.rest(), "once");
        assert_eq!(count(), 0);
        ring.wake_by_ref();
        assert_eq!(count(), 1, "a resting task is woken");
        bell.enter(&Waker::from(Arc::clone(&woken)));
        assert!(bell.rest(), "entering is looking");
        bell.yield_now();
        assert_eq!(count(), 2);
    }
}
