//! What a request asks for, in words no protocol owns.

/// A wire protocol family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Open Inference Protocol v2 over REST.
    OipRest,
    /// Open Inference Protocol v2 over gRPC, with Triton's extensions.
    OipGrpc,
    /// Questions whether the gateway serves, in gRPC's own health protocol.
    GrpcHealth,
    /// Questions what the gateway serves, in gRPC's own reflection protocol.
    GrpcReflection,
    /// OpenAI's API over JSON.
    OpenAi,
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
    /// Describe the services and messages that the gateway speaks, question by question.
    Reflect,
    /// Run the model, with any number of answers to any number of requests.
    StreamInfer,
    /// Run the model on a JSON object of its inputs, with one answer (Triton's generate extension).
    Generate,
    /// The same, with any number of answers.
    GenerateStream,
    /// Hand on the model's configuration.
    Config,
    /// Hand on the counters of a model, or of all models where none is named.
    Statistics,
    /// List the models and what state they are in.
    Index,
    /// List the models' names.
    Names,
    /// Change what a server has loaded, shares or logs.
    Manage,
    /// Answer a conversation.
    Chat,
    /// Go on with a text.
    Complete,
    /// Answer, with what the server remembers and the tools it has.
    Respond,
    /// Make vectors of texts.
    Embed,
}

/// A request's head, read by its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// The operation.
    pub operation: Operation,
    /// The model by the client's name; `None` for operations on the gateway, and while it stands in a message that is
    /// not read yet.
    pub model: Option<String>,
    /// The version, where the client named one.
    pub version: Option<String>,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 5] = [Self::OipRest, Self::OipGrpc, Self::GrpcHealth, Self::GrpcReflection, Self::OpenAi];

    /// The name in configuration, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OipRest => "oip-rest",
            Self::OipGrpc => "oip-grpc",
            Self::GrpcHealth => "grpc-health",
            Self::GrpcReflection => "grpc-reflection",
            Self::OpenAi => "openai",
        }
    }
}

impl Operation {
    /// Whether a generative model is asked: the message goes to it as it came, and names the model itself.
    #[must_use]
    pub const fn is_generative(self) -> bool {
        matches!(self, Self::Chat | Self::Complete | Self::Respond | Self::Embed)
    }

    /// Whether a model is run by values whose shapes and datatypes are those of its description.
    #[must_use]
    pub const fn is_by_values(self) -> bool {
        matches!(self, Self::Generate | Self::GenerateStream)
    }

    /// Whether a model is run, and answers once or in one stream.
    #[must_use]
    pub const fn runs_model(self) -> bool {
        matches!(self, Self::Infer) || self.is_by_values() || self.is_generative()
    }

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
            Self::Reflect => "reflect",
            Self::StreamInfer => "stream_infer",
            Self::Generate => "generate",
            Self::GenerateStream => "generate_stream",
            Self::Config => "config",
            Self::Statistics => "statistics",
            Self::Index => "index",
            Self::Names => "names",
            Self::Manage => "manage",
            Self::Chat => "chat",
            Self::Complete => "complete",
            Self::Respond => "respond",
            Self::Embed => "embed",
        }
    }
}
