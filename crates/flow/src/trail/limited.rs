//! What limits have to do with a request: whose it is in their words, what it took, what its caller is told.

use std::time::Instant;

use sluicegate_core::{Fields, Record};

use super::Trail;
use crate::limits::{Asker, MayTell};

impl Trail {
    /// Who asks, in the words of limits.
    pub(crate) fn asker(&self, now: Instant) -> Asker<'_> {
        let Record { identity, listener, peer, .. } = &self.record;
        Asker { identity, listener, address: peer.ip(), now }
    }

    /// Notes what it has taken, to be held until it is over, and told with the answer.
    pub(crate) fn took(&mut self, taken: MayTell) {
        self.taken = taken;
    }

    pub(super) fn tell_limits(&self, headers: &mut Fields) {
        if let Some(taken) = &self.taken {
            taken.stamp(self.record.protocol, headers);
        }
    }
}
