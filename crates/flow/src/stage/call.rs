//! Picks an endpoint of the version's backend and calls it, within the model's time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::replace;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use sluicegate_config::{Balance, Priority, StreamTimes};
use sluicegate_core::{
    Call, CallBody, CallError, Deadline, Fields, InferRequest, InferResponse, Kind, Metadata, NonFinite, Operation,
    Outbound, Parameter, Protocol, Refusal, Reply, ReplyStream, Unnamed,
};
use sluicegate_wire::{ReplyForm, codec};

use super::forward::{Content, onward};
use super::generate::{self, Passage};
use super::name::Caller;
use super::read::{self, Payload};
use super::refused::refuse;
use super::traffic::Chosen;
pub(super) use super::tries::late;
use super::tries::{self, Again, Ask, Kept, Notes};
use super::values::untouched;
use crate::affinity::Place;
use crate::control::Gateway;
use crate::snapshot::{Model, Version};
use crate::trail::{Ids, Trail};

/// A backend's answer, with what its encoding needs.
pub(crate) enum Replied<'a> {
    /// In the caller's protocol already: the backend's own bytes, or its own error.
    Wire(Outbound),
    /// A generative model's answer, to be read on its way.
    Generated { outbound: Outbound, passage: Box<Passage>, times: StreamTimes, version: &'a Version },
    /// In the caller's protocol, but for the names that stand in front.
    Unnamed { protocol: Protocol, answer: Unnamed, model: &'a str, version: &'a str, metadata: Option<Box<Metadata>> },
    /// Decoded, by the client's names.
    Tensors {
        protocol: Protocol,
        response: InferResponse,
        metadata: Option<Box<Metadata>>,
        form: ReplyForm,
        non_finite: NonFinite,
    },
}

/// What is to be done with the answer to a call, and where the call goes.
pub(crate) struct Called<'a> {
    protocol: Protocol,
    operation: Operation,
    model: &'a Model,
    version: &'a Version,
    /// Where a request of a sequence has to go.
    place: Option<Box<Place>>,
    /// What stays on one endpoint, where the balance goes by a value.
    key: Option<u64>,
    priority: Priority,
    hurried: bool,
    again: Option<Again<'a>>,
    /// When it is made.
    now: StdInstant,
    /// When the answer's head must be there.
    head: Deadline,
    times: StreamTimes,
    expected: Expected,
}

/// In which form the answer comes, and what is to be done with it.
enum Expected {
    /// As the client's protocol has it.
    Bytes,
    /// Decoded, or without its names; the client's id and the form it wants go with it.
    Tensors(Option<String>, ReplyForm),
    /// In the OpenAI API's form.
    Generated(Box<Passage>),
}

/// Makes the call to the version's backend.
#[expect(clippy::inline_always, reason = "called in one place; what it returns is large, and would be copied twice")]
#[inline(always)]
pub(crate) fn prepare<'a>(chosen: Chosen<'a>, gateway: &Gateway, trail: &Trail) -> Result<(Called<'a>, Call), Refusal> {
    let (named, payload, version) = chosen.into_parts();
    let content = match &payload {
        Payload::Raw(_) | Payload::Generate(..) => Content::AsItCame,
        Payload::Unnamed(_) | Payload::Infer(..) | Payload::Values(_) => Content::Anew,
    };
    let mut headers = trail.headers();
    onward(named.headers(), content, &mut headers);
    let (key, priority, hurried) = (key(version, named.headers()), named.priority(), named.is_hurried());
    let (mut place, mut own) = (None, None);
    let (body, expected) = match payload {
        Payload::Raw(body) => (CallBody::Wire(body), Expected::Bytes),
        Payload::Values(_) => {
            return Err(Refusal::new(Kind::Internal, "the gateway failed").because("values came where tensors go"));
        }
        Payload::Unnamed(message) => {
            let id = message.id.clone();
            (CallBody::Unnamed(message), Expected::Tensors(id, ReplyForm::default()))
        }
        Payload::Infer(mut request, form) => {
            place = Place::of(&version.model.name, &request).map(Box::new);
            own = own_time(&mut request, named.timeout());
            let id = request.id.clone();
            (CallBody::Tensors(request), Expected::Tensors(id, form))
        }
        Payload::Generate(body, head) => {
            if version.backend.upstream.native() != Some(named.protocol()) {
                let public = "this model is not called over the OpenAI API, but over the Open Inference Protocol";
                return Err(Refusal::new(Kind::BadRequest, public));
            }
            let (body, passage) = generate::forward(&body, &head, named.operation(), (named.model(), version));
            (CallBody::Wire(body), Expected::Generated(Box::new(passage)))
        }
    };
    let now = gateway.clock.now();
    let (operation, times) = (named.operation(), named.stream_times());
    let most = version.backend.resilience.timeouts.total.unwrap_or(Duration::MAX);
    let (head, deadline) = if expected.streams() || operation == Operation::GenerateStream {
        let total = times.total.min(most);
        (Deadline(now + times.idle.min(total)), Deadline(now + total))
    } else {
        let timeout = named.timeout().min(own.unwrap_or(most)).min(most);
        (Deadline(now + timeout), Deadline(now + timeout))
    };
    let (protocol, model) = (named.protocol(), named.model());
    let (again, body) = if version.backend.may_be_called_again() {
        let (kept, body) = Kept::of(body);
        let (model, client) = (&version.model, named.into_headers());
        (Some(Again { operation, model, deadline, client, content, kept }), body)
    } else {
        (None, body)
    };
    let call = Call { operation, model: version.model.clone(), body, headers, deadline };
    let called = Called {
        protocol,
        operation,
        model,
        version,
        place,
        key,
        priority,
        hurried: hurried || own.is_some(),
        again,
        now,
        head,
        times,
        expected,
    };
    Ok((called, call))
}

