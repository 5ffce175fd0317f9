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

/// A set of operations.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperationSet(u32);

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
    /// Every operation.
    pub const ALL: [Self; 19] = [
        Self::Infer,
        Self::Metadata,
        Self::Ready,
        Self::ServerLive,
        Self::ServerReady,
        Self::ServerMetadata,
        Self::Reflect,
        Self::StreamInfer,
        Self::Generate,
        Self::GenerateStream,
        Self::Config,
        Self::Statistics,
        Self::Index,
        Self::Names,
        Self::Manage,
        Self::Chat,
        Self::Complete,
        Self::Respond,
        Self::Embed,
    ];

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

impl OperationSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);

    /// The operations that `name` stands for: one by its own name, or a group of them: `run` (whatever runs a model),
    /// `read` (whatever asks about one), `manage`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let group: fn(Operation) -> bool = match name {
            "run" => |operation| operation.runs_model() || operation == Operation::StreamInfer,
            "read" => |operation| {
                use Operation::{Config, Index, Metadata, Names, Ready, Statistics};
                matches!(operation, Metadata | Ready | Config | Statistics | Index | Names)
            },
            _ => return Operation::ALL.iter().find(|operation| operation.as_str() == name).map(|one| Self::of(*one)),
        };
        Some(
            Operation::ALL
                .into_iter()
                .filter(|operation| group(*operation))
                .map(Self::of)
                .fold(Self::NONE, Self::union),
        )
    }

    /// One operation.
    #[must_use]
    pub const fn of(operation: Operation) -> Self {
        Self(1 << operation as u32)
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `operation` is in it.
    #[must_use]
    pub const fn contains(self, operation: Operation) -> bool {
        self.0 & Self::of(operation).0 != 0
    }

    /// The operations in it, in the order of [`Operation::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(move |operation| self.contains(*operation))
    }
}

impl std::fmt::Debug for OperationSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.iter().map(Operation::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Operation, OperationSet};

    #[test]
    fn every_operation_is_in_the_set_of_its_own_name_alone() {
        for (at, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, at);
            let set = OperationSet::named(operation.as_str()).unwrap();
            assert_eq!(set.iter().collect::<Vec<_>>(), [operation]);
        }
    }

    #[test]
    fn groups_hold_what_runs_and_what_asks_and_share_nothing() {
        let (run, read) = (OperationSet::named("run").unwrap(), OperationSet::named("read").unwrap());
        assert!(
            run.contains(Operation::Chat) && run.contains(Operation::StreamInfer) && !run.contains(Operation::Manage)
        );
        assert!(read.contains(Operation::Names) && !read.contains(Operation::Manage));
        assert_eq!(run.iter().filter(|operation| read.contains(*operation)).count(), 0);
        assert_eq!(OperationSet::named("runs"), None);
    }
}
