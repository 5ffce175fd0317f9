//! HTTP/2 over one connection. The protocol is the room `http2`'s; who waits for what, for how long and in which task is
//! decided here.
//!
//! A connection is one task: its streams are polled in it, beside the protocol. What several of them have to send leaves in
//! one write, and nobody wakes another task.

mod alive;
mod bell;
mod exchange;
mod head;
mod incoming;
mod line;
mod outgoing;

use std::future::{Future, poll_fn};
use std::iter;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_http2::{Attention, Connection as Protocol, Incoming, Limits, Origin, Role, Shared};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;

use self::alive::Alive;
use self::bell::Bell;
use self::exchange::Shared as Served;
use self::line::Line;
use crate::alarm::{Alarm, later};
use crate::handler::Handler;
use crate::in_flight::Gauge;
use crate::leave::Leave;
use crate::opened::Opened;
use crate::patience::Patience;
use crate::spawn::Streams;

/// Bytes of a frame that a client may send.
const FRAME: u32 = 16 * 1024;

/// How long a connection that was asked to end may take to do so.
const GOODBYE: Duration = Duration::from_secs(5);

/// Rounds in a row before other tasks of the thread have their turn.
const ROUNDS: usize = 16;

/// Reads in a row before what came is looked at.
const READS: usize = 4;

/// One connection. `start` makes the work for a stream.
struct Connection<Io, Start, F> {
    line: Line<Io>,
    protocol: Shared,
    attention: Attention,
    start: Start,
    /// Requests that were read, and have not begun.
    asked: Vec<Incoming>,
    streams: Streams<F>,
    idle_timeout: Duration,
    alarm: Alarm,
    alive: Alive,
    /// When a stream last began or ended.
    moved: Instant,
    /// Its client is waited for to read what was written.
    blocked: Patience,
    /// Nothing is to be written, or nothing can be.
    said: bool,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Not,
    /// Takes no more requests, answers what it has.
    Asked,
    /// ... and ends at this time, whatever is left.
    At(Instant),
    /// Nothing is left but to say so, until this time.
    Closing(Instant, Lingers),
}

/// Whether the client is waited for to hear why.
type Lingers = bool;

impl Ending {
    fn closing(lingers: Lingers) -> Self {
        Self::Closing(Instant::now() + GOODBYE, lingers)
    }
}

/// Serves `io`, of which the preface was read already, until its client leaves, a limit ends it, or it is asked to leave
/// and its requests are answered.
pub(crate) async fn serve<Io, H>(io: Io, opened: Opened<H>, gauge: Gauge, leave: Leave)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let limits = opened.limits;
    let http2 = limits.exposure.http2();
    let served = Arc::new(Served { opened, gauge });
    let mut protocol = Protocol::new(
        Role::Server,
        Limits {
            streams: limits.streams,
            list: u32::try_from(limits.header_list).unwrap_or(u32::MAX),
            stream_window: http2.stream_window,
            connection_window: http2.connection_window,
            frame: FRAME,
            control_frames: Some(http2.control_frames),
        },
    );
    let bell = Bell::new();
    let (wire, stream) = (bell.wire(), bell.streams());
    protocol.attend(&stream);
    let attention = protocol.attention();
    let moved = Instant::now();
    let mut connection = Connection {
        line: Line::new(io),
        protocol: Arc::new(Mutex::new(protocol)),
        attention,
        start: |asked| exchange::serve(Arc::clone(&served), asked),
        asked: Vec::new(),
        streams: Streams::default(),
        idle_timeout: limits.idle_timeout,
        alarm: Alarm::new(later(moved, limits.idle_timeout)),
        alive: Alive::new(moved),
        moved,
        blocked: Patience::new(http2.stall),
        said: true,
        ending: Ending::Not,
    };
    let mut task = None;
    let mut draining = pin!(leave.asked());
    poll_fn(|outer| {
        let mut wire_rang = bell.enter(&mut task, outer.waker());
        connection.attention.begin();
        let context = &mut Context::from_waker(&wire);
        if wire_rang && connection.ending == Ending::Not && draining.as_mut().poll(context).is_ready() {
            connection.finish(Ending::Asked);
        }
        for round in 1.. {
            if wire_rang && connection.poll_read(context).is_ready() {
                return Poll::Ready(());
            }
            connection.poll_streams(&mut Context::from_waker(&stream));
            if connection.poll_write(context).is_ready() || connection.poll_due(context).is_ready() {
                return Poll::Ready(());
            }
            if connection.said && bell.rest() {
                return Poll::Pending;
            }
            if round == ROUNDS || !has_budget_remaining() {
                break;
            }
            connection.attention.begin();
            wire_rang = bell.rang_for_wire();
        }
        bell.yield_now();
        Poll::Pending
    })
    .await;
    let fault = connection.protocol.lock().fault();
    if let Some(fault) = fault.filter(|fault| fault.origin == Origin::Connection) {
        let Opened { listener, peer, .. } = &served.opened;
        tracing::debug!(%listener, %peer, %fault, "an HTTP/2 connection was ended");
    }
}

