//! HTTP/2 over one connection. The library frames; who waits for what, for how long and in which task is decided here.
//!
//! A connection is one task: its streams are polled in it, beside the library. What several of them have to send leaves in
//! one write, and nobody wakes another task.

mod alive;
mod bell;
mod exchange;
mod frames;
mod head;
mod incoming;
mod outgoing;
mod tally;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection as Library, Handshake, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;
use tokio::time::Instant;

use self::alive::Alive;
use self::bell::Bell;
use self::exchange::Shared;
use self::frames::Frames;
use self::tally::Tally;
use crate::alarm::{Alarm, later};
use crate::handler::Handler;
use crate::in_flight::Gauge;
use crate::leave::Leave;
use crate::opened::Opened;
use crate::patience::Patience;
use crate::spawn::Streams;

/// Answer bytes buffered for a stream whose client does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// Streams reset before they were served (CVE-2023-44487).
const PENDING_RESETS: usize = 20;

/// Streams reset for errors made by the client (CVE-2025-8671); also refused for being too many, which a client may do in
/// good faith until it has read how many there may be.
const ERROR_RESETS: usize = 128;

/// How long a connection that was asked to end may take to do so.
const GOODBYE: Duration = Duration::from_secs(5);

/// Rounds in a row before other tasks of the thread have their turn.
const ROUNDS: usize = 16;

/// One connection. `start` makes the work for a stream.
struct Connection<Io, Start, F> {
    state: State<Io>,
    start: Start,
    streams: Streams<F>,
    tally: Arc<Tally>,
    idle_timeout: Duration,
    alarm: Alarm,
    /// When a stream last began or ended.
    moved: Instant,
    /// Its client is waited for to read what was written.
    blocked: Patience,
    written: u64,
    ending: Ending,
}

enum State<Io> {
    Greeting(Box<Handshake<Frames<Io>, Bytes>>),
    Serving(Box<Library<Frames<Io>, Bytes>>, Option<Alive>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Not,
    /// Takes no more requests, answers what it has.
    Asked,
    /// ... and ends at this time, whatever is left.
    At(Instant),
}

/// Serves `io`, of which `early` was read already, until its client leaves, a limit ends it, or it is asked to leave and
/// its requests are answered.
pub(crate) async fn serve<Io, H>(io: Io, early: Bytes, opened: Opened<H>, gauge: Gauge, leave: Leave)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let tally = Arc::new(Tally::default());
    let limits = opened.limits;
    let http2 = limits.exposure.http2();
    let shared = Arc::new(Shared { opened, gauge, tally: Arc::clone(&tally) });
    let frames = Frames::new(io, early, http2.control_frames, Arc::clone(&tally));
    let handshake = Builder::new()
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_list).unwrap_or(u32::MAX))
        .initial_window_size(http2.stream_window)
        .initial_connection_window_size(http2.connection_window)
        .max_send_buffer_size(SEND_BUFFER)
        .reset_stream_duration(limits.reset_memory)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(Some(ERROR_RESETS))
        .handshake(frames);
    let moved = Instant::now();
    let mut connection = Connection {
        state: State::Greeting(Box::new(handshake)),
        start: |request, respond| exchange::serve(Arc::clone(&shared), request, respond),
        streams: Streams::default(),
        tally,
        idle_timeout: limits.idle_timeout,
        alarm: Alarm::new(later(moved, limits.idle_timeout)),
        moved,
        blocked: Patience::new(http2.stall),
        written: 0,
        ending: Ending::Not,
    };
    let bell = Bell::new();
    let (library, stream) = (bell.library(), bell.streams());
    let mut draining = pin!(leave.asked());
    poll_fn(|outer| {
        bell.enter(outer.waker());
        let context = &mut Context::from_waker(&library);
        if connection.ending == Ending::Not && draining.as_mut().poll(context).is_ready() {
            connection.finish(Ending::Asked);
            library.wake_by_ref();
        }
        for _ in 0..ROUNDS {
            if bell.rang_for_library() && connection.poll_library(context).is_ready() {
                return Poll::Ready(());
            }
            connection.poll_streams(&mut Context::from_waker(&stream));
            if connection.poll_due(context).is_ready() {
                return Poll::Ready(());
            }
            if bell.rest() {
                return Poll::Pending;
            }
            if !has_budget_remaining() {
                break;
            }
        }
        bell.yield_now();
        Poll::Pending
    })
    .await;
}

