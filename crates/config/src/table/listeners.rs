//! The keys below `listeners` and `admin`.

use sluicegate_core::{Field, Shape};

use super::resilience::PRIORITY;

/// Keys of a listener.
pub(crate) const LISTENER: &[Field] = &[
    Field::required(
        "address",
        Shape::Address,
        "Where it listens, on HTTP/1.1 and HTTP/2. With `tls`, ALPN decides between them; without, a client that speaks \
         HTTP/2 knows beforehand (prior knowledge). Port 0 takes any free port.",
    ),
    Field::required(
        "authenticate",
        Shape::List(&Shape::Choice(METHODS)),
        "How callers may identify themselves. Nothing is assumed: that everybody may call must be written.",
    ),
    Field::optional(
        "management",
        Shape::Choice(&[
            ("refuse", "Nobody manages servers through this listener."),
            (
                "allow",
                "Everybody who may call may also load and unload models (which brings code onto a model server), change what \
                 servers trace and log, and register shared memory. For a listener that only operators reach.",
            ),
        ]),
        "refuse",
        "Whether callers may manage the model servers.",
    ),
    Field::absent(
        "priority",
        PRIORITY,
        "Whose calls go first where a backend has not room for all, for every request that comes in here. Default: the model \
         says.",
    ),
    Field::absent("limits", Shape::Object(LIMITS), "What a connection and a request may take."),
    Field::absent(
        "tls",
        Shape::Object(LISTENER_TLS),
        "Speaks TLS 1.3 and 1.2, and nothing else. The files are read again when they change; connections that are open \
         go on as they are.",
    ),
    Field::optional(
        "exposure",
        Shape::Choice(&[
            ("external", "anybody: what one HTTP/2 connection may make the gateway hold is kept small"),
            (
                "internal",
                "callers that do not wear the gateway out on purpose: larger windows, heads and numbers of streams over \
                 HTTP/2, more patience with slow readers",
            ),
        ]),
        "external",
        "Who can reach it.",
    ),
    Field::absent(
        "trusted_proxies",
        Shape::List(&Shape::Network),
        "Proxies before the gateway whose `x-forwarded-for` (or `forwarded`) says who the client is: the last address in it \
         that is no trusted proxy's. From all others these fields are dropped.",
    ),
    Field::absent(
        "proxy_protocol",
        Shape::List(&Shape::Network),
        "Balancers before the gateway that begin each connection with a PROXY protocol header, version 2. From these it must \
         come; from others it is refused.",
    ),
    Field::absent(
        "limit_per_ip",
        Shape::Rate,
        "Requests from one client address (IPv6: from one /64), for whatever runs a model and for questions alike. In short for \
         an entry of `limits` with `for: { listener: NAME }` and `per: address`.",
    ),
    Field::absent(
        "hosts",
        Shape::List(&Shape::Text),
        "The hosts that requests may name: names such as `models.example.com`, or `*.example.com` for all that have one label in \
         its place, without ports. Others are refused (421) before it is asked who calls. Default: any.",
    ),
    Field::absent(
        "expose",
        Shape::List(&Shape::Text),
        "The models that are there for whoever comes in here; others are as if there were none of their names. Default: all.",
    ),
];

/// Keys of a listener's `tls`.
const LISTENER_TLS: &[Field] = &[
    Field::required(
        "cert",
        Shape::Path,
        "Its certificate in PEM, followed by those between it and a root that clients trust.",
    ),
    Field::required("key", Shape::Path, "The certificate's private key in PEM, not encrypted."),
    Field::later("client_ca"),
];

const METHODS: &[(&str, &str)] = &[
    ("anonymous", "everybody may call, without saying who they are"),
    (
        "api_key",
        "by a key of this gateway's own (`sluicegate keys`), in one of the headers of `identity.api_key`; needs `state`",
    ),
    ("oidc", "by a token of an OpenID Connect issuer, in `authorization: Bearer`; needs `identity.oidc`"),
    ("mtls", ""),
    ("spiffe", ""),
];

/// Keys of a listener's `limits`.
pub(crate) const LIMITS: &[Field] = &[
    Field::optional(
        "head",
        // The HTTP library reads heads into a buffer of at least 8 KiB.
        Shape::Size { min: 8 << 10, max: 1 << 20 },
        "16KiB",
        "Bytes of a request's head: request line and headers. Over HTTP/2, if it is not given, 8KiB unless `exposure` is \
         internal, and each field counts 32 bytes more.",
    ),
    Field::optional("headers", Shape::Integer { min: 8, max: 1000 }, "64", "Header fields of a request."),
    Field::optional("body", Shape::Size { min: 1 << 10, max: 64 << 30 }, "64MiB", "Bytes of a request's body."),
    Field::optional(
        "head_timeout",
        Shape::Duration { min_ms: 10, max_ms: 3_600_000 },
        "10s",
        "Time for a whole head to arrive.",
    ),
    Field::optional(
        "body_timeout",
        Shape::Duration { min_ms: 10, max_ms: 86_400_000 },
        "60s",
        "Time for a whole body to arrive.",
    ),
    Field::optional(
        "idle_timeout",
        Shape::Duration { min_ms: 10, max_ms: 86_400_000 },
        "75s",
        "Time a connection may lie idle before it is closed; over HTTP/1 also how long its client may be waited for, in all, \
         for each 16 KiB of an answer that it takes.",
    ),
    Field::optional(
        "handshake_timeout",
        Shape::Duration { min_ms: 10, max_ms: 3_600_000 },
        "10s",
        "Time for a TLS handshake, from the connection on.",
    ),
    Field::optional(
        "handshakes",
        Shape::Integer { min: 1, max: 1_000_000 },
        "1000",
        "TLS handshakes under way at once. Beyond it new ones wait, within their time.",
    ),
    Field::optional("connections", Shape::Integer { min: 1, max: 1_000_000 }, "10000", "Connections open at once."),
    Field::absent(
        "per_address",
        Shape::Integer { min: 1, max: 1_000_000 },
        "Connections open at once from one client address (IPv6: from one /64). Those of `trusted_proxies` are not counted; \
         behind `proxy_protocol` the address is the one announced. Where it is not given, `exposure` decides: 1000, internal \
         as many as there are `connections`.",
    ),
    Field::optional(
        "body_min_rate",
        Shape::Size { min: 0, max: 1 << 30 },
        "1KiB",
        "Bytes a second that a request's body must bring while it is waited for. A client may be 10 s late with them; then \
         the request ends as after `body_timeout`. 0 asks for nothing. Streams of requests over gRPC are not held to it.",
    ),
    Field::absent(
        "streams",
        Shape::Integer { min: 1, max: 10_000 },
        "HTTP/2 streams open at once on one connection. Where it is not given, `exposure` decides: 64, internal 256.",
    ),
];

/// Keys of `admin`.
pub(crate) const ADMIN: &[Field] = &[
    Field::optional(
        "address",
        Shape::Address,
        "127.0.0.1:9901",
        "Where operators are served. A loopback address, until the admin plane has authentication.",
    ),
    Field::later("tls"),
    Field::later("authenticate"),
];

pub(super) const EXAMPLE: &str = "\
listeners:
  main:
    address: 0.0.0.0:8080
    authenticate: [anonymous]
    limits: { body: 16MiB }
";
