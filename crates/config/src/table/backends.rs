//! The keys below `backends` that every kind shares. What only one kind has comes from the catalogue.

use sluicegate_core::{Field, Shape};

use super::resilience::{BALANCE, CONCURRENCY, EJECT, HEALTH, HEDGE, RETRY};

const TIMEOUT: Shape = Shape::Duration { min_ms: 1, max_ms: 3_600_000 };

/// Keys of every backend.
pub(crate) const BACKEND: &[Field] = &[
    Field::required("protocol", Shape::Name, "What kind of backend it is; decides which other keys it has."),
    Field::absent(
        "concurrency",
        Shape::Object(CONCURRENCY),
        "How many calls are under way at once, and how many wait.",
    ),
    Field::later("credential"),
    Field::later("quirks"),
];

/// Keys of every backend that is reached over a network.
pub(crate) const REMOTE: &[Field] = &[
    Field::required(
        "endpoints",
        Shape::List(&Shape::Either(&Shape::Url, &Shape::OneOf(&[ENDPOINT, DNS, SRV, FILE]))),
        "Its addresses, which are interchangeable: `http://host:port`, with a path where the server has a prefix. Where \
         the protocol runs over gRPC, `grpc://host:port`. Over TLS all of them are `https://` or `grpcs://`. Or where they are \
         found, and followed while requests run: `dns`, `srv`, `file`.",
    ),
    Field::absent(
        "tls",
        Shape::Object(REMOTE_TLS),
        "Whom the endpoints must prove to be, and whom the gateway shows itself as. Without it the system's roots are \
         trusted. The files are read again when they change.",
    ),
    Field::absent("timeouts", Shape::Object(TIMEOUTS), "How long its steps may take."),
    Field::optional("balance", BALANCE, "two_choices", "How an endpoint is chosen for each request."),
    Field::absent(
        "health",
        Shape::Object(HEALTH),
        "Has the endpoints asked whether they are ready. Without it they are not.",
    ),
    Field::absent("eject", Shape::Object(EJECT), "When an endpoint that fails is left out."),
    Field::absent("retry", Shape::Object(RETRY), "When a failed call is tried again."),
    Field::absent(
        "hedge",
        Shape::Object(HEDGE),
        "Makes a call that is slow a second time, at another endpoint, and takes the first answer. For models that may run          twice.",
    ),
];

/// Keys of an endpoint written in full.
pub(crate) const ENDPOINT: &[Field] = &[Field::required("url", Shape::Url, "Its address."), WEIGHT];

/// Keys of a name whose addresses are the endpoints.
pub(crate) const DNS: &[Field] = &[
    Field::required(
        "dns",
        Shape::Url,
        "A name, each of whose addresses is an endpoint: `grpc://triton.models.svc:8001`. Requests and certificates are for the \
         name.",
    ),
    WEIGHT,
    REFRESH,
    RESOLVER,
];

/// Keys of a service whose SRV records lead to the endpoints.
pub(crate) const SRV: &[Field] = &[
    Field::required(
        "srv",
        Shape::Url,
        "A service, whose SRV records tell hosts, ports and weights: `grpc://_grpc._tcp.triton.models.svc`. Of its priorities \
         the first that has endpoints is used. Requests and certificates are for what follows its labels with `_`.",
    ),
    REFRESH,
    RESOLVER,
];

/// Keys of a file of endpoints.
pub(crate) const FILE: &[Field] = &[Field::required(
    "file",
    Shape::Path,
    "A file with a list of endpoints, each a URL or a mapping of `url` and `weight`. It is read again when it changes.",
)];

/// What stands in such a file.
pub(crate) const LISTED: Shape = Shape::List(&Shape::Either(&Shape::Url, &Shape::Object(ENDPOINT)));

const WEIGHT: Field = Field::optional(
    "weight",
    Shape::Integer { min: 1, max: 1000 },
    "1",
    "Its part of the requests, beside the others'; with `dns` that of each address.",
);

const REFRESH: Field = Field::optional(
    "refresh",
    Shape::Duration { min_ms: 1000, max_ms: 3_600_000 },
    "5s",
    "With `dns` and `srv`: how long what was found holds, at most. An answer that is good for less is asked for again then, \
     but not within a second.",
);

const RESOLVER: Field = Field::absent(
    "resolver",
    Shape::Address,
    "With `dns` and `srv`: the DNS server to ask, such as `127.0.0.1:8600`. Default: as the system does.",
);

/// Keys of the `tls` of whom the gateway calls: of a backend, and of an issuer of tokens.
pub(super) const REMOTE_TLS: &[Field] = &[
    Field::absent("ca", Shape::Path, "The certificates in PEM that are trusted as roots, in place of the system's."),
    Field::absent(
        "name",
        Shape::Text,
        "The name, or the address, that its certificate must be for, where it is not the host in the address.",
    ),
    Field::absent("cert", Shape::Path, "A certificate in PEM that the gateway shows where it is asked for one."),
    Field::absent("key", Shape::Path, "Its private key in PEM, not encrypted."),
];

/// Keys of a remote backend's `timeouts`.
pub(crate) const TIMEOUTS: &[Field] = &[
    Field::optional(
        "connect",
        Shape::Duration { min_ms: 1, max_ms: 60_000 },
        "1s",
        "Time for a connection to be made, over TLS with its handshake.",
    ),
    Field::absent(
        "first_byte",
        TIMEOUT,
        "Time until the head of the answer is there, for each try. Default: the model's time.",
    ),
    Field::absent("idle", TIMEOUT, "Time between two pieces of an answer. Default: the model's time."),
    Field::absent(
        "total",
        TIMEOUT,
        "Time for all tries together, to the answer's last byte. Default: the model's time.",
    ),
];

/// Kinds of backend of the design; those that the catalogue lacks are not in this build.
pub(crate) const LATER_PROTOCOLS: &[&str] = &[
    "embedded",
    "oip-rest",
    "oip-grpc",
    "tfserving-rest",
    "tfserving-grpc",
    "torchserve",
    "sagemaker",
    "openai",
    "anthropic",
    "bedrock",
    "gemini",
    "llama-cpp",
    "ollama",
];

pub(super) const EXAMPLE: &str = "\
backends:
  local: { protocol: embedded }
  mlserver:
    protocol: oip-rest
    endpoints: [\"http://10.0.0.9:8080\", \"http://10.0.0.10:8080\"]
    timeouts: { connect: 500ms, first_byte: 2s }
    health: { interval: 2s }
    retry: { attempts: 2, when: [connect, unavailable, reset] }
";
