//! What a connection's parts tell each other: the bytes going in and out, the streams, and the task that drives both.
//! All of them run in one task; the counts are atomic so that this task may move.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts of one connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Frames the client sent.
    heard: AtomicU64,
    /// Frames of heads, bodies and trailers that were sent to it.
    sent: AtomicU64,
    /// Requests answered to the last byte.
    answered: AtomicU64,
    /// Bytes that left.
    written: AtomicU64,
    /// The way out is full: the client does not read.
    blocked: AtomicBool,
    /// The client has sent more than is borne.
    flooded: AtomicBool,
}

impl Tally {
    pub(super) fn hear(&self, frames: u64) {
        self.heard.fetch_add(frames, Ordering::Relaxed);
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// A head, trailers or a piece of so many `bytes` was handed over: it leaves in frames of 16 KiB.
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(1 + bytes as u64 / (16 * 1024), Ordering::Relaxed);
    }

    pub(super) fn sent_so_far(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered_so_far(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.blocked.store(false, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn block(&self) {
        self.blocked.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    pub(super) fn flood(&self) {
        self.flooded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }
}
