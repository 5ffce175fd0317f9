//! Answers of a model (being written).
use bytes::Bytes;
use http::HeaderMap;
use sluicegate_core::{InferResponse, Kind, NonFinite, Outbound, Refusal};

use crate::fault::{Fault, Read};
use crate::{Limits, ReplyForm};

pub(super) fn encode(_response: &InferResponse, _form: &ReplyForm, _policy: NonFinite) -> Result<Outbound, Refusal> {
    Err(Refusal::new(Kind::NotInThisBuild, "not yet"))
}

pub(super) fn decode(_headers: &HeaderMap, _body: Bytes, _limits: &Limits) -> Read<InferResponse> {
    Err(Fault::message("not yet"))
}
