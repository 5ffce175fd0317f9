//! The upstream port: one call to one endpoint of a backend, and what can go wrong with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;

use crate::{
    ASK_FINAL, Body, FINAL, Fields, InferRequest, InferResponse, Introduction, ManageCall, ModelMetadata, Operation,
    Parameter, Protocol, Response, TlsIdentity,
};

/// A boxed future; one a call, never one a chunk.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The moment after which an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

/// One address of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// `host:port` that is connected to: as configured, or as found; for the embedded runtime its name.
    pub authority: Arc<str>,
    /// `host:port` by which it was looked up, where the authority is the address found there: what requests name as their
    /// host, and what its certificate must be for.
    pub host: Option<Arc<str>>,
    /// A path that stands before the protocol's own, without a slash at its end; mostly empty.
    pub prefix: Arc<str>,
    /// Who is there, where it is reached over TLS.
    pub tls: Option<Arc<TlsIdentity>>,
}

/// A model by the backend's own name and version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BackendModel {
    /// The backend's name for it.
    pub name: Arc<str>,
    /// The backend's version; `None` leaves the choice to the backend.
    pub version: Option<Arc<str>>,
}

/// A request to run a model on an endpoint.
#[derive(Debug)]
pub struct Call {
    /// What is asked: with tensors always to run the model, with bytes whatever their protocol has a path for.
    pub operation: Operation,
    /// Which model, by the backend's names.
    pub model: BackendModel,
    /// What to send.
    pub body: CallBody,
    /// Headers that go along: request id, trace context, and the client's own. Hop-by-hop headers and credentials are
    /// never among them.
    pub headers: Fields,
    /// When to give up.
    pub deadline: Deadline,
}

/// What a call carries.
#[derive(Debug)]
pub enum CallBody {
    /// The client's own bytes, in the protocol this upstream speaks. Content headers are among the call's headers.
    Wire(Body),
    /// A decoded request, for the upstream to encode. Shared with whoever may have to make the call once more.
    Tensors(Arc<InferRequest>),
    /// The client's own message, in the protocol of [`Upstream::passes`], but for the names: the upstream puts those of
    /// the call's model in front.
    Unnamed(Unnamed),
}

/// A message in whose protocol names stand before all else, without them. Whoever hands it on writes those of the other
/// side, and the id, in front.
#[derive(Debug)]
pub struct Unnamed {
    /// The id of the request, where it has one.
    pub id: Option<String>,
    /// All that stands behind the names, as it travels.
    pub rest: Bytes,
}

/// What an endpoint answered.
#[derive(Debug)]
pub enum Reply {
    /// An answer in the upstream's protocol, to be handed on as it is (also its own error answers).
    Wire(Response<Body>),
    /// A decoded answer, by the backend's names, and what else stood around it where anything did.
    Tensors(InferResponse, Option<Box<Metadata>>),
    /// The answer to [`CallBody::Unnamed`] in the same form, and what else stood around it.
    Unnamed(Unnamed, Option<Box<Metadata>>),
}

/// Header fields around a decoded answer that are the model's own: nothing of the connection, of the answer's form, of the
/// server behind, and no secrets.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Before the answer.
    pub head: Fields,
    /// Behind it.
    pub trailers: Fields,
}

/// A question about a model that carries no tensors.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Which model, by the backend's names.
    pub model: BackendModel,
    /// Request id and trace context.
    pub headers: Fields,
    /// When to give up.
    pub deadline: Deadline,
}

/// How much of a request had left when the call failed. Retries read this, and nothing else, to know what is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not a byte: safe to send elsewhere.
    Nothing,
    /// Some of it.
    Partial,
    /// All of it.
    All,
}

/// What kind of failure a call met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallClass {
    /// The request cannot be put to this backend (for example a value its wire form cannot carry), or it said 4xx.
    Client,
    /// The backend does not know the model or version.
    NotFound,
    /// The backend knows the model, but it is not ready.
    NotReady,
    /// The backend has no room, and says so.
    Pushback,
    /// The gateway has no room for the answer; the backend did nothing wrong.
    NoRoom,
    /// No connection, or it broke.
    Transport,
    /// The backend failed, or what it answered makes no sense.
    Server,
    /// The deadline passed.
    Timeout,
}

/// A failed call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{class:?}: {cause}")]
pub struct CallError {
    /// The kind of failure.
    pub class: CallClass,
    /// How much had been sent.
    pub sent: Sent,
    /// When the backend asked to be tried again.
    pub retry_after: Option<Duration>,
    /// The HTTP status the backend answered with, handed on to the client; `None` where it did not answer.
    pub status: Option<u16>,
    /// What a client may be told; no addresses, no inputs.
    pub public: Option<String>,
    /// What an operator needs to know.
    pub cause: String,
    /// What else the backend said, where its error is handed on: fields as of [`Metadata::trailers`].
    pub metadata: Option<Box<Fields>>,
}

/// The answers of a model that may give any number of them for one request. The stream's end is the last answer's;
/// dropping it cancels the work.
pub type ReplyStream = Pin<Box<dyn Stream<Item = Result<InferResponse, CallError>> + Send>>;

