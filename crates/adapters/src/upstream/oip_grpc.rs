//! Model servers that speak the Open Inference Protocol v2 over gRPC: Triton, MLServer, KServe, TorchServe.
//!
//! ```yaml
//! backends:
//!   triton: { protocol: oip-grpc, endpoints: ["grpc://10.0.0.5:8001"] }
//! ```
//!
//! Tensors go as raw contents, and come back raw or typed. It must not know routes, traffic or retries: it puts one call
//! to one endpoint, and says exactly what came of it.

mod answers;
mod ask;
mod faults;
mod infer;
mod inquire;
mod introduce;
mod manage;
mod replies;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use parking_lot::Mutex;
use sluicegate_core::{
    BackendPlan, BoxFuture, BuildError, BuildUpstream, Call, CallError, Clock, Deadline, Endpoint, Fact, Field, Fields,
    Inquiry, Introduction, ManageCall, Memory, Mistake, ModelMetadata, Node, Protocol, Reply, ReplyStream, Settings,
    Shape, Upstream, UpstreamKind, boxed,
};

use crate::http::{Client, Connector, HttpError, Origin, Speaks};
use crate::remote::learned::Learned;
use crate::remote::peers::{Handle, Peers};
use crate::remote::transport::{from_http, not_ready};

/// The kind of backend.
pub const KIND: UpstreamKind = UpstreamKind {
    kind: "oip-grpc",
    doc: "A model server that speaks the Open Inference Protocol v2 over gRPC, for example Triton, MLServer or KServe.",
    example: "triton: { protocol: oip-grpc, endpoints: [\"grpc://10.0.0.5:8001\"] }",
    fields: &[
        Field::optional(
            "max_message",
            Shape::Size { min: 1024, max: u32::MAX as u64 },
            "256MiB",
            "Largest message taken from the server. It is held in memory to be decoded.",
        ),
        Field::optional(
            "wide_parameters",
            Shape::Choice(&[
                (
                    "auto",
                    "Each endpoint is asked for its extensions, once a request has such a parameter: Triton has it.",
                ),
                ("always", "They are sent; it is not asked."),
                ("never", "They are refused, as for MLServer, KServe and TorchServe, whose protocol lacks them."),
            ]),
            "auto",
            "Whether the server's parameters can be doubles, and integers beyond 63 bits.",
        ),
        Field::optional(
            "package",
            Shape::Choice(&[
                ("inference", "That of the specification, `inference`."),
                ("torchserve", "TorchServe's own, `org.pytorch.serve.grpc.openinference`."),
            ]),
            "inference",
            "The package in the paths of the server's calls.",
        ),
    ],
    remote: true,
    loads_files: false,
    decode,
};

/// Largest message taken where the configuration does not say, in bytes.
const MAX_MESSAGE: u64 = 256 << 20;

/// What a backend's own keys say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    /// In bytes.
    max_message: u64,
    wide_parameters: Wide,
    package: Package,
}

/// Whether the server's parameters can be doubles and unsigned integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wide {
    Auto,
    Always,
    Never,
}

/// Whose paths the server's calls have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Package {
    Inference,
    TorchServe,
}

/// Builds backends of this kind. They share one pool of connections, and what is known about an endpoint outlives a
/// change of configuration.
pub struct Factory {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
    known: Arc<Known>,
}

/// What is known about endpoints, for all backends.
#[derive(Default)]
struct Known(Mutex<HashMap<Endpoint, Weak<Peer>>>);

/// One endpoint, and what is known about it.
struct Peer {
    endpoint: Endpoint,
    origin: Arc<Origin>,
    /// The target of the call to run a model.
    infer: OnceLock<Uri>,
    wide: Learned,
    /// Whether it has the call for models that answer any number of times.
    streams: Learned,
}

/// A backend.
struct OipGrpc {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
    options: Options,
    connect_timeout: Duration,
    known: Arc<Known>,
    peers: Peers<Peer>,
}

impl Factory {
    /// A factory whose backends are reached over the connections that `connector` makes.
    pub fn new(connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        let client = Arc::new(Client::new(connector, Arc::clone(&clock)));
        Self { client, clock, memory: Memory::new(u64::MAX), known: Arc::default() }
    }

    /// The same; answers that have to be read take their room from `memory`.
    #[must_use]
    pub fn holding(self, memory: &Arc<Memory>) -> Self {
        Self { memory: Arc::clone(memory), ..self }
    }
}

