//! Any number of requests on one stream, each with any number of answers. Requests are taken up one after the other, so
//! that those of a sequence keep their order; the next is read when the last answer of the one before is out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::{Stream, StreamExt as _, stream};
use http_body::SizeHint;
use sluicegate_core::{
    Body, BodyError, BodyStream, Kind, Lease, NonFinite, Outbound, Outcome, Part, Refusal, ReplyStream,
};
use sluicegate_wire::{ReplyForm, StreamCodec, codec, grpc};
use tokio::time::timeout;

use super::admit::Admitted;
use super::call::{self, under_the_clients_names};
use super::name::NamedStream;
use super::permit;
use super::read::{self, broken};
use super::refused::refusal;
use super::traffic;
use crate::control::Gateway;
use crate::limits::{Asker, Taken, What};
use crate::patience::Patience;
use crate::snapshot::{Model, Snapshot};
use crate::trail::{Heard, Ids, Trail};

/// Answers a stream of requests as they come. The head leaves at once.
pub(crate) fn stream(
    admitted: Admitted<NamedStream>,
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let named = admitted.into_inner();
    let Some(codec) = codec(named.protocol()).stream else {
        return Err(Refusal::new(Kind::NotInThisBuild, "this protocol has no streams here"));
    };
    let encoding = grpc::Encoding::of(named.headers());
    // Triton's word for a client that wants errors as the stream's status, not among the answers.
    let strict = named.headers().get("triton_grpc_error").is_some_and(|value| value == "true");
    let conversation = Conversation {
        reader: grpc::frame::Reader::new(encoding, named.limits().message),
        unread: Bytes::new(),
        named,
        from: (Arc::clone(trail.listener()), trail.asker(gateway.clock.now()).address),
        gateway: Arc::clone(gateway),
        snapshot: Arc::clone(snapshot),
        ids: trail.ids(),
        heard: trail.heard(),
        memory: gateway.memory.lease(),
        codec,
        strict,
        answering: None,
        ready: VecDeque::new(),
        end: None,
    };
    let (head, _) = (codec.head)().into_parts();
    let parts = stream::unfold(Some(conversation), |open| async {
        let mut conversation = open?;
        let part = conversation.next().await;
        let over = part.is_trailers();
        Some((part, (!over).then_some(conversation)))
    });
    Ok(head.with(Body::stream(Parts(Box::pin(parts)))))
}

/// A stream under way.
struct Conversation {
    named: NamedStream,
    /// The listener, and where the client is.
    from: (Arc<str>, IpAddr),
    reader: grpc::frame::Reader,
    unread: Bytes,
    gateway: Arc<Gateway>,
    snapshot: Arc<Snapshot>,
    ids: Ids,
    heard: Arc<Heard>,
    /// What the message takes that is being read or answered.
    memory: Lease,
    codec: StreamCodec,
    strict: bool,
    answering: Option<Answering>,
    ready: VecDeque<Bytes>,
    /// Set once no more requests come, or the stream has failed.
    end: Option<Option<Refusal>>,
}

/// A request that is being answered.
struct Answering {
    model: Arc<str>,
    version: Arc<str>,
    id: Option<String>,
    form: ReplyForm,
    non_finite: NonFinite,
    answers: ReplyStream,
    patience: Patience,
    /// Places of its own among those that limits let be under way.
    _taken: Option<Box<Taken>>,
}

