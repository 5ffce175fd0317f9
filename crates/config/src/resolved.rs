//! What configuration comes to once every name is resolved and every default filled in: what the rest of the gateway
//! reads. It must not know how configuration is written.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::{AccessRule, Identity, Limit, PolicyMode, Priority, Resilience, State, Tenant};
use sluicegate_core::{
    BackendModel, BackendPlan, EndpointSource, KeyPair, Mistake, ModelSource, Network, NonFinite, Span,
};

/// A whole configuration without a mistake.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// SHA-256, in hexadecimal, over the canonical text of every source and the digests of the files it names: equal
    /// digests, equal configuration. Comments, quotes and the files' own paths do not count.
    pub digest: Arc<str>,
    /// Where clients are served, in the order written; never empty.
    pub listeners: Vec<Listener>,
    /// Where operators are served.
    pub admin: Admin,
    /// How long a shutdown goes on taking requests after it has said that it is not ready.
    pub delay: Duration,
    /// How long a shutdown waits for requests under way.
    pub grace: Duration,
    /// How long a new process may take to serve in this one's place.
    pub replace_timeout: Duration,
    /// What the whole gateway takes on at once.
    pub overload: Overload,
    /// How long a client that keeps a stream of requests open may be silent, and what models inherit.
    pub stream: StreamTimes,
    /// How callers show who they are.
    pub identity: Identity,
    /// Where state is kept, where that is said.
    pub state: Option<State>,
    /// Backends in the order written.
    pub backends: Vec<Backend>,
    /// Models: the root file's in the order written, then those of each include in the order of the files' paths.
    pub models: Vec<Model>,
    /// The tenants in the order written.
    pub tenants: Vec<Tenant>,
    /// How much callers may ask for: the list's in the order written, then those of the listeners.
    pub limits: Vec<Limit>,
    /// What is allowed but probably not meant, in the order of the places.
    pub warnings: Vec<Mistake>,
}

/// What the whole gateway takes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// Requests for models under way.
    pub requests: usize,
    /// Bytes of bodies held as a whole; `None`: half of the memory there is.
    pub memory: Option<u64>,
}

/// The listener for operators.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Its address; always given, and loopback, in a loaded configuration. `None` is for a caller that serves none.
    pub address: Option<SocketAddr>,
    /// Where the address stands, or the start of the root file where it is the default.
    pub span: Span,
}

/// A listener for clients.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its configured name.
    pub name: Arc<str>,
    /// Its address; port 0 lets the system choose one.
    pub address: SocketAddr,
    /// How callers may identify themselves; never empty.
    pub authenticate: Vec<Method>,
    /// Whether callers may manage the model servers.
    pub management: bool,
    /// Whose calls go first; `None`: the model says.
    pub priority: Option<Priority>,
    /// Its certificate and key, where it speaks TLS.
    pub tls: Option<KeyPair>,
    /// The hosts that requests may name, in small letters; `None`: any.
    pub hosts: Option<Vec<HostName>>,
    /// The models that are there for its callers; `None`: all.
    pub expose: Option<Vec<Arc<str>>>,
    /// Who can reach it.
    pub exposure: Exposure,
    /// Whose word on a client's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// Who begins each connection with a PROXY protocol header.
    pub proxy_protocol: Vec<Network>,
    /// What a connection and a request may take.
    pub limits: Limits,
    /// Where its name stands.
    pub span: Span,
}

/// A host that requests may name, in small letters and without a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostName {
    /// This one.
    Exactly(Arc<str>),
    /// Those that have one label more in front of this.
    Below(Arc<str>),
}

/// A way for callers to identify themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all: everybody may call.
    Anonymous,
    /// By one of this gateway's own keys.
    ApiKey,
    /// By a token of an OpenID Connect issuer.
    Oidc,
}

/// Who can reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Anybody.
    External,
    /// Callers that do not wear the gateway out on purpose.
    Internal,
}

/// What a connection and a request may take on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head (request line and headers).
    pub head: u64,
    /// The same over HTTP/2, where it was given; else the exposure decides.
    pub header_list: Option<u64>,
    /// Header fields of a request.
    pub headers: usize,
    /// Bytes of a request's body.
    pub body: u64,
    /// Time for a whole head to arrive.
    pub head_timeout: Duration,
    /// Time for a whole body to arrive.
    pub body_timeout: Duration,
    /// Time a connection may lie idle.
    pub idle_timeout: Duration,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// TLS handshakes under way at once.
    pub handshakes: usize,
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one address, where it was given; else the exposure decides.
    pub per_address: Option<usize>,
    /// Bytes a second that a body must bring.
    pub body_min_rate: u64,
    /// HTTP/2 streams open at once on one connection, where it was given; else the exposure decides.
    pub streams: Option<u32>,
}

/// How long answers that come one after another may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTimes {
    /// The wait for the next one.
    pub idle: Duration,
    /// From the request to the last one.
    pub total: Duration,
}

/// A backend, and how the gateway behaves towards it.
#[derive(Clone, Debug)]
pub struct Backend {
    /// How it is built.
    pub plan: BackendPlan,
    /// The weights of the plan's endpoints, in their order.
    pub weights: Vec<u32>,
    /// Where endpoints come from that the plan does not list.
    pub sources: Vec<EndpointSource>,
    /// What is done where endpoints, answers or load misbehave.
    pub resilience: Resilience,
}

/// A model, as clients ask for it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name clients ask for.
    pub name: Arc<str>,
    /// Whose it is: its own `owner`, or that of its include file.
    pub owner: Option<Arc<str>>,
    /// Its versions in the order written; never empty.
    pub versions: Vec<Version>,
    /// Which of `versions` answers where a client names none: an index that is always within bounds.
    pub stable: usize,
    /// How long a request may take.
    pub timeout: Duration,
    /// Whose calls go first where there is not room for all.
    pub priority: Priority,
    /// How long a stream of answers may take.
    pub stream: StreamTimes,
    /// How NaN and the infinities are written in JSON.
    pub non_finite: NonFinite,
    /// Who may do what with it, in the order written; `None`: it is for anonymous callers only.
    pub access: Option<Vec<AccessRule>>,
    /// What becomes of what `access` refuses.
    pub policy: PolicyMode,
    /// Where its name stands.
    pub span: Span,
}

/// A version of a model.
#[derive(Clone, Debug)]
pub struct Version {
    /// The name clients ask for.
    pub name: Arc<str>,
    /// The name of its backend, which is among [`Resolved::backends`].
    pub backend: Arc<str>,
    /// The backend's own names for it.
    pub model: BackendModel,
    /// Its file, where the backend loads files.
    pub source: Option<ModelSource>,
    /// Where it stands.
    pub span: Span,
}
