//! What a request has taken: places, given back when it is over, and what its caller is told. The fields are those of
//! draft-ietf-httpapi-ratelimit-headers-11, and over OpenAI's API its own beside them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use sluicegate_core::limits::{Passed, Places, Standing};
use sluicegate_core::{Fields, Protocol};

use super::Limits;

/// What was taken, and what is told of it.
pub(crate) struct Taken {
    /// Held as long as the request goes on.
    _places: Places,
    told: Option<(Standing, Arc<Limits>)>,
}

impl Taken {
    /// `None`: nothing is to be held or told.
    pub(super) fn of(passed: Passed, limits: &Arc<Limits>) -> Option<Box<Self>> {
        let Passed { tightest, places } = passed;
        let told = tightest.map(|standing| (standing, Arc::clone(limits)));
        (told.is_some() || !places.is_empty()).then(|| Box::new(Self { _places: places, told }))
    }

    /// Nothing, and where a quota stands.
    pub(super) fn told(standing: Standing, limits: &Arc<Limits>) -> Option<Box<Self>> {
        Self::of(Passed { tightest: Some(standing), places: Places::default() }, limits)
    }

    /// Writes into an answer's head what its caller may know.
    pub(crate) fn stamp(&self, protocol: Option<Protocol>, headers: &mut Fields) {
        let Some((standing, limits)) = &self.told else { return };
        let Some(rule) = limits.rules.get(standing.limit) else { return };
        let (name, remaining, more) = (&rule.name, standing.remaining, seconds(standing.more_in));
        let mut told = |field: &'static str, text: String| {
            // A name is of letters and digits, and the rest is ours: it is always one.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(field, value);
            }
        };
        told("ratelimit-policy", rule.policy.clone());
        told("ratelimit", format!("\"{name}\";r={remaining};t={more}"));
        if protocol == Some(Protocol::OpenAi)
            && let Some(quota) = rule.requests
        {
            told("x-ratelimit-limit-requests", quota.burst.to_string());
            told("x-ratelimit-remaining-requests", remaining.to_string());
            told("x-ratelimit-reset-requests", spoken(standing.whole_in));
        }
    }
}

/// Whole seconds, no fewer.
pub(super) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// As OpenAI's API writes times: `20ms`, `1s`, `6m0s`, `1h0m0s`.
fn spoken(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{}ms", time.as_nanos().div_ceil(1_000_000));
    }
    let seconds = seconds(time);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, spoken};

    #[test]
    fn times_are_spoken_as_clients_read_them() {
        let spoken = |millis| spoken(Duration::from_millis(millis));
        assert_eq!([spoken(0), spoken(20), spoken(999)], ["0ms", "20ms", "999ms"]);
        assert_eq!([spoken(1000), spoken(1001), spoken(59_000)], ["1s", "2s", "59s"]);
        assert_eq!([spoken(360_000), spoken(3_600_000), spoken(86_399_001)], ["6m0s", "1h0m0s", "24h0m0s"]);
    }
}
