//! The access log: one line of JSON a request, put out by a thread of its own. docs/observability.md lists every field.
//!
//! The request path only writes the line and puts it to those that wait; when these are too many it is dropped and counted.
//! It must not know where the lines go, nor hold a request up for them.

mod line;

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluicegate_core::{Record, RecordSink};

use self::line::Scribe;

/// Most lines waiting to be put out. They take memory only as they come.
const QUEUE: usize = 65_536;

/// How long the first line of a batch waits for others: one wake-up of the thread, and one write, serve them all.
const GATHER: Duration = Duration::from_millis(20);

/// Bytes that are put out at once, at most, unless a line has more.
const BATCH: usize = 64 * 1024;

/// Room kept for the next batch.
const KEPT: usize = 16 * BATCH;

/// How long an ending process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

thread_local! {
    static SCRIBE: RefCell<Scribe> = RefCell::default();
}

/// The access log. Dropping it puts out what waits.
pub struct AccessLog {
    desk: Arc<Desk>,
    dropped: Arc<AtomicU64>,
    most: usize,
    done: Mutex<Receiver<()>>,
}

/// What the request path and the thread share.
#[derive(Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    /// Lines among what waits.
    lines: AtomicUsize,
    /// Rung when there is something to do for the thread.
    bell: Condvar,
}

/// What waits to be put out.
#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    /// To be told once all before them is out.
    asking: Vec<SyncSender<()>>,
    /// Nothing more will come.
    over: bool,
}

/// The thread's side.
struct Writer {
    desk: Arc<Desk>,
    target: Box<dyn Write + Send>,
    dropped: Arc<AtomicU64>,
    failing: bool,
}

impl AccessLog {
    /// Writes to `target`, from a thread that is started here.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(target: Box<dyn Write + Send>) -> io::Result<Self> {
        Self::with_queue(target, QUEUE)
    }

    /// The same with room for `length` waiting lines, at least one.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn with_queue(target: Box<dyn Write + Send>, length: usize) -> io::Result<Self> {
        let (tell, done) = sync_channel(1);
        let (desk, dropped) = (Arc::<Desk>::default(), Arc::new(AtomicU64::new(0)));
        let writer = Writer { desk: Arc::clone(&desk), target, dropped: Arc::clone(&dropped), failing: false };
        thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writer.run();
            // Nobody may be waiting any more.
            let _ = tell.send(());
        })?;
        Ok(Self { desk, dropped, most: length.max(1), done: Mutex::new(done) })
    }

    /// Lines lost so far: too many waited, or the writing failed.
    #[must_use]
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Waits until what was told before is written, at most for `patience`. Whether it is. Blocks the thread: not for
    /// the request path.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let (tell, written) = sync_channel(1);
        self.desk.waiting.lock().asking.push(tell);
        self.desk.bell.notify_one();
        written.recv_timeout(patience).is_ok()
    }
}

impl RecordSink for AccessLog {
    fn begun(&self, _listener: &Arc<str>) {}

    fn ended(&self, _record: &Record) {}

    fn left(&self, record: &Record) {
        let put = |scribe: &RefCell<Scribe>| scribe.borrow_mut().write(record).map(|line| self.desk.put(line));
        // Asked first, so that a line that has no place is not written.
        let has_place = self.desk.lines.load(Ordering::Relaxed) < self.most;
        if !has_place || !matches!(SCRIBE.try_with(put), Ok(Some(()))) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        // A target that is stuck must not hold the process up for ever.
        self.desk.waiting.lock().over = true;
        self.desk.bell.notify_one();
        if self.done.get_mut().recv_timeout(LAST_LINES).is_err() {
            tracing::warn!("the access log's last lines could not be written in time");
        }
    }
}

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AccessLog").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

impl Desk {
    /// Puts a line to those that wait.
    fn put(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock();
        let first = waiting.text.is_empty();
        waiting.text.extend_from_slice(line);
        // Written by whoever holds the lock; read without it.
        self.lines.store(self.lines.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        drop(waiting);
        if first {
            self.bell.notify_one();
        }
    }

    /// Waits until there is something, and a moment for more of it; moves all of it to `text`, which is empty. Who is to be
    /// told, and whether nothing more will come.
    fn take(&self, text: &mut Vec<u8>) -> (Vec<SyncSender<()>>, bool) {
        let mut waiting = self.waiting.lock();
        while waiting.text.is_empty() && waiting.asking.is_empty() && !waiting.over {
            self.bell.wait(&mut waiting);
        }
        if waiting.asking.is_empty() && !waiting.over {
            let _ = self.bell.wait_for(&mut waiting, GATHER);
        }
        std::mem::swap(&mut waiting.text, text);
        self.lines.store(0, Ordering::Relaxed);
        (std::mem::take(&mut waiting.asking), waiting.over)
    }
}

impl Writer {
    fn run(mut self) {
        let mut text = Vec::new();
        loop {
            let (asking, over) = self.desk.take(&mut text);
            let mut rest = &*text;
            while !rest.is_empty() {
                let (batch, behind) = rest.split_at(batch(rest));
                self.write(batch);
                rest = behind;
            }
            text.clear();
            text.shrink_to(KEPT);
            for tell in asking {
                // Who asked may have given up.
                let _ = tell.send(());
            }
            if over {
                return;
            }
        }
    }

    fn write(&mut self, batch: &[u8]) {
        match self.target.write_all(batch).and_then(|()| self.target.flush()) {
            Ok(()) => self.failing = false,
            Err(error) => {
                let lines = memchr::memchr_iter(b'\n', batch).count() as u64;
                self.dropped.fetch_add(lines, Ordering::Relaxed);
                // Said once, not once a batch.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the access log cannot be written; lines are being lost");
                }
            }
        }
    }
}

/// The bytes of the lines that `text` begins with and that are put out at once.
fn batch(text: &[u8]) -> usize {
    let (most, rest) = text.split_at_checked(BATCH).unwrap_or((text, b""));
    let end = if rest.is_empty() { None } else { memchr::memrchr(b'\n', most) };
    let end = end.or_else(|| memchr::memchr(b'\n', rest).map(|at| most.len() + at));
    end.map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
mod tests;
