//! The runtime's own threads and the bounded line in front of them. A job whose caller has left is taken out of the
//! line; one whose deadline has passed is not begun; a panic costs the one job it happened in.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};
use sluicegate_core::{Clock, Deadline};
use tokio::sync::oneshot;

use crate::engine::{RunError, Watch};

/// Stack of a worker: tract recurses over nested graphs, which the pre-check keeps shallow.
const STACK: usize = 8 << 20;

/// Threads and their line.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

/// Why a job did not give an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobError {
    /// The line is full.
    Full,
    /// The deadline passed before the job was begun.
    Expired,
    /// It ran, and failed.
    Run(RunError),
    /// It ran, and panicked.
    Panicked,
}

struct Shared {
    line: Mutex<Line>,
    wake: Condvar,
    limit: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    next: u64,
    closed: bool,
}

struct Job {
    number: u64,
    deadline: Deadline,
    work: Box<dyn Work>,
}

/// A piece of work with its answer's way back.
trait Work: Send {
    fn run(self: Box<Self>, shared: &Shared, deadline: Deadline);
    fn expire(self: Box<Self>);
}

struct Task<F, T> {
    task: F,
    reply: oneshot::Sender<Result<T, JobError>>,
    dropped: Arc<AtomicBool>,
}

/// Takes its job out of the line, or tells it to stop, when the caller leaves.
struct Ticket {
    shared: Arc<Shared>,
    number: u64,
    dropped: Arc<AtomicBool>,
}

impl Pool {
    /// Starts `threads` threads behind a line of at most `limit` waiting jobs.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(crate) fn start(threads: usize, limit: usize, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { line: Mutex::default(), wake: Condvar::new(), limit, clock });
        // Made first, so that threads already started end when a later one cannot be.
        let pool = Self { shared: Arc::clone(&shared) };
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("model-{number}"))
                .stack_size(STACK)
                .spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Runs `task` on a thread of the pool. Dropping the returned future takes it out of the line, or stops it at its
    /// next step.
    pub(crate) async fn run<T, F>(&self, deadline: Deadline, task: F) -> Result<T, JobError>
    where
        T: Send + 'static,
        F: FnOnce(&Watch) -> Result<T, RunError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let dropped = Arc::new(AtomicBool::new(false));
        let task = Task { task, reply, dropped: Arc::clone(&dropped) };
        let number = self.shared.enter(deadline, Box::new(task))?;
        let _ticket = Ticket { shared: Arc::clone(&self.shared), number, dropped };
        // A job that vanishes without a word has panicked where nothing could catch it.
        answer.await.unwrap_or(Err(JobError::Panicked))
    }

    /// Jobs that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.shared.line.lock().jobs.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.line.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn enter(&self, deadline: Deadline, work: Box<dyn Work>) -> Result<u64, JobError> {
        let mut line = self.line.lock();
        if line.jobs.len() >= self.limit {
            let now = self.clock.now();
            let jobs = std::mem::take(&mut line.jobs);
            let (late, waiting): (VecDeque<Job>, _) = jobs.into_iter().partition(|job| job.deadline.0 <= now);
            line.jobs = waiting;
            for job in late {
                job.work.expire();
            }
        }
        if line.jobs.len() >= self.limit {
            return Err(JobError::Full);
        }
        let number = line.next;
        line.next = line.next.wrapping_add(1);
        line.jobs.push_back(Job { number, deadline, work });
        drop(line);
        self.wake.notify_one();
        Ok(number)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if job.deadline.0 <= self.clock.now() {
                job.work.expire();
            } else {
                job.work.run(self, job.deadline);
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut line = self.line.lock();
        loop {
            if let Some(job) = line.jobs.pop_front() {
                return Some(job);
            }
            if line.closed {
                return None;
            }
            self.wake.wait(&mut line);
        }
    }
}

impl<F, T> Work for Task<F, T>
where
    T: Send,
    F: FnOnce(&Watch) -> Result<T, RunError> + Send,
{
    fn run(self: Box<Self>, shared: &Shared, deadline: Deadline) {
        let Self { task, reply, dropped } = *self;
        let watch = Watch::new(Arc::clone(&shared.clock), deadline, dropped);
        // What the task borrows mutably is its own; what it shares, engines keep whole by discarding what a panic saw.
        let answer = match catch_unwind(AssertUnwindSafe(|| task(&watch))) {
            Ok(answer) => answer.map_err(JobError::Run),
            Err(_) => Err(JobError::Panicked),
        };
        // The caller may have left meanwhile.
        drop(reply.send(answer));
    }

    fn expire(self: Box<Self>) {
        drop(self.reply.send(Err(JobError::Expired)));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
        let job = {
            let mut line = self.shared.line.lock();
            let place = line.jobs.iter().position(|job| job.number == self.number);
            place.and_then(|place| line.jobs.remove(place))
        };
        // Its inputs are let go outside the lock.
        drop(job);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
