//! One connection from its first byte to its last: makes the TLS handshake where there is one, finds out which HTTP it
//! speaks, serves it, ends it in good order.

use std::time::Duration;

use bytes::Bytes;
use sluicegate_core::Kind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use crate::alarm::later;
use crate::handler::Handler;
use crate::in_flight::Gauge;
use crate::leave::Leave;
use crate::limits::Limits;
use crate::opened::Opened;
use crate::proxied::Announced;
use crate::tls::{self, Failed, Spoken};
use crate::{http1, http2, proxied};

/// What an HTTP/2 client with prior knowledge says first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client may take to hear that its connection is closed.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serves `io` until its client leaves, a limit ends it, or it is asked to leave and its requests are answered.
pub(crate) async fn serve<Io, H>(mut io: Io, mut opened: Opened<H>, gauge: Gauge, leave: Leave)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    if opened.proxies.announces(opened.peer) {
        let announced = tokio::select! {
            biased;
            () = leave.at_once() => return,
            announced = timeout(opened.limits.head_timeout, proxied::read(&mut io)) => announced,
        };
        match announced {
            Ok(Some(Announced::Client(address))) => {
                opened.peer = address;
                if !opened.take_seat() {
                    return;
                }
            }
            Ok(Some(Announced::Peer)) => {}
            // Whoever is to say whose a connection is and does not is not served as somebody else.
            Ok(None) | Err(_) => return,
        }
    }
    let Some((tls, slots)) = opened.tls.clone() else {
        return speak((io, Spoken::Either), opened, gauge, leave).await;
    };
    let shaken = tokio::select! {
        biased;
        () = leave.at_once() => return,
        shaken = tls::accept(io, &tls, &slots, &opened.limits) => shaken,
    };
    match shaken {
        Ok(secured) => Box::pin(speak(secured, opened, gauge, leave)).await,
        Err(Failed::Plain(io)) => {
            opened.handler.refused(&opened.listener, Kind::BadRequest);
            tls::say_that_this_is_tls(io).await;
        }
        Err(Failed::Slow) => opened.handler.refused(&opened.listener, Kind::SlowRequest),
        // No request was made, so none was refused: scanners and probes would drown those that were.
        Err(Failed::Broken(cause)) => {
            tracing::debug!(listener = %opened.listener, peer = %opened.peer, %cause, "no TLS handshake");
        }
    }
}

/// Serves what is spoken over `io`.
async fn speak<Io, H>((mut io, spoken): (Io, Spoken), opened: Opened<H>, gauge: Gauge, leave: Leave)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let first = tokio::select! {
        biased;
        () = leave.at_once() => First::Nothing,
        first = first_bytes(&mut io, &opened.limits) => first,
    };
    match first {
        // Agreed on one, spoken the other: nothing that is said from here on can be trusted to mean one thing.
        First::Http1(_) if spoken == Spoken::Http2 => refuse(io, &opened).await,
        First::Http2 if spoken == Spoken::Http1 => refuse(io, &opened).await,
        First::Http1(early) => http1::serve(io, early, opened, gauge, leave).await,
        First::Http2 => http2::serve(io, opened, gauge, leave).await,
        First::Nothing => close(io).await,
    }
}

async fn refuse<Io: AsyncWrite + Unpin, H: Handler>(io: Io, opened: &Opened<H>) {
    opened.handler.refused(&opened.listener, Kind::BadRequest);
    close(io).await;
}

/// Closes a connection in good order: over TLS, one that ends without a word looks as if somebody had cut it.
async fn close<Io: AsyncWrite + Unpin>(mut io: Io) {
    // It is being closed either way.
    let _ = timeout(GOODBYE, io.shutdown()).await;
}

/// What a connection begins with.
enum First {
    Http1(Bytes),
    Http2,
    /// It closed, failed, or took too long.
    Nothing,
}

/// Reads until it is clear whether this is HTTP/2. A connection that says nothing is an idle one; once it has begun to
/// speak, the time for a head runs.
async fn first_bytes<Io: AsyncRead + Unpin>(io: &mut Io, limits: &Limits) -> First {
    let mut early = Vec::with_capacity(PREFACE.len());
    let mut deadline = later(Instant::now(), limits.idle_timeout);
    while early.len() < PREFACE.len() {
        let begun = !early.is_empty();
        let mut rest = (&mut *io).take((PREFACE.len() - early.len()) as u64);
        match timeout_at(deadline, rest.read_buf(&mut early)).await {
            Err(_) | Ok(Ok(0) | Err(_)) => return First::Nothing,
            Ok(Ok(_)) if !PREFACE.starts_with(&early) => return First::Http1(Bytes::from(early)),
            Ok(Ok(_)) if begun => {}
            Ok(Ok(_)) => deadline = later(Instant::now(), limits.head_timeout),
        }
    }
    First::Http2
}
