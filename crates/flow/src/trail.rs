//! The trail of one request: its ids, and the facts that become its [`Record`] when the last byte has left or the client
//! has.

mod body;
mod heard;
mod ids;
mod limited;
mod named;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Method, StatusCode};
use sluicegate_core::memory::FREE;
use sluicegate_core::{
    Asked, Body, BodyError, Fields, Identity, Kind, Memory, Outbound, Outcome, Protocol, Record, Refusal, RequestHead,
    Severity, Traffic,
};

use crate::balance::Pool;
use crate::control::Gateway;
use crate::held::Source;
use crate::limits::Taken;
use crate::snapshot::{Model, Snapshot, Version};
use crate::stage::no_room;
use body::Received;
pub(crate) use heard::Heard;
pub(crate) use ids::Ids;
pub(crate) use named::stamp;

/// Longest method that is told whole.
const LONGEST_METHOD: usize = 16;

/// Facts gathered while a request passes the stages; then the answer's body. Dropped unfinished, it records that the client
/// left. Kept in a box: it is large, and goes from hand to hand.
pub(crate) struct Trail {
    record: Record,
    ids: Ids,
    started: Instant,
    /// Bytes of a body that was all there when it came.
    whole: u64,
    /// What is known of one that is followed; made with it.
    received: Option<Arc<Received>>,
    heard: Option<Arc<Heard>>,
    head_only: bool,
    spoken: Protocol,
    /// What the client is told of the version that answers.
    stamp: Option<Arc<Fields>>,
    /// The answer's body, once that is on its way.
    answer: Body,
    gateway: Arc<Gateway>,
    /// Whether it counts among the requests under way.
    admitted: bool,
    finished: bool,
    /// What it has taken from limits, where there are any for it.
    taken: Option<Box<Taken>>,
}

impl Trail {
    /// Of a request that came by `listener` from `peer`.
    pub(crate) fn begin(
        gateway: &Arc<Gateway>,
        snapshot: &Snapshot,
        (listener, peer): (Arc<str>, SocketAddr),
        head: &RequestHead,
    ) -> Box<Self> {
        gateway.sink.begun(&listener);
        // Made where it stays: it is large.
        Box::new(Self {
            record: Record {
                request_id: Box::default(),
                trace_id: Box::default(),
                listener,
                peer,
                identity: Identity::Unsettled,
                method: method_name(&head.method),
                protocol: None,
                operation: None,
                model: None,
                served: None,
                endpoint: None,
                tries: 0,
                status: 0,
                outcome: Outcome::Refused(Kind::ClientGone),
                cause: None,
                would_refuse: None,
                arrived: gateway.clock.wall(),
                total: Duration::ZERO,
                upstream: Duration::ZERO,
                traffic: Traffic::default(),
                usage: None,
                generation: Arc::clone(&snapshot.digest),
            },
            ids: Ids::read_or_make(head, peer, &*gateway.dice),
            started: gateway.clock.now(),
            whole: 0,
            received: None,
            heard: None,
            head_only: head.method == Method::HEAD,
            spoken: Protocol::OipRest,
            stamp: None,
            answer: Body::Empty,
            gateway: Arc::clone(gateway),
            admitted: false,
            finished: false,
            taken: None,
        })
    }

    pub(crate) const fn listener(&self) -> &Arc<str> {
        &self.record.listener
    }

    pub(crate) fn identified(&mut self, identity: Identity) {
        self.record.identity = identity;
    }

