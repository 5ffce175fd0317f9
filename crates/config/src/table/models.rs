//! The keys below `models`, and `defaults`, which every model inherits.

use sluicegate_core::{Field, Shape};

use super::VERSION_KEY;
use super::access::ACCESS;
use super::resilience::PRIORITY;

const TIMEOUT: Shape = Shape::Duration { min_ms: 1, max_ms: 3_600_000 };

const NON_FINITE: Shape = Shape::Choice(&[
    ("token", "the bare words `NaN`, `Infinity`, `-Infinity`, as Triton and Python write them"),
    ("null", "NaN as `null`; an answer with an infinity is refused, since `null` would lose it"),
    ("reject", "an answer with any of them is refused"),
]);

const POLICY: Shape = Shape::Choice(&[
    ("enforce", "it is refused"),
    ("observe", "it is served, and told as what would have been refused; orders (`manage`) are refused all the same"),
]);

const STREAM_IDLE: Shape = Shape::Duration { min_ms: 1, max_ms: 86_400_000 };
const STREAM_TOTAL: Shape = Shape::Duration { min_ms: 1, max_ms: 604_800_000 };

/// Keys of `stream` in `defaults`.
pub(crate) const STREAM: &[Field] = &[
    Field::optional(
        "idle",
        STREAM_IDLE,
        "60s",
        "Longest wait for a stream's next answer, also the first. A client that keeps a stream of requests open may be \
         silent as long.",
    ),
    Field::optional("total", STREAM_TOTAL, "10m", "Longest time from a request to its last answer."),
];

/// Keys of a model's `stream`.
pub(crate) const MODEL_STREAM: &[Field] = &[
    Field::absent("idle", STREAM_IDLE, "Longest wait for the next answer. Default: that of `defaults`."),
    Field::absent("total", STREAM_TOTAL, "Longest time to the last answer. Default: that of `defaults`."),
];

/// Keys of `defaults`.
pub(crate) const DEFAULTS: &[Field] = &[
    Field::optional(
        "timeout",
        TIMEOUT,
        "10s",
        "How long a request may take, from its head to the answer's last byte; of a stream `stream` says it.",
    ),
    Field::optional("non_finite", NON_FINITE, "token", "How NaN and the infinities are written in JSON answers."),
    Field::absent("stream", Shape::Object(STREAM), "How long answers that come one after another may take."),
    Field::optional("policy", POLICY, "enforce", "What becomes of what a model's `access` does not allow."),
    Field::later("schema"),
];

/// Keys of a model.
pub(crate) const MODEL: &[Field] = &[
    Field::absent("backend", Shape::Name, "The backend of a model that has one version. Several: `versions`."),
    Field::absent(
        "source",
        Shape::Path,
        "The model file of a model that has one version, where the backend loads files itself.",
    ),
    Field::absent(
        "model",
        Shape::Text,
        "The backend's name for a model that has one version. Default: the same name. Not where the backend loads \
         files.",
    ),
    Field::absent(
        "version",
        Shape::Text,
        "The version of a model that has one, for clients and for the backend. Default: clients see `1`, and a remote \
         backend chooses.",
    ),
    Field::absent(
        "versions",
        Shape::Map { key: VERSION_KEY, value: &Shape::Object(VERSION) },
        "The versions of a model that has several, by the names clients use: at most 128 characters, neither `/` nor \
         `\\`.",
    ),
    Field::absent("traffic", Shape::Object(TRAFFIC), "Which version answers. Needed where there are several."),
    Field::absent("timeout", TIMEOUT, "How long a request may take. Default: that of `defaults`."),
    Field::optional(
        "priority",
        PRIORITY,
        "normal",
        "Whose calls go first where its backend has not room for all. A listener's `priority` stands above it.",
    ),
    Field::absent(
        "stream",
        Shape::Object(MODEL_STREAM),
        "How long answers that come one after another may take. Default: as in `defaults`.",
    ),
    Field::absent(
        "non_finite",
        NON_FINITE,
        "How NaN and the infinities are written in JSON answers. Default: that of `defaults`.",
    ),
    Field::absent("owner", Shape::Name, "Whose model it is. In an include file, the file's `owner` holds for all."),
    Field::absent(
        "access",
        ACCESS,
        "Who may do what with it. What no rule allows is refused, and what one denies is refused whatever others allow. \
         Without `access` it is for callers that do not identify themselves, where a listener takes them, and for nobody else.",
    ),
    Field::absent("policy", POLICY, "What becomes of what `access` does not allow. Default: that of `defaults`."),
    Field::later("unit"),
    Field::later("fallback"),
    Field::later("price"),
    Field::later("rollout"),
    Field::later("registry"),
    Field::later("schema"),
    Field::later("normalize"),
    Field::later("features"),
    Field::later("transform"),
    Field::later("cache"),
    Field::later("audit"),
    Field::later("governance"),
    Field::later("graph"),
];

/// Keys of one of several versions.
pub(crate) const VERSION: &[Field] = &[
    Field::required("backend", Shape::Name, "Its backend."),
    Field::absent("source", Shape::Path, "Its model file, where the backend loads files itself."),
    Field::absent(
        "model",
        Shape::Text,
        "The backend's name for the model. Default: the same name. Not where the backend loads files.",
    ),
    Field::absent(
        "version",
        Shape::Text,
        "The backend's name for the version. Default: the same name. `\"\"`: none is sent, the backend chooses. Not where \
         the backend loads files.",
    ),
];

/// Keys of `traffic`.
pub(crate) const TRAFFIC: &[Field] = &[
    Field::required("stable", Shape::Text, "The version that answers where a client names none."),
    Field::later("canary"),
    Field::later("match"),
    Field::later("split"),
    Field::later("shadow"),
];

pub(super) const EXAMPLE: &str = "\
models:
  iris: { backend: local, source: models/iris.onnx }
  fraud: { backend: mlserver, timeout: 2s, access: [{ allow: everyone }] }
  chat: { backend: mlserver, stream: { idle: 20s, total: 5m } }
  credit-risk:
    owner: risk-team
    versions:
      \"3\": { backend: local, source: models/credit-risk-3.onnx }
      \"4\": { backend: mlserver, model: credit_risk, version: \"4\" }
    traffic: { stable: \"3\" }
    access:
      - { allow: risk }
      - { allow: team-b, versions: [\"4\"], operations: [run] }
      - { allow: { group: model-operators }, operations: [manage] }
      - { deny: { principal: key:old-batch }, operations: [run, read, manage] }
";
