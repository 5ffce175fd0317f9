//! How many requests are under way in the whole gateway, and how many may be. The last of the room is for those that matter
//! most. It must not know what a request is for.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use sluicegate_config::Priority;

/// The requests under way.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    under_way: AtomicUsize,
    refused: AtomicU64,
}

impl Crowd {
    /// Counts a request in, where there is room for it among `most`.
    pub(crate) fn enter(&self, most: usize, priority: Priority) -> bool {
        // Counted first: one addition, whatever others do meanwhile.
        let before = self.under_way.fetch_add(1, Relaxed);
        let room = before < share(most, priority);
        if !room {
            self.leave();
            self.refused.fetch_add(1, Relaxed);
        }
        room
    }

    /// It is over.
    pub(crate) fn leave(&self) {
        self.under_way.fetch_sub(1, Relaxed);
    }

    /// Under way now, and refused so far.
    pub(crate) fn state(&self) -> (usize, u64) {
        (self.under_way.load(Relaxed), self.refused.load(Relaxed))
    }
}

/// How much of the room is for such requests; at least one.
fn share(most: usize, priority: Priority) -> usize {
    match priority {
        Priority::Critical => most,
        Priority::Normal => (most - most / 20).max(1),
        Priority::Sheddable => (most - most / 5).max(1),
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_config::Priority;

    use super::Crowd;

    /// V-04.
    #[test]
    fn the_last_of_the_room_is_for_those_that_matter_most() {
        let crowd = Crowd::default();
        let enter = |priority| (0..100).filter(|_| crowd.enter(100, priority)).count();
        assert_eq!(enter(Priority::Sheddable), 80);
        assert_eq!(enter(Priority::Normal), 15);
        assert_eq!(enter(Priority::Critical), 5);
        assert_eq!(crowd.state(), (100, 200));
        crowd.leave();
        assert!(!crowd.enter(100, Priority::Normal));
        assert!(crowd.enter(100, Priority::Critical));
    }

    #[test]
    fn even_the_smallest_room_lets_one_in() {
        for priority in [Priority::Critical, Priority::Normal, Priority::Sheddable] {
            let crowd = Crowd::default();
            assert!(crowd.enter(1, priority));
            assert!(!crowd.enter(1, priority));
        }
    }
}
