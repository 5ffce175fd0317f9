//! An answer on its way out: its head, and its body in the framing that was chosen for it. What is ready together leaves
//! in one system call; a large piece is not copied.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Method, StatusCode, Version};
use http_body::Body as _;
use sluicegate_core::http1::Gather;
use sluicegate_core::{Body, Fields, Outbound, Part, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::wire::Wire;
use crate::date;
use crate::joined::Joined;

/// Room that is made for an answer's head; a small body fits in too, and the allocator has rooms of this size at hand.
const ROOM: usize = 1000;

/// What a request asks of its answer's form.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) method: Method,
    /// Whether the connection may serve another request behind this one.
    pub(super) keep: bool,
}

/// How the client is told where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// There is no body, whatever the handler gave.
    Absent,
    /// So many bytes are to come.
    Length(u64),
    Chunked,
    /// It ends with the connection.
    Close,
}

/// An answer being sent.
pub(super) struct Answering {
    body: Joined,
    framing: Framing,
    done: bool,
    /// The body broke off: what came before still leaves, and then the connection is cut.
    broken: bool,
    /// Something was written that may lie between us and the socket, as what TLS holds encrypted does.
    unflushed: bool,
    /// All there was has left, and the body has no more now.
    resting: bool,
}

/// Why an answer could not be sent whole. Its connection is cut: the client must not take it for whole.
#[derive(Debug)]
pub(super) struct Cut;

impl Answering {
    /// Writes the head of `outbound` to `out`, at `now`, and says whether the connection stays open behind the answer.
    pub(super) fn begin(outbound: Outbound, asked: &Asked, now: Instant, out: &mut Gather) -> (Self, bool) {
        let (head, body) = outbound.into_parts();
        let framing = framing(&head, &body, asked);
        let keep = asked.keep && framing != Framing::Close;
        write_head(&head, framing, &body, (asked, keep, now), out);
        let done = matches!(framing, Framing::Absent | Framing::Length(0));
        (Self { body: Joined::new(body), framing, done, broken: false, unflushed: false, resting: false }, keep)
    }

    /// Sends what there is, until all is sent. Pending: for the client, or for the body if it is resting.
    pub(super) fn poll_send<Io: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        out: &mut Gather,
        wire: &mut Wire<Io>,
        context: &mut Context<'_>,
        mut progress: impl FnMut(usize),
    ) -> Poll<Result<(), Cut>> {
        self.resting = false;
        loop {
            if out.is_empty() {
                // What lies between must leave first: more would only fill the room there, and look as if it were taken.
                ready!(self.poll_write(out, wire, context, &mut progress)).map_err(|_| Cut)?;
            }
            let waiting = self.gather(out, context)?;
            ready!(self.poll_write(out, wire, context, &mut progress)).map_err(|_| Cut)?;
            if self.broken {
                return Poll::Ready(Err(Cut));
            }
            if self.done {
                return Poll::Ready(Ok(()));
            }
            if waiting {
                self.resting = true;
                return Poll::Pending;
            }
        }
    }

    /// Whether all there was has left, and only the body is waited for.
    pub(super) const fn is_resting(&self) -> bool {
        self.resting
    }

    /// Writes all that `out` holds, and sees to it that it leaves.
    fn poll_write<Io: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        out: &mut Gather,
        wire: &mut Wire<Io>,
        context: &mut Context<'_>,
        mut progress: impl FnMut(usize),
    ) -> Poll<io::Result<()>> {
        if out.is_empty() && !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        let mut wire = wire.lock();
        while !out.is_empty() {
            let (pieces, count) = out.pieces();
            let written = ready!(wire.poll_write(context, pieces.get(..count).unwrap_or_default()))?;
            self.unflushed = true;
            progress(written);
            out.advance(written);
        }
        ready!(wire.poll_flush(context))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Takes from the body what fits. Whether it has no more now.
    fn gather(&mut self, out: &mut Gather, context: &mut Context<'_>) -> Result<bool, Cut> {
        while !self.done && !self.broken && !out.is_full() {
            let part = match self.body.poll_part(context) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(Err(_))) => {
                    self.broken = true;
                    break;
                }
                Poll::Ready(None) => {
                    self.finish(out);
                    break;
                }
                Poll::Ready(Some(Ok(part))) => part,
            };
            // Trailers have no place here that clients look at.
            let Part::Data(data) = part else { continue };
            self.put(data, out)?;
            if !self.done && self.body.is_over() {
                self.finish(out);
            }
        }
        Ok(false)
    }

    fn put(&mut self, data: Bytes, out: &mut Gather) -> Result<(), Cut> {
        match &mut self.framing {
            Framing::Absent | Framing::Close => out.put(data),
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Cut)?;
                self.done = *left == 0;
                out.put(data);
            }
            Framing::Chunked => out.put_chunk(data),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Gather) {
        match self.framing {
            Framing::Length(0) | Framing::Absent | Framing::Close => self.done = true,
            // Fewer bytes than were promised.
            Framing::Length(_) => self.broken = true,
            Framing::Chunked => {
                self.done = true;
                out.put_last_chunk();
            }
        }
    }
}

