//! Model servers that speak OpenAI's API: llama.cpp, vLLM, SGLang, TensorRT-LLM, and others that copy it.
//!
//! ```yaml
//! backends:
//!   llama: { protocol: openai, endpoints: ["http://10.0.0.9:8000"] }
//! ```
//!
//! The client's own bytes go to the server's path for the operation, and its answer comes back as it is, streamed or
//! whole. The model's name in both is the caller's business. It must not know routes, traffic or retries: it puts one
//! call to one endpoint, and says exactly what came of it.

mod ask;
mod inquire;
mod introduce;

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, header};
use sluicegate_core::{
    BackendPlan, Body, BoxFuture, BuildError, BuildUpstream, Call, CallBody, CallClass, CallError, Clock, Deadline,
    Endpoint, Fields, Inquiry, Introduction, Mistake, ModelMetadata, Node, Protocol, Reply, Sent, Settings, Upstream,
    UpstreamKind, boxed,
};
use sluicegate_wire::openai::client::path_of;

use self::ask::{SHORT_ANSWER, from_status};
use crate::http::{Answer, Client, Connector, HttpError, Origin};
use crate::remote::faults::{from_body, is_for_operators};
use crate::remote::headers::strip_private;
use crate::remote::peers::{Handle, Peers};
use crate::remote::scrub::scrub;
use crate::remote::transport::{from_http, not_ready};

/// The kind of backend.
pub const KIND: UpstreamKind = UpstreamKind {
    kind: "openai",
    doc: "A model server that speaks OpenAI's API, for example llama.cpp's, vLLM or SGLang. The paths below `/v1` are \
          the gateway's; what stands before them belongs to the endpoint.",
    example: "llama: { protocol: openai, endpoints: [\"http://10.0.0.9:8000\"] }",
    fields: &[],
    remote: true,
    loads_files: false,
    decode,
};

/// Builds backends of this kind. They share one pool of connections.
pub struct Factory {
    client: Arc<Client>,
}

/// One endpoint.
struct Peer {
    endpoint: Endpoint,
    origin: Arc<Origin>,
}

/// A backend.
struct OpenAi {
    client: Arc<Client>,
    connect_timeout: Duration,
    peers: Peers<Peer>,
}

impl Factory {
    /// A factory whose backends are reached over the connections that `connector` makes.
    pub fn new(connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        Self { client: Arc::new(Client::new(connector, clock)) }
    }
}

impl BuildUpstream for Factory {
    fn build(&self, plan: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        let mut peers = Peers::default();
        let mut errors = Vec::new();
        for endpoint in &plan.endpoints {
            match self.client.origin(endpoint) {
                Ok(origin) => {
                    peers.insert(endpoint.clone(), Arc::new(Peer { endpoint: endpoint.clone(), origin }));
                }
                Err(error) => errors.push(BuildError {
                    span: plan.span.clone(),
                    message: format!(
                        "backend '{}': endpoint '{}' cannot be reached over HTTP: {error}",
                        plan.name, endpoint.authority
                    ),
                }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Arc::new(OpenAi { client: Arc::clone(&self.client), connect_timeout: plan.connect_timeout, peers }))
    }
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Factory").field("kind", &KIND.kind).finish_non_exhaustive()
    }
}

impl OpenAi {
    /// The endpoint's peer; one that the plan does not name is served too.
    fn peer(&self, endpoint: &Endpoint) -> Result<Handle<'_, Peer>, CallError> {
        if let Some(peer) = self.peers.get(endpoint) {
            return Ok(peer);
        }
        self.make(endpoint).map(Handle::Found).map_err(|error| from_http(&error, endpoint))
    }

    fn make(&self, endpoint: &Endpoint) -> Result<Arc<Peer>, HttpError> {
        Ok(Arc::new(Peer { endpoint: endpoint.clone(), origin: self.client.origin(endpoint)? }))
    }

    async fn run(&self, peer: &Peer, call: Call) -> Result<Reply, CallError> {
        let unfit = |cause: &str| {
            CallError::new(CallClass::Client, Sent::Nothing, cause)
                .telling("this model is called over the OpenAI API, and in no other way")
        };
        let Some(path) = path_of(call.operation) else {
            return Err(unfit("the operation has no path in the OpenAI API"));
        };
        let CallBody::Wire(body) = call.body else {
            return Err(unfit("tensors were sent to a server that speaks the OpenAI API"));
        };
        let response = self.send(peer, (Method::POST, path), call.headers, body, call.deadline).await?;
        let (mut head, answer) = response.into_parts();
        let body = if head.status.is_success() {
            answer.into_body()
        } else {
            Box::pin(error_body(peer, head.status, &head.headers, answer)).await?
        };
        strip_private(&mut head.headers);
        Ok(Reply::Wire(head.with(body)))
    }
}

impl Upstream for OpenAi {
    fn native(&self) -> Option<Protocol> {
        Some(Protocol::OpenAi)
    }

    fn keeps_deadlines(&self) -> bool {
        true
    }

    fn expect(&self, endpoints: &[Endpoint]) {
        self.peers.expect(endpoints, |endpoint| self.make(endpoint));
    }

    fn call<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        boxed(move || async move { self.run(&*self.peer(endpoint)?, call).await })
    }

    fn metadata<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        Box::pin(async move { self.describe(&*self.peer(endpoint)?, &inquiry).await })
    }

    fn probe<'a>(&'a self, endpoint: &'a Endpoint, deadline: Deadline) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(async move {
            match self.is_healthy(&*self.peer(endpoint)?, Fields::new(), deadline).await? {
                true => Ok(()),
                false => Err(not_ready(endpoint)),
            }
        })
    }

    fn introduce<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Option<Introduction>, CallError>> {
        Box::pin(async move { self.who_is(&*self.peer(endpoint)?, deadline).await })
    }

    fn ready<'a>(&'a self, endpoint: &'a Endpoint, inquiry: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        Box::pin(async move { self.is_ready(&*self.peer(endpoint)?, &inquiry).await })
    }
}

/// The body of an error answer that is handed on: small, and without addresses.
async fn error_body(peer: &Peer, status: StatusCode, headers: &Fields, answer: Answer) -> Result<Body, CallError> {
    let encoded = headers.contains(header::CONTENT_ENCODING);
    match answer.collect(SHORT_ANSWER).await {
        Ok(body) if !encoded && !is_for_operators(status) => {
            Ok(scrub(&String::from_utf8_lossy(&body), &peer.endpoint).into())
        }
        Ok(body) => Err(from_status(status, headers, if encoded { b"" } else { &body }, &peer.endpoint)),
        Err(error) => Err(from_body(&error, status, &peer.endpoint)),
    }
}

/// There are no keys.
fn decode(_: &Node) -> Result<Settings, Vec<Mistake>> {
    Ok(Arc::new(()))
}