impl<Io, Start, F> Connection<Io, Start, F>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Start: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F,
    F: Future<Output = ()>,
{
    /// Lets the streams run.
    fn poll_streams(&mut self, context: &mut Context<'_>) {
        if self.streams.poll_some(context) {
            self.moved = Instant::now();
        }
    }

    /// Reads and writes, and starts what was read. Ready when the connection is over.
    fn poll_library(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let over = self.poll_accept(context);
        if over.is_pending() && self.tally.is_flooded() && !matches!(self.ending, Ending::At(_)) {
            self.break_off(context);
        }
        over
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Greeting(handshake) => {
                    let Ok(mut library) = ready!(Pin::new(handshake).poll(context)) else { return Poll::Ready(()) };
                    let alive = library.ping_pong().map(Alive::new);
                    if self.ending != Ending::Not {
                        library.graceful_shutdown();
                    }
                    self.state = State::Serving(Box::new(library), alive);
                }
                // However it ended, nobody is left to tell.
                State::Serving(library, _) => match ready!(library.poll_accept(context)) {
                    Some(Ok((request, respond))) => {
                        self.moved = Instant::now();
                        self.streams.start((self.start)(request, respond));
                    }
                    Some(Err(_)) | None => return Poll::Ready(()),
                },
            }
        }
    }

    /// Does what its time has come for. Ready when that is to end the connection.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let written = self.tally.written();
        if written != self.written {
            self.blocked.took(usize::try_from(written - self.written).unwrap_or(usize::MAX));
            self.written = written;
        }
        if self.tally.is_blocked() {
            ready!(self.blocked.poll_over(context));
            return Poll::Ready(());
        }
        loop {
            let idle = match self.ending {
                Ending::At(time) => Some(time),
                Ending::Not | Ending::Asked => self.streams.is_empty().then(|| later(self.moved, self.idle_timeout)),
            };
            let alive = match &mut self.state {
                State::Serving(_, Some(alive)) => {
                    alive.poll_answer(context, self.tally.heard());
                    Some(alive.due())
                }
                _ => None,
            };
            let Some(due) = idle.into_iter().chain(alive).min() else { return Poll::Pending };
            ready!(self.alarm.poll(context, due));
            if alive == Some(due) {
                if !self.is_alive() {
                    return Poll::Ready(());
                }
                continue;
            }
            if let Ending::At(_) = self.ending {
                return Poll::Ready(());
            }
            self.finish(Ending::At(Instant::now() + GOODBYE));
            // The library has something to say now.
            context.waker().wake_by_ref();
        }
    }

    fn is_alive(&mut self) -> bool {
        match &mut self.state {
            State::Serving(_, Some(alive)) => alive.look(self.tally.heard()),
            _ => true,
        }
    }

    /// Takes no more requests.
    fn finish(&mut self, ending: Ending) {
        if let State::Serving(library, _) = &mut self.state
            && self.ending == Ending::Not
        {
            library.graceful_shutdown();
        }
        self.ending = ending;
    }

    /// Ends the connection because of what its client does, and says so if the client still reads.
    fn break_off(&mut self, context: &Context<'_>) {
        if let State::Serving(library, _) = &mut self.state {
            library.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        }
        self.streams = Streams::default();
        self.ending = Ending::At(Instant::now() + GOODBYE);
        context.waker().wake_by_ref();
    }
}
