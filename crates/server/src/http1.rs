//! HTTP/1.1 and 1.0 over one connection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sluicegate_core::Kind;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::drive::{End, drive};
use crate::handler::Handler;
use crate::pulse::Pulse;
use crate::service::Opened;
use crate::stream::Stream;
use crate::watch::{Overdue, Watch};

/// Answer to a head that did not come in time.
const SLOW_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How long the answer to a slow head may take to leave.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves `stream` until its client leaves, a limit ends it, or `drain` is cancelled and its requests are answered.
pub(crate) async fn serve<Io, H>(stream: Stream<Io>, opened: Opened<H>, pulse: Arc<Pulse>, drain: CancellationToken)
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
