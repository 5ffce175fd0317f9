//! A bound on the bytes of bodies that the process holds at once. Whoever collects a body takes what it holds from here, and
//! gives it back by dropping it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;

use crate::BodyError;

/// So much of a body is free: what a connection holds anyway, and what most bodies are.
pub const FREE: u64 = 64 * 1024;

/// The bytes that may be held, and those that are.
#[derive(Debug)]
pub struct Memory {
    limit: AtomicU64,
    held: AtomicU64,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway holds as many bytes of bodies as it may")]
pub struct Full;

/// A part of the memory.
#[derive(Debug)]
pub struct Lease {
    memory: Arc<Memory>,
    bytes: u64,
}

/// Bytes with the memory they take.
struct Leased(Bytes, #[expect(dead_code, reason = "held until the last reader is done")] Lease);

impl Memory {
    /// Room for `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit: AtomicU64::new(limit), held: AtomicU64::new(0) })
    }

    /// Changes how much there is; what is held already stays.
    pub fn resize(&self, limit: u64) {
        self.limit.store(limit, Relaxed);
    }

    /// Bytes that may be held.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Nothing yet, of what there is.
    #[must_use]
    pub fn lease(self: &Arc<Self>) -> Lease {
        Lease { memory: Arc::clone(self), bytes: 0 }
    }
}

impl Lease {
    /// Covers a body of which `length` bytes are there by now.
    ///
    /// # Errors
    /// There is no room for it. What was covered before still is.
    pub fn cover(&mut self, length: u64) -> Result<(), Full> {
        let wanted = length.saturating_sub(FREE);
        let Some(more) = wanted.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        let limit = self.memory.limit();
        let fits = |held: u64| held.checked_add(more).filter(|sum| *sum <= limit);
        self.memory.held.fetch_update(Relaxed, Relaxed, fits).map_err(|_| Full)?;
        self.bytes = wanted;
        Ok(())
    }

    /// `bytes`, which hold this part of the memory until the last of them is gone.
    #[must_use]
    pub fn around(self, bytes: Bytes) -> Bytes {
        // What takes nothing needs no owner.
        if self.bytes == 0 { bytes } else { Bytes::from_owner(Leased(bytes, self)) }
    }
}

impl From<Full> for BodyError {
    fn from(_: Full) -> Self {
        Self::NoRoom
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.memory.held.fetch_sub(self.bytes, Relaxed);
        }
    }
}

impl AsRef<[u8]> for Leased {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{FREE, Full, Memory};

    #[test]
    fn what_is_held_is_bounded_and_given_back_with_the_last_reader() {
        let memory = Memory::new(1000);
        let mut one = memory.lease();
        one.cover(FREE).expect("small bodies are free");
        assert_eq!(memory.held(), 0);
        one.cover(FREE + 600).expect("there is room");
        one.cover(FREE + 100).expect("it is covered already");
        assert_eq!(memory.held(), 600);
        let mut two = memory.lease();
        assert_eq!(two.cover(FREE + 401), Err(Full));
        two.cover(FREE + 400).expect("there is room for this");
        assert_eq!(memory.held(), 1000);
        drop(two);
        let held = one.around(Bytes::from_static(b"body"));
        let reader = held.slice(1..3);
        drop(held);
        assert_eq!((memory.held(), &*reader), (600, &b"od"[..]));
        drop(reader);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn less_room_than_is_held_takes_nothing_away() {
        let memory = Memory::new(1000);
        let mut lease = memory.lease();
        lease.cover(FREE + 900).expect("there is room");
        memory.resize(100);
        assert_eq!(lease.cover(FREE + 901), Err(Full));
        assert_eq!((memory.held(), memory.limit()), (900, 100));
    }
}
