//! The gateway's own answers when it does not serve, and the one table that gives each its codes.

use std::borrow::Cow;
use std::time::Duration;

/// A refusal: what, whose fault, whether to try again, what the client reads, what the operator reads.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {public}", kind.facts().label)]
pub struct Refusal {
    /// What happened.
    pub kind: Kind,
    /// For the client. Never holds inputs, secrets or addresses.
    pub public: Cow<'static, str>,
    /// For the operator: logged, never sent.
    pub cause: Option<String>,
    /// When to try again, where that is known better than the table's default.
    pub retry_after: Option<Duration>,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller's.
    Client,
    /// The model server's.
    Upstream,
    /// The gateway's own.
    Gateway,
    /// Of the people who run it.
    Operator,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not without changing it.
    No,
    /// Soon, unchanged.
    Later,
}

/// How loudly to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// In the access log only.
    Info,
    /// Worth a look.
    Warn,
    /// Somebody must act.
    Error,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindFacts {
    /// Stable name: metric label, `code` in logs, heading in `docs/errors.md`.
    pub label: &'static str,
    /// HTTP status.
    pub http: u16,
    /// gRPC status code.
    pub grpc: u8,
    /// Whose fault.
    pub blame: Blame,
    /// Whether to try again.
    pub retry: Retry,
    /// How loudly to log.
    pub severity: Severity,
    /// When it is answered, for `docs/errors.md`.
    pub when: &'static str,
    /// What to do about it, for `docs/errors.md`.
    pub action: &'static str,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident { $label:literal, $http:literal, $grpc:literal, $blame:ident, $retry:ident, $severity:ident, $when:literal, $action:literal })*) => {
        /// Everything the gateway refuses for. Closed: a new kind is a new row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = $when] $name,)*
        }

        impl Kind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The kind's row.
            #[must_use]
            pub const fn facts(self) -> KindFacts {
                match self {
                    $(Self::$name => KindFacts {
                        label: $label,
                        http: $http,
                        grpc: $grpc,
                        blame: Blame::$blame,
                        retry: Retry::$retry,
                        severity: Severity::$severity,
                        when: $when,
                        action: $action,
                    },)*
                }
            }
        }
    };
}

