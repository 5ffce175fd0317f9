//! Which worker a thread is, so that what belongs to a worker can be found there: connections and what counts them are
//! not shared between threads. It must not know what a worker does, nor how it is started.

use std::cell::Cell;
use std::fmt;
use std::iter::successors;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

/// Cells that are looked up without a further step: machines with fewer processors are the rule.
const ROW: usize = 8;

/// A thread that serves requests, one of several; or any other thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// From one; zero for a thread that is no worker.
    number: usize,
    of: NonZeroUsize,
}

/// Ends with the thread being again what it was before.
#[derive(Debug)]
#[must_use = "the thread is this worker until this is dropped"]
pub struct Entered {
    before: Worker,
    /// Of this thread: not to be sent to another.
    thread: PhantomData<*const ()>,
}

/// One `T` for each worker, and one for all other threads together; made when first asked for. Finding it takes no lock
/// and writes to nothing that another worker reads.
pub struct PerWorker<T> {
    row: [OnceLock<Box<T>>; ROW],
    rows_below: OnceLock<Box<Self>>,
}

thread_local! {
    static CURRENT: Cell<Worker> = const { Cell::new(Worker::NONE) };
}

impl Worker {
    /// What a thread is that nobody made a worker.
    pub const NONE: Self = Self { number: 0, of: NonZeroUsize::MIN };

    /// The workers of a group of `count`.
    pub fn group(count: NonZeroUsize) -> impl Iterator<Item = Self> {
        (1..=count.get()).map(move |number| Self { number, of: count })
    }

    /// What this thread is.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Makes this thread this worker.
    pub fn enter(self) -> Entered {
        Entered { before: CURRENT.replace(self), thread: PhantomData }
    }

    /// Its number, from one; zero for a thread that is no worker.
    #[must_use]
    pub const fn number(self) -> usize {
        self.number
    }

    /// Its part of a bound that all workers of its group keep together, but never less than `least`.
    #[must_use]
    pub fn share(self, total: usize, least: usize) -> usize {
        (total / self.of).max(least)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

impl<T> PerWorker<T> {
    /// What belongs to `worker`; by `make`, if it has nothing yet.
    pub fn of(&self, worker: Worker, make: impl FnOnce() -> T) -> &T {
        self.at(worker.number, make)
    }

    /// The one at a place; by `make`, if there is none yet.
    pub(crate) fn at(&self, mut place: usize, make: impl FnOnce() -> T) -> &T {
        let mut row = self;
        loop {
            match row.row.get(place) {
                Some(cell) => return cell.get_or_init(|| Box::new(make())),
                None => {
                    place -= ROW;
                    row = row.rows_below.get_or_init(Box::default);
                }
            }
        }
    }

    /// What belongs to `worker`, if it has something.
    pub fn find(&self, worker: Worker) -> Option<&T> {
        let row = self.rows().nth(worker.number / ROW)?;
        row.row.get(worker.number % ROW)?.get().map(|cell| &**cell)
    }

    /// What there is so far, of all workers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows().flat_map(|row| row.row.iter().filter_map(OnceLock::get)).map(|cell| &**cell)
    }

    fn rows(&self) -> impl Iterator<Item = &Self> {
        successors(Some(self), |row| row.rows_below.get().map(|below| &**below))
    }
}

impl<T> Default for PerWorker<T> {
    fn default() -> Self {
        Self { row: [const { OnceLock::new() }; ROW], rows_below: OnceLock::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for PerWorker<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(count: usize) -> Vec<Worker> {
        Worker::group(NonZeroUsize::new(count).unwrap()).collect()
    }

    #[test]
    fn a_thread_is_a_worker_for_as_long_as_it_is_told() {
        assert_eq!(Worker::current(), Worker::NONE);
        let [first, second] = group(2)[..] else { panic!("two") };
        let outer = first.enter();
        let inner = second.enter();
        assert_eq!(Worker::current().number(), 2);
        drop(inner);
        assert_eq!(Worker::current().number(), 1);
        assert_eq!(std::thread::spawn(Worker::current).join().unwrap(), Worker::NONE, "another thread is another");
        drop(outer);
        assert_eq!(Worker::current().number(), 0);
    }

    #[test]
    fn each_worker_has_its_own_however_many_there_are() {
        let own = PerWorker::<usize>::default();
        let workers = group(100);
        assert!(workers.iter().all(|worker| own.find(*worker).is_none()));
        for worker in &workers {
            assert_eq!(*own.of(*worker, || worker.number()), worker.number());
        }
        for worker in &workers {
            assert_eq!(*own.of(*worker, || unreachable!("made once")), worker.number());
            assert_eq!(own.find(*worker), Some(&worker.number()));
        }
        assert_eq!(own.iter().copied().collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
        assert_eq!(*own.of(Worker::NONE, || 0), 0, "threads that are no workers have one together");
    }

    #[test]
    fn shares_add_up_to_the_bound_unless_they_would_be_too_small() {
        let shares = |count, total, least| group(count).iter().map(|worker| worker.share(total, least)).sum::<usize>();
        assert_eq!(shares(1, 128, 4), 128);
        assert_eq!(shares(2, 128, 4), 128);
        assert_eq!(shares(3, 128, 4), 126);
        assert_eq!(shares(64, 128, 4), 256);
        assert_eq!(Worker::NONE.share(128, 4), 128);
    }
}