/// A fact about a model, or about all of a server's models, that is handed on without being understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// A model's configuration.
    Config,
    /// A model's counters.
    Statistics,
}

/// A model server behind the gateway. Dropping a returned future cancels the work.
pub trait Upstream: Send + Sync + 'static {
    /// The protocol whose bytes this upstream takes as [`CallBody::Wire`]; `None` where it takes tensors only.
    fn native(&self) -> Option<Protocol>;

    /// The protocol whose messages this upstream takes as [`CallBody::Unnamed`]; `None` where it takes none. It may answer
    /// them decoded.
    fn passes(&self) -> Option<Protocol> {
        None
    }

    /// Whether a call ends by itself when its deadline has come. Where it does not, the caller sees to that.
    fn keeps_deadlines(&self) -> bool {
        false
    }

    /// Says which endpoints calls will name from now on, beside those of the plan. Called on the slow side when endpoints
    /// were found; one that is not known of is served too, but what is learned about it may be lost.
    fn expect(&self, endpoints: &[Endpoint]) {
        let _ = endpoints;
    }

    /// Runs a model.
    fn call<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>>;

    /// Runs a model that may answer any number of times. An upstream without such models answers once. Each answer says
    /// by [`FINAL`] whether it is the last, where the upstream knows; a request that holds [`ASK_FINAL`] may get an answer
    /// more that says nothing else.
    fn stream<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<ReplyStream, CallError>> {
        Box::pin(async move {
            let call = Call { body: without_final(call.body), ..call };
            match self.call(endpoint, call).await? {
                Reply::Tensors(response, _) => Ok(one_reply(response)),
                Reply::Wire(_) | Reply::Unnamed(..) => {
                    Err(CallError::new(CallClass::Server, Sent::All, "tensors were answered with bytes"))
                }
            }
        })
    }

    /// Tells a fact about a model as JSON, in the form of Triton's REST extensions and by the backend's names.
    /// `Ok(None)`: the backend has no way to say.
    fn fact<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        fact: Fact,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        let _ = (endpoint, fact, inquiry);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Does what an order says, and gives back what the server tells: JSON in the form of Triton's REST extensions, empty
    /// where it tells nothing. `Ok(None)`: the backend has no such call.
    fn manage<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        call: ManageCall,
    ) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        let _ = (endpoint, call);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Describes a model. `Ok(None)`: the backend has no way to say.
    fn metadata<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>>;

    /// Asks an endpoint whether it takes requests at all, whatever models it has. One that has no way to say so does, since
    /// it answers.
    ///
    /// # Errors
    /// It does not, or cannot be asked.
    fn probe<'a>(&'a self, endpoint: &'a Endpoint, deadline: Deadline) -> BoxFuture<'a, Result<(), CallError>> {
        let _ = (endpoint, deadline);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Asks an endpoint what it is, for people who look what is wrong. `Ok(None)`: it has no way to say.
    ///
    /// # Errors
    /// It cannot be asked.
    fn introduce<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Option<Introduction>, CallError>> {
        let _ = (endpoint, deadline);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Says whether a model can answer.
    fn ready<'a>(&'a self, endpoint: &'a Endpoint, inquiry: Inquiry) -> BoxFuture<'a, Result<bool, CallError>>;
}

impl From<InferRequest> for CallBody {
    fn from(request: InferRequest) -> Self {
        Self::Tensors(Arc::new(request))
    }
}

/// The same without the wish to hear of an end that the one answer tells.
fn without_final(mut body: CallBody) -> CallBody {
    if let CallBody::Tensors(request) = &mut body
        && request.parameters.get(ASK_FINAL).is_some()
    {
        Arc::make_mut(request).parameters.remove(ASK_FINAL);
    }
    body
}

/// A stream of one answer, which is the last.
#[must_use]
pub fn one_reply(mut response: InferResponse) -> ReplyStream {
    response.parameters.set(FINAL, Parameter::Bool(true));
    Box::pin(Once(Some(Ok(response))))
}

/// A stream of one item.
struct Once(Option<Result<InferResponse, CallError>>);

impl Stream for Once {
    type Item = Result<InferResponse, CallError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.get_mut().0.take())
    }
}

impl Endpoint {
    /// The `host:port` that requests name, and its certificate.
    #[must_use]
    pub fn host(&self) -> &Arc<str> {
        self.host.as_ref().unwrap_or(&self.authority)
    }
}

impl Deadline {
    /// Time left at `now`; zero once it has passed.
    #[must_use]
    pub fn left(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }
}

impl CallError {
    /// A failure of `class`, with what an operator needs to know.
    pub fn new(class: CallClass, sent: Sent, cause: impl Into<String>) -> Self {
        Self { class, sent, retry_after: None, status: None, public: None, cause: cause.into(), metadata: None }
    }

    /// The same failure, with the status the backend answered.
    #[must_use]
    pub const fn answered(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same failure, with words a client may read.
    #[must_use]
    pub fn telling(mut self, public: impl Into<String>) -> Self {
        self.public = Some(public.into());
        self
    }
}
