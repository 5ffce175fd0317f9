//! The facts of one request, made once. Log line and metrics are written from it, and from nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;

use crate::{Identity, Kind, Operation, Protocol, Usage};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered in full, with the backend's or the gateway's own good answer.
    Answered,
    /// Answered in full with an error the backend made.
    UpstreamError,
    /// Refused by the gateway.
    Refused(Kind),
}

/// Bytes and time of a request, as far as it got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Body bytes from the client.
    pub received: u64,
    /// Body bytes to the client.
    pub sent: u64,
}

/// What served requests, by the names of the configuration. Made once a generation, and shared by all of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The version.
    pub version: Arc<str>,
    /// The backend.
    pub backend: Arc<str>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Record {
    /// The request's id: the client's if it was acceptable, else ours.
    pub request_id: Box<str>,
    /// W3C trace id, 32 hexadecimal digits.
    pub trace_id: Box<str>,
    /// The listener.
    pub listener: Arc<str>,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Who called.
    pub identity: Identity,
    /// HTTP method, as sent; cut to 16 characters.
    pub method: Method,
    /// Protocol, once known.
    pub protocol: Option<Protocol>,
    /// Operation, once known.
    pub operation: Option<Operation>,
    /// The model's configured name; `None` unless configuration has it, so that it bounds metric labels.
    pub model: Option<Arc<str>>,
    /// The configured version that served, and its backend.
    pub served: Option<Arc<Served>>,
    /// The endpoint that served.
    pub endpoint: Option<Arc<str>>,
    /// How many endpoints were asked: more than one where a call was made again.
    pub tries: u32,
    /// HTTP status sent.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// For the operator: why it was refused.
    pub cause: Option<String>,
    /// How it would have been refused if the rules of its model were not merely observed.
    pub would_refuse: Option<Kind>,
    /// Time of day it arrived.
    pub arrived: SystemTime,
    /// From the complete head to the last byte of the answer.
    pub total: Duration,
    /// The part of `total` spent waiting for the backend's answer to begin.
    pub upstream: Duration,
    /// Body bytes.
    pub traffic: Traffic,
    /// Tokens of a generative model's answer, as its server told them; `None` where it told nothing.
    pub usage: Option<Usage>,
    /// Digest of the configuration generation that served it.
    pub generation: Arc<str>,
}

/// Where records go. Called on the request path: must not block, lock for long, or fail.
pub trait RecordSink: Send + Sync + 'static {
    /// A request began on `listener`.
    fn begun(&self, listener: &Arc<str>);
    /// It ended: to be counted, before the answer's last bytes leave, so that whoever has read them finds it counted.
    fn ended(&self, record: &Record);
    /// The answer has left, or was given up: what takes longer than counting is done now, when nobody waits for it. Told of
    /// each record once, behind [`Self::ended`].
    fn left(&self, record: &Record) {
        let _ = record;
    }
    /// `listener` turned a peer away before its bytes made a request: there is no record, only this.
    fn turned_away(&self, listener: &Arc<str>, kind: Kind) {
        let _ = (listener, kind);
    }
    /// A limit of the configuration had not enough left for a request: it was refused, or served all the same where the
    /// limit's `mode` is to observe.
    fn limited(&self, limit: &Arc<str>, mode: &'static str) {
        let _ = (limit, mode);
    }
    /// The rules of `model` refuse a request, or a message of a stream, that was served all the same, since they are merely
    /// observed. `model` is a configured name.
    fn would_refuse(&self, model: &Arc<str>, kind: Kind) {
        let _ = (model, kind);
    }
}

impl Record {
    /// The configured version that served.
    #[must_use]
    pub fn version(&self) -> Option<&Arc<str>> {
        self.served.as_ref().map(|served| &served.version)
    }

    /// The backend that served.
    #[must_use]
    pub fn backend(&self) -> Option<&Arc<str>> {
        self.served.as_ref().map(|served| &served.backend)
    }
}

impl Outcome {
    /// The name in logs and metrics: `ok`, `upstream_error`, or the refusal's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::UpstreamError => "upstream_error",
            Self::Refused(kind) => kind.facts().label,
        }
    }
}
