//! What came of a call, as far as the endpoint is concerned: whether it counts against it, and whether the same request may
//! be put to another.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use sluicegate_config::Retry;
use sluicegate_core::{CallClass, CallError, Fields, Reply, ReplyStream, Sent};

/// Longest rest that an endpoint may ask for.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answered.
    Good,
    /// Answered that the request is at fault, or that the caller has used up what it may: nothing against the endpoint.
    Client,
    /// It does not have the model, or not yet.
    NotHere,
    /// It has no room; the time it asked for, if it did.
    Pushback(Option<Duration>),
    /// No connection, or it broke.
    Transport(Sent),
    /// It failed.
    Server,
    /// It says that it is out of service, and not for how long.
    Unavailable,
    /// It did not answer in time.
    Timeout(Sent),
    /// The gateway itself was late: nobody can say whose fault it was.
    Unknown,
}

/// What may be judged: an answer of a backend.
pub(crate) trait Answer {
    /// What the answer says of who gave it.
    fn verdict(&self) -> Verdict;
}

impl Verdict {
    /// Of a whole call.
    pub(crate) fn of<T: Answer>(outcome: &Result<T, CallError>) -> Self {
        match outcome {
            Ok(answer) => answer.verdict(),
            Err(error) => Self::of_error(error),
        }
    }

    fn of_error(error: &CallError) -> Self {
        match error.class {
            CallClass::Client => Self::Client,
            // It answered; that there was no room for the answer says nothing of it.
            CallClass::NoRoom => Self::Unknown,
            // It is there, and says so: another endpoint may have the model.
            CallClass::NotFound | CallClass::NotReady => Self::NotHere,
            // A server that is overloaded says when to come back; one that is broken says 503, too.
            CallClass::Pushback if error.status == Some(503) && error.retry_after.is_none() => Self::Unavailable,
            CallClass::Pushback => Self::Pushback(error.retry_after.map(|rest| rest.min(LONGEST_REST))),
            CallClass::Transport => Self::Transport(error.sent),
            CallClass::Server => Self::Server,
            CallClass::Timeout => Self::Timeout(error.sent),
        }
    }

    fn of_head(status: StatusCode, headers: &Fields) -> Self {
        let rest = || {
            let seconds = headers.get(RETRY_AFTER)?.as_str()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds).min(LONGEST_REST))
        };
        match status.as_u16() {
            429 => Self::Pushback(rest()),
            503 => rest().map_or(Self::Unavailable, |rest| Self::Pushback(Some(rest))),
            // Not there, rather than broken.
            501 | 505 => Self::Client,
            500.. => Self::Server,
            400.. => Self::Client,
            _ => Self::Good,
        }
    }

    /// Whether it counts against the endpoint.
    pub(crate) const fn is_failure(self) -> bool {
        matches!(self, Self::Transport(_) | Self::Server | Self::Unavailable | Self::Timeout(_))
    }

    /// Whether the same request may be put to another endpoint.
    pub(crate) const fn may_be_tried_again(self, retry: &Retry) -> bool {
        match self {
            Self::Transport(Sent::Nothing) | Self::Timeout(Sent::Nothing) => retry.on_connect,
            Self::Transport(_) | Self::Timeout(_) => retry.on_reset,
            Self::Pushback(_) | Self::Unavailable | Self::NotHere => retry.on_unavailable,
            Self::Good | Self::Client | Self::Server | Self::Unknown => false,
        }
    }
}

impl Answer for Reply {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Wire(response) => Verdict::of_head(response.status, &response.headers),
            Self::Tensors(..) | Self::Unnamed(..) => Verdict::Good,
        }
    }
}

impl Answer for ReplyStream {
    fn verdict(&self) -> Verdict {
        Verdict::Good
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_core::fields::Value;
    use sluicegate_core::{CallClass, CallError, Outbound, Reply, Sent};

    use super::{LONGEST_REST, Verdict};

    fn answered(status: u16, retry_after: Option<&str>) -> Verdict {
        let mut response = Outbound { status: status.try_into().unwrap(), ..Outbound::default() };
        if let Some(rest) = retry_after {
            response.headers.append("retry-after", Value::new(rest.as_bytes()).unwrap());
        }
        Verdict::of(&Ok(Reply::Wire(response)))
    }

    #[test]
    fn an_answers_status_says_whose_fault_it_is() {
        let seconds = |count| Some(std::time::Duration::from_secs(count));
        for (status, rest, verdict) in [
            (200, None, Verdict::Good),
            (302, None, Verdict::Good),
            (400, None, Verdict::Client),
            (404, None, Verdict::Client),
            (429, None, Verdict::Pushback(None)),
            (429, Some("2"), Verdict::Pushback(seconds(2))),
            (500, None, Verdict::Server),
            (501, None, Verdict::Client),
            (503, None, Verdict::Unavailable),
            (503, Some("7"), Verdict::Pushback(seconds(7))),
            (503, Some("86400"), Verdict::Pushback(Some(LONGEST_REST))),
            (503, Some("soon"), Verdict::Unavailable),
        ] {
            assert_eq!(answered(status, rest), verdict, "{status} {rest:?}");
        }
    }

    #[test]
    fn only_what_is_the_endpoints_fault_counts_against_it() {
        let of = |class| Verdict::of::<Reply>(&Err(CallError::new(class, Sent::All, "")));
        for class in [CallClass::Transport, CallClass::Server, CallClass::Timeout] {
            assert!(of(class).is_failure(), "{class:?}");
        }
        for class in [CallClass::Client, CallClass::NotFound, CallClass::NotReady, CallClass::Pushback] {
            assert!(!of(class).is_failure(), "{class:?}");
        }
        let broken = CallError::new(CallClass::Pushback, Sent::All, "").answered(503);
        assert!(Verdict::of::<Reply>(&Err(broken)).is_failure(), "a 503 that asks for no patience");
    }
}
