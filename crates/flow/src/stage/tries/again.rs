//! What of a call is kept so that it can be made once more.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sluicegate_core::{BackendModel, Body, Call, CallBody, Deadline, Fields, InferRequest, Operation, Unnamed};

use super::super::forward::{Content, onward};
use crate::replay::Replay;

/// A call that can be made once more.
pub(in super::super) struct Again<'a> {
    pub(in super::super) operation: Operation,
    pub(in super::super) model: &'a BackendModel,
    pub(in super::super) deadline: Deadline,
    /// The client's own head, and whether its content goes along as it came.
    pub(in super::super) client: Fields,
    pub(in super::super) content: Content,
    pub(in super::super) kept: Kept,
}

/// Its body.
pub(in super::super) enum Kept {
    Empty,
    Whole(Bytes),
    Pieces(VecDeque<Bytes>),
    Passing(Replay),
    Tensors(Arc<InferRequest>),
    Unnamed(Unnamed),
}

impl Kept {
    /// What of `body` is kept, and the body to be sent first.
    pub(in super::super) fn of(body: CallBody) -> (Self, CallBody) {
        match body {
            CallBody::Wire(body) => match &body {
                Body::Empty => (Self::Empty, CallBody::Wire(body)),
                Body::Full(bytes) => (Self::Whole(bytes.clone()), CallBody::Wire(body)),
                Body::Pieces(pieces) => (Self::Pieces(pieces.clone()), CallBody::Wire(body)),
                Body::Stream(_) => {
                    let replay = Replay::of(body);
                    let first = replay.send().unwrap_or_default();
                    (Self::Passing(replay), CallBody::Wire(first))
                }
            },
            CallBody::Tensors(request) => (Self::Tensors(Arc::clone(&request)), CallBody::Tensors(request)),
            CallBody::Unnamed(message) => {
                let same = Unnamed { id: message.id.clone(), rest: message.rest.clone() };
                (Self::Unnamed(same), CallBody::Unnamed(message))
            }
        }
    }

    fn send(&self) -> Option<CallBody> {
        Some(match self {
            Self::Empty => CallBody::Wire(Body::Empty),
            Self::Whole(bytes) => CallBody::Wire(Body::Full(bytes.clone())),
            Self::Pieces(pieces) => CallBody::Wire(Body::Pieces(pieces.clone())),
            Self::Passing(replay) => CallBody::Wire(replay.send()?),
            Self::Tensors(request) => CallBody::Tensors(Arc::clone(request)),
            Self::Unnamed(message) => CallBody::Unnamed(Unnamed { id: message.id.clone(), rest: message.rest.clone() }),
        })
    }
}

impl Again<'_> {
    /// The call once more, with `headers` for its ids; `None` where its body is gone.
    pub(super) fn call(&self, mut headers: Fields) -> Option<Call> {
        let body = self.kept.send()?;
        onward(&self.client, self.content, &mut headers);
        let (operation, model, deadline) = (self.operation, self.model.clone(), self.deadline);
        Some(Call { operation, model, body, headers, deadline })
    }
}
