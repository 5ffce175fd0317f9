//! The keys of a backend that say how the gateway behaves where endpoints, answers or load misbehave.

use sluicegate_core::{Field, Shape};

const SHARE: Shape = Shape::Share { min: 0, max: 100_000 };

const TIME: Shape = Shape::Duration { min_ms: 1, max_ms: 3_600_000 };

/// Whose calls go first.
pub(super) const PRIORITY: Shape = Shape::Choice(&[
    ("critical", "before all others"),
    ("normal", "as most are"),
    ("sheddable", "when the others have had their turn; refused first"),
]);

/// Keys of `concurrency`.
pub(crate) const CONCURRENCY: &[Field] = &[
    Field::absent(
        "limit",
        Shape::Integer { min: 1, max: 100_000 },
        "Calls under way at once, each to the last byte of its answer. Where it is not given the gateway finds it: twice as \
         many as keep the backend busy, counting those whose answer has not begun.",
    ),
    Field::optional("queue", Shape::Integer { min: 0, max: 100_000 }, "1000", "Calls that may wait for their turn."),
    Field::absent(
        "wait",
        TIME,
        "A call that would have to wait longer is refused at once. Default: five times as long as calls take, and at most half \
         the request's own time.",
    ),
];

pub(super) const BALANCE: Shape = Shape::Either(
    &Shape::Choice(&[
        ("two_choices", "of two by chance, the one with fewer calls under way and the shorter answers"),
        ("least_request", "the one with the fewest calls under way"),
        ("round_robin", "in turn, by weight"),
    ]),
    &Shape::Object(&[Field::required("hash", Shape::Object(HASH), "The same endpoint for the same value.")]),
);

const HASH: &[Field] = &[Field::required(
    "header",
    Shape::Name,
    "A header, or metadata over gRPC. Requests with the same value go to the same endpoint, unless it has a quarter more to \
     do than its part; requests without it are spread.",
)];

/// Keys of `eject`.
pub(crate) const EJECT: &[Field] = &[
    Field::optional(
        "failures",
        Shape::Integer { min: 0, max: 1000 },
        "5",
        "Failures in a row after which an endpoint is left out, also where half of its last calls failed. `0`: never. What \
         counts: no connection, a broken one, no answer in time, an error of the server's own (5xx); not what it says of \
         the request, nor that it has no room.",
    ),
    Field::optional("time", TIME, "5s", "How long, the first time; longer when it fails again soon, at most 5m."),
    Field::optional("most", SHARE, "50%", "Of a backend's endpoints, how many may be left out at once for failing."),
    Field::optional(
        "panic",
        SHARE,
        "0%",
        "Where fewer endpoints than this are fit, all are used, fit or not. With `0%` that is so only for those left out for \
         failing, and requests are refused while health checks find every endpoint down.",
    ),
    Field::optional(
        "slow_start",
        Shape::Duration { min_ms: 0, max_ms: 3_600_000 },
        "10s",
        "How long an endpoint that comes back, or is new, gets less than its part of the requests.",
    ),
];

/// Keys of `health`.
pub(crate) const HEALTH: &[Field] = &[
    Field::optional(
        "interval",
        Shape::Duration { min_ms: 50, max_ms: 3_600_000 },
        "2s",
        "How often each endpoint is asked whether it is ready, in the way of its protocol.",
    ),
    Field::optional("timeout", TIME, "1s", "How long it may take to say so."),
    Field::optional(
        "failures",
        Shape::Integer { min: 1, max: 100 },
        "2",
        "Bad answers in a row after which it gets no more requests.",
    ),
    Field::optional("successes", Shape::Integer { min: 1, max: 100 }, "1", "Good ones after which it does again."),
];

/// Keys of `retry`.
pub(crate) const RETRY: &[Field] = &[
    Field::optional(
        "attempts",
        Shape::Integer { min: 1, max: 5 },
        "2",
        "Tries in all, each on another endpoint where there is one. `1`: none is made again.",
    ),
    Field::optional(
        "budget",
        SHARE,
        "10%",
        "Further tries to first ones, so that trouble is not made worse. Three a second are always allowed.",
    ),
    Field::absent(
        "when",
        Shape::List(&Shape::Choice(&[
            ("connect", "not a byte of the request had left"),
            ("unavailable", "the endpoint said that it has no room (429, 503, RESOURCE_EXHAUSTED, UNAVAILABLE)"),
            (
                "reset",
                "the call broke off before an answer came: the model may have run, so only where running it twice does no harm",
            ),
        ])),
        "After which failures. Default: `[connect, unavailable]`.",
    ),
];

/// Keys of `hedge`.
pub(crate) const HEDGE: &[Field] = &[
    Field::optional(
        "percentile",
        Shape::Share { min: 50_000, max: 99_999 },
        "95%",
        "The second call is made once this part of the backend's calls would have had their answer.",
    ),
    Field::optional("after", TIME, "5ms", "... but not before."),
    Field::optional("budget", Shape::Share { min: 1, max: 50_000 }, "5%", "Second calls to first ones."),
];
