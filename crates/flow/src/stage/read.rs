//! Reads and decodes the body, only where something needs it: a request that its backend takes as it is streams through
//! untouched, whatever its size.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::poll_fn;
use http::header::CONTENT_ENCODING;
use http_body::Body as HttpBody;
use sluicegate_core::{
    Body, BodyError, Deadline, Fields, InferRequest, Inquiry, Kind, ModelMetadata, Protocol, Refusal, Unnamed,
};
use sluicegate_wire::grpc::frame::{FrameError, Reader};
use sluicegate_wire::openai::Head;
use sluicegate_wire::{Limits, ReplyForm, codec, grpc, oip_rest};

use super::admit::Admitted;
use super::name::{Message, NamedModel};
use super::permit::Permitted;
use super::refused::no_room;
use super::{inquire, traffic};
use crate::control::Gateway;
use crate::heavy;
use crate::trail::Trail;
use crate::whole;

/// How much text grows that was compressed, as a rule.
const GROWTH: usize = 16;

/// A request with the payload its route needs.
pub(crate) struct Read<'a> {
    permitted: Permitted<'a>,
    payload: Payload,
}

/// The client's bytes, or what they mean.
pub(crate) enum Payload {
    /// Untouched bytes on their way.
    Raw(Body),
    /// The message without its names: the backend speaks the protocol, and its tensors need no reading.
    Unnamed(Unnamed),
    /// A decoded request, and how the client wants the answer.
    Infer(Arc<InferRequest>, ReplyForm),
    /// Values, read by the description of the version that will answer.
    Values(Box<InferRequest>),
    /// A request to a generative model, and what it says of itself.
    Generate(Bytes, Box<Head>),
}

pub(crate) async fn read<'a>(
    admitted: Admitted<Permitted<'a>>,
    gateway: &Gateway,
    trail: &mut Trail,
) -> Result<Read<'a>, Refusal> {
    let mut permitted = admitted.into_inner();
    let protocol = permitted.protocol();
    let message = match permitted.take_message() {
        Message::Unread(body) => {
            if permitted.model().takes_raw(protocol) && !may_be_in_a_sequence(&permitted, &body) {
                let body = trail.counted(body);
                return Ok(Read { permitted, payload: Payload::Raw(body) });
            }
            let body = collect(trail.held(body)).await?;
            open(protocol, (permitted.headers(), permitted.limits()), body).await?
        }
        Message::Opened(bytes) => match pass(&permitted, &bytes) {
            Some(unnamed) => return Ok(Read { permitted, payload: Payload::Unnamed(unnamed) }),
            None => bytes,
        },
        Message::Generative(bytes, head) => return Ok(Read { permitted, payload: Payload::Generate(bytes, head) }),
    };
    let by_values = permitted.operation().is_by_values();
    let metadata = if by_values || (codec(protocol).needs_metadata)(permitted.headers()) {
        // The bytes do not say names, datatypes or shapes: they are those of the version that will answer.
        let version = traffic::decide(&permitted);
        let deadline = Deadline(gateway.clock.now() + permitted.timeout());
        let inquiry = Inquiry { model: version.model.clone(), headers: trail.headers(), deadline };
        // What is rare is in a box, here and below: what is common needs none of its room.
        Box::pin(inquire::describe(version, inquiry)).await?
    } else {
        None
    };
    if by_values {
        let values = values(&permitted, &message, metadata)?;
        return Ok(Read { permitted, payload: Payload::Values(Box::new(values)) });
    }
    // What is read out of text is there beside it.
    let made = weight(protocol, permitted.headers(), &message);
    trail.hold(message.len().saturating_add(made)).map_err(|error| broken(&error))?;
    let (request, form) = decode(protocol, (permitted.headers(), permitted.limits()), message, metadata).await?;
    Ok(Read { permitted, payload: Payload::Infer(Arc::new(request), form) })
}

/// Whether the request may be of a sequence, so that it has to go to the sequence's endpoint: its id stands in the body.
fn may_be_in_a_sequence(named: &NamedModel<'_>, body: &Body) -> bool {
    if !named.model().has_a_choice() {
        return false;
    }
    match body {
        Body::Full(bytes) => oip_rest::may_name_a_sequence(bytes),
        Body::Empty => false,
        // It would have to be read, to know.
        Body::Pieces(_) | Body::Stream(_) => true,
    }
}

