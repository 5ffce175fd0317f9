//! Events that a backend sends are handed on byte for byte, but bounded in time; where they break off, an event says so.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body::{Body as HttpBody, Frame};
use sluicegate_config::StreamTimes;
use sluicegate_core::fields::Value;
use sluicegate_core::{Body, BodyError, Outbound, Refusal};
use sluicegate_wire::GenerateCodec;

use super::super::generate::broken;
use crate::patience::{Late, Patience};
use crate::trail::Heard;

/// The events of an answer.
struct Untouched {
    /// Dropped as soon as nothing more is wanted of it.
    backend: Option<Body>,
    codec: GenerateCodec,
    patience: Patience,
    /// Whether the last event handed on is complete.
    whole: bool,
    heard: Arc<Heard>,
}

/// The backend's answer, with its time bounded where it is a stream of events.
pub(in super::super) fn untouched(
    outbound: Outbound,
    codec: GenerateCodec,
    times: StreamTimes,
    heard: impl FnOnce() -> Arc<Heard>,
) -> Outbound {
    let events = (codec.stream.head)().headers.get(CONTENT_TYPE).map(essence).map(<[u8]>::to_vec);
    if outbound.headers.get(CONTENT_TYPE).map(essence) != events.as_deref() {
        return outbound;
    }
    let patience = Patience::begin(times);
    let heard = heard();
    outbound.map(|body| Body::stream(Untouched { backend: Some(body), codec, patience, whole: true, heard }))
}

/// A content type without its parameters.
fn essence(value: Value<'_>) -> &[u8] {
    value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

impl Untouched {
    fn break_off(&mut self, refusal: &Refusal) -> Bytes {
        self.backend = None;
        self.heard.refused(refusal);
        let event = (self.codec.stream.refusal)(refusal, None);
        if self.whole { event } else { [&b"\n\n"[..], &event[..]].concat().into() }
    }
}

impl HttpBody for Untouched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(backend) = &mut this.backend else { return Poll::Ready(None) };
        let last = if this.patience.is_over() {
            this.break_off(&Late::Total.into())
        } else {
            match Pin::new(backend).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.patience.progressed();
                    if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                        this.whole = data.ends_with(b"\n\n");
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(None) => {
                    this.backend = None;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => this.break_off(&broken(&error)),
                Poll::Pending => match this.patience.poll_late(context) {
                    Poll::Ready(late) => this.break_off(&late.into()),
                    Poll::Pending => return Poll::Pending,
                },
            }
        };
        Poll::Ready(Some(Ok(Frame::data(last))))
    }

    fn is_end_stream(&self) -> bool {
        self.backend.as_ref().is_none_or(HttpBody::is_end_stream)
    }
}
