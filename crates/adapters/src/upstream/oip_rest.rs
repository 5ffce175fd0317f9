//! Model servers that speak the Open Inference Protocol v2 over REST: MLServer, Triton, KServe, OpenVINO Model Server.
//!
//! ```yaml
//! backends:
//!   mlserver: { protocol: oip-rest, endpoints: ["http://10.0.0.9:8080"] }
//! ```
//!
//! A server with the binary tensor extension gets the client's own bytes, or binary tensors; one without (MLServer) gets
//! JSON, so that a binary client works against it all the same. It must not know routes, traffic or retries: it puts
//! one call to one endpoint, and says exactly what came of it.

mod ask;
mod call;
mod events;
mod generate;
mod inquire;
mod introduce;
mod manage;

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use parking_lot::Mutex;
use sluicegate_core::{
    BackendModel, BackendPlan, BoxFuture, BuildError, BuildUpstream, Call, CallError, Clock, Deadline, Endpoint, Fact,
    Field, Fields, Inquiry, Introduction, LoadedModel, ManageCall, Memory, Mistake, Mixing, ModelMetadata, Node,
    NonFinite, Protocol, Reply, ReplyStream, Settings, Shape, Upstream, UpstreamKind,
};
use sluicegate_wire::oip_rest::client::infer_path;

use self::generate::Decoupled;
use crate::http::{Client, Connector, HttpError, Origin, target};
use crate::remote::learned::Learned;
use crate::remote::peers::{Handle, Peers};
use crate::remote::transport::{from_http, not_ready};

/// The kind of backend.
pub const KIND: UpstreamKind = UpstreamKind {
    kind: "oip-rest",
    doc: "A model server that speaks the Open Inference Protocol v2 over REST, for example MLServer, Triton or KServe.",
    example: "mlserver: { protocol: oip-rest, endpoints: [\"http://10.0.0.9:8080\"] }",
    fields: &[
        Field::optional(
            "binary",
            Shape::Choice(&[
                ("auto", "Each endpoint is asked once (`GET /v2`) whether it has the extension `binary_tensor_data`."),
                ("always", "It has the extension; it is not asked."),
                ("never", "It does not have it, or must not use it: tensors travel as JSON."),
            ]),
            "auto",
            "Whether the server takes and gives tensors in binary form.",
        ),
        Field::optional(
            "non_finite",
            Shape::Choice(&[
                ("null", "NaN as `null`, as MLServer wants it; an infinity is refused, since `null` would lose it."),
                ("token", "The bare words `NaN`, `Infinity`, `-Infinity`, as Triton writes and reads them."),
                ("reject", "Refused."),
            ]),
            "null",
            "How NaN and the infinities are sent where tensors travel as JSON.",
        ),
        Field::optional(
            "max_response",
            Shape::Size { min: 1024, max: 64 << 30 },
            "256MiB",
            "Largest answer that is taken into memory to be decoded. Answers that are streamed through have no limit.",
        ),
    ],
    remote: true,
    loads_files: false,
    decode,
};

/// Largest answer decoded where the configuration does not say, in bytes.
const MAX_RESPONSE: u64 = 256 << 20;

/// What a backend's own keys say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    binary: Binary,
    non_finite: NonFinite,
    /// In bytes.
    max_response: u64,
}

/// Whether the server takes and gives binary tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Auto,
    Always,
    Never,
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
    extension: Learned,
    /// Its models that answer any number of times.
    decoupled: Mutex<HashMap<BackendModel, Decoupled>>,
}

/// A backend.
struct OipRest {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
    options: Options,
    connect_timeout: Duration,
    known: Arc<Known>,
    peers: Peers<Peer>,
    /// Where each model of the plan is run, at an endpoint without a prefix.
    targets: HashMap<BackendModel, Uri, Mixing>,
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
                    "backend '{}': endpoint '{}' cannot be reached over HTTP: {error}",
                    plan.name, endpoint.authority
                ))),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let target =
            |LoadedModel { model, .. }: &LoadedModel| Some((model.clone(), target("", infer_path(model)).ok()?));
        Ok(Arc::new(OipRest {
            targets: plan.models.iter().filter_map(target).collect(),
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
        let origin = client.origin(endpoint)?;
        Ok(Self { endpoint: endpoint.clone(), origin, extension: Learned::default(), decoupled: Mutex::default() })
    }
}

impl OipRest {
    /// The endpoint's peer. One that the plan does not name is served too, but nothing about it is remembered.
    fn peer(&self, endpoint: &Endpoint) -> Result<Handle<'_, Peer>, CallError> {
        if let Some(peer) = self.peers.get(endpoint) {
            return Ok(peer);
        }
        let peer = Peer::new(&self.client, endpoint).map_err(|error| from_http(&error, endpoint))?;
        Ok(Handle::Found(Arc::new(peer)))
    }
}

impl Upstream for OipRest {
    // Only where it is known that every endpoint reads binary tensors: the client's bytes may hold some.
    fn native(&self) -> Option<Protocol> {
        let takes_all = match self.options.binary {
            Binary::Always => true,
            Binary::Never => false,
            Binary::Auto => self.peers.all(|peer| peer.extension.known() == Some(true)),
        };
        takes_all.then_some(Protocol::OipRest)
    }

    fn keeps_deadlines(&self) -> bool {
        true
    }

    fn expect(&self, endpoints: &[Endpoint]) {
        self.peers.expect(endpoints, |endpoint| self.known.peer(&self.client, endpoint));
    }

    fn call<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        match self.peer(endpoint) {
            Ok(peer) => self.run(peer, call),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn stream<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<ReplyStream, CallError>> {
        Box::pin(async move { self.run_streaming(&*self.peer(endpoint)?, call).await })
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
        Box::pin(async move { self.describe(&*self.peer(endpoint)?, &inquiry).await })
    }

    fn fact<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        fact: Fact,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        Box::pin(async move { self.tell(&*self.peer(endpoint)?, fact, &inquiry).await })
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

/// Reads the keys. The shape was checked before: what stands here otherwise than allowed reads as the default.
fn decode(node: &Node) -> Result<Settings, Vec<Mistake>> {
    let word = |key: &str| node.get(key).and_then(Node::text);
    let options = Options {
        binary: match word("binary") {
            Some("always") => Binary::Always,
            Some("never") => Binary::Never,
            _ => Binary::Auto,
        },
        non_finite: match word("non_finite") {
            Some("token") => NonFinite::Token,
            Some("reject") => NonFinite::Reject,
            _ => NonFinite::Null,
        },
        max_response: node.get("max_response").and_then(Node::size).unwrap_or(MAX_RESPONSE),
    };
    Ok(Arc::new(options))
}

#[cfg(test)]
mod tests;
