//! An answer's body on its way out. Small chunks that are ready at the same time leave together: one chunk is one frame
//! and, more often than not, one system call. A chunk that is alone leaves at once.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::{Body, BodyError};

/// Chunks of so many bytes are worth a frame of their own; what is smaller may be copied together.
const SMALL: usize = 16 * 1024;

/// Chunks that leave together, at most: a backend may send empty ones without end.
const CHUNKS: usize = 1024;

/// Bytes that leave together, at most. With it ends what is read ahead of a client.
const TOGETHER: usize = 32 * 1024;

type Polled = Option<Result<Frame<Bytes>, BodyError>>;

/// A body whose small chunks are joined.
#[derive(Debug)]
pub(crate) struct Joined {
    body: Body,
    /// What was met behind chunks that were joined, and comes next.
    next: Option<Polled>,
}

impl Joined {
    pub(crate) const fn new(body: Body) -> Self {
        Self { body, next: None }
    }

    /// The trailers, if they come next and are here already.
    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        let Some(Some(Ok(frame))) = self.next.take_if(|next| is_trailers(next)) else { return None };
        // What is taken is followed by nothing.
        self.next = Some(None);
        frame.into_trailers().ok()
    }

    fn poll_joined(&mut self, context: &mut Context<'_>) -> Poll<Polled> {
        let polled = match self.next.take() {
            Some(next) => Poll::Ready(next),
            None => Pin::new(&mut self.body).poll_frame(context),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(|data| data.len() < SMALL) => {
                let first = frame.into_data().unwrap_or_default();
                Poll::Ready(Some(Ok(Frame::data(self.join(first, context)))))
            }
            polled => polled,
        }
    }

    /// `first` and all small chunks behind it that are ready now.
    fn join(&mut self, first: Bytes, context: &mut Context<'_>) -> Bytes {
        let mut joined = BytesMut::new();
        let mut length = first.len();
        for _ in 0..CHUNKS {
            if length >= TOGETHER || self.body.is_end_stream() {
                break;
            }
            let Poll::Ready(polled) = Pin::new(&mut self.body).poll_frame(context) else { break };
            match polled {
                Some(Ok(frame)) if frame.data_ref().is_some_and(|data| data.len() < SMALL) => {
                    let data = frame.into_data().unwrap_or_default();
                    if joined.is_empty() {
                        joined.extend_from_slice(&first);
                    }
                    joined.extend_from_slice(&data);
                    length = length.saturating_add(data.len());
                }
                // A large chunk, trailers, an error or the end.
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        if joined.is_empty() { first } else { joined.freeze() }
    }
}

fn is_trailers(next: &Polled) -> bool {
    matches!(next, Some(Ok(frame)) if frame.is_trailers())
}

impl HttpBody for Joined {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Polled> {
        self.get_mut().poll_joined(context)
    }

    fn is_end_stream(&self) -> bool {
        match &self.next {
            Some(None) => true,
            Some(Some(_)) => false,
            None => self.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(Some(Ok(frame))) = &self.next {
            let held = frame.data_ref().map_or(0, |data| data.len() as u64);
            let upper = hint.upper().map(|upper| upper.saturating_add(held));
            hint.set_lower(hint.lower().saturating_add(held).min(upper.unwrap_or(u64::MAX)));
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}
