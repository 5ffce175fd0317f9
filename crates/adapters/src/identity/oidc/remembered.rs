//! Tokens that were found good, by the SHA-256 of the whole of them, so that the next request with the same one need not have it
//! verified again. Only good ones get in, and only so many. It must not know how one is verified.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;
use sluicegate_core::Principal;

use super::claims::Times;

/// Tokens kept: in parts, so that threads seldom wait for one another.
const PARTS: usize = 16;
const EACH: usize = 625;

/// A token, by what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark([u8; 32]);

/// What is known of a token.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) principal: Arc<Principal>,
    pub(super) times: Times,
    /// The place of its issuer among those that are served.
    pub(super) issuer: usize,
    /// The set of keys by which it was verified.
    pub(super) keys: u64,
}

/// The tokens.
#[derive(Default)]
pub(super) struct Remembered([Mutex<HashMap<Mark, Known>>; PARTS]);

impl Mark {
    pub(super) fn of(token: &str) -> Self {
        let mut mark = [0; 32];
        // Of one length, always.
        for (to, from) in mark.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()) {
            *to = *from;
        }
        Self(mark)
    }
}

impl Remembered {
    /// What is known of a token, if `holds` says that it still holds; what does not is forgotten.
    pub(super) fn find(&self, mark: Mark, holds: impl FnOnce(&Known) -> bool) -> Option<Arc<Principal>> {
        let mut part = self.part(mark)?.lock();
        let known = part.get(&mark)?;
        if holds(known) {
            return Some(Arc::clone(&known.principal));
        }
        part.remove(&mark);
        None
    }

    /// Keeps a token. Where there is no room, what has ended at `now` goes, else any one.
    pub(super) fn keep(&self, mark: Mark, known: Known, now: SystemTime) {
        let Some(part) = self.part(mark) else { return };
        let mut part = part.lock();
        if part.len() >= EACH {
            part.retain(|_, known| now < known.times.until);
        }
        if part.len() >= EACH
            && let Some(any) = part.keys().next().copied()
        {
            part.remove(&any);
        }
        part.insert(mark, known);
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|part| part.lock().len()).sum()
    }

    fn part(&self, mark: Mark) -> Option<&Mutex<HashMap<Mark, Known>>> {
        self.0.get(usize::from(mark.0.first().copied()?) % PARTS)
    }
}
