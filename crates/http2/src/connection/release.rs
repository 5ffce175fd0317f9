//! How those who use a stream let it go: at its end, with what is left to read, or before it.

use std::task::{Context, Poll};

use super::{Connection, Role};
use crate::fault::{Code, Fault};
use crate::streams::{Key, Left, remember};

/// Bytes of a body that are handed over with the head, where they are all of it.
const AT_ONCE: usize = 16 * 1024;

impl Connection {
    /// Whether a stream was ended by the peer, or with the connection.
    pub(crate) fn poll_ended(&mut self, key: Key, context: &Context<'_>) -> Poll<Option<Fault>> {
        let Some(stream) = self.streams.get(key) else { return Poll::Ready(None) };
        if stream.fault.is_some() {
            return Poll::Ready(stream.fault);
        }
        remember(&mut stream.writer, context);
        Poll::Pending
    }

    /// Nobody sends on a stream any more. `code`: why, if it is not over.
    pub(crate) fn drop_sender(&mut self, key: Key, code: Code) {
        self.set_waiting(key, false);
        if self.waiting > 0 {
            self.wake_waiting();
        }
        let Some(stream) = self.streams.get(key) else { return };
        stream.handles = stream.handles.saturating_sub(1);
        stream.writer = None;
        if stream.sending {
            self.reset(key, code);
        }
        self.streams.settle(key);
    }

    /// Lets a stream go for who reads it, with all that is left to read, if it is all here and little.
    pub(crate) fn hand_over(&mut self, key: Key, left: &mut Left) {
        let Some(stream) = self.streams.get(key).filter(|stream| !stream.receiving && stream.fault.is_none()) else {
            return;
        };
        if stream.body.len() <= AT_ONCE && stream.body.is_one() {
            if let Some(Ok(Some(piece))) = self.read(key) {
                left.body = piece;
            }
            self.let_go(key, left);
        }
    }

    /// Lets a stream go for who reads it, if there is nothing left to read but trailers.
    pub(crate) fn let_go(&mut self, key: Key, left: &mut Left) {
        let Some(stream) = self.streams.get(key) else { return };
        if stream.receiving || stream.fault.is_some() || stream.body.len() > 0 || stream.head.is_some() {
            return;
        }
        left.over = true;
        left.trailers = stream.trailers.take();
        stream.handles = stream.handles.saturating_sub(1);
        stream.unread = true;
        stream.reader = None;
        self.streams.settle(key);
    }

    /// Nobody reads from a stream any more.
    pub(crate) fn drop_reader(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else { return };
        stream.handles = stream.handles.saturating_sub(1);
        stream.unread = true;
        stream.reader = None;
        let held = std::mem::take(&mut stream.body).len();
        let (receiving, sending) = (stream.receiving, stream.sending);
        self.give_back(held);
        match self.role {
            Role::Client if receiving => self.reset(key, Code::CANCEL),
            // The answer is complete without what is still to come.
            Role::Server if receiving && !sending => self.reset(key, Code::NO_ERROR),
            _ => {}
        }
        self.streams.settle(key);
    }
}
