//! One HTTP/2 connection to an endpoint, with prior knowledge. Many requests share it, so a task of its own drives it;
//! it ends with the connection, or when nobody has used it for a while. Must not know what is asked over it.
//!
//! Over h2 itself rather than hyper's client: only here can a request be told apart that the server never took up, a
//! stream be reset by dropping either of its ends, and the peer's limit of streams be seen before it is met.

mod answer;
mod exchange;
mod faults;
mod pulse;
mod upload;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use sluicegate_core::Sent;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(super) use self::answer::LaneAnswer;
pub(super) use self::exchange::exchange;
use self::pulse::{Pulse, TICK};
use super::gauge::{Counted, Gauge};
use super::lanes::Lanes;
use super::{Fault, HttpError, Io};

/// Bytes a server may send on one stream before the answer's reader has taken any.
const STREAM_WINDOW: u32 = 1 << 20;

/// The same over all streams of a connection: what one connection can hold in memory.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Bytes of a request that wait in memory for the server to take them, per stream.
const SEND_BUFFER: usize = 1 << 20;

/// Largest frame a server may send. Larger ones make large tensors cheaper, and delay other streams more.
const FRAME: u32 = 128 << 10;

/// Longest head or trailers of an answer, counted as in RFC 9113, section 6.5.2.
const HEAD_LIMIT: u32 = 32 << 10;

/// Streams put on one connection before another is opened, where the server allows as many.
const STREAMS: usize = 100;

/// One connection.
pub(super) struct Lane {
    sender: SendRequest<Bytes>,
    gauge: Arc<Gauge>,
    in_use: AtomicUsize,
    /// No new stream is put on it; it ends with its last one.
    retired: AtomicBool,
    /// Tells the driver to look whether it is done.
    wake: Notify,
}

/// A stream's place on a connection. Dropping it makes room for the next.
pub(super) struct Place {
    sender: SendRequest<Bytes>,
    lane: Arc<Lane>,
    lanes: Arc<Lanes>,
}

impl Lane {
    /// Speaks HTTP/2 over `io`, for the endpoint of `lanes`; streams that were reset here are known for `reset_memory`.
    pub(super) async fn over(
        io: Box<dyn Io>,
        reset_memory: Duration,
        lanes: Weak<Lanes>,
    ) -> Result<Arc<Self>, HttpError> {
        let gauge = Arc::new(Gauge::default());
        let io = Counted::new(io, Arc::clone(&gauge));
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .reset_stream_duration(reset_memory)
            .initial_max_send_streams(STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            .max_frame_size(FRAME)
            .max_header_list_size(HEAD_LIMIT)
            .handshake(io)
            .await
            .map_err(|error| HttpError::new(Fault::Connect, Sent::Nothing, error.to_string()))?;
        let lane = Arc::new(Self {
            sender,
            gauge,
            in_use: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            wake: Notify::new(),
        });
        tokio::spawn(drive(Arc::clone(&lane), connection, lanes));
        Ok(lane)
    }

    /// Streams on it now.
    pub(super) fn in_use(&self) -> usize {
        self.in_use.load(Ordering::Acquire)
    }

    /// Whether it may take new streams.
    pub(super) fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Acquire)
    }

    /// Whether it can take one more stream now.
    pub(super) fn has_room(&self) -> bool {
        self.in_use() < self.sender.current_max_send_streams().min(STREAMS)
    }

    /// Takes a place; `None` if the connection has failed, or the server has said that it goes away. To be called where
    /// `lanes` is held, so that an idle connection is not closed meanwhile.
    pub(super) fn place(self: &Arc<Self>, lanes: &Arc<Lanes>) -> Option<Place> {
        // A handle of its own waits for nothing: what is asked is only whether the connection has failed.
        let mut sender = self.sender.clone();
        let ready = sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        if matches!(ready, Poll::Ready(Err(_))) {
            return None;
        }
        self.in_use.fetch_add(1, Ordering::AcqRel);
        Some(Place { sender, lane: Arc::clone(self), lanes: Arc::clone(lanes) })
    }

    /// Lets it end with its last stream.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn is_done(&self) -> bool {
        self.retired.load(Ordering::Acquire) && self.in_use() == 0
    }
}

impl Place {
    fn sender(&mut self) -> &mut SendRequest<Bytes> {
        &mut self.sender
    }

    fn gauge(&self) -> &Gauge {
        &self.lane.gauge
    }

    /// Puts nothing new on a connection over which nothing came while a request waited for its answer in vain.
    fn distrust(&self) {
        self.lane.retire();
        self.lanes.forget(&self.lane);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.in_use.fetch_sub(1, Ordering::AcqRel);
        if self.lane.is_done() {
            self.lane.wake.notify_one();
        }
        self.lanes.freed();
    }
}

/// Drives a connection to its end.
async fn drive(lane: Arc<Lane>, mut connection: Connection<Counted, Bytes>, lanes: Weak<Lanes>) {
    let mut pulse = Pulse::new(connection.ping_pong());
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    loop {
        tokio::select! {
            biased;
            // An error is told to every stream by h2 itself.
            _ended = &mut connection => break,
            () = lane.wake.notified() => if lane.is_done() { break },
            () = poll_fn(|context| pulse.poll_pong(context)) => {}
            _ = ticks.tick() => {
                let idle = pulse.is_idle(lane.in_use())
                    && lanes.upgrade().is_none_or(|lanes| lanes.forget_idle(&lane));
                if idle || !pulse.beat(&lane.gauge, lane.in_use()) { break }
            }
        }
    }
    lane.retire();
    if let Some(lanes) = lanes.upgrade() {
        lanes.forget(&lane);
    }
}