/// The message of a whole body, less what is wrapped around it. What is compressed may be much more than it looks.
async fn open(protocol: Protocol, (headers, limits): (&Fields, &Limits), body: Bytes) -> Result<Bytes, Refusal> {
    let open = codec(protocol).open;
    if !headers.contains(CONTENT_ENCODING) || !heavy::is_heavy(body.len().saturating_mul(GROWTH)) {
        return open(headers, body, limits);
    }
    let (headers, limits) = (headers.clone(), *limits);
    Box::pin(heavy::apart(move || open(&headers, body, &limits))).await
}

async fn decode(
    protocol: Protocol,
    (headers, limits): (&Fields, &Limits),
    message: Bytes,
    metadata: Option<ModelMetadata>,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    let decode = codec(protocol).decode_infer;
    if !heavy::is_heavy(weight(protocol, headers, &message)) {
        return decode(headers, message, metadata.as_ref(), limits);
    }
    let (headers, limits) = (headers.clone(), *limits);
    Box::pin(heavy::apart(move || decode(&headers, message, metadata.as_ref(), &limits))).await
}

/// The message without its names, where all versions that may answer take it so.
fn pass(named: &NamedModel<'_>, message: &Bytes) -> Option<Unnamed> {
    let protocol = named.protocol();
    let pass = codec(protocol).pass.filter(|_| named.model().passes(protocol))?;
    (pass.request)(message, named.limits())
}

/// Bytes of a message that must be read one by one. Those of binary tensors are only pointed at.
fn weight(protocol: Protocol, headers: &Fields, message: &Bytes) -> usize {
    let json = || headers.get("inference-header-content-length")?.as_str()?.parse().ok();
    match protocol {
        // Typed contents are read fast, raw ones not at all.
        Protocol::OipGrpc => message.len() / 8,
        _ => json().unwrap_or(message.len()).min(message.len()),
    }
}

/// Reads a request that names values alone.
fn values(named: &NamedModel<'_>, message: &Bytes, metadata: Option<ModelMetadata>) -> Result<InferRequest, Refusal> {
    let Some(codec) = codec(named.protocol()).generate else {
        return Err(Refusal::new(Kind::NotInThisBuild, "this protocol has no such requests here"));
    };
    (codec.decode)(named.headers(), message, &metadata.unwrap_or_default(), named.limits())
}

/// Decodes one request of a stream.
pub(super) fn decode_opened(named: &mut NamedModel<'_>) -> Result<(InferRequest, ReplyForm), Refusal> {
    let Message::Opened(message) = named.take_message() else {
        return Err(Refusal::new(Kind::Internal, "the gateway failed").because("a stream's message was not read"));
    };
    (codec(named.protocol()).decode_infer)(named.headers(), message, None, named.limits())
}

/// All of a request's body, in one piece. The listener's limits bound its size and time.
pub(super) async fn collect(body: Body) -> Result<Bytes, Refusal> {
    whole::collect(body, u64::MAX).await.map_err(|error| broken(&error))
}

/// The one message of a gRPC call, read as it comes.
pub(super) async fn one_message(headers: &Fields, mut body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    if !grpc::is_grpc(headers) {
        return Err(Refusal::new(Kind::UnsupportedEncoding, "a gRPC call has the content-type application/grpc"));
    }
    let mut reader = Reader::new(grpc::Encoding::of(headers), limits.message);
    let mut message = None;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(mut piece) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        while let Some(next) = reader.read(&mut piece)? {
            if message.replace(next).is_some() {
                return Err(FrameError::Several.into());
            }
        }
    }
    reader.end()?;
    Ok(message.ok_or(FrameError::Cut)?)
}

/// The refusal for a request body that did not arrive.
pub(super) fn broken(error: &BodyError) -> Refusal {
    match error {
        BodyError::TooLarge { limit } => {
            Refusal::new(Kind::BodyTooLarge, format!("the body is larger than the {limit} bytes this listener takes"))
        }
        BodyError::TimedOut => Refusal::new(Kind::SlowRequest, "the body took too long to arrive"),
        BodyError::NoRoom => no_room("request"),
        BodyError::Broken(cause) => Refusal::new(Kind::BadRequest, "the body broke off").because(cause.clone()),
    }
}

impl<'a> Read<'a> {
    pub(super) fn into_parts(self) -> (Permitted<'a>, Payload) {
        (self.permitted, self.payload)
    }
}