/// The time that a request gives itself, in microseconds, as Triton has it (`timeout`). The backend is told no more than is
/// left.
fn own_time(request: &mut Arc<InferRequest>, most: Duration) -> Option<Duration> {
    let own = match request.parameters.get("timeout")? {
        Parameter::Int(number) => u64::try_from(*number).ok(),
        Parameter::Uint(number) => Some(*number),
        Parameter::Bool(_) | Parameter::String(_) | Parameter::Double(_) => None,
    };
    // Zero is Triton's word for none.
    let own = Duration::from_micros(own.filter(|own| *own > 0)?);
    if own > most {
        let most = i64::try_from(most.as_micros()).unwrap_or(i64::MAX);
        Arc::make_mut(request).parameters.set("timeout", Parameter::Int(most));
        return None;
    }
    Some(own)
}

/// What keeps a request on one endpoint, where the balance goes by a header's value.
fn key(version: &Version, headers: &Fields) -> Option<u64> {
    let Balance::Hash(header) = &version.backend.resilience.balance else { return None };
    let mut hasher = DefaultHasher::new();
    headers.get(&**header)?.as_bytes().hash(&mut hasher);
    Some(hasher.finish())
}

/// Says what the outcome of a call is to its caller. It is not made again: what was kept of it goes.
pub(crate) fn judge<'a>(
    called: &mut Called<'a>,
    outcome: Result<Reply, CallError>,
    trail: &mut Trail,
) -> Result<Replied<'a>, Refusal> {
    let Called { protocol, operation, model, version, times, .. } = *called;
    called.again = None;
    match (outcome, replace(&mut called.expected, Expected::Bytes)) {
        (Ok(Reply::Wire(outbound)), expected) => {
            if outbound.status.is_client_error() || outbound.status.is_server_error() {
                trail.upstream_error(Some(format!("the backend answered {}", outbound.status.as_u16())));
            }
            match expected {
                Expected::Generated(passage) => Ok(Replied::Generated { outbound, passage, times, version }),
                Expected::Bytes | Expected::Tensors(..) => match codec(protocol).generate {
                    Some(codec) if operation == Operation::GenerateStream => {
                        Ok(Replied::Wire(untouched(outbound, codec, times, || trail.heard())))
                    }
                    _ => Ok(Replied::Wire(outbound)),
                },
            }
        }
        (Ok(Reply::Unnamed(mut answer, metadata)), Expected::Tensors(id, _)) => {
            answer.id = id;
            Ok(Replied::Unnamed { protocol, answer, model: &model.name, version: &version.name, metadata })
        }
        (Ok(Reply::Tensors(mut response, metadata)), Expected::Tensors(id, form)) => {
            under_the_clients_names(&mut response, &model.name, &version.name, id);
            Ok(Replied::Tensors { protocol, response, metadata, form, non_finite: model.non_finite })
        }
        (Ok(Reply::Tensors(..) | Reply::Unnamed(..)), _) => Err(Refusal::new(Kind::Internal, "the gateway failed")
            .because("an upstream answered untouched bytes with tensors")),
        (Err(error), _) => match trail.broken_body() {
            // The call failed since the client's own bytes did not come.
            Some(broken) => Err(read::broken(broken)),
            None => refuse(error, protocol, trail),
        },
    }
}

