//! One HTTP/1.1 connection to an endpoint, and one exchange over it at a time.
//!
//! The connection is driven by whoever polls its request or its answer, never by a task of its own: dropping either
//! closes the socket at once, and no chunk crosses from one task to another. Heads and framing are
//! read strictly: what could end in two places is no answer.

mod answer;
mod download;
mod head;
mod upload;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use sluicegate_core::http1::Gather;
use sluicegate_core::{Response, Sent};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, sleep};
use tokio_util::io::poll_read_buf;

pub(super) use self::answer::LineAnswer;
use self::download::Download;
use self::upload::Upload;
use super::alarm::Alarm;
use super::{Fault, HttpError, Io, Origin, Request};

/// Longest head of an answer, in bytes.
const HEAD_LIMIT: usize = 32 * 1024;

/// Most bytes read before the head of the answer is complete: room for it and as much of interim (1xx) answers, which
/// are ignored.
const PREFACE_LIMIT: usize = 2 * HEAD_LIMIT;

/// Room made before a head is read.
const ROOM: usize = 8 * 1024;

/// How often it is asked whether a request came too late for its server, and the time between: longer in all than bytes take to
/// a server and back.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(1);

/// One connection.
pub(super) struct Line {
    io: Box<dyn Io>,
    /// Read, and not used yet.
    input: BytesMut,
    search: head::Search,
    /// ... into more room than an idle connection should hold.
    grown: bool,
    /// Bytes that are to leave.
    out: Gather,
    /// Bytes of the current request that have left.
    written: u64,
    /// Bytes read before the head of its answer was complete.
    preface: usize,
    upload: Upload,
    download: Download,
    /// Whether the server keeps it open behind the current answer.
    kept: bool,
    /// The server takes no more bytes; it may still have answered.
    deaf: Option<String>,
    /// Whether a request was answered over it before.
    used: bool,
    /// Whether the server ended it in good order before it said a word of an answer.
    left: bool,
    alarm: Alarm,
}

/// Why an exchange failed, and whether its request is still whole: not a byte of it has left.
pub(super) struct Failure {
    pub(super) error: HttpError,
    pub(super) whole: bool,
}

impl Line {
    /// Speaks HTTP/1.1 over `io`.
    pub(super) fn over(io: Box<dyn Io>, due: Instant) -> Box<Self> {
        Box::new(Self {
            io,
            input: BytesMut::new(),
            search: head::Search::default(),
            grown: false,
            out: Gather::default(),
            written: 0,
            preface: 0,
            upload: Upload::default(),
            download: Download::default(),
            kept: true,
            deaf: None,
            used: false,
            left: false,
            alarm: Alarm::new(due),
        })
    }

    /// Whether the exchange is complete in both directions, so that another may follow.
    pub(super) fn is_free(&self) -> bool {
        self.kept && self.upload.is_done() && self.download.is_done() && self.out.is_empty() && self.input.is_empty()
    }

    /// The body of the answer, if all of it is here already.
    pub(super) fn whole(&mut self) -> Option<Bytes> {
        if self.download.is_done() {
            return Some(Bytes::new());
        }
        let length = self.download.left().and_then(|left| usize::try_from(left).ok())?;
        if length > self.input.len() || !self.upload.is_done() {
            return None;
        }
        self.download.take(&mut self.input)?.ok()?
    }

    /// Gives back the room that a large message took. Nothing must be on its way.
    pub(super) fn shrink(&mut self) {
        self.out.shrink();
        if self.grown {
            (self.grown, self.input) = (false, BytesMut::new());
        }
    }

