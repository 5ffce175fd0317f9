//! Answers on their way to the client, each written as it comes. What goes wrong behind the head is told within.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use sluicegate_core::{BodyError, CallError, InferRequest, InferResponse, NonFinite, Outcome, Refusal, ReplyStream};
use sluicegate_wire::{ReplyForm, StreamCodec};

use super::super::call::under_the_clients_names;
use super::super::name::NamedModel;
use super::super::refused;
use crate::patience::{Late, Patience};
use crate::snapshot::Version;
use crate::trail::Heard;

/// What the client calls what it gets.
pub(super) struct Naming {
    model: Arc<str>,
    version: Arc<str>,
    id: Option<String>,
    pub(super) non_finite: NonFinite,
}

/// The answers of a model.
pub(super) struct Answers {
    /// Dropped as soon as nothing more is wanted of it.
    backend: Option<ReplyStream>,
    codec: StreamCodec,
    naming: Naming,
    patience: Patience,
    ready: VecDeque<Bytes>,
    heard: Arc<Heard>,
}

impl Naming {
    pub(super) fn of(named: &NamedModel<'_>, version: &Version, request: &InferRequest) -> Self {
        Self {
            model: Arc::clone(&named.model().name),
            version: Arc::clone(&version.name),
            id: request.id.clone(),
            non_finite: named.model().non_finite,
        }
    }

    pub(super) fn put_on(&self, mut response: InferResponse) -> InferResponse {
        under_the_clients_names(&mut response, &self.model, &self.version, self.id.clone());
        response
    }
}

impl Answers {
    pub(super) fn new(
        backend: ReplyStream,
        codec: StreamCodec,
        naming: Naming,
        patience: Patience,
        heard: Arc<Heard>,
    ) -> Self {
        Self { backend: Some(backend), codec, naming, patience, ready: VecDeque::new(), heard }
    }

    /// Writes an answer, or an error in the place of one, behind which others may follow.
    pub(super) fn take(&mut self, answer: Result<InferResponse, CallError>) {
        let written = match answer {
            Ok(response) if response.is_only_final() => return,
            Ok(response) => {
                (self.codec.item)(&self.naming.put_on(response), &ReplyForm::default(), self.naming.non_finite)
            }
            Err(error) => {
                self.heard.failed(Outcome::UpstreamError, error.cause.clone());
                self.ready.push_back((self.codec.refusal)(&refused::refusal(error), None));
                return;
            }
        };
        match written {
            Ok(pieces) => self.ready.extend(pieces),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.heard.refused(refusal);
        self.ready.push_back((self.codec.refusal)(refusal, None));
    }

    fn give_up(&mut self, late: Late) {
        self.backend = None;
        self.refuse(&late.into());
    }
}

impl HttpBody for Answers {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(backend) = &mut this.backend else { return Poll::Ready(None) };
            if this.patience.is_over() {
                this.give_up(Late::Total);
                continue;
            }
            match backend.as_mut().poll_next(context) {
                Poll::Ready(Some(answer)) => {
                    this.patience.progressed();
                    this.take(answer);
                }
                Poll::Ready(None) => this.backend = None,
                Poll::Pending => match this.patience.poll_late(context) {
                    Poll::Ready(late) => this.give_up(late),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.backend.is_none() && self.ready.is_empty()
    }
}
