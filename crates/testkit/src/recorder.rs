//! Keeps every byte a scripted server was sent.

use std::sync::Arc;

use tokio::sync::watch;

use crate::waiting::within;

/// How a recorded connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client sent the end of its input.
    ByClient,
    /// The client reset it, or it broke.
    Broken,
    /// The script ended it.
    ByScript,
}

/// One connection, as far as it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// All bytes received, in order.
    pub bytes: Vec<u8>,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ended>,
}

/// What a scripted server has seen. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<watch::Sender<Vec<Recorded>>>);

impl Recorder {
    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.borrow().len()
    }

    /// The connection made as the `nth`, from 0; empty while there is none.
    #[must_use]
    pub fn connection(&self, nth: usize) -> Recorded {
        self.0.borrow().get(nth).cloned().unwrap_or_default()
    }

    /// Bytes received on the `nth` connection, as text.
    #[must_use]
    pub fn text(&self, nth: usize) -> String {
        String::from_utf8_lossy(&self.connection(nth).bytes).into_owned()
    }

    /// Waits until `condition` holds of all connections; woken by each change.
    ///
    /// # Panics
    /// It does not come to hold in time: says `what` was waited for.
    pub async fn wait(&self, what: &str, condition: impl Fn(&[Recorded]) -> bool) {
        let mut changes = self.0.subscribe();
        // Fails only when the sender is gone, which `self` holds.
        let _ = within(what, changes.wait_for(|connections| condition(connections))).await;
    }

    /// Waits until the `nth` connection has ended.
    ///
    /// # Panics
    /// It does not end in time.
    pub async fn wait_ended(&self, nth: usize) -> Ended {
        let what = format!("the end of connection {nth}");
        self.wait(&what, |all| all.get(nth).is_some_and(|one| one.ended.is_some())).await;
        self.connection(nth).ended.unwrap_or(Ended::Broken)
    }

    /// Waits until the `nth` connection has received `text`.
    ///
    /// # Panics
    /// It does not receive it in time.
    pub async fn wait_text(&self, nth: usize, text: &str) {
        let what = format!("{text:?} on connection {nth}");
        let holds = |one: &Recorded| one.bytes.windows(text.len().max(1)).any(|window| window == text.as_bytes());
        self.wait(&what, |all| all.get(nth).is_some_and(holds)).await;
    }

    pub(crate) fn open(&self) -> usize {
        let mut nth = 0;
        self.0.send_modify(|connections| {
            nth = connections.len();
            connections.push(Recorded::default());
        });
        nth
    }

    pub(crate) fn received(&self, nth: usize, bytes: &[u8]) {
        self.change(nth, |connection| connection.bytes.extend_from_slice(bytes));
    }

    /// The first end counts.
    pub(crate) fn ended(&self, nth: usize, ended: Ended) {
        self.change(nth, |connection| connection.ended = connection.ended.or(Some(ended)));
    }

    fn change(&self, nth: usize, change: impl FnOnce(&mut Recorded)) {
        self.0.send_modify(|connections| {
            if let Some(connection) = connections.get_mut(nth) {
                change(connection);
            }
        });
    }
}
