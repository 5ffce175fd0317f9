//! Requests to run a model (being written).
use bytes::Bytes;
use http::HeaderMap;
use sluicegate_core::{Body, InferRequest, Kind, ModelMetadata, Refusal};

use super::client::{EncodeError, WireForm};
use crate::{Limits, ReplyForm};

pub(super) fn decode(
    _headers: &HeaderMap,
    _body: Bytes,
    _metadata: Option<&ModelMetadata>,
    _limits: &Limits,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    Err(Refusal::new(Kind::NotInThisBuild, "not yet"))
}

pub(super) fn encode(_request: &InferRequest, _form: &WireForm) -> Result<(HeaderMap, Body), EncodeError> {
    Ok((HeaderMap::new(), Body::Empty))
}
