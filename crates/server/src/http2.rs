//! HTTP/2 over one connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::drive::drive;
use crate::handler::Handler;
use crate::pulse::Pulse;
use crate::service::Opened;
use crate::spawn::Streams;
use crate::stream::Stream;
use crate::watch::Watch;

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

/// Serves `stream` until its client leaves, a limit ends it, or `drain` is cancelled and its requests are answered.
pub(crate) async fn serve<Io, H>(
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
