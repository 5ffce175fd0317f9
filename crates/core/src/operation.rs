//! What a request asks for, in words no protocol owns.

/// A wire protocol family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Open Inference Protocol v2 over REST.
    OipRest,
}

/// What is asked of a model, or of the gateway itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Run the model.
    Infer,
    /// Describe the model.
    Metadata,
    /// Say whether the model can answer.
    Ready,
    /// Say whether the gateway runs.
    ServerLive,
    /// Say whether the gateway takes requests.
    ServerReady,
    /// Describe the gateway.
    ServerMetadata,
}

/// A request's head, read by its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// The operation.
    pub operation: Operation,
    /// The model by the client's name; `None` for operations on the gateway.
    pub model: Option<String>,
    /// The version, where the client named one.
    pub version: Option<String>,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 1] = [Self::OipRest];

    /// The name in configuration, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OipRest => "oip-rest",
        }
    }
}

impl Operation {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Metadata => "metadata",
            Self::Ready => "ready",
            Self::ServerLive => "server_live",
            Self::ServerReady => "server_ready",
            Self::ServerMetadata => "server_metadata",
        }
    }
}
