//! gRPC over HTTP/2, less the sockets: frames, compression, deadlines, status and binary metadata, after
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
//!
//! Knows no service: messages are bytes here.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use sluicegate_core::{Body, Fields, Kind, Outbound, Refusal};

mod encoding;
pub mod frame;
pub mod metadata;
pub(crate) mod protobuf;
pub mod status;
pub mod timeout;

pub use encoding::{ACCEPTED, Encoding};

use crate::Limits;
use status::{Code, Status};

/// Content type of requests and answers.
pub const CONTENT: HeaderValue = HeaderValue::from_static("application/grpc");

/// Names the compression of messages whose flag is set.
pub const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Names the compressions that the sender of the header can read.
pub const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Whether the head is one of a gRPC call: its refusals must be gRPC too, whatever its path. gRPC-Web is not.
#[must_use]
pub fn is_grpc(headers: &Fields) -> bool {
    let Some(content) = headers.get(CONTENT_TYPE) else { return false };
    match content.as_bytes().split_at_checked(CONTENT.len()) {
        Some((base, rest)) => {
            base.eq_ignore_ascii_case(CONTENT.as_bytes()) && matches!(rest.first(), None | Some(b'+' | b';'))
        }
        None => false,
    }
}

/// Takes the one message of a unary call out of its frame, and out of its compression.
pub(crate) fn open(headers: &Fields, mut body: Bytes, limits: &Limits) -> Result<Bytes, Refusal> {
    if !is_grpc(headers) {
        return Err(Refusal::new(Kind::UnsupportedEncoding, "a gRPC call has the content-type application/grpc"));
    }
    let mut reader = frame::Reader::new(Encoding::of(headers), limits.message);
    let message = reader.read(&mut body)?.ok_or(frame::FrameError::Cut)?;
    if body.is_empty() { Ok(message) } else { Err(frame::FrameError::Several.into()) }
}

/// A good answer of one message, whose frame `pieces` already are.
pub(crate) fn answer(pieces: impl IntoIterator<Item = Bytes>) -> Outbound {
    let mut answer = Outbound::new(Body::with_trailers(pieces, Status::OK.trailers()));
    answer.headers.insert(CONTENT_TYPE, CONTENT);
    answer
}

/// A good answer of one short message.
pub(crate) fn short_answer(message: &impl prost::Message) -> Outbound {
    match frame::whole(&message.encode_to_vec()) {
        Ok(framed) => answer([framed]),
        Err(error) => refusal(&Refusal::from(error)),
    }
}

/// Writes a backend's error as trailers alone. The status of HTTP stays 200: clients of gRPC take any other for a proxy's.
pub(crate) fn error(refusal: &Refusal, status: StatusCode) -> Outbound {
    Status { code: Code::meant_by(status.as_u16()), message: refusal.public.clone().into_owned() }.alone()
}

/// Writes a refusal as trailers alone.
pub(crate) fn refusal(refusal: &Refusal) -> Outbound {
    let mut answer = Status::from(refusal).alone();
    if refusal.kind == Kind::UnsupportedEncoding {
        answer.headers.insert(ACCEPT_ENCODING, ACCEPTED);
    }
    answer
}
