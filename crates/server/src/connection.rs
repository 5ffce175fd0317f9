//! One connection from its first byte to its last: finds out which HTTP it speaks, serves it, ends it in good order.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sluicegate_core::Kind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::handler::Handler;
use crate::limits::Limits;
use crate::pulse::{Gauge, Pulse, later};
use crate::service::Opened;
use crate::spawn::Streams;
use crate::stream::Stream;
use crate::watch::{Overdue, Watch};

/// What an HTTP/2 client with prior knowledge says first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Answer to a head that did not come in time.
const SLOW_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How long a connection that was asked to end for idleness may take to do so.
const GOODBYE: Duration = Duration::from_secs(5);

// HTTP/2: unread request bytes that one stream, and one connection, may make us hold.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Answer bytes buffered for a stream whose client does not read.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams reset before they were served (CVE-2023-44487), and streams reset for errors made by the client.
const PENDING_RESETS: usize = 20;
const ERROR_RESETS: usize = 128;
/// HTTP/2 pings find a client that vanished.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// How a served connection came to its end.
enum End {
    Over(Result<(), hyper::Error>),
    Overdue(Overdue),
}

/// Serves `io` until its client leaves, a limit ends it, or `drain` is cancelled and its requests are answered.
pub(crate) async fn serve<Io, H>(
    mut io: Io,
    opened: Opened<H>,
    gauge: Gauge,
    streams: Streams,
    drain: CancellationToken,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let first = tokio::select! {
        biased;
        () = drain.cancelled() => return,
        first = first_bytes(&mut io, &opened.limits) => first,
    };
    match first {
        First::Http1(early) => {
            let pulse = Arc::new(Pulse::new(true, gauge));
            serve_http1(Stream::new(io, early, Arc::clone(&pulse)), opened, pulse, drain).await;
        }
        First::Http2 => {
            let early = Bytes::from_static(PREFACE);
            let pulse = Arc::new(Pulse::new(false, gauge));
            serve_http2(Stream::new(io, early, Arc::clone(&pulse)), opened, pulse, streams, drain).await;
        }
        First::Nothing => {}
    }
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

async fn serve_http1<Io, H>(stream: Stream<Io>, opened: Opened<H>, pulse: Arc<Pulse>, drain: CancellationToken)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let limits = opened.limits;
    let serving = service_fn(|request| opened.serve(&pulse, request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The watch does it: it tells an idle connection from a slow head, and answers the latter.
        .header_read_timeout(None)
        // Held back by the stream, which can tell a client that listens from one that left.
        .half_close(false)
        .max_header_size(limits.head)
        .max_headers(limits.headers)
        .serve_connection(TokioIo::new(stream), serving);
    let watch = Watch::new(Arc::clone(&pulse), limits);
    match drive(Pin::new(&mut connection), |connection| connection.graceful_shutdown(), watch, drain).await {
        End::Over(Ok(())) | End::Overdue(Overdue::Idle | Overdue::Stalled) => {}
        End::Over(Err(error)) => opened.failed(&error),
        End::Overdue(Overdue::Head) => {
            opened.handler.refused(&opened.listener, Kind::SlowRequest);
            let mut stream = connection.into_parts().io.into_inner();
            let farewell = async {
                stream.write_all(SLOW_HEAD).await?;
                stream.shutdown().await
            };
            // It is being closed either way.
            let _ = timeout(GOODBYE, farewell).await;
        }
    }
}

async fn serve_http2<Io, H>(
    stream: Stream<Io>,
    opened: Opened<H>,
    pulse: Arc<Pulse>,
    streams: Streams,
    drain: CancellationToken,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let limits = opened.limits;
    let serving = service_fn(|request| opened.serve(&pulse, request));
    let connection = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .serve_connection(TokioIo::new(stream), serving);
    let watch = Watch::new(Arc::clone(&pulse), limits);
    // However it ended, nobody is left to tell.
    drive(pin!(connection), |connection| connection.graceful_shutdown(), watch, drain).await;
}

/// Runs a connection to its end; asks it to finish when draining, or when it has been idle.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
    mut watch: Watch,
    drain: CancellationToken,
) -> End
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let mut draining = false;
    let mut leaving = false;
    loop {
        let overdue = tokio::select! {
            biased;
            result = connection.as_mut() => return End::Over(result),
            () = drain.cancelled(), if !draining => None,
            overdue = poll_fn(|context| watch.poll_overdue(context)) => Some(overdue),
        };
        match overdue {
            None => draining = true,
            Some(Overdue::Idle) if !leaving => {
                leaving = true;
                watch.hurry(GOODBYE);
            }
            Some(overdue) => return End::Overdue(overdue),
        }
        finish(connection.as_mut());
    }
}
