//! `ModelStreamInfer`: answers one after another, with refusals in band or as the stream's end.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use sluicegate_core::{Fields, InferResponse, NonFinite, Outbound, Refusal};

use super::{response, write};
use crate::ReplyForm;
use crate::generated::inference::{ModelInferResponse, ModelStreamInferResponse};
use crate::grpc::status::Status;
use crate::grpc::{self, frame};

/// The head of a stream of answers.
pub(super) fn head() -> Outbound {
    let mut answer = Outbound::default();
    answer.headers.insert(CONTENT_TYPE, grpc::CONTENT);
    answer
}

/// One answer: a framed `ModelStreamInferResponse`.
pub(super) fn item(response: &InferResponse, _: &ReplyForm, _: NonFinite) -> Result<Vec<Bytes>, Refusal> {
    let inner = response::pieces(response).map_err(response::refuse)?;
    write::framed(inner.inside(2)).map_err(response::refuse)
}

/// A refusal in band, with the id of the request it is for.
pub(super) fn refusal(refusal: &Refusal, id: Option<&str>) -> Bytes {
    let answer = ModelStreamInferResponse {
        error_message: refusal.public.clone().into_owned(),
        infer_response: id.map(|id| ModelInferResponse { id: id.to_owned(), ..ModelInferResponse::default() }),
    };
    // A refusal's text is short; were it not, an empty piece ends nothing.
    frame::whole(&prost::Message::encode_to_vec(&answer)).unwrap_or_default()
}

/// The trailers.
pub(super) fn end(refusal: Option<&Refusal>) -> Fields {
    refusal.map_or(Status::OK, Status::from).trailers()
}
