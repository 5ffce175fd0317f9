//! The keys of an entry of `limits`.

use sluicegate_core::limits::MAX_BURST;
use sluicegate_core::{Field, Shape};

/// Keys of a limit.
pub(crate) const LIMIT: &[Field] = &[
    Field::absent(
        "name",
        Shape::Name,
        "What it is called in answers, logs and metrics; no two alike. With a name of its own it also keeps its counters when \
         its place changes. Default: `limit-` and its place in the list.",
    ),
    Field::absent(
        "for",
        Shape::Object(SELECT),
        "Whose requests it is for: those that all of this is true of. Default: all.",
    ),
    Field::absent(
        "per",
        Shape::Either(&PER, &Shape::List(&PER)),
        "Who has a counter of their own; of several, each combination. Default: all that it is for share one.",
    ),
    Field::absent(
        "models",
        Shape::List(&Shape::Text),
        "The models it is for. Default: all, and what is asked of no model.",
    ),
    Field::absent("requests", Shape::Rate, "Requests, each of a stream's messages included."),
    Field::absent(
        "burst",
        Shape::Integer { min: 1, max: MAX_BURST },
        "How many `requests` may come at once after a quiet time. Default: as many as in the time that `requests` is given for.",
    ),
    Field::absent(
        "concurrency",
        Shape::Integer { min: 1, max: 10_000_000 },
        "Requests under way at once, to the last byte of the answer.",
    ),
    Field::optional(
        "mode",
        Shape::Choice(&[
            ("enforce", "what is too much is refused"),
            ("observe", "it is served, and counted as what would have been refused"),
        ]),
        "enforce",
        "What becomes of what is too much.",
    ),
    Field::later("tokens"),
    Field::later("budget"),
    Field::later("timezone"),
    Field::later("warn"),
];

/// Keys of `for`.
pub(crate) const SELECT: &[Field] = &[
    Field::absent("tenant", Shape::Name, "Those of a tenant."),
    Field::absent("group", Shape::Text, "Those in a group; each tenant's have a counter of their own."),
    Field::absent("principal", Shape::Text, "One caller, such as `key:scoring-batch`, or `anonymous`."),
    Field::absent("model", Shape::Text, "Those for one model; of several `models` says it."),
    Field::absent("listener", Shape::Name, "Those that come in by a listener."),
];

const PER: Shape = Shape::Choice(&[
    ("tenant", "each tenant; those without one together"),
    ("principal", "each caller; anonymous ones together"),
    ("address", "each client address (IPv6: each /64), of each tenant"),
    ("model", "each model"),
    ("listener", "each listener"),
]);

pub(super) const EXAMPLE: &str = "\
limits:
  - { for: { listener: main }, per: address, requests: 50/s }
  - { for: { principal: anonymous }, models: [credit-risk], requests: 200/s, burst: 400, concurrency: 64 }
  - { name: daily, per: [principal, model], requests: 100000/day, mode: observe }
";
