//! The definition of the configuration: every key, once. Checking, the JSON Schema and the documentation all read it.
//!
//! A key or word of the design that this build lacks is listed as such ([`Field::later`], a choice without
//! documentation), so that it is refused with the right words and appears nowhere else.

mod access;
mod backends;
mod identity;
mod limits;
mod listeners;
mod models;
mod resilience;
mod state;

use sluicegate_core::{Field, Shape};

pub(crate) use self::access::TENANT;
pub(crate) use self::backends::{BACKEND, DNS, ENDPOINT, LATER_PROTOCOLS, LISTED, REMOTE, SRV, TIMEOUTS};
pub(crate) use self::identity::{CLAIMS, IDENTITY, MAX_ISSUERS, OIDC};
pub(crate) use self::limits::{LIMIT, SELECT};
pub(crate) use self::listeners::{ADMIN, LIMITS, LISTENER};
pub(crate) use self::models::{DEFAULTS, MODEL, STREAM};
pub(crate) use self::resilience::{CONCURRENCY, EJECT, HEALTH, HEDGE, RETRY};
pub(crate) use self::state::STATE;

/// The most models of one configuration.
pub(crate) const MAX_MODELS: usize = 10_000;

/// The most versions of one model.
pub(crate) const MAX_VERSIONS: usize = 1_000;

/// The most backends.
pub(crate) const MAX_BACKENDS: usize = 1_000;

/// The most listeners.
pub(crate) const MAX_LISTENERS: usize = 100;

/// The most limits, those of listeners included.
pub(crate) const MAX_LIMITS: usize = 1_000;

/// The most tenants.
pub(crate) const MAX_TENANTS: usize = 10_000;

/// The most rules in one model's `access`.
pub(crate) const MAX_RULES: usize = 1_000;

/// The most include files.
pub(crate) const MAX_INCLUDES: usize = 1_000;

/// The word a [`Shape::Map`] uses for keys that are model names.
pub(crate) const MODEL_KEY: &str = "MODEL";

/// The word a [`Shape::Map`] uses for keys that are version names.
pub(crate) const VERSION_KEY: &str = "VERSION";

/// The word a [`Shape::Map`] uses for keys that are names of tenants.
pub(crate) const TENANT_KEY: &str = "TENANT";

/// Keys of the root file.
pub(crate) const ROOT: &[Field] = &[
    Field::required("version", Shape::Integer { min: 1, max: 1 }, "The version of this format."),
    Field::absent("config", Shape::Object(CONFIG), "How configuration is kept."),
    Field::absent(
        "include",
        Shape::List(&Shape::Path),
        "Files, or patterns such as `teams/*.yaml`, that define further models. Each has an `owner` and defines \
         nothing but its own models.",
    ),
    Field::required(
        "listeners",
        Shape::Map { key: "NAME", value: &Shape::Object(LISTENER) },
        "Where clients are served, at least one.",
    ),
    Field::absent("admin", Shape::Object(ADMIN), "Where operators are served: health, metrics, status."),
    Field::absent("shutdown", Shape::Object(SHUTDOWN), "How the gateway stops."),
    Field::absent("overload", Shape::Object(OVERLOAD), "What the whole gateway takes on at once."),
    Field::absent("defaults", Shape::Object(DEFAULTS), "What holds for every model that does not say otherwise."),
    Field::absent(
        "backends",
        Shape::Map { key: "NAME", value: &Shape::Kind(BACKEND) },
        "The servers, or the embedded runtime, that run models.",
    ),
    Field::absent(
        "models",
        Shape::Map { key: MODEL_KEY, value: &Shape::Object(MODEL) },
        "The models clients can ask for. A name has at most 256 characters, and neither `/` nor `\\`; two names may \
         not differ by case alone.",
    ),
    Field::absent("identity", Shape::Object(IDENTITY), "How callers show who they are."),
    Field::absent("state", Shape::Object(STATE), "Where the gateway keeps what outlives it."),
    Field::absent(
        "tenants",
        Shape::Map { key: TENANT_KEY, value: &Shape::Object(TENANT) },
        "The organisations or teams that callers belong to, by names of `a` to `z`, `0` to `9`, `.`, `_` and `-`, at most 64. \
         Where there are any, an identified caller that belongs to none is refused.",
    ),
    Field::absent(
        "limits",
        Shape::List(&Shape::Object(LIMIT)),
        "How much callers may ask for. Every limit that a request falls under must let it through; one that does not answers \
         429, and then nothing is taken from the others.",
    ),
    Field::later("floor"),
    Field::later("policy"),
    Field::later("connections"),
    Field::later("telemetry"),
    Field::later("audit"),
    Field::later("console"),
    Field::later("graphs"),
    Field::later("payloads"),
    Field::later("kubernetes"),
];