    /// Sends `request`, whose body it takes, and waits until `due` for the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        request: &mut Request,
        origin: &Origin,
        due: Instant,
    ) -> Result<Response<()>, Failure> {
        let to_head = request.method == Method::HEAD;
        (self.written, self.preface, self.deaf, self.left) = (0, 0, None, false);
        let mut begun = false;
        self.upload = Upload::of(std::mem::take(&mut request.body));
        head::write(request, origin, self.upload.length(), self.out.head());
        let result = poll_fn(|context| {
            // Looked at before a byte is sent: what it says unasked, its leaving too, makes it unfit, and a request that
            // meets that goes out over another.
            let looked = !begun;
            if looked {
                if self.poll_read(context, ROOM).is_ready() {
                    return Poll::Ready(Err(self.failed(Fault::Broken, "the connection ended without an answer")));
                }
                begun = true;
            }
            if let Poll::Ready(Err(error)) = self.poll_upload(context) {
                return Poll::Ready(Err(error));
            }
            // Whoever looked a moment ago is woken when something comes.
            if (!looked || self.deaf.is_some())
                && let Poll::Ready(answered) = self.poll_head(context, to_head)
            {
                return Poll::Ready(answered);
            }
            self.poll_due(context, due)
                .map(|()| Err(self.failed(Fault::TimedOut, "no answer within the request's time")))
        })
        .await;
        let mut error = match result {
            Ok(answered) => {
                self.used = true;
                self.upload.keep_nothing();
                return Ok(answered);
            }
            Err(error) => error,
        };
        self.kept = false;
        if self.used && self.left && Box::pin(self.came_too_late()).await {
            error.sent = Sent::Nothing;
        }
        let unsent = error.sent == Sent::Nothing && error.fault == Fault::Broken;
        let body = if unsent { self.upload.take_back() } else { None };
        let whole = body.map(|body| request.body = body).is_some();
        Err(Failure { error, whole })
    }

    /// Whether the server had closed the connection before all of the request came: then its system resets what comes, and no
    /// server has read the request. A server that read it and closed without an answer resets nothing.
    async fn came_too_late(&mut self) -> bool {
        for _ in 0..LOOKS {
            // To write nothing sends nothing, and tells what the system knows by now: `BrokenPipe` is a reset behind an end.
            let told = poll_fn(|context| match Pin::new(&mut self.io).poll_write(context, &[]) {
                Poll::Ready(Err(error)) => Poll::Ready(Some(error)),
                Poll::Ready(Ok(_)) | Poll::Pending => Poll::Ready(None),
            });
            if let Some(error) = told.await {
                return error.kind() == io::ErrorKind::BrokenPipe;
            }
            sleep(LOOK).await;
        }
        false
    }

    /// How much of the current request has left.
    fn sent(&self) -> Sent {
        match (self.written, self.upload.is_done() && self.out.is_empty()) {
            (0, _) => Sent::Nothing,
            (_, true) => Sent::All,
            (_, false) => Sent::Partial,
        }
    }

    fn failed(&self, fault: Fault, cause: impl Into<String>) -> HttpError {
        HttpError::new(fault, self.sent(), cause)
    }

    /// Ready when `due` has come.
    fn poll_due(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
        self.alarm.poll(context, due)
    }

    /// Sends what of the request is there. Ready with an error when the request itself broke off.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        loop {
            if self.deaf.is_some() {
                return Poll::Pending;
            }
            if let Err(reason) = self.upload.fill(&mut self.out, context) {
                let cause = reason.to_string();
                return Poll::Ready(Err(self.failed(Fault::Request(reason), cause)));
            }
            if self.out.is_empty() {
                return if self.upload.is_done() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            match ready!(self.poll_write(context)) {
                Ok(()) => {}
                // It may have answered before it stopped listening.
                Err(error) => self.deaf = Some(error.to_string()),
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let (pieces, count) = self.out.pieces();
            let io = Pin::new(&mut self.io);
            let written = ready!(match pieces.get(..count).unwrap_or_default() {
                // `send` costs the system less than `writev`.
                [piece] => io.poll_write(context, piece),
                pieces => io.poll_write_vectored(context, pieces),
            })?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(written as u64);
            self.upload.has_left();
            self.out.advance(written);
        }
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Reads until the head of the answer is there.
    fn poll_head(&mut self, context: &mut Context<'_>, to_head: bool) -> Poll<Result<Response<()>, HttpError>> {
        loop {
            let read = if self.input.is_empty() { Ok(None) } else { self.search.found(&mut self.input, HEAD_LIMIT) };
            match read {
                Ok(None) if self.preface > PREFACE_LIMIT => {
                    let cause = "it sent interim answers without end";
                    return Poll::Ready(Err(self.failed(Fault::Nonsense, cause)));
                }
                Ok(None) => {}
                Ok(Some((head, _))) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                    let cause = "it answered 101, though no other protocol was asked for";
                    return Poll::Ready(Err(self.failed(Fault::Nonsense, cause)));
                }
                Ok(Some((head, _))) if head.status.is_informational() => continue,
                Ok(Some((head, hop))) => {
                    let begun =
                        Download::begin(head.status, &hop, to_head).map_err(|why| self.failed(Fault::Nonsense, why))?;
                    (self.download, self.kept) = begun;
                    return Poll::Ready(Ok(head));
                }
                Err(why) => return Poll::Ready(Err(self.failed(Fault::Nonsense, why))),
            }
            let before = self.input.len();
            match ready!(self.poll_read(context, ROOM)) {
                Ok(true) => self.preface += self.input.len() - before,
                Ok(false) => {
                    self.left = self.deaf.is_none() && self.preface == 0 && self.input.is_empty();
                    let cause = self.deaf.take().unwrap_or_else(|| "the connection ended without an answer".to_owned());
                    return Poll::Ready(Err(self.failed(Fault::Broken, cause)));
                }
                Err(error) => return Poll::Ready(Err(self.failed(Fault::Broken, error.to_string()))),
            }
        }
    }

    /// The next bytes of the answer; `None` at its end. What is left of the request is sent meanwhile.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        if !self.upload.is_done()
            && let Poll::Ready(Err(error)) = self.poll_upload(context)
        {
            return Poll::Ready(Some(Err(error.cause)));
        }
        loop {
            if let Some(read) = self.download.take(&mut self.input) {
                return Poll::Ready(read.map_err(str::to_owned).transpose());
            }
            let room = self.download.room();
            match ready!(self.poll_read(context, room)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(self.download.ended().map_err(str::to_owned).err().map(Err)),
                Err(error) => return Poll::Ready(Some(Err(error.to_string()))),
            }
        }
    }

    /// Reads more. `Ok(false)`: the server sends no more.
    fn poll_read(&mut self, context: &mut Context<'_>, room: usize) -> Poll<io::Result<bool>> {
        if room > ROOM || self.input.capacity() - self.input.len() < ROOM / 4 {
            self.grown |= room > ROOM;
            self.input.reserve(room);
        }
        poll_read_buf(Pin::new(&mut self.io), context, &mut self.input).map_ok(|count| count > 0)
    }
}
