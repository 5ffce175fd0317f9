//! A request's body on its way out over HTTP/1.1.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::http1::Gather;
use sluicegate_core::{Body, BodyError};

/// The body, and how far it was sent.
pub(super) struct Upload {
    body: Body,
    /// Bytes still to come; `None`: it goes in chunks.
    length: Option<u64>,
    done: bool,
    /// What was taken from the body, so that it can be given back whole; `None` once it is not kept any more.
    taken: Option<Body>,
}

/// Most bytes that are kept once some have left: they are wanted again only where a server closes a connection that moment.
const KEPT: u64 = 64 * 1024;

/// A body of which the first pieces were taken already.
struct Again {
    taken: Body,
    body: Body,
}

impl Default for Upload {
    /// Nothing to send.
    fn default() -> Self {
        Self { body: Body::Empty, length: Some(0), done: true, taken: None }
    }
}

impl Upload {
    pub(super) fn of(body: Body) -> Self {
        let length = body.size_hint().exact();
        Self { done: length == Some(0), length, body, taken: Some(Body::Empty) }
    }

    /// Bytes of the body where their number is known.
    pub(super) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether all of it was put on its way.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// Puts what there is into `out`.
    ///
    /// # Errors
    /// The body broke off: what was sent is no request.
    pub(super) fn fill(&mut self, out: &mut Gather, context: &mut Context<'_>) -> Result<(), BodyError> {
        while !self.done && !out.is_full() {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Some(frame)) => frame?,
                Poll::Ready(None) => return self.finish(out),
            };
            // Trailers of a request have no meaning to a model server.
            let Ok(data) = frame.into_data() else { continue };
            match &mut self.length {
                Some(left) => {
                    let more = || BodyError::Broken("it has more bytes than it said".to_owned());
                    *left = left.checked_sub(data.len() as u64).ok_or_else(more)?;
                    self.done = *left == 0;
                    out.put_copy(&data);
                }
                None => out.put_chunk(data.clone()),
            }
            if let Some(taken) = &mut self.taken {
                keep(taken, data);
            }
            if !self.done && self.body.is_end_stream() {
                return self.finish(out);
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Gather) -> Result<(), BodyError> {
        match self.length {
            Some(0) => {}
            Some(_) => return Err(BodyError::Broken("it has fewer bytes than it said".to_owned())),
            None => out.put_last_chunk(),
        }
        self.done = true;
        Ok(())
    }

    /// Some of the request has left: only what is small is kept on.
    pub(super) fn has_left(&mut self) {
        if self.taken.as_ref().is_some_and(|taken| taken.size_hint().lower() > KEPT) {
            self.taken = None;
        }
    }

    /// It will not be wanted back.
    pub(super) fn keep_nothing(&mut self) {
        self.taken = None;
    }

    /// The whole body, where all that was taken of it is kept.
    pub(super) fn take_back(&mut self) -> Option<Body> {
        let taken = self.taken.take()?;
        let body = std::mem::take(&mut self.body);
        Some(match taken {
            Body::Empty => body,
            taken if self.done && body.is_end_stream() => taken,
            taken => Body::stream(Again { taken, body }),
        })
    }
}

/// Puts `data` behind what was taken. Most bodies come in one piece, which needs no list.
fn keep(taken: &mut Body, data: Bytes) {
    if data.is_empty() {
        return;
    }
    *taken = match std::mem::take(taken) {
        Body::Full(first) => Body::Pieces(VecDeque::from([first, data])),
        Body::Pieces(mut pieces) => {
            pieces.push_back(data);
            Body::Pieces(pieces)
        }
        Body::Empty | Body::Stream(_) => Body::Full(data),
    };
}

impl HttpBody for Again {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match ready!(Pin::new(&mut this.taken).poll_frame(context)) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut this.body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taken.is_end_stream() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let taken = self.taken.size_hint().lower();
        match self.body.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(rest.saturating_add(taken)),
            None => SizeHint::new(),
        }
    }
}
