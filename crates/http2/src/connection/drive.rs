//! What a connection and who drives it tell each other: what is to be written, and when somebody has to look.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use super::{AHEAD, Connection, FULL};
use crate::output::Output;

/// Who drives a connection, and whether it runs. One that runs looks at what is to be written before it rests, and is not
/// woken for it.
#[derive(Debug, Default)]
pub(super) struct Driver {
    waker: Option<Waker>,
    attention: Attention,
}

/// Whether a connection is attended to, said without holding it.
#[derive(Clone, Debug, Default)]
pub struct Attention(Arc<AtomicBool>);

impl Attention {
    /// Whoever drives the connection runs, and calls [`Connection::rest`] before it rests.
    pub fn begin(&self) {
        // Where somebody else holds the connection meanwhile, what that does is seen when it rests.
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    /// Whoever drives the connection runs, and looks at what is to be written before it rests. Else it is woken.
    pub fn attend(&mut self, driver: &Waker) {
        self.driver.attention.begin();
        if self.driver.waker.as_ref().is_none_or(|old| !old.will_wake(driver)) {
            self.driver.waker = Some(driver.clone());
        }
    }

    /// To say the same later, for the one that was named last.
    #[must_use]
    pub fn attention(&self) -> Attention {
        self.driver.attention.clone()
    }

    /// Whoever drives the connection rests; `false`: something is to be written.
    pub fn rest(&mut self) -> bool {
        self.driver.attention.0.store(false, Ordering::Relaxed);
        self.output.is_empty()
    }

    /// What is to be written.
    #[must_use]
    pub const fn output(&self) -> &Output {
        &self.output
    }

    /// So many bytes of it were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.output.wrote(bytes);
        if self.waiting > 0 && self.output.len() < AHEAD / 2 {
            self.wake_waiting();
        }
    }

    /// Whether more is to be read: not while what would be answered has no room.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        self.output.len() < FULL
    }

    /// Something is to be written.
    pub(super) fn notify(&mut self) {
        if !self.driver.attention.0.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Wakes whoever drives the connection.
    pub fn wake(&self) {
        if let Some(driver) = &self.driver.waker {
            driver.wake_by_ref();
        }
    }
}