    /// Who calls.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.record.identity
    }

    /// The time of day when the request came.
    pub(crate) const fn arrived(&self) -> SystemTime {
        self.record.arrived
    }

    /// Notes in what to refuse a request of which nothing but its head is known.
    pub(crate) fn speaks(&mut self, head: &RequestHead) {
        self.spoken = sluicegate_wire::codec_of_head(head.uri.path(), &head.headers).protocol;
    }

    pub(crate) fn asked(&mut self, asked: &Asked) {
        self.record.protocol = Some(asked.protocol);
        self.record.operation = Some(asked.operation);
    }

    pub(crate) fn model(&mut self, model: &Model) {
        self.record.model = Some(Arc::clone(&model.name));
    }

    /// Notes that the rules of `model`, merely observed, refuse it.
    pub(crate) fn would_refuse(&mut self, model: &Model, kind: Kind) {
        self.record.would_refuse = Some(kind);
        self.gateway.sink.would_refuse(&model.name, kind);
    }

    pub(crate) fn chosen(&mut self, version: &Version) {
        self.record.served = Some(Arc::clone(&version.served));
        self.stamp = Some(Arc::clone(&version.stamp));
    }

    pub(crate) fn picked(&mut self, endpoint: &Arc<str>) {
        self.record.endpoint = Some(Arc::clone(endpoint));
        self.record.tries = self.record.tries.saturating_add(1);
    }

    /// Notes that it was not the endpoint asked last that answered.
    pub(crate) fn answered_by(&mut self, endpoint: &Arc<str>) {
        self.record.endpoint = Some(Arc::clone(endpoint));
    }

    /// Counts the request among those under way until it is over.
    pub(crate) const fn admitted(&mut self) {
        self.admitted = true;
    }

    /// The time of day at `now`, by the clock that was read when the request came.
    pub(crate) fn wall(&self, now: Instant) -> SystemTime {
        self.record.arrived + now.saturating_duration_since(self.started)
    }

    /// Notes how long the backend took to begin its answer.
    pub(crate) fn waited(&mut self, upstream: Duration) {
        self.record.upstream = upstream;
    }

    /// Notes that the backend's own error is what the client gets.
    pub(crate) fn upstream_error(&mut self, cause: Option<String>) {
        self.record.outcome = Outcome::UpstreamError;
        self.record.cause = cause;
    }

    /// Request id and trace context for the next hop.
    pub(crate) fn headers(&self) -> Fields {
        self.ids.headers()
    }

    /// The ids, for work that outlives the stages.
    pub(crate) fn ids(&self) -> Ids {
        self.ids.clone()
    }

    /// The client's body, counted as it passes.
    pub(crate) fn counted(&mut self, body: Body) -> Body {
        self.followed(body, None)
    }

    /// The client's body, to be held as a whole: it takes memory as it comes, and breaks off where there is none.
    pub(crate) fn held(&mut self, body: Body) -> Body {
        let memory = Arc::clone(&self.gateway.memory);
        self.followed(body, Some(memory))
    }

    /// Takes the memory for what was made of the body: `length` bytes in all.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn hold(&mut self, length: usize) -> Result<(), BodyError> {
        let length = length as u64;
        if length <= FREE {
            return Ok(());
        }
        Ok(self.received.get_or_insert_default().hold(&self.gateway.memory, length)?)
    }

    fn followed(&mut self, body: Body, memory: Option<Arc<Memory>>) -> Body {
        match body {
            Body::Empty => Body::Empty,
            // All of it is here: there is nothing to follow.
            Body::Full(bytes) => {
                self.whole = self.whole.saturating_add(bytes.len() as u64);
                Body::Full(bytes)
            }
            body => {
                let received = Arc::clone(self.received.get_or_insert_default());
                Body::stream(body::Counted::new(body, received, memory))
            }
        }
    }

    /// What broke the client's body on its way, if it broke.
    pub(crate) fn broken_body(&self) -> Option<&BodyError> {
        self.received.as_ref()?.failure()
    }

    /// What a generative model's answer tells on its way, for the record.
    pub(crate) fn heard(&mut self) -> Arc<Heard> {
        Arc::clone(self.heard.get_or_insert_default())
    }

    /// The endpoint that answered, to be told of what goes wrong further on.
    pub(crate) fn source(&self, pool: &Arc<Pool>) -> Option<Source> {
        let member = pool.member(self.record.endpoint.as_ref()?)?;
        Some(Source { pool: Arc::clone(pool), member, clock: Arc::clone(&self.gateway.clock) })
    }

    /// Sends `outbound`, and the record behind its last byte.
    pub(crate) fn answered(mut self: Box<Self>, mut outbound: Outbound) -> Outbound {
        // The call is over, or its answer has begun: the request is not needed any more. What is at hand of the answer stays
        // until the client has taken it.
        self.let_go();
        if self.hold(at_hand(&outbound.body)).is_err() {
            return self.refused(&no_room("answer"));
        }
        let status = outbound.status;
        if self.record.outcome == Outcome::Refused(Kind::ClientGone) {
            self.record.outcome = Outcome::Answered;
        }
        self.record.status = status.as_u16();
        self.stamp(&mut outbound.headers);
        self.carry(outbound)
    }

    /// Sends a refusal in the caller's protocol, and its record behind it.
    pub(crate) fn refused(mut self: Box<Self>, refusal: &Refusal) -> Outbound {
        let facts = refusal.kind.facts();
        self.let_go();
        self.record.outcome = Outcome::Refused(refusal.kind);
        self.record.cause = Some(refusal.cause.clone().unwrap_or_else(|| refusal.public.to_string()));
        if facts.severity == Severity::Error
            && let Some(left_out) = self.gateway.failures.may_tell(self.gateway.clock.now())
        {
            let (id, cause) = (&self.ids.request, &self.record.cause);
            tracing::error!(request_id = %id, ?cause, code = facts.label, left_out, "request failed");
        }
        // Before a protocol is known the answer is in the one that the head speaks of.
        let protocol = self.record.protocol.unwrap_or(self.spoken);
        let mut outbound = (sluicegate_wire::codec(protocol).encode_refusal)(refusal);
        self.record.status = outbound.status.as_u16();
        self.stamp(&mut outbound.headers);
        self.carry(outbound)
    }

    /// Gives back the memory that the request took.
    fn let_go(&self) {
        if let Some(received) = &self.received {
            received.let_go();
        }
    }

    fn stamp(&self, headers: &mut Fields) {
        headers.insert(ids::REQUEST_ID, ids::value(&self.ids.request));
        if let Some(stamp) = &self.stamp {
            headers.replace_by(stamp);
        }
        self.tell_limits(headers);
    }

    fn carry(mut self: Box<Self>, outbound: Outbound) -> Outbound {
        let (head, body) = outbound.into_parts();
        let bodiless = self.head_only || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodiless || matches!(body, Body::Empty) {
            self.finish();
            return head.with(Body::Empty);
        }
        self.answer = body;
        head.with(Body::Stream(Box::into_pin(self)))
    }

    /// Makes the record: the answer's last byte is on its way out.
    fn finish(&mut self) {
        self.write();
        // Nor is anything held any more for it.
        (self.received, self.heard) = (None, None);
    }

    /// Notes that the answer broke off before its end.
    fn broke_off(&mut self, cause: String) {
        self.record.outcome = Outcome::Refused(Kind::UpstreamFault);
        self.record.cause = Some(cause);
    }

    fn write(&mut self) {
        self.finished = true;
        self.record.trace_id = std::mem::take(&mut self.ids.trace);
        self.record.request_id = std::mem::take(&mut self.ids.request);
        self.record.total = self.gateway.clock.now().saturating_duration_since(self.started);
        let followed = self.received.as_ref().map_or(0, |received| received.bytes());
        self.record.traffic.received = self.whole.saturating_add(followed);
        if let Some(heard) = &self.heard {
            heard.tell(&mut self.record);
        }
        self.gateway.sink.ended(&self.record);
        if std::mem::take(&mut self.admitted) {
            self.gateway.crowd.leave();
        }
        self.taken = None;
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if !self.finished {
            // What it has to tell is told before the record is written.
            self.answer = Body::Empty;
            self.record.outcome = Outcome::Refused(Kind::ClientGone);
            self.record.status = Kind::ClientGone.facts().http;
            self.write();
        }
        // The answer's body is dropped once its last byte was handed to the socket.
        self.gateway.sink.left(&self.record);
    }
}

/// Bytes of a body that are there.
fn at_hand(body: &Body) -> usize {
    match body {
        Body::Empty | Body::Stream(_) => 0,
        Body::Full(bytes) => bytes.len(),
        Body::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
    }
}

/// The method for the log. A client's own invention is cut.
fn method_name(method: &Method) -> Method {
    let cut = method.as_str().as_bytes().get(..LONGEST_METHOD).and_then(|cut| Method::from_bytes(cut).ok());
    cut.unwrap_or_else(|| method.clone())
}
