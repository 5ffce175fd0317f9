//! HTTP/1.1 and 1.0 over one connection, by a codec of our own: whoever frames messages decides where the next one
//! begins, and that must not be left to what a library lets through. See docs/adr/0005-own-http1.md.
//!
//! A connection is one task: head, handler and answer in turn. It ends when its client leaves, when a limit says so, or
//! when it drains and has answered.

mod incoming;
mod known;
mod outgoing;
mod parse;
mod scratch;
mod state;
mod wire;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use sluicegate_core::http1::Gather;
use sluicegate_core::{Body, Inbound, Kind, Leisure, Outbound, Refusal, RequestHead, boxed};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use self::incoming::Incoming;
use self::known::Known;
use self::outgoing::{Answering, Asked};
use self::parse::{Framing, Head, Search};
use self::wire::Wire;
use crate::alarm::{Alarm, later};
use crate::handler::Handler;
use crate::in_flight::{Gauge, InFlight};
use crate::leave::{Leave, Watch};
use crate::limits::Limits;
use crate::opened::Opened;
use crate::patience::Patience;
use crate::{head, received};

/// How long a refused client may go on sending before it is reset.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes of an unwanted body that are read away so that its connection may serve on.
const SKIPPED: usize = 64 * 1024;

/// One connection.
struct Connection<Io> {
    wire: Wire<Io>,
    out: Gather,
    limits: Limits,
    known: Known,
    alarm: Alarm,
    /// When it last began to wait for a request.
    moved: Instant,
}

/// What came where a request may come.
enum Next {
    Request(Request),
    Refused(Box<(Refusal, http::Method)>),
    /// The client is gone, has been silent for too long, or the connection drains.
    Over,
}

/// A request whose head is read. See [`Head`].
struct Request {
    head: Box<RequestHead>,
    framing: Framing,
    keep_alive: bool,
    expects: bool,
    /// It is as one before it was.
    checked: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All that was begun is done.
    Clean,
    /// The client may still be sending; it should meet the answer, not a reset.
    Linger,
    /// Nobody is there to be told.
    Cut,
}

/// Serves `io`, of which `early` was read already.
pub(crate) async fn serve<Io, H>(io: Io, early: Bytes, opened: Opened<H>, gauge: Gauge, leave: Leave)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let moved = Instant::now();
    let limits = opened.limits;
    let alarm = Alarm::new(later(moved, limits.idle_timeout));
    let (wire, out, known) = (Wire::new(io, &early), Gather::default(), Known::default());
    let mut connection = Connection { wire, out, limits, known, alarm, moved };
    let mut asked = leave.watch();
    let end = loop {
        match connection.next(&leave, &mut asked).await {
            Next::Request(request) => {
                if let Some(end) = connection.exchange(request, &opened, &gauge, &leave).await {
                    break end;
                }
            }
            Next::Refused(refused) => {
                let (refusal, method) = *refused;
                opened.handler.refused(&opened.listener, refusal.kind);
                break connection.refuse(&refusal, method).await;
            }
            Next::Over => break End::Clean,
        }
    };
    connection.close(end).await;
}

impl Next {
    fn slow() -> Self {
        let slow = Refusal::new(Kind::SlowRequest, "the request's head did not arrive in time");
        Self::Refused(Box::new((slow, http::Method::GET)))
    }
}

