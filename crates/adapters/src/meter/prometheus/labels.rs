//! The label sets. Values are names from the configuration or words from closed lists, never what a client sent.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

/// Of one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) listener: Arc<str>,
    pub(super) protocol: &'static str,
    pub(super) operation: &'static str,
    pub(super) model: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) backend: Arc<str>,
    pub(super) outcome: &'static str,
}

/// Of what served it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) protocol: &'static str,
    pub(super) model: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) backend: Arc<str>,
}

/// Of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TokenLabels {
    pub(super) protocol: &'static str,
    pub(super) model: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) backend: Arc<str>,
    pub(super) kind: &'static str,
}

/// Of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ListenerLabels {
    pub(super) listener: Arc<str>,
}

/// Of a kind of refusal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: &'static str,
}

/// Of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LimitLabels {
    pub(super) limit: Arc<str>,
    pub(super) mode: &'static str,
}

/// Of what rules that are merely observed refuse.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WouldRefuseLabels {
    pub(super) model: Arc<str>,
    pub(super) kind: &'static str,
}

/// Of a load of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResultLabels {
    pub(super) result: &'static str,
}

/// Of a generation of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GenerationLabels {
    pub(super) digest: String,
}