kinds! {
    BadRequest { "bad_request", 400, 3, Client, No, Info,
        "The request cannot be read: its head, its JSON, or its binary framing is wrong.",
        "Mend the request; the message names the part." }
    BadFraming { "bad_framing", 400, 13, Client, No, Info,
        "Where the message ends is not said, or said in two ways: `content-length` beside `transfer-encoding`, a line that \
         ends oddly, a chunk or a gRPC message that is not framed or compressed as its head says.",
        "Mend the client, or the proxy before the gateway: one `content-length`, or `transfer-encoding: chunked`; over gRPC \
         one message a call, compressed only where `grpc-encoding` says how." }
    BadHost { "bad_host", 400, 3, Client, No, Info,
        "The request names no host, more than one, or none that a host can be called.",
        "Send one `host` (HTTP/2: one `:authority`); an absolute target must name the same." }
    BadPath { "bad_path", 400, 3, Client, No, Info,
        "The request's target could be read in more than one way: dot segments, empty segments, `;`, a backslash, \
         percent-encoded delimiters, a fragment.",
        "Send the path in its plain form; names with such characters cannot be called." }
    AmbiguousCredentials { "ambiguous_credentials", 400, 3, Client, No, Info,
        "The request carries more than one credential in its headers.",
        "Send one of `authorization`, `x-api-key` and `api-key`, once." }
    InvalidTensor { "invalid_tensor", 400, 3, Client, No, Info,
        "A tensor's name, datatype, shape or data do not fit each other or the model.",
        "Mend the tensor that the message names; ask the model's metadata for what it takes." }
    Unauthenticated { "unauthenticated", 401, 16, Client, No, Info,
        "The listener does not accept the caller.",
        "Present a credential the listener accepts." }
    Forbidden { "forbidden", 403, 7, Client, No, Info,
        "The caller may not do this on this listener, or not with this model; or it belongs to no tenant that is configured.",
        "Ask for the right; operators: `sluicegate can`, `access` of the model, `management` of the listener." }
    ModelNotFound { "model_not_found", 404, 5, Client, No, Info,
        "No such model or version, or none that this caller may see.",
        "Check the name and version; operators: `sluicegate models`." }
    NoSuchPath { "no_such_path", 404, 12, Client, No, Info,
        "The path belongs to no protocol the gateway speaks.",
        "Check the path against the protocol's page in docs/." }
    MethodNotAllowed { "method_not_allowed", 405, 12, Client, No, Info,
        "The path exists, but not with this method.",
        "Use the method named in the `allow` header." }
    SlowRequest { "slow_request", 408, 4, Client, Later, Info,
        "The request's body did not arrive within the listener's `body_timeout`.",
        "Send faster, or raise `limits.body_timeout` of the listener." }
    BodyTooLarge { "body_too_large", 413, 8, Client, No, Info,
        "The body is larger than the listener takes.",
        "Send less, or raise `limits.body` of the listener." }
    UriTooLong { "uri_too_long", 414, 3, Client, No, Info,
        "The request's target is longer than the listener takes.",
        "Shorten it." }
    UnsupportedEncoding { "unsupported_encoding", 415, 12, Client, No, Info,
        "The body has a content encoding that the gateway does not decode.",
        "Send the body without `content-encoding`, or as `gzip` or `deflate` where the protocol takes that." }
    ExpectationFailed { "expectation_failed", 417, 3, Client, No, Info,
        "The request has an `expect` field other than `100-continue`.",
        "Leave the field out." }
    Misdirected { "misdirected", 421, 5, Client, No, Info,
        "The listener has `hosts`, and the request names another one.",
        "Ask for a host that is served here; operators: `hosts` of the listener." }
    RateLimited { "rate_limited", 429, 8, Client, Later, Info,
        "The caller has made as many requests as a limit lets it make, or has as many under way.",
        "Try again after `retry-after`; `ratelimit` in each answer says how many are left. Operators: `limits` in the \
         configuration, `limit_per_ip` of the listener; the log line names the limit." }
    TooManyConnections { "too_many_connections", 429, 8, Client, Later, Info,
        "The client's address has as many connections open as the listener takes from one. Only in metrics: the connection \
         is closed without a word.",
        "Use fewer connections; raise `limits.per_address` of the listener, or name the proxy in front in its \
         `trusted_proxies`." }
    HeadTooLarge { "head_too_large", 431, 8, Client, No, Info,
        "The request's head has more bytes or fields than the listener takes.",
        "Send fewer headers, or raise `limits.head` of the listener." }
    ClientGone { "client_gone", 499, 1, Client, No, Info,
        "The client left before its answer was complete. Only in logs and metrics.",
        "Nothing, or look at the client's own timeout." }
    IdentityUnavailable { "identity_unavailable", 503, 14, Gateway, Later, Error,
        "Whether the caller's credential is good cannot be told now: where credentials are kept was not read yet.",
        "Look at the store that `state` names; the gateway's log line has the cause." }
    Internal { "internal", 500, 13, Gateway, Later, Error,
        "The gateway itself failed.",
        "Report it with the request id and the log line." }
    NotInThisBuild { "not_in_this_build", 501, 12, Operator, No, Warn,
        "The request needs a capability that this build or this backend does not have.",
        "See docs/status.md for what this build can do." }
    UpstreamFault { "upstream_fault", 502, 14, Upstream, Later, Warn,
        "The backend broke off, or its answer makes no sense.",
        "Look at the backend's own log; the gateway's log line has the cause." }
    UpstreamUnreachable { "upstream_unreachable", 503, 14, Upstream, Later, Warn,
        "No endpoint of the backend could be connected to.",
        "Check that the backend runs and that its `endpoints` are right." }
    ModelNotReady { "model_not_ready", 503, 14, Upstream, Later, Warn,
        "The backend knows the model, but it cannot answer yet.",
        "Wait until the model's `ready` says so." }
    Overloaded { "overloaded", 503, 14, Gateway, Later, Warn,
        "No room: a queue or the backend is full.",
        "Try again after `retry-after`; operators: add capacity." }
    Draining { "draining", 503, 14, Gateway, Later, Info,
        "The gateway is shutting down and takes nothing new.",
        "Try again: another replica answers." }
    DeadlineExceeded { "deadline_exceeded", 504, 4, Upstream, Later, Warn,
        "The model did not answer within the request's time.",
        "Look at the model's latency, or raise the `timeout`." }
}

impl Refusal {
    /// A refusal of `kind`, with what the client reads.
    pub fn new(kind: Kind, public: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, public: public.into(), cause: None, retry_after: None }
    }

    /// The same refusal, with what the operator reads.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same refusal, with the time after which to try again.
    #[must_use]
    pub const fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Seconds for a `retry-after` header: what is known, else one second where trying again can help.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match (self.kind.facts().retry, self.retry_after) {
            (_, Some(wait)) => Some(wait.as_secs().max(1)),
            (Retry::Later, None) if self.kind.facts().http == 503 => Some(1),
            (Retry::Later | Retry::No, None) => None,
        }
    }
}

impl Blame {
    /// The name in logs and documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
            Self::Operator => "operator",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Refusal};

    #[test]
    fn labels_are_unique_and_plain() {
        let mut labels: Vec<&str> = Kind::ALL.iter().map(|kind| kind.facts().label).collect();
        assert!(labels.iter().all(|label| label.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')));
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Kind::ALL.len());
    }

    #[test]
    fn codes_are_errors() {
        for kind in Kind::ALL {
            let facts = kind.facts();
            assert!((400..600).contains(&facts.http), "{}", facts.label);
            assert!((1..=16).contains(&facts.grpc), "{}", facts.label);
        }
    }

    #[test]
    fn capacity_refusals_say_when_to_come_back() {
        assert_eq!(Refusal::new(Kind::Overloaded, "full").retry_after_seconds(), Some(1));
        assert_eq!(Refusal::new(Kind::BadRequest, "bad").retry_after_seconds(), None);
        assert_eq!(Refusal::new(Kind::Internal, "oops").retry_after_seconds(), None);
    }
}
