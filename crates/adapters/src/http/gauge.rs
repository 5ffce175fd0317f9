//! Counts what passes over one connection, so that a failed call can say exactly how much of its request had left.
//! Must not know what the bytes mean.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use sluicegate_core::{Body, BodyError, Sent};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Io;

/// What has passed in the current exchange of one connection. Made once a connection, not once a request.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    written: AtomicU64,
    read: AtomicU64,
    ended: AtomicBool,
    failed: Mutex<Option<BodyError>>,
}

/// A byte stream that is counted.
pub(super) struct Counted {
    io: Box<dyn Io>,
    gauge: Arc<Gauge>,
}

/// A request's body on its way out: data only, its end and its failure noted.
pub(super) struct Outgoing {
    body: Body,
    /// Bytes still to come, where the length is known.
    left: Option<u64>,
    gauge: Arc<Gauge>,
}

impl Gauge {
    /// Starts counting anew.
    fn begin(&self, ended: bool) {
        self.written.store(0, Ordering::Relaxed);
        self.read.store(0, Ordering::Relaxed);
        self.ended.store(ended, Ordering::Relaxed);
        *self.failed.lock() = None;
    }

    /// How much of the request the socket has taken. In doubt it says more, never less.
    pub(super) fn sent(&self) -> Sent {
        if self.written.load(Ordering::Relaxed) == 0 {
            Sent::Nothing
        } else if self.ended() {
            Sent::All
        } else {
            Sent::Partial
        }
    }

    /// Bytes written since the exchange began, or since the connection did where no exchange has it for itself.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes read since the exchange began, or since the connection did.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Whether the request's body was handed over to its end.
    pub(super) fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Why the request's body broke off, if it did.
    pub(super) fn failure(&self) -> Option<BodyError> {
        self.failed.lock().clone()
    }
}

impl Counted {
    pub(super) fn new(io: Box<dyn Io>, gauge: Arc<Gauge>) -> Self {
        Self { io, gauge }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = result {
            self.gauge.written.fetch_add(count as u64, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.io).poll_read(context, buffer);
        let count = buffer.filled().len().saturating_sub(before);
        this.gauge.read.fetch_add(count as u64, Ordering::Relaxed);
        result
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(context, bytes);
        this.wrote(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

impl Outgoing {
    /// The body of a new exchange over the connection that `gauge` counts.
    pub(super) fn begin(body: Body, gauge: &Arc<Gauge>) -> Self {
        gauge.begin(body.is_end_stream());
        Self { left: body.size_hint().exact(), body, gauge: Arc::clone(gauge) }
    }

    /// The body, as far as it has not been sent.
    pub(super) fn into_inner(self) -> Body {
        self.body
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            let data = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    // Trailers of a request have no meaning to a model server.
                    Err(_trailers) => continue,
                },
                Some(Err(error)) => {
                    *this.gauge.failed.lock() = Some(error.clone());
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.gauge.ended.store(true, Ordering::Relaxed);
                    return Poll::Ready(None);
                }
            };
            this.left = this.left.map(|left| left.saturating_sub(data.len() as u64));
            // A body of known length is complete with its last byte; nobody need ask for more.
            if this.left == Some(0) || this.body.is_end_stream() {
                this.gauge.ended.store(true, Ordering::Relaxed);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
