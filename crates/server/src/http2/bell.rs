//! Wakes a connection's task once for all that happens in it, and remembers whether something happened to the wire: a look
//! at that one costs as much as a frame. While the task runs, what it is woken for is only noted: it looks again before it
//! rests, and nobody is scheduled a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;

/// The task runs.
const RUNNING: u8 = 1;
/// The wire has something to do.
const WIRE: u8 = 2;
/// A stream has.
const STREAM: u8 = 4;

/// Shared by all that a connection waits for.
#[derive(Debug)]
pub(super) struct Bell {
    /// What rang since it was last asked, and whether the task runs.
    state: AtomicU8,
    /// The task, once it has run.
    task: Mutex<Option<Waker>>,
}

/// Rings for one side.
struct Rope {
    bell: Arc<Bell>,
    side: u8,
}

impl Bell {
    /// Rung for the wire, which has to begin.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: AtomicU8::new(WIRE), task: Mutex::default() })
    }

    /// Rings for the wire.
    pub(super) fn wire(self: &Arc<Self>) -> Waker {
        Arc::new(Rope { bell: Arc::clone(self), side: WIRE }).into()
    }

    /// Rings for the streams.
    pub(super) fn streams(self: &Arc<Self>) -> Waker {
        Arc::new(Rope { bell: Arc::clone(self), side: STREAM }).into()
    }

    /// The task of `waker` runs, and will look at what rang; `known` is the one of the last time. Whether it rang for the
    /// wire. The streams are to be looked at in any case.
    pub(super) fn enter(&self, known: &mut Option<Waker>, waker: &Waker) -> bool {
        if known.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            *known = Some(waker.clone());
            *self.task.lock() = Some(waker.clone());
        }
        self.state.swap(RUNNING, Ordering::SeqCst) & WIRE != 0
    }

    /// Whether it rang for the wire since this was asked last.
    pub(super) fn rang_for_wire(&self) -> bool {
        self.state.fetch_and(RUNNING, Ordering::SeqCst) & WIRE != 0
    }

    /// Whether the task may rest. If not, it rang.
    pub(super) fn rest(&self) -> bool {
        self.state.compare_exchange(RUNNING, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Lets the task rest although there is more to do: it is woken for it at once.
    pub(super) fn yield_now(&self) {
        self.state.fetch_and(!RUNNING, Ordering::SeqCst);
        self.wake();
    }

    fn ring(&self, side: u8) {
        // One that runs looks again before it rests; one that it has rung for was woken.
        if self.state.fetch_or(side, Ordering::SeqCst) == 0 {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(task) = &*self.task.lock() {
            task.wake_by_ref();
        }
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring(self.side);
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
        let (bell, woken) = (Bell::new(), Arc::new(Woken::default()));
        let count = || woken.0.load(Ordering::SeqCst);
        let (wire, stream) = (bell.wire(), bell.streams());
        let (mut known, task) = (None, Waker::from(Arc::clone(&woken)));
        assert!(bell.enter(&mut known, &task), "it has to begin");
        wire.wake_by_ref();
        wire.wake_by_ref();
        assert!(!bell.rest(), "there is more to do");
        assert!(bell.rang_for_wire());
        stream.wake_by_ref();
        assert!(!bell.rest(), "there is more to do");
        assert!(!bell.rang_for_wire(), "but for a stream");
        assert!(bell.rest(), "once");
        assert_eq!(count(), 0);
        stream.wake_by_ref();
        wire.wake_by_ref();
        assert_eq!(count(), 1, "a resting task is woken, once");
        assert!(bell.enter(&mut known, &task), "what woke it is told");
        assert!(bell.rest(), "and told once");
        stream.wake_by_ref();
        assert!(!bell.enter(&mut known, &task), "a stream did");
        wire.wake_by_ref();
        bell.yield_now();
        stream.wake_by_ref();
        assert_eq!(count(), 3);
        assert!(bell.enter(&mut known, &task), "nothing is forgotten over a rest");
    }

    #[test]
    fn whoever_ran_last_is_woken() {
        let bell = Bell::new();
        let (stream, mut known) = (bell.streams(), None);
        let both = [Arc::new(Woken::default()), Arc::new(Woken::default())];
        for (place, woken) in both.iter().enumerate() {
            for _ in 0..2 {
                bell.enter(&mut known, &Waker::from(Arc::clone(woken)));
                assert!(bell.rest());
                stream.wake_by_ref();
            }
            assert_eq!(both.each_ref().map(|woken| woken.0.load(Ordering::SeqCst)), [2, 2 * place]);
        }
    }
}