impl Expected {
    /// Whether the answer may go on long after it began.
    const fn streams(&self) -> bool {
        matches!(self, Self::Generated(passage) if passage.stream)
    }
}

/// Picks an endpoint and calls it; where that fails, and may be, another.
pub(crate) fn attempt<'a>(
    called: &'a Called<'_>,
    call: Call,
    gateway: &'a Gateway,
    trail: &'a mut Trail,
) -> impl Future<Output = Result<Reply, CallError>> + 'a {
    let ask = Ask {
        gateway,
        version: called.version,
        place: called.place.as_deref(),
        key: called.key,
        priority: called.priority,
        began: called.now,
        head: called.head,
        hurried: called.hurried,
        ends_by_itself: called.head == call.deadline,
        run: |upstream, endpoint, call| upstream.call(endpoint, call),
    };
    // Not a function that is `async` itself: it would keep the call twice, as each of those below would.
    async move {
        let (outcome, now) = tries::put(&ask, call, called.again.as_ref(), &mut *trail).await;
        let took = now.saturating_duration_since(called.now);
        trail.waited(took);
        called.version.counters.count(outcome.is_ok(), took, trail.wall(now));
        outcome
    }
}

/// Calls a version for any number of answers, of which the first begins within the time between two.
pub(super) async fn open(
    version: &Version,
    (request, times): (InferRequest, StreamTimes),
    gateway: &Gateway,
    caller: Caller<'_>,
    notes: &mut impl Notes,
) -> Result<ReplyStream, CallError> {
    let client = caller.headers;
    let (place, key) = (Place::of(&version.model.name, &request), key(version, client));
    let began = gateway.clock.now();
    let total = times.total.min(version.backend.resilience.timeouts.total.unwrap_or(Duration::MAX));
    let (deadline, head) = (Deadline(began + total), Deadline(began + times.idle.min(total)));
    let mut headers = notes.headers();
    onward(client, Content::Anew, &mut headers);
    let (operation, model, body) = (Operation::Infer, &version.model, CallBody::from(request));
    let (again, body) = if version.backend.may_be_called_again() {
        let (kept, body) = Kept::of(body);
        let (client, content) = (client.clone(), Content::Anew);
        (Some(Again { operation, model, deadline, client, content, kept }), body)
    } else {
        (None, body)
    };
    let call = Call { operation, model: model.clone(), body, headers, deadline };
    let ask = Ask {
        gateway,
        version,
        place: place.as_ref(),
        key,
        priority: caller.priority,
        began,
        head,
        hurried: caller.hurried,
        ends_by_itself: false,
        run: |upstream, endpoint, call| upstream.stream(endpoint, call),
    };
    let (opened, now) = tries::put(&ask, call, again.as_ref(), notes).await;
    let took = now.saturating_duration_since(began);
    version.counters.count(opened.is_ok(), took, gateway.clock.wall());
    opened
}

impl Notes for Trail {
    fn picked(&mut self, endpoint: &Arc<str>) {
        Self::picked(self, endpoint);
    }

    fn answered_by(&mut self, endpoint: &Arc<str>) {
        Self::answered_by(self, endpoint);
    }

    fn headers(&self) -> Fields {
        Self::headers(self)
    }
}

/// One request of a stream: its record is the stream's.
impl Notes for &Ids {
    fn picked(&mut self, _: &Arc<str>) {}

    fn answered_by(&mut self, _: &Arc<str>) {}

    fn headers(&self) -> Fields {
        Ids::headers(self)
    }
}

/// The client's names in place of the backend's. Some servers make an id up; the client gets back its own, or none.
pub(super) fn under_the_clients_names(
    response: &mut InferResponse,
    model: &Arc<str>,
    version: &Arc<str>,
    id: Option<String>,
) {
    response.model_name = model.to_string();
    response.model_version = Some(version.to_string());
    response.id = id;
}