impl<Io> Connection<Io>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Waits for a request's head.
    async fn next(&mut self, leave: &Leave, asked: &mut Watch<'_>) -> Next {
        let mut search = Search::default();
        // When its first byte was seen, if it did not come whole.
        let mut begun: Option<Instant> = None;
        let mut looked = false;
        self.out.shrink();
        self.wire.settle();
        self.wire.lock().shrink();
        poll_fn(|context| {
            let mut wire = self.wire.lock();
            loop {
                // One empty line before a request is what some clients end a body with (RFC 9112, section 2.2).
                if begun.is_none() && wire.input.starts_with(b"\r\n") {
                    wire.input.advance(2);
                }
                if !wire.input.is_empty() && !looked {
                    looked = true;
                    if let Some(request) = self.known.again(&mut wire.input) {
                        return Poll::Ready(Next::Request(request));
                    }
                    self.known.note(&wire.input);
                }
                // Who asks for a head alone reads no body, whatever else is wrong.
                let bare = wire.input.starts_with(b"HEAD ");
                let found = if wire.input.is_empty() { Ok(None) } else { search.found(&mut wire.input, &self.limits) };
                match found {
                    Ok(Some(Head { parts, framing, keep_alive, expects })) => {
                        let head = Box::new(parts);
                        let request = Request { head, framing, keep_alive, expects, checked: false };
                        return Poll::Ready(Next::Request(request));
                    }
                    Err(refusal) => {
                        let method = if bare { http::Method::HEAD } else { http::Method::GET };
                        return Poll::Ready(Next::Refused(Box::new((refusal, method))));
                    }
                    Ok(None) => {}
                }
                match wire.poll_head(context) {
                    Poll::Ready(Ok(true)) => continue,
                    Poll::Ready(Ok(false) | Err(_)) => return Poll::Ready(Next::Over),
                    Poll::Pending => {}
                }
                // Half an empty line is no beginning of a request, either.
                let due = if wire.input.is_empty() || (begun.is_none() && *wire.input == *b"\r") {
                    if asked.poll(context).is_ready() && !leave.is_gentle() {
                        return Poll::Ready(Next::Over);
                    }
                    later(self.moved, self.limits.idle_timeout)
                } else {
                    later(*begun.get_or_insert_with(Instant::now), self.limits.head_timeout)
                };
                ready!(self.alarm.poll(context, due));
                return Poll::Ready(if begun.is_some() { Next::slow() } else { Next::Over });
            }
        })
        .await
    }

    /// Has a request served and sends its answer. `None`: the connection may serve another.
    async fn exchange<H: Handler>(
        &mut self,
        request: Request,
        opened: &Opened<H>,
        gauge: &Gauge,
        leave: &Leave,
    ) -> Option<End> {
        let _in_flight = InFlight::new(gauge);
        let Request { mut head, framing, keep_alive, expects, checked } = request;
        self.wire.lock().begin(framing, expects);
        if !checked {
            if let Err(refusal) = head::check(&mut head, &self.limits) {
                opened.handler.refused(&opened.listener, refusal.kind);
                return Some(self.refuse(&refusal, head.method).await);
            }
            if keep_alive {
                self.known.keep(&head, framing, expects);
            }
        }
        let mut asked = Asked { version: head.version, method: head.method.clone(), keep: keep_alive };
        // In a box: a connection that waits holds no room for it, and the next request anywhere on this thread takes the same.
        let inbound = self.inbound(head, opened);
        let mut handling = boxed(|| opened.handler.serve(inbound));
        let handled = self.handled(handling.as_mut()).await;
        drop(handling);
        let Some(outbound) = handled else {
            return Some(End::Cut);
        };
        asked.keep &= self.may_serve_on().await && !leave.is_asked();
        self.answer(outbound, &asked).await
    }

    fn inbound<H: Handler>(&mut self, mut head: Box<RequestHead>, opened: &Opened<H>) -> Inbound {
        let mut wire = self.wire.lock();
        let small = wire.body_left().is_some_and(|left| left <= self.limits.body);
        let body = match small.then(|| wire.whole_body()).flatten() {
            Some(bytes) => Body::Full(bytes),
            None if wire.body_is_read() => Body::Empty,
            None => {
                drop(wire);
                let leisure = Leisure::default();
                head.leisure = Some(leisure.clone());
                received::body(Incoming::new(&mut self.wire), &self.limits, leisure)
            }
        };
        opened.inbound(head, body)
    }

    /// Waits for the handler; `None` if the client leaves first.
    async fn handled(&mut self, mut handling: Pin<&mut impl Future<Output = Outbound>>) -> Option<Outbound> {
        poll_fn(|context| match handling.as_mut().poll(context) {
            Poll::Ready(outbound) => Poll::Ready(Some(outbound)),
            Poll::Pending => self.wire.lock().poll_left(context).map(|()| None),
        })
        .await
    }

    /// Whether another request can be told from what is left of this one.
    async fn may_serve_on(&mut self) -> bool {
        poll_fn(|context| {
            let mut wire = self.wire.lock();
            wire.skip_body(SKIPPED, context);
            Poll::Ready(wire.body_is_read() && !(wire.is_ended() && wire.input.is_empty()))
        })
        .await
    }

    /// Sends an answer. `None`: the connection may serve another request.
    async fn answer(&mut self, outbound: Outbound, asked: &Asked) -> Option<End> {
        let begun = self.wire.lock().interim_begun();
        self.out.head().extend_from_slice(begun);
        // One look at the clock, for the date and for when the next request is waited for: most answers leave at once.
        let now = Instant::now();
        let mut at_once = true;
        let (mut answering, keep) = Answering::begin(outbound, asked, now, &mut self.out);
        let Self { wire, out, limits, .. } = self;
        let mut patience = Patience::new(limits.idle_timeout);
        let sent = poll_fn(|context| {
            if let Poll::Ready(sent) = answering.poll_send(out, wire, context, |bytes| patience.took(bytes)) {
                return Poll::Ready(sent.is_ok());
            }
            at_once = false;
            if answering.is_resting() {
                return wire.lock().poll_left(context).map(|()| false);
            }
            // It does not read what it asked for, or too little of it.
            patience.poll_over(context).map(|()| false)
        })
        .await;
        self.moved = if at_once { now } else { Instant::now() };
        match (sent, keep) {
            (false, _) => Some(End::Cut),
            (true, true) => None,
            (true, false) => Some(self.ended()),
        }
    }

    /// Answers that it does not serve. The connection is not used again.
    async fn refuse(&mut self, refusal: &Refusal, method: http::Method) -> End {
        let asked = Asked { version: http::Version::HTTP_11, method, keep: false };
        match self.answer(head::answer(refusal, false), &asked).await {
            Some(End::Cut) => End::Cut,
            _ => End::Linger,
        }
    }

    fn ended(&mut self) -> End {
        let wire = self.wire.lock();
        if wire.is_ended() || (wire.body_is_read() && wire.input.is_empty()) { End::Clean } else { End::Linger }
    }

    /// Closes in good order: all that was sent can be read.
    async fn close(mut self, end: End) {
        if end == End::Cut {
            return;
        }
        self.wire.lock().abandon_body();
        let until = Instant::now() + LINGER;
        let farewell = poll_fn(|context| {
            let mut wire = self.wire.lock();
            if ready!(wire.poll_shutdown(context)).is_err() || end == End::Clean {
                return Poll::Ready(());
            }
            while !wire.is_ended() {
                wire.input.clear();
                if ready!(wire.poll_head(context)).is_err() {
                    break;
                }
            }
            Poll::Ready(())
        });
        // Whoever goes on sending for longer meets the reset.
        let _ = tokio::time::timeout_at(until, farewell).await;
    }
}

impl<Io> Drop for Connection<Io> {
    // Whoever still holds a request's body does not hold its connection.
    fn drop(&mut self) {
        self.wire.lock().cut();
    }
}
