//! An answer's body on its way out. Small chunks that are ready at the same time leave together: one chunk is one frame
//! and, more often than not, one system call. A chunk that is alone leaves at once.

use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, SizeHint};
use sluicegate_core::{Body, BodyError, Fields, Part};

/// Chunks of so many bytes are worth a frame of their own; what is smaller may be copied together.
const SMALL: usize = 16 * 1024;

/// Chunks that leave together, at most: a backend may send empty ones without end.
const CHUNKS: usize = 1024;

/// Bytes that leave together, at most. With it ends what is read ahead of a client.
const TOGETHER: usize = 32 * 1024;

type Polled = Option<Result<Part, BodyError>>;

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
    pub(crate) fn take_trailers(&mut self) -> Option<Fields> {
        let is_trailers = |next: &mut Polled| matches!(next, Some(Ok(Part::Trailers(_))));
        let Some(Some(Ok(Part::Trailers(trailers)))) = self.next.take_if(is_trailers) else { return None };
        // What is taken is followed by nothing.
        self.next = Some(None);
        Some(trailers)
    }

    /// What comes next.
    pub(crate) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Polled> {
        let polled = match self.next.take() {
            Some(next) => Poll::Ready(next),
            None => self.body.poll_part(context),
        };
        match polled {
            Poll::Ready(Some(Ok(Part::Data(first)))) if first.len() < SMALL => {
                Poll::Ready(Some(Ok(Part::Data(self.join(first, context)))))
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
            let Poll::Ready(polled) = self.body.poll_part(context) else { break };
            match polled {
                Some(Ok(Part::Data(data))) if data.len() < SMALL => {
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

    /// Whether it is known that nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        match &self.next {
            Some(None) => true,
            Some(Some(_)) => false,
            None => self.body.is_end_stream(),
        }
    }

    /// Bytes that are still to come, as far as that is known.
    pub(crate) fn length(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(Some(Ok(part))) = &self.next {
            let held = part.len() as u64;
            let upper = hint.upper().map(|upper| upper.saturating_add(held));
            hint.set_lower(hint.lower().saturating_add(held).min(upper.unwrap_or(u64::MAX)));
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}
