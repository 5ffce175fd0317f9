//! Whole answers: the model's name put back, the usage read.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use sluicegate_core::{Body, Fields, Usage};

use super::look::look;
use super::splice::{Edit, quoted, splice};
use crate::oip_rest::is_identity;

/// How a backend's answer is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// Server-sent events.
    Stream,
    /// One JSON text.
    Json,
    /// Something else, or encoded: handed on unread.
    Opaque,
}

impl AnswerForm {
    /// Reads an answer's headers.
    #[must_use]
    pub fn of(headers: &Fields) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.as_str()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !is_identity(headers) {
            Self::Opaque
        } else if kind.eq_ignore_ascii_case("text/event-stream") {
            Self::Stream
        } else if kind.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Opaque
        }
    }
}

/// Reads a whole answer and puts `model`, the client's name, in place of the backend's; `None` leaves the answer as it
/// is. One that is not a JSON object is handed on as it is.
#[must_use]
pub fn answer(body: Bytes, model: Option<&str>) -> (Body, Option<Usage>) {
    let Some(found) = look(&body) else { return (body.into(), None) };
    let Some(model) = model.map(quoted) else { return (body.into(), found.usage) };
    let mut edits: Vec<Edit> = found.models.into_iter().map(|at| Edit { at, with: model.clone() }).collect();
    let mut pieces = Vec::with_capacity(edits.len() * 2 + 1);
    splice(&body, &mut edits, |piece| pieces.push(piece));
    (pieces.into_iter().collect(), found.usage)
}
