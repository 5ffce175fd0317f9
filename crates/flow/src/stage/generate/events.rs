//! A stream of events on its way to the client. What goes wrong behind it is told within it: the head has left.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use sluicegate_core::{Body, BodyError, Kind, Outcome, Refusal, Sent};
use sluicegate_wire::openai::{Fault, StreamEdit};

use super::broken;
use crate::held::Source;
use crate::patience::{Late, Patience};
use crate::trail::Heard;
use crate::verdict::Verdict;

/// The events of an answer, edited as they pass.
pub(super) struct Events {
    /// Dropped as soon as nothing more is wanted of it.
    backend: Option<Body>,
    edit: StreamEdit,
    ready: VecDeque<Bytes>,
    patience: Patience,
    heard: Arc<Heard>,
    source: Option<Source>,
}

impl Events {
    pub(super) fn new(
        backend: Body,
        edit: StreamEdit,
        patience: Patience,
        (heard, source): (Arc<Heard>, Option<Source>),
    ) -> Self {
        Self { backend: Some(backend), edit, ready: VecDeque::new(), patience, heard, source }
    }

    fn push(&mut self, piece: Bytes) {
        let outcome = self.edit.push(piece, &mut self.ready);
        self.heard.usage(self.edit.ending().usage);
        if outcome.is_err() {
            let refusal = Refusal::new(Kind::UpstreamFault, "the model's answer is larger than the gateway takes");
            self.break_off(&refusal.because("an event is too large to put the model's name into"));
        }
    }

    fn finish(&mut self) {
        self.backend = None;
        let ending = self.edit.finish(&mut self.ready);
        self.heard.usage(ending.usage);
        if let Some(fault) = ending.failed {
            const ERROR: &str = "the backend told of an error within its stream";
            self.heard.failed(Outcome::UpstreamError, ERROR);
            if fault == Fault::Server {
                self.blame(Verdict::Server, ERROR);
            }
        } else if !ending.complete {
            const TORN: &str = "the backend's stream ended before its last event";
            self.heard.failed(Outcome::Refused(Kind::UpstreamFault), TORN);
            self.blame(Verdict::Transport(Sent::All), TORN);
        }
    }

    /// What goes wrong behind a good head counts as well.
    fn blame(&self, verdict: Verdict, why: &str) {
        if let Some(source) = &self.source {
            source.failed(verdict, why);
        }
    }

    fn break_off(&mut self, refusal: &Refusal) {
        self.backend = None;
        self.ready.push_back(self.edit.break_off(refusal));
        self.heard.refused(refusal);
    }
}

impl HttpBody for Events {
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
                this.break_off(&Late::Total.into());
                continue;
            }
            match Pin::new(backend).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.patience.progressed();
                    if let Ok(data) = frame.into_data() {
                        this.push(data);
                    }
                }
                Poll::Ready(Some(Err(error))) => this.break_off(&broken(&error)),
                Poll::Ready(None) => this.finish(),
                Poll::Pending => match this.patience.poll_late(context) {
                    Poll::Ready(late) => this.break_off(&late.into()),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.backend.is_none() && self.ready.is_empty()
    }
}
