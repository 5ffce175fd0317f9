//! What is asked, and of which model: protocol, operation, model and version, each from the one place that decides. Where
//! a protocol names the model in the message, the message is read here, under the listener's limits.

mod find;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate_config::{Priority, StreamTimes};
use sluicegate_core::{Asked, Body, Fields, Identity, Kind, Operation, Protocol, Refusal, RequestHead};
use sluicegate_wire::openai::Head;
use sluicegate_wire::{Codec, Limits, PROTOCOLS, codec, grpc, request_timeout};

use self::find::{find, there};
use super::identity::Identified;
use super::manage::Ordered;
use super::permit;
use super::read::{self, broken, collect};
use crate::door::Door;
use crate::snapshot::{Model, Snapshot, Version};
use crate::trail::Trail;
use crate::whole;

pub(super) use self::find::not_found;

/// Most bytes of a question about all models.
const QUESTION: u64 = 64 * 1024;

/// A request that says what it wants.
pub(crate) enum Named<'a> {
    /// Something of the gateway itself.
    Gateway(Asked),
    /// Something of all models that the caller may see by this door, with the opened message where the protocol has one.
    Models(Asked, Bytes, &'a Door),
    /// Something of a model that this generation has.
    Model(NamedModel<'a>),
    /// Something to be done by the model servers.
    Order(Box<Ordered<'a>>),
    /// Any number of questions about what the gateway serves.
    Reflection(Questions),
    /// Any number of requests on one stream, each naming its own model.
    Stream(Box<NamedStream>),
}

/// A request for a model. Its head stays in its box, so that the stages hand it on without moving what is large; the rest is
/// the snapshot's.
pub(crate) struct NamedModel<'a> {
    protocol: Protocol,
    operation: Operation,
    model: &'a Model,
    pinned: Option<&'a Version>,
    head: Box<RequestHead>,
    message: Message,
    pub(super) door: &'a Door,
    patience: Option<Duration>,
}

/// A stream of requests whose head is read.
pub(crate) struct NamedStream {
    asked: Asked,
    head: Box<RequestHead>,
    body: Body,
    pub(super) door: Arc<Door>,
    patience: Option<Duration>,
    identity: Identity,
}

/// A stream of questions about the gateway.
pub(crate) struct Questions {
    pub(super) protocol: Protocol,
    pub(super) head: Box<RequestHead>,
    pub(super) body: Body,
}

/// Who calls, as far as it matters to the call.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) headers: &'a Fields,
    pub(super) priority: Priority,
    /// Whether less time is given than the model has.
    pub(super) hurried: bool,
}

/// A request's payload, as far as naming the model had to go.
pub(super) enum Message {
    /// Not a byte was read.
    Unread(Body),
    /// All of it, less what the transport wrapped around it.
    Opened(Bytes),
    /// All of it, and what it says of itself: a request to a generative model.
    Generative(Bytes, Box<Head>),
}

pub(crate) async fn name<'a>(
    identified: Identified<'a>,
    snapshot: &'a Snapshot,
    trail: &mut Trail,
) -> Result<Named<'a>, Refusal> {
    let asked = ask(&identified).inspect_err(|_| trail.speaks(identified.head()))?;
    trail.asked(&asked);
    if asked.operation == Operation::Manage {
        // Rare, and large: in a box it takes no room from the others.
        return Box::pin(ordered(asked.protocol, identified, snapshot, trail)).await.map(Named::Order);
    }
    let (head, body, door) = identified.into_parts();
    let patience = patience(asked.protocol, &head.headers)?;
    if asked.operation == Operation::Reflect {
        let body = trail.counted(body);
        return Ok(Named::Reflection(Questions { protocol: asked.protocol, head, body }));
    }
    if asked.operation == Operation::StreamInfer {
        let body = trail.counted(body);
        // Each message is bounded, and each silence.
        if let Some(leisure) = &head.leisure {
            leisure.take();
        }
        let door = Arc::clone(door);
        let identity = trail.identity().clone();
        return Ok(Named::Stream(Box::new(NamedStream { asked, head, body, door, patience, identity })));
    }
    let codec = codec(asked.protocol);
    let (asked, message) = match (codec.generative, codec.name_in_body) {
        (Some(read), _) if asked.operation.is_generative() => {
            let bytes = (codec.open)(&head.headers, collect(trail.held(body)).await?, &door.limits)?;
            let told = read(&head.headers, &bytes)?;
            (Asked { model: Some(told.model.clone()), ..asked }, Message::Generative(bytes, Box::new(told)))
        }
        (_, Some(_)) => {
            let (asked, bytes) = open(codec, asked, &head.headers, trail.held(body), &door.limits).await?;
            (asked, Message::Opened(bytes))
        }
        (_, None) => (asked, Message::Unread(body)),
    };
    match (&asked.model, asked.operation) {
        (Some(_), _) => {
            let (model, pinned) = find(&asked, snapshot, door)?;
            trail.model(model);
            let (protocol, operation) = (asked.protocol, asked.operation);
            Ok(Named::Model(NamedModel { protocol, operation, model, pinned, head, message, door, patience }))
        }
        (None, Operation::Index | Operation::Names | Operation::Statistics) => {
            let bytes = match message {
                Message::Opened(bytes) | Message::Generative(bytes, _) => bytes,
                Message::Unread(body) => {
                    let question = Box::pin(whole::collect(trail.held(body), QUESTION)).await;
                    let body = question.map_err(|error| broken(&error))?;
                    (codec.open)(&head.headers, body, &door.limits)?
                }
            };
            Ok(Named::Models(asked, bytes, door))
        }
        (None, _) => Ok(Named::Gateway(asked)),
    }
}