impl Known {
    fn peer(&self, client: &Client, endpoint: &Endpoint) -> Result<Arc<Peer>, HttpError> {
        let mut peers = self.0.lock();
        if let Some(peer) = peers.get(endpoint).and_then(Weak::upgrade) {
            return Ok(peer);
        }
        let peer = Arc::new(Peer::new(client, endpoint)?);
        peers.retain(|_, peer| peer.strong_count() > 0);
        peers.insert(endpoint.clone(), Arc::downgrade(&peer));
        Ok(peer)
    }
}

impl BuildUpstream for Factory {
    fn build(&self, plan: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        let fail = |message: String| BuildError { span: plan.span.clone(), message };
        let options = plan.settings.downcast_ref::<Options>().copied().ok_or_else(|| {
            vec![fail(format!("backend '{}': these are not settings of an {} backend", plan.name, KIND.kind))]
        })?;
        let mut peers = Peers::default();
        let mut errors = Vec::new();
        for endpoint in &plan.endpoints {
            match self.known.peer(&self.client, endpoint) {
                Ok(peer) => peers.insert(endpoint.clone(), peer),
                Err(error) => errors.push(fail(format!(
                    "backend '{}': endpoint '{}' cannot be reached over gRPC: {error}",
                    plan.name, endpoint.authority
                ))),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Arc::new(OipGrpc {
            client: Arc::clone(&self.client),
            clock: Arc::clone(&self.clock),
            memory: Arc::clone(&self.memory),
            options,
            connect_timeout: plan.connect_timeout,
            known: Arc::clone(&self.known),
            peers,
        }))
    }
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Factory").field("kind", &KIND.kind).finish_non_exhaustive()
    }
}

impl Peer {
    fn new(client: &Client, endpoint: &Endpoint) -> Result<Self, HttpError> {
        let origin = client.origin_speaking(endpoint, Speaks::Http2)?;
        Ok(Self {
            endpoint: endpoint.clone(),
            origin,
            infer: OnceLock::new(),
            wide: Learned::default(),
            streams: Learned::default(),
        })
    }
}

impl OipGrpc {
    /// The endpoint's peer. One that the plan does not name is served too, but nothing about it is remembered.
    fn peer(&self, endpoint: &Endpoint) -> Result<Handle<'_, Peer>, CallError> {
        if let Some(peer) = self.peers.get(endpoint) {
            return Ok(peer);
        }
        let peer = Peer::new(&self.client, endpoint).map_err(|error| from_http(&error, endpoint))?;
        Ok(Handle::Found(Arc::new(peer)))
    }
}

impl Upstream for OipGrpc {
    // Messages name the model, and servers differ in what they read.
    fn native(&self) -> Option<Protocol> {
        None
    }

    fn passes(&self) -> Option<Protocol> {
        Some(Protocol::OipGrpc)
    }

    fn keeps_deadlines(&self) -> bool {
        true
    }

    fn expect(&self, endpoints: &[Endpoint]) {
        self.peers.expect(endpoints, |endpoint| self.known.peer(&self.client, endpoint));
    }

    fn call<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        boxed(move || async move { self.run(&*self.peer(endpoint)?, call).await })
    }

    fn stream<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<ReplyStream, CallError>> {
        Box::pin(async move { self.run_streaming(&*self.peer(endpoint)?, call).await })
    }

    fn fact<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        fact: Fact,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        Box::pin(async move { self.tell(&*self.peer(endpoint)?, fact, inquiry).await })
    }

    fn manage<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        call: ManageCall,
    ) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        Box::pin(async move { self.order(&*self.peer(endpoint)?, call).await })
    }

    fn metadata<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        Box::pin(async move { self.describe(&*self.peer(endpoint)?, inquiry).await })
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
        Box::pin(async move { self.is_ready(&*self.peer(endpoint)?, inquiry).await })
    }
}

/// Reads the keys. The shape was checked before: what stands here otherwise than allowed reads as the default.
fn decode(node: &Node) -> Result<Settings, Vec<Mistake>> {
    let word = |key: &str| node.get(key).and_then(Node::text);
    let options = Options {
        max_message: node.get("max_message").and_then(Node::size).unwrap_or(MAX_MESSAGE),
        wide_parameters: match word("wide_parameters") {
            Some("always") => Wide::Always,
            Some("never") => Wide::Never,
            _ => Wide::Auto,
        },
        package: match word("package") {
            Some("torchserve") => Package::TorchServe,
            _ => Package::Inference,
        },
    };
    Ok(Arc::new(options))
}

#[cfg(test)]
mod tests;