/// Keys of an include file.
pub(crate) const INCLUDE: &[Field] = &[
    Field::required("owner", Shape::Name, "Whose models these are."),
    Field::absent("models", Shape::Map { key: MODEL_KEY, value: &Shape::Object(MODEL) }, "The owner's models."),
];

const CONFIG: &[Field] = &[Field::optional(
    "owner",
    Shape::Choice(&[("files", "these files alone"), ("store", ""), ("kubernetes", "")]),
    "files",
    "Who may change configuration; exactly one may.",
)];

/// Keys of `shutdown`.
pub(crate) const SHUTDOWN: &[Field] = &[
    Field::optional(
        "delay",
        Shape::Duration { min_ms: 0, max_ms: 3_600_000 },
        "0s",
        "How long the gateway goes on taking requests after it has said that it is not ready, so that balancers see it \
         in time. Behind Kubernetes or a load balancer: a little more than the interval of its probes.",
    ),
    Field::optional(
        "grace",
        Shape::Duration { min_ms: 0, max_ms: 3_600_000 },
        "30s",
        "How long requests under way may take to end once no new ones are taken.",
    ),
    Field::optional(
        "replace_timeout",
        Shape::Duration { min_ms: 10, max_ms: 3_600_000 },
        "60s",
        "How long a new process may take to serve in place of this one (SIGUSR2). If it does not, this one serves on.",
    ),
];

/// Keys of `overload`.
pub(crate) const OVERLOAD: &[Field] = &[
    Field::optional(
        "requests",
        Shape::Integer { min: 1, max: 10_000_000 },
        "20000",
        "Requests for models that are under way at once, to the last byte of the answer. Sheddable ones are refused (503) \
         from four fifths of it on, normal ones from nineteen twentieths, critical ones when it is reached. Health, \
         metadata and the admin listener answer all the same.",
    ),
    Field::absent(
        "memory",
        Shape::Size { min: 1 << 20, max: 1 << 50 },
        "Bytes of requests and answers that are held as a whole at once, because they have to be read or may have to be \
         sent again; what streams through, and 64 KiB of each, are free. One more is refused (503). Default: half of the \
         memory that the process may use.",
    ),
];

/// What to say where a key that must be given is not, beyond an example of its shape.
pub(crate) const WHEN_MISSING: &[(&str, &str, &str)] = &[
    ("authenticate", "nobody could call", "write `authenticate: [anonymous]`"),
    ("access", "nobody could call", "write `access: [{ allow: everyone }]`"),
];

/// An example of each top-level key; together they are one configuration.
pub(crate) const EXAMPLES: &[(&str, &str)] = &[
    ("version", "version: 1\n"),
    ("config", "config: { owner: files }\n"),
    ("include", "include: [teams/*.yaml]\n"),
    ("listeners", listeners::EXAMPLE),
    ("admin", "admin: { address: 127.0.0.1:9901 }\n"),
    ("shutdown", "shutdown: { delay: 5s, grace: 30s }\n"),
    ("overload", "overload: { requests: 20000, memory: 4GiB }\n"),
    ("defaults", "defaults: { timeout: 10s, non_finite: token }\n"),
    ("backends", backends::EXAMPLE),
    ("models", models::EXAMPLE),
    ("identity", identity::EXAMPLE),
    ("state", state::EXAMPLE),
    ("tenants", access::EXAMPLE),
    ("limits", limits::EXAMPLE),
];

/// An example of an include file.
pub(crate) const INCLUDE_EXAMPLE: &str = "\
owner: risk-team
models:
  fraud: { backend: mlserver }
";
