//! How connections are told to end. They learn that it is time, and whether those that wait for a request may wait on.

use std::future::{Future, pending};
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Tells a listener and its connections to end: no more connections, and `connection: close` or GOAWAY to the clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leave {
    asked: CancellationToken,
    told: Arc<Told>,
}

/// What was said, to be looked at without a lock: every request does.
#[derive(Debug, Default)]
struct Told {
    asked: AtomicBool,
    /// A connection without a request stays until its client has asked once more: another process serves the same
    /// address, so nothing is to be gained by closing it while a request may be on its way.
    gently: AtomicBool,
    /// What this one is a child of.
    above: Option<Arc<Self>>,
    /// Another's, which says nothing here.
    token: Option<CancellationToken>,
}

impl Leave {
    /// Asked to once `token` is cancelled.
    pub(crate) fn when(token: CancellationToken) -> Self {
        let told = Told { token: Some(token.clone()), ..Told::default() };
        Self { asked: token, told: Arc::new(told) }
    }

    /// A handle that is asked with this one. The one that is shared has a lock that every connection would take at each
    /// step.
    pub(crate) fn child(&self) -> Self {
        let told = Told { above: Some(Arc::clone(&self.told)), ..Told::default() };
        Self { asked: self.asked.child_token(), told: Arc::new(told) }
    }

    /// It is time; connections without a request are closed.
    pub(crate) fn ask(&self) {
        self.told.asked.store(true, Ordering::Release);
        self.asked.cancel();
    }

    /// It is time; connections without a request may have one more.
    pub(crate) fn ask_gently(&self) {
        self.told.gently.store(true, Ordering::Release);
        self.ask();
    }

    /// Whether it is time.
    pub(crate) fn is_asked(&self) -> bool {
        self.told.chain().any(Told::is_asked)
    }

    /// To be asked again and again whether it is time.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch { leave: self, asked: Box::pin(self.asked()), watcher: None }
    }

    /// Resolves when it is time.
    pub(crate) fn asked(&self) -> WaitForCancellationFuture<'_> {
        self.asked.cancelled()
    }

    /// Whether a connection without a request may have one more. Known once it is time.
    pub(crate) fn is_gentle(&self) -> bool {
        self.told.chain().any(|told| told.gently.load(Ordering::Acquire))
    }

    /// Resolves when a connection without a request is to be closed.
    pub(crate) async fn at_once(&self) {
        self.asked.cancelled().await;
        if self.is_gentle() {
            pending::<()>().await;
        }
    }
}

impl Told {
    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) || self.token.as_ref().is_some_and(CancellationToken::is_cancelled)
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |told| told.above.as_deref())
    }
}

/// Whether it is time, for a task that is woken then.
pub(crate) struct Watch<'a> {
    leave: &'a Leave,
    asked: Pin<Box<WaitForCancellationFuture<'a>>>,
    /// Who is woken.
    watcher: Option<Waker>,
}

impl Watch<'_> {
    /// Ready once it is time.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Whoever will be woken need not say so at each call: that costs more than to look.
        if self.watcher.as_ref().is_some_and(|watcher| watcher.will_wake(context.waker())) {
            return if self.leave.is_asked() { Poll::Ready(()) } else { Poll::Pending };
        }
        let asked = self.asked.as_mut().poll(context);
        if asked.is_pending() {
            self.watcher = Some(context.waker().clone());
        }
        asked
    }
}
