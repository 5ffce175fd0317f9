//! The access log: one line of JSON a request, written by a thread of its own. docs/observability.md lists every field.
//!
//! The request path only moves the record into a bounded queue; when that is full the line is dropped and counted. It
//! must not know where the lines go, nor hold a request up for them.

mod line;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as plain;
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_core::{Record, RecordSink};
use tokio::sync::mpsc;

/// Most records waiting to be written. The queue takes memory only as it fills.
const QUEUE: usize = 65_536;

/// How long the first record of a batch waits for others: one wake-up of the thread, and one write, serve them all.
const GATHER: Duration = Duration::from_millis(20);

/// Bytes after which a batch is written without waiting for more.
const BATCH: usize = 64 * 1024;

/// How long an ending process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The access log. Dropping it writes what is queued.
pub struct AccessLog {
    queue: Option<mpsc::Sender<Entry>>,
    dropped: Arc<AtomicU64>,
    writer: Thread,
    done: Mutex<plain::Receiver<()>>,
}

/// What the writer is handed.
#[expect(clippy::large_enum_variant, reason = "a box a record would be an allocation a request")]
enum Entry {
    Record(Record),
    /// Everything before it is to be written, then this told.
    Flush(plain::SyncSender<()>),
}

/// The thread's side.
struct Writer {
    queue: mpsc::Receiver<Entry>,
    target: Box<dyn Write + Send>,
    dropped: Arc<AtomicU64>,
    buffer: Vec<u8>,
    /// Lines in the buffer.
    lines: u64,
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

    /// The same with room for `length` waiting records, at least one.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn with_queue(target: Box<dyn Write + Send>, length: usize) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(length.max(1));
        let (tell, done) = plain::sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            queue: waiting,
            target,
            dropped: Arc::clone(&dropped),
            buffer: Vec::new(),
            lines: 0,
            failing: false,
        };
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writer.run();
            // Nobody may be waiting any more.
            let _ = tell.send(());
        })?;
        Ok(Self { queue: Some(queue), dropped, writer: thread.thread().clone(), done: Mutex::new(done) })
    }

    /// Lines lost so far: the queue was full, or the writing failed.
    #[must_use]
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Waits until what was told before is written, at most for `patience`. Whether it is. Blocks the thread: not for
    /// the request path.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let (tell, written) = plain::sync_channel(1);
        let Some(queue) = &self.queue else { return false };
        let asked = queue.try_send(Entry::Flush(tell)).is_ok();
        self.writer.unpark();
        asked && written.recv_timeout(patience).is_ok()
    }
}

impl RecordSink for AccessLog {
    fn begun(&self, _listener: &Arc<str>) {}

    fn ended(&self, record: &Record) {
        let Some(queue) = &self.queue else { return };
        // Asked first, so that a record that has no place is not copied.
        match queue.try_reserve() {
            Ok(place) => place.send(Entry::Record(record.clone())),
            Err(_) => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        // The closed queue ends the thread. A target that is stuck must not hold the process up for ever.
        self.queue = None;
        self.writer.unpark();
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

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            thread::park_timeout(GATHER);
            self.take(first);
            while let Ok(entry) = self.queue.try_recv() {
                self.take(entry);
            }
            self.write();
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Record(record) => {
                if line::append(&record, &mut self.buffer) {
                    self.lines += 1;
                } else {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                if self.buffer.len() >= BATCH {
                    self.write();
                }
            }
            Entry::Flush(tell) => {
                self.write();
                // Who asked may have given up.
                let _ = tell.send(());
            }
        }
    }

    fn write(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let result = self.target.write_all(&self.buffer).and_then(|()| self.target.flush());
        match result {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.dropped.fetch_add(self.lines, Ordering::Relaxed);
                // Said once, not once a batch.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the access log cannot be written; lines are being lost");
                }
            }
        }
        self.buffer.clear();
        self.lines = 0;
    }
}

#[cfg(test)]
mod tests;