fn framing(head: &Response<()>, body: &Body, asked: &Asked) -> Framing {
    if asked.method == Method::HEAD || is_bodiless(head.status) {
        return Framing::Absent;
    }
    let declared = || head.headers.get("content-length")?.as_str()?.parse().ok();
    match body.size_hint().exact().or_else(declared) {
        Some(length) => Framing::Length(length),
        None if asked.version == Version::HTTP_11 => Framing::Chunked,
        None => Framing::Close,
    }
}

fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn write_head(
    head: &Response<()>,
    framing: Framing,
    body: &Body,
    (asked, keep, now): (&Asked, bool, Instant),
    out: &mut Gather,
) {
    let out = out.head();
    out.reserve(ROOM);
    if head.status == StatusCode::OK {
        out.put_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        out.put_slice(b"HTTP/1.1 ");
        out.put_slice(head.status.as_str().as_bytes());
        out.put_u8(b' ');
        out.put_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
        out.put_slice(b"\r\n");
    }
    head.headers.put_lines(out, |name| !is_ours(name.as_bytes()));
    match framing {
        Framing::Length(length) => write_field(b"content-length", itoa::Buffer::new().format(length).as_bytes(), out),
        Framing::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Close => {}
        Framing::Absent => write_length_of_absent(head, body, &head.headers, out),
    }
    if !head.headers.contains("date") {
        date::with(now, |date| write_field(b"date", date, out));
    }
    if !keep {
        out.put_slice(b"connection: close\r\n");
    } else if asked.version == Version::HTTP_10 {
        out.put_slice(b"connection: keep-alive\r\n");
    }
    out.put_slice(b"\r\n");
}

/// To HEAD, the length that the body would have.
fn write_length_of_absent(head: &Response<()>, body: &Body, headers: &Fields, out: &mut BytesMut) {
    if is_bodiless(head.status) {
        return;
    }
    match (headers.get("content-length"), body.size_hint().exact()) {
        (Some(declared), None | Some(0)) => write_field(b"content-length", declared.as_bytes(), out),
        (_, Some(length)) => write_field(b"content-length", itoa::Buffer::new().format(length).as_bytes(), out),
        (None, None) => {}
    }
}

/// Fields about the connection and the framing: written by us, whoever else set them.
fn is_ours(name: &[u8]) -> bool {
    matches!(
        name,
        b"content-length"
            | b"transfer-encoding"
            | b"connection"
            | b"upgrade"
            | b"te"
            | b"trailer"
            | b"keep-alive"
            | b"proxy-connection"
    )
}

/// A value holds no line ends: its type sees to that.
fn write_field(name: &[u8], value: &[u8], out: &mut BytesMut) {
    out.put_slice(name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}