impl Conversation {
    /// The next piece of the answer; trailers are the last.
    async fn next(&mut self) -> Part {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Part::Data(piece);
            }
            // What is being answered is of no use to a client whose stream has failed.
            if let Some(end) = self.end.take() {
                return Part::Trailers((self.codec.end)(end.as_ref()));
            }
            match self.answering.take() {
                Some(answering) => self.answer(answering).await,
                None => self.take_up().await,
            }
        }
    }

    /// Waits for the next answer, no longer than the model's time.
    async fn answer(&mut self, mut answering: Answering) {
        let answer = match answering.patience.wait(answering.answers.next()).await {
            Ok(None) => return,
            Ok(Some(answer)) => answer,
            Err(late) => return self.refuse(late.into(), answering.id.as_deref()),
        };
        if let Err(error) = &answer
            && error.status.is_some()
        {
            self.heard.failed(Outcome::UpstreamError, error.cause.clone());
        }
        let encoded = answer.map_err(refusal).and_then(|mut response| {
            under_the_clients_names(&mut response, &answering.model, &answering.version, answering.id.clone());
            (self.codec.item)(&response, &answering.form, answering.non_finite)
        });
        match encoded {
            Ok(pieces) => self.ready.extend(pieces),
            Err(refusal) => self.refuse(refusal, answering.id.as_deref()),
        }
        // Answers may follow an error.
        self.answering = Some(answering);
    }

    /// Reads the next request and calls its model.
    async fn take_up(&mut self) {
        // A message is there, whole, before the silence is too long, however slowly its bytes come.
        let silence = self.snapshot.silence;
        let silent = |_| Refusal::new(Kind::SlowRequest, "no request came on the stream for too long");
        let message = match timeout(silence, self.read()).await.map_err(silent).flatten() {
            Ok(Some(message)) => message,
            Ok(None) => {
                self.end = Some(None);
                return;
            }
            // What is not framed right cannot be read on.
            Err(refusal) => {
                self.heard.refused(&refusal);
                self.end = Some(Some(refusal));
                return;
            }
        };
        if let Err((refusal, id)) = self.begin(message).await {
            self.refuse(refusal, id.as_deref());
        }
    }

    async fn begin(&mut self, message: Bytes) -> Result<(), (Refusal, Option<String>)> {
        let named = self.named.message(message, &self.snapshot).map_err(|refusal| (refusal, None))?;
        let mut named = permit::permit_message(named, self.named.identity()).map_err(|refusal| (refusal, None))?;
        if let Some(kind) = named.would_refuse() {
            self.heard.would_refuse(kind);
            self.gateway.sink.would_refuse(&named.model().name, kind);
        }
        let (model, version) = (named.model(), traffic::decide(&named));
        let taken = self.claim(model).map_err(|refusal| (refusal, None))?;
        let (request, form) = read::decode_opened(&mut named).map_err(|refusal| (refusal, None))?;
        let id = request.id.clone();
        let times = named.stream_times();
        let patience = Patience::begin(times);
        let answers = call::open(version, (request, times), &self.gateway, named.caller(), &mut &self.ids).await;
        // The answer has begun: nobody will read the request again.
        self.memory = self.gateway.memory.lease();
        let answers = answers.map_err(|error| (refusal(error), id.clone()))?;
        let (non_finite, model, version) = (model.non_finite, Arc::clone(&model.name), Arc::clone(&version.name));
        self.answering = Some(Answering { model, version, id, form, non_finite, answers, patience, _taken: taken });
        Ok(())
    }

    /// Takes what one more message for `model` needs of limits.
    fn claim(&self, model: &Model) -> Result<Option<Box<Taken>>, Refusal> {
        let Some(allowance) = self.named.door.allowance.as_deref() else { return Ok(None) };
        let (listener, address) = (&*self.from.0, self.from.1);
        let asker = Asker { identity: self.named.identity(), address, listener, now: self.gateway.clock.now() };
        allowance.take(What::Message(&model.name), asker, &*self.gateway.sink).map_err(|(refusal, _)| refusal)
    }

    /// Says among the answers, or by ending the stream, why a request is not served.
    fn refuse(&mut self, refusal: Refusal, id: Option<&str>) {
        self.heard.refused(&refusal);
        if self.strict {
            self.end = Some(Some(refusal));
        } else {
            self.ready.push_back((self.codec.refusal)(&refusal, id));
        }
    }

    /// The next message; `None` at the end.
    async fn read(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some(message) = self.reader.read(&mut self.unread).map_err(Refusal::from)? {
                return Ok(Some(message));
            }
            let body = self.named.body();
            match poll_fn(|context| body.poll_part(context)).await {
                None => return self.reader.end().map(|()| None).map_err(Refusal::from),
                Some(part) => {
                    if let Part::Data(data) = part.map_err(|error| broken(&error))? {
                        let length = self.reader.gathered().saturating_add(data.len());
                        self.memory.cover(length as u64).map_err(|full| broken(&full.into()))?;
                        self.unread = data;
                    }
                }
            }
        }
    }
}

/// Parts as a body.
pub(super) struct Parts<S>(pub(super) Pin<Box<S>>);

impl<S: Stream<Item = Part> + Send> BodyStream for Parts<S> {
    fn poll_part(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        self.get_mut().0.as_mut().poll_next(context).map(|part| part.map(Ok))
    }

    fn is_over(&self) -> bool {
        false
    }

    fn length(&self) -> SizeHint {
        SizeHint::default()
    }
}
