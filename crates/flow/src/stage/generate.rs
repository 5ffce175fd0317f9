//! Generative models: the client's message goes to the backend as it came, and the answer comes back as it came, but for
//! two things. The model has the backend's name on the way out and the client's on the way back, and the usage is asked
//! for where the client did not, and read for the record.

mod events;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName};
use http_body::Body as HttpBody;
use sluicegate_config::StreamTimes;
use sluicegate_core::{Body, BodyError, Fields, Kind, Operation, Outbound, Refusal};
use sluicegate_wire::openai::{AnswerForm, Head, StreamEdit, StreamForm, StreamSettings, answer};

use self::events::Events;
use super::refused::no_room;
use crate::patience::Patience;
use crate::snapshot::{Model, Version};
use crate::trail::Trail;
use crate::whole;

/// Largest whole answer that is read for its usage, or to put the model's name back. In bytes.
const LARGEST: u64 = 64 << 20;

/// How the answer to a request is to be handed on.
pub(crate) struct Passage {
    settings: StreamSettings,
    /// Whether the answer is wanted as a stream.
    pub(super) stream: bool,
}

/// The request as the backend gets it, and how its answer is to be handed on.
pub(super) fn forward(
    body: &Bytes,
    head: &Head,
    operation: Operation,
    (model, version): (&Model, &Version),
) -> (Body, Passage) {
    let renamed = *version.model.name != *model.name;
    let form = if operation == Operation::Respond { StreamForm::Response } else { StreamForm::Chunks };
    // Responses end with their usage without being asked, and embeddings are not streamed.
    let tells_when_asked = matches!(operation, Operation::Chat | Operation::Complete);
    let ask_usage = head.stream && tells_when_asked && !head.include_usage;
    let settings = StreamSettings { form, model: renamed.then(|| model.name.to_string()), strip_usage: ask_usage };
    let forwarded = head.forward(body, Some(&version.model.name), ask_usage);
    (forwarded, Passage { settings, stream: head.stream })
}

/// Hands the backend's answer on.
pub(super) async fn hand_on(
    outbound: Outbound,
    passage: Passage,
    times: StreamTimes,
    (version, trail): (&Version, &mut Trail),
) -> Result<Outbound, Refusal> {
    let (mut head, body) = outbound.into_parts();
    let form = if head.status.is_success() { AnswerForm::of(&head.headers) } else { AnswerForm::Opaque };
    let body = match form {
        AnswerForm::Opaque => body,
        AnswerForm::Stream => {
            never_kept(&mut head.headers);
            let told = (trail.heard(), trail.source(&version.backend.pool));
            Body::stream(Events::new(body, StreamEdit::new(passage.settings), Patience::begin(times), told))
        }
        AnswerForm::Json if body.size_hint().lower() > LARGEST && passage.settings.model.is_none() => body,
        AnswerForm::Json => {
            let whole = whole::collect(body, LARGEST).await.map_err(|error| broken(&error))?;
            let (body, usage) = answer(whole, passage.settings.model.as_deref());
            trail.heard().usage(usage);
            // Another name has another length; the right one is set behind this.
            head.headers.remove(CONTENT_LENGTH);
            body
        }
    };
    Ok(head.with(body))
}

/// A stream is new to everybody: no cache may keep it, no proxy in front hold it back.
fn never_kept(headers: &mut Fields) {
    headers.remove(CONTENT_LENGTH);
    for (name, value) in [(CACHE_CONTROL, "no-cache"), (HeaderName::from_static("x-accel-buffering"), "no")] {
        if !headers.contains(&name) {
            headers.append(name, HeaderValue::from_static(value));
        }
    }
}

/// The refusal for an answer that did not arrive whole.
pub(super) fn broken(error: &BodyError) -> Refusal {
    match error {
        BodyError::TooLarge { limit } => {
            Refusal::new(Kind::UpstreamFault, "the model's answer is larger than the gateway takes")
                .because(format!("the answer has more than {limit} bytes"))
        }
        BodyError::TimedOut => Refusal::new(Kind::DeadlineExceeded, "the model did not answer in time"),
        BodyError::NoRoom => no_room("answer"),
        BodyError::Broken(cause) => {
            Refusal::new(Kind::UpstreamFault, "the model's server broke off").because(cause.clone())
        }
    }
}
