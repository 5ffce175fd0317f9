//! What tests of gRPC share: heads, and answers taken apart into their messages and their status.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use sluicegate_core::{Body, Fields, Outbound, Part};
use sluicegate_wire::grpc::status::{Code, Status};
use sluicegate_wire::grpc::{Encoding, frame};

/// The head of a gRPC call.
pub(crate) fn content_type() -> Fields {
    Fields::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))])
}

/// The pieces and trailers of a body that is at hand.
pub(crate) fn pieces(mut body: Body) -> (Vec<Bytes>, Option<Fields>) {
    let mut context = Context::from_waker(Waker::noop());
    let mut pieces = Vec::new();
    loop {
        match body.poll_part(&mut context) {
            Poll::Ready(Some(Ok(Part::Data(data)))) => pieces.push(data),
            Poll::Ready(Some(Ok(Part::Trailers(trailers)))) => return (pieces, Some(trailers)),
            Poll::Ready(None) => return (pieces, None),
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
            Poll::Pending => panic!("a body at hand is always ready"),
        }
    }
}

/// The one message of framed pieces.
pub(crate) fn unframed(pieces: &[Bytes]) -> Bytes {
    let mut body = Bytes::from(pieces.concat());
    let message = frame::Reader::new(Encoding::Identity, u64::MAX).read(&mut body).unwrap().unwrap();
    assert!(body.is_empty());
    message
}

/// The message of a good answer.
pub(crate) fn message_of(answer: Outbound) -> Bytes {
    let (head, body) = answer.into_parts();
    assert_eq!(head.status, 200);
    assert_eq!(head.headers.get(CONTENT_TYPE).unwrap(), sluicegate_wire::grpc::CONTENT);
    assert!(body.size_hint().exact().is_none(), "a length would end the answer before its trailers");
    let (pieces, trailers) = pieces(body);
    assert_eq!(Status::read(&trailers.unwrap()).unwrap().code, Code::Ok);
    unframed(&pieces)
}
