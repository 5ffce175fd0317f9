//! Counts that every thread adds to and few read. A thread has cells that no other thread writes: to add is to load and to
//! store, without a locked instruction, and no line of memory goes from one processor to another for it. It must not know
//! what is counted.

use std::array::from_fn;
use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::PerWorker;

/// `N` counts that go together. They wrap around.
#[derive(Debug, Default)]
pub struct Tally<const N: usize>(PerWorker<Cells<N>>);

/// A thread's part of them.
#[derive(Debug)]
struct Cells<const N: usize>([AtomicU64; N]);

/// A thread's hold on the cells of a place, which no other thread has as long as it runs.
struct Own(usize);

/// The cells of all threads that have none of their own: that are ending, or are too many.
const SHARED: usize = 0;

/// The places that are a thread's, from the first behind the shared one, a bit each.
static IN_USE: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

thread_local! {
    /// Beside the hold, so that to look takes no more than a load.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    static OWN: Own = Own::take();
}

/// The place of this thread's cells.
fn place() -> usize {
    PLACE.get().unwrap_or_else(|| {
        let place = OWN.try_with(|own| own.0).unwrap_or(SHARED);
        PLACE.set(Some(place));
        place
    })
}

impl<const N: usize> Tally<N> {
    /// Adds to the counts at these places.
    pub fn add<const M: usize>(&self, parts: [(usize, u64); M]) {
        let own = place();
        let Cells(cells) = self.0.at(own, Cells::default);
        for (place, more) in parts {
            match cells.get(place) {
                Some(cell) if own != SHARED => cell.store(cell.load(Relaxed).wrapping_add(more), Release),
                Some(cell) => drop(cell.fetch_add(more, Release)),
                None => {}
            }
        }
    }

    /// The count at a place. What was added before something that was seen in it is seen in the counts that are read after it.
    #[must_use]
    pub fn sum(&self, place: usize) -> u64 {
        let cells = self.0.iter().filter_map(|cells| cells.0.get(place));
        cells.fold(0, |sum, cell| sum.wrapping_add(cell.load(Acquire)))
    }
}

impl<const N: usize> Default for Cells<N> {
    fn default() -> Self {
        Self(from_fn(|_| AtomicU64::new(0)))
    }
}

impl Own {
    /// The lowest that is free. Whoever had it before has ended, and all that it added is seen.
    fn take() -> Self {
        let place = |(row, word): (usize, &AtomicU64)| {
            let lowest = |used: u64| (used != u64::MAX).then(|| used | used.wrapping_add(1));
            let used = word.fetch_update(AcqRel, Acquire, lowest).ok()?;
            Some(row * 64 + used.trailing_ones() as usize + SHARED + 1)
        };
        Self(IN_USE.iter().enumerate().find_map(place).unwrap_or(SHARED))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        PLACE.set(Some(SHARED));
        let Some(bit) = self.0.checked_sub(SHARED + 1) else { return };
        if let Some(word) = IN_USE.get(bit / 64) {
            word.fetch_and(!(1 << (bit % 64)), Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::{SHARED, Tally, place};

    #[test]
    fn nothing_is_lost_of_what_threads_add_at_once() {
        let tally = Tally::<2>::default();
        for _ in 0..20 {
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| (0..1000).for_each(|_| tally.add([(0, 1), (1, 3)])));
                }
            });
        }
        assert_eq!((tally.sum(0), tally.sum(1), tally.sum(2)), (160_000, 480_000, 0));
    }

    #[test]
    fn places_are_one_threads_each_and_given_out_again() {
        let mut highest = 0;
        for _ in 0..300 {
            let (together, places) = (Barrier::new(4), std::sync::mpsc::channel());
            thread::scope(|scope| {
                for _ in 0..4 {
                    let (together, tell) = (&together, places.0.clone());
                    scope.spawn(move || {
                        tell.send(place()).unwrap();
                        together.wait();
                    });
                }
            });
            let mut taken: Vec<usize> = places.1.try_iter().collect();
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), 4, "{taken:?}");
            assert!(taken.iter().all(|place| *place != SHARED), "{taken:?}");
            highest = highest.max(taken[3]);
        }
        assert!(highest < 1000, "more than there ever were at once: {highest}");
    }

    #[test]
    fn what_is_begun_is_never_fewer_than_what_has_ended() {
        let tally = Tally::<2>::default();
        thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            scope.spawn(|| {
                let tell = tell;
                for _ in 0..10_000 {
                    tally.add([(0, 1)]);
                    tell.send(()).unwrap();
                }
            });
            scope.spawn(|| told.into_iter().for_each(|()| tally.add([(1, 1)])));
            for _ in 0..10_000 {
                let ended = tally.sum(1);
                assert!(tally.sum(0) >= ended);
            }
        });
        assert_eq!((tally.sum(0), tally.sum(1)), (10_000, 10_000));
    }
}