/// An order is read only where it may be given: what is said to the others depends on no model.
async fn ordered<'a>(
    protocol: Protocol,
    identified: Identified<'a>,
    snapshot: &'a Snapshot,
    trail: &mut Trail,
) -> Result<Box<Ordered<'a>>, Refusal> {
    if !identified.door().management {
        let public = "management is off on this listener; `management: allow` in its configuration turns it on";
        return Err(Refusal::new(Kind::Forbidden, public));
    }
    let (head, body, door) = identified.into_parts();
    let patience = patience(protocol, &head.headers)?;
    let codec = codec(protocol);
    let Some(manage) = codec.manage else {
        return Err(Refusal::new(Kind::NoSuchPath, "this protocol manages no servers"));
    };
    let message = message(codec, &head.headers, trail.held(body), &door.limits).await?;
    let order = (manage.decode)(&head.method, head.uri.path(), &message)?;
    let model = match order.model.as_deref() {
        Some(name) => Some(there(name, snapshot, door)?),
        None => None,
    };
    match model {
        Some(model) => {
            trail.model(model);
            permit::permit_order(model, trail.identity())?;
        }
        None => permit::permit_order_to_all(snapshot, door, trail.identity())?,
    }
    Ok(Box::new(Ordered { protocol, order, model, patience }))
}

fn ask(identified: &Identified<'_>) -> Result<Asked, Refusal> {
    let head = identified.head();
    let asked = PROTOCOLS.iter().find_map(|codec| (codec.ask)(&head.method, head.uri.path()));
    asked.unwrap_or_else(|| Err(Refusal::new(Kind::NoSuchPath, "no protocol here has this path")))
}

/// The time the caller gives, where its protocol says so in the head.
fn patience(protocol: Protocol, headers: &Fields) -> Result<Option<Duration>, Refusal> {
    match protocol {
        Protocol::OipGrpc | Protocol::GrpcHealth | Protocol::GrpcReflection => grpc::timeout::read(headers),
        _ => request_timeout::read(headers),
    }
}

async fn open(
    codec: &Codec,
    asked: Asked,
    headers: &Fields,
    body: Body,
    limits: &Limits,
) -> Result<(Asked, Bytes), Refusal> {
    let bytes = message(codec, headers, body, limits).await?;
    let asked = match codec.name_in_body {
        Some(name_in_body) => name_in_body(asked, headers, &bytes)?,
        None => asked,
    };
    Ok((asked, bytes))
}

/// All of a body's message. A gRPC message that announces more than is taken is refused by its first bytes.
async fn message(codec: &Codec, headers: &Fields, body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    match codec.protocol {
        Protocol::OipGrpc | Protocol::GrpcHealth => read::one_message(headers, body, limits).await,
        _ => (codec.open)(headers, collect(body).await?, limits),
    }
}

impl<'a> NamedModel<'a> {
    pub(crate) const fn operation(&self) -> Operation {
        self.operation
    }

    pub(super) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) const fn model(&self) -> &'a Model {
        self.model
    }

    pub(super) fn headers(&self) -> &Fields {
        &self.head.headers
    }

    /// What the message may ask of its reader.
    pub(super) fn limits(&self) -> &Limits {
        &self.door.limits
    }

    /// The version the client named, if it did.
    pub(super) const fn pinned(&self) -> Option<&'a Version> {
        self.pinned
    }

    /// The model's time, or the caller's where that is shorter.
    pub(super) fn timeout(&self) -> Duration {
        self.patience.map_or(self.model.timeout, |patience| patience.min(self.model.timeout))
    }

    /// How long a stream of answers may take; the caller's time bounds all of it.
    pub(super) fn stream_times(&self) -> StreamTimes {
        let times = self.model.stream;
        StreamTimes { total: self.patience.map_or(times.total, |patience| patience.min(times.total)), ..times }
    }

    /// What of the request matters to whoever calls the model for it.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller { headers: self.headers(), priority: self.priority(), hurried: self.is_hurried() }
    }

    /// Whether the caller gives less time than the model has.
    pub(super) fn is_hurried(&self) -> bool {
        self.patience.is_some_and(|patience| patience < self.model.timeout)
    }

    /// Whose calls go first: as the listener says, else the model.
    pub(super) fn priority(&self) -> Priority {
        self.door.priority.unwrap_or(self.model.priority)
    }

    /// The client's head, which nobody needs any more.
    pub(super) fn into_headers(self) -> Fields {
        self.head.headers
    }

    pub(super) fn take_message(&mut self) -> Message {
        std::mem::replace(&mut self.message, Message::Opened(Bytes::new()))
    }
}

impl NamedStream {
    pub(super) const fn protocol(&self) -> Protocol {
        self.asked.protocol
    }

    pub(super) fn headers(&self) -> &Fields {
        &self.head.headers
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.door.limits
    }

    /// Whose streams go first, where the listener says.
    pub(super) fn priority(&self) -> Option<Priority> {
        self.door.priority
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) const fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// One request of the stream.
    pub(super) fn message<'a>(&'a self, bytes: Bytes, snapshot: &'a Snapshot) -> Result<NamedModel<'a>, Refusal> {
        let asked = match codec(self.asked.protocol).name_in_body {
            Some(name_in_body) => name_in_body(self.asked.clone(), self.headers(), &bytes)?,
            None => self.asked.clone(),
        };
        let (model, pinned) = find(&asked, snapshot, &self.door)?;
        Ok(NamedModel {
            protocol: asked.protocol,
            operation: Operation::StreamInfer,
            model,
            pinned,
            head: self.head.clone(),
            message: Message::Opened(bytes),
            door: &self.door,
            patience: self.patience,
        })
    }
}
