//! The matrix as data: servers, what the gateway calls their models, and where something is not as everywhere.

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Embedded,
    Mlserver,
    Triton,
    KServe,
    Llama,
}

/// A server as the gateway reaches it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The backend's name.
    pub(super) key: &'static str,
    /// The column's name on the page.
    pub(super) title: &'static str,
    pub(super) server: Server,
    pub(super) protocol: &'static str,
    /// More keys of the backend.
    pub(super) settings: &'static str,
    /// Whether the gateway's models have the server's names: only then can a body pass through untouched.
    same_names: bool,
}

pub(super) const TARGETS: &[Target] = &[
    Target::new("embedded", "embedded", Server::Embedded, "embedded"),
    Target::new("mlserver-rest", "MLServer REST", Server::Mlserver, "oip-rest"),
    Target::new("mlserver-grpc", "MLServer gRPC", Server::Mlserver, "oip-grpc"),
    Target::new("triton-rest", "Triton REST", Server::Triton, "oip-rest"),
    Target { same_names: true, ..Target::new("triton-same", "Triton REST, same names", Server::Triton, "oip-rest") },
    Target::new("triton-grpc", "Triton gRPC", Server::Triton, "oip-grpc"),
    // It has the binary extension and does not say so.
    Target { settings: ", binary: always", ..Target::new("kserve-rest", "KServe REST", Server::KServe, "oip-rest") },
    Target::new("kserve-grpc", "KServe gRPC", Server::KServe, "oip-grpc"),
    Target::new("llama", "llama.cpp", Server::Llama, "openai"),
];

/// A model that clients ask, with its letter on the page.
pub(super) const MODELS: &[(&str, char, &str)] = &[
    ("iris", 'I', "a classifier: FP32 in, BYTES and FP32 out"),
    ("digits", 'D', "another: INT64 and FP32 out"),
    ("strings", 'S', "BYTES in and out"),
    ("adder", 'A', "INT64 beyond 53 bits"),
    ("image", 'P', "a picture of 150 KB"),
    ("echo", 'E', "every datatype, empty tensors, five dimensions"),
    ("sequence", 'Q', "stateful: sequences by integers and by text"),
    ("tokens", 'T', "decoupled: any number of answers to a request"),
    ("tiny", 'L', "a language model"),
];

impl Target {
    const fn new(key: &'static str, title: &'static str, server: Server, protocol: &'static str) -> Self {
        Self { key, title, server, protocol, settings: "", same_names: false }
    }

    /// What the gateway calls a model of this target.
    pub(super) fn name_of(&self, model: &str) -> String {
        if self.same_names { model.to_owned() } else { format!("{model}-on-{}", self.key) }
    }

    /// Whether tensors reach the server in forms that hold everything.
    pub(super) fn is_json(&self) -> bool {
        self.protocol == "oip-rest" && self.server != Server::Triton
    }
}

impl Server {
    pub(super) const fn models(self) -> &'static [&'static str] {
        match self {
            Self::Embedded => &["iris", "digits"],
            Self::Mlserver | Self::KServe => &["iris", "digits", "strings", "adder", "image", "echo", "slow", "broken"],
            Self::Triton => &[
                "iris",
                "digits",
                "strings",
                "adder",
                "image",
                "echo",
                "slow",
                "broken",
                "sequence",
                "tokens",
                "iris_batched",
                "versions",
            ],
            Self::Llama => &["tiny"],
        }
    }

    /// The outputs of the classifiers.
    pub(super) const fn outputs(self) -> &'static str {
        match self {
            Self::Mlserver => "predict,predict_proba",
            _ => "label,probabilities",
        }
    }

    /// Whether it speaks KServe's words but lacks BF16.
    pub(super) const fn lacks_bf16(self) -> bool {
        matches!(self, Self::Mlserver | Self::KServe)
    }
}
