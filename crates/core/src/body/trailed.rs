//! A body at hand with trailers behind it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::SizeHint;

use super::{BodyError, BodyStream, Part, length};
use crate::Fields;

/// Pieces and the trailers behind them. Most have one piece: more of them have a list.
pub(super) struct Trailed {
    first: Bytes,
    more: VecDeque<Bytes>,
    trailers: Option<Fields>,
}

impl Trailed {
    pub(super) fn new(pieces: impl IntoIterator<Item = Bytes>, trailers: Fields) -> Self {
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let first = pieces.next().unwrap_or_default();
        Self { first, more: pieces.collect(), trailers: Some(trailers) }
    }
}

impl BodyStream for Trailed {
    fn poll_part(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        let this = self.get_mut();
        let piece = if this.first.is_empty() { this.more.pop_front() } else { Some(std::mem::take(&mut this.first)) };
        Poll::Ready(match piece {
            Some(piece) => Some(Ok(Part::Data(piece))),
            None => this.trailers.take().map(|trailers| Ok(Part::Trailers(trailers))),
        })
    }

    fn is_over(&self) -> bool {
        // Nothing comes behind the trailers.
        self.trailers.is_none()
    }

    fn length(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(length(&self.more).saturating_add(self.first.len() as u64));
        hint
    }
}
