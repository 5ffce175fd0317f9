//! One HTTP/2 connection to an endpoint, with prior knowledge. Many requests share it, so a task of its own drives it;
//! it ends with the connection, or when nobody has used it for a while. Must not know what is asked over it.
//!
//! The protocol is the room `http2`'s; when a connection is made, kept, asked whether it lives and given up is decided here.

mod answer;
mod exchange;
mod faults;
mod pulse;
mod pump;
mod upload;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use sluicegate_http2::{Attention, Connection, Limits, Role, Shared};
use tokio::time::{Instant, Interval};

pub(super) use self::answer::LaneAnswer;
pub(super) use self::exchange::exchange;
use self::pulse::{Pulse, TICK};
use self::pump::Pump;
use super::Io;
use super::lanes::Lanes;

/// Bytes a server may send on one stream before the answer's reader has taken any.
const STREAM_WINDOW: u32 = 1 << 20;

/// The same over all streams of a connection: what one connection can hold in memory.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Largest frame a server may send. Larger ones make large tensors cheaper, and delay other streams more.
const FRAME: u32 = 128 << 10;

/// Longest head or trailers of an answer, counted as in RFC 9113, section 6.5.2.
const HEAD_LIMIT: u32 = 32 << 10;

/// Streams put on one connection before another is opened, where the server allows as many.
const STREAMS: usize = 100;

/// One connection.
pub(super) struct Lane {
    protocol: Shared,
    in_use: AtomicUsize,
    /// No new stream is put on it; it ends with its last one.
    retired: AtomicBool,
}

/// What a connection has for one more stream.
pub(super) enum Offer {
    Place(Place),
    /// As many streams as it takes.
    Full,
    /// It has failed, or the server has said that it goes away.
    Over,
}

/// A stream's place on a connection. Dropping it makes room for the next.
pub(super) struct Place {
    lane: Arc<Lane>,
    lanes: Arc<Lanes>,
}

impl Lane {
    /// Speaks HTTP/2 over `io`, for the endpoint of `lanes`.
    pub(super) fn over(io: Box<dyn Io>, lanes: Weak<Lanes>) -> Arc<Self> {
        let limits = Limits {
            streams: 0,
            list: HEAD_LIMIT,
            stream_window: STREAM_WINDOW,
            connection_window: CONNECTION_WINDOW,
            frame: FRAME,
            control_frames: None,
        };
        let protocol = Arc::new(Mutex::new(Connection::new(Role::Client, limits)));
        let pump = Pump::new(io, Arc::clone(&protocol));
        let lane = Arc::new(Self { protocol, in_use: AtomicUsize::new(0), retired: AtomicBool::new(false) });
        tokio::spawn(drive(Arc::clone(&lane), pump, lanes));
        lane
    }

    /// Streams on it now.
    pub(super) fn in_use(&self) -> usize {
        self.in_use.load(Ordering::Acquire)
    }

    /// Whether it may take new streams.
    pub(super) fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Acquire)
    }

    /// Takes a place. To be called where `lanes` is held, so that an idle connection is not closed meanwhile.
    pub(super) fn place(self: &Arc<Self>, lanes: &Arc<Lanes>) -> Offer {
        let protocol = self.protocol.lock();
        if protocol.is_closing() {
            return Offer::Over;
        }
        if self.in_use() >= protocol.most().min(STREAMS) {
            return Offer::Full;
        }
        self.in_use.fetch_add(1, Ordering::AcqRel);
        Offer::Place(Place { lane: Arc::clone(self), lanes: Arc::clone(lanes) })
    }

    /// Lets it end with its last stream.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.protocol.lock().wake();
    }

    fn is_done(&self) -> bool {
        self.retired.load(Ordering::Acquire) && self.in_use() == 0
    }
}

impl Place {
    fn protocol(&self) -> &Shared {
        &self.lane.protocol
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
            self.lane.protocol.lock().wake();
        }
        self.lanes.freed();
    }
}

/// What drives a connection.
struct Driver {
    lane: Arc<Lane>,
    lanes: Weak<Lanes>,
    pump: Pump,
    pulse: Pulse,
    ticks: Interval,
    attention: Attention,
    /// Of its task.
    waker: Option<Waker>,
}

/// Drives a connection to its end.
async fn drive(lane: Arc<Lane>, pump: Pump, lanes: Weak<Lanes>) {
    let ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    let attention = lane.protocol.lock().attention();
    let mut driver = Driver { lane, lanes, pump, pulse: Pulse::new(), ticks, attention, waker: None };
    poll_fn(|context| driver.poll(context)).await;
    let mut protocol = driver.lane.protocol.lock();
    protocol.leave();
    driver.pump.close(&mut protocol, &mut Context::from_waker(Waker::noop()));
    protocol.gone("the connection was closed");
    drop(protocol);
    driver.forsake();
}

impl Driver {
    /// Ready when the connection is to end.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.attend(context.waker());
        if self.pump.poll_read(context).is_ready() || self.poll_ticks(context).is_ready() {
            return Poll::Ready(());
        }
        let mut protocol = self.lane.protocol.lock();
        let over = self.pump.poll_write(&mut protocol, context).is_ready();
        if over || protocol.is_done() || self.lane.is_done() {
            return Poll::Ready(());
        }
        let closing = protocol.is_closing();
        // What cannot be written now is written when it can.
        protocol.rest();
        drop(protocol);
        if closing && self.lane.is_open() {
            self.forsake();
        }
        Poll::Pending
    }

    /// Says that it runs.
    fn attend(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return self.attention.begin();
        }
        self.waker = Some(waker.clone());
        self.lane.protocol.lock().attend(waker);
    }

    /// Looks at the connection from time to time; ready when it is to end.
    fn poll_ticks(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.ticks.poll_tick(context).is_ready() {
            let idle = self.pulse.is_idle(self.lane.in_use())
                && self.lanes.upgrade().is_none_or(|lanes| lanes.forget_idle(&self.lane));
            if idle || !self.pulse.beat(&mut self.lane.protocol.lock(), self.lane.in_use()) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Puts nothing new on it.
    fn forsake(&self) {
        self.lane.retired.store(true, Ordering::Release);
        if let Some(lanes) = self.lanes.upgrade() {
            lanes.forget(&self.lane);
        }
    }
}