impl<Io, Start, F> Connection<Io, Start, F>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Start: Fn(Incoming) -> F,
    F: Future<Output = ()>,
{
    /// Lets the streams run.
    fn poll_streams(&mut self, context: &mut Context<'_>) {
        if self.streams.poll_some(context) {
            self.moved = Instant::now();
        }
    }

    /// Reads, and starts what was read. Ready when the connection is over.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Ending::Closing(..) = self.ending {
            return Poll::Pending;
        }
        let now = Instant::now();
        // All that came is looked at before any of it begins: it may be taken back in the same breath.
        let mut untaken = false;
        for turn in 1..=READS {
            let Poll::Ready(fresh) = self.line.poll_read(context) else { break };
            if fresh == 0 {
                // However it ended, nobody is left to tell.
                return Poll::Ready(());
            }
            let mut protocol = self.protocol.lock();
            if !self.line.hand_over(&mut protocol, fresh, now.into_std()) {
                let lingers = protocol.is_flooded();
                drop(protocol);
                self.close(lingers);
                break;
            }
            self.alive.hear(&protocol);
            untaken = self.line.has_more() && turn < READS;
            if !untaken {
                self.asked.extend(iter::from_fn(|| protocol.next_request(&self.protocol)));
            }
            if turn == READS {
                // What is left is read in the next round.
                context.waker().wake_by_ref();
            }
        }
        if untaken {
            let mut protocol = self.protocol.lock();
            self.asked.extend(iter::from_fn(|| protocol.next_request(&self.protocol)));
        }
        // What comes of one must not be dropped while the connection is held.
        for asked in self.asked.drain(..) {
            self.moved = now;
            self.streams.start((self.start)(asked));
        }
        Poll::Pending
    }

    /// Writes what is to be said. Ready when the connection is over.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut protocol = self.protocol.lock();
        if !matches!(self.ending, Ending::Closing(..)) {
            match self.line.poll_write(&mut protocol, context) {
                Poll::Ready(Err(())) => return Poll::Ready(()),
                // It was not read while that was in the way.
                Poll::Ready(Ok(true)) => context.waker().wake_by_ref(),
                Poll::Ready(Ok(false)) if self.streams.is_empty() && protocol.is_done() => {
                    self.ending = Ending::closing(false);
                }
                Poll::Ready(Ok(false)) | Poll::Pending => {}
            }
        }
        let over = match self.ending {
            Ending::Closing(_, lingers) => self.line.poll_close(&mut protocol, context, lingers),
            _ => Poll::Pending,
        };
        self.said = protocol.rest() || self.line.is_blocked();
        over
    }

    /// Does what its time has come for. Ready when that is to end the connection.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let wrote = self.line.take_wrote();
        if wrote > 0 {
            self.blocked.took(wrote);
        }
        if self.line.is_blocked() && self.blocked.poll_over(context).is_ready() {
            return Poll::Ready(());
        }
        loop {
            let (idle, alive) = match self.ending {
                Ending::Closing(time, _) => (Some(time), None),
                Ending::At(time) => (Some(time), Some(self.alive.due())),
                Ending::Not | Ending::Asked => {
                    let idle = self.streams.is_empty().then(|| later(self.moved, self.idle_timeout));
                    (idle, Some(self.alive.due()))
                }
            };
            let Some(due) = idle.into_iter().chain(alive).min() else { return Poll::Pending };
            if self.line.is_blocked() && matches!(self.ending, Ending::Not | Ending::Asked) {
                return Poll::Pending;
            }
            if self.alarm.poll(context, due).is_pending() {
                return Poll::Pending;
            }
            if alive == Some(due) {
                if !self.alive.look(&mut self.protocol.lock()) {
                    return Poll::Ready(());
                }
                continue;
            }
            if matches!(self.ending, Ending::At(_) | Ending::Closing(..)) {
                return Poll::Ready(());
            }
            self.finish(Ending::At(Instant::now() + GOODBYE));
        }
    }

    /// Takes no more requests.
    fn finish(&mut self, ending: Ending) {
        self.protocol.lock().leave();
        self.ending = ending;
    }

    /// Says what is to be said, and takes nothing more.
    fn close(&mut self, lingers: bool) {
        self.streams = Streams::default();
        self.asked.clear();
        self.ending = Ending::closing(lingers);
    }
}
