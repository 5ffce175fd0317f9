//! The alarm before certificates end: those of listeners, and those that the gateway shows to model servers. Theirs are
//! the doctor's, who goes and looks at them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sluicegate_adapters::certificates::{alarm, first_to_end};
use sluicegate_config::{Backend, Listener, Resolved};
use sluicegate_core::{Finding, Level};

/// How often somebody is told who has not done anything about it.
pub(super) const EVERY: Duration = Duration::from_secs(86_400);

/// When the first certificate that a listener shows ends, in seconds since 1970.
pub(super) fn expires(listener: &Listener) -> Option<u64> {
    let life = first_to_end(&listener.tls.as_ref()?.certificate)?;
    Some(life.ends.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// What to tell of the certificates of listeners.
pub(crate) fn of_listeners(resolved: &Resolved, now: SystemTime) -> Vec<Finding> {
    let of = |listener: &Listener| {
        let life = first_to_end(&listener.tls.as_ref()?.certificate)?;
        alarm(&format!("the certificate of listener `{}`", listener.name), &life, now)
    };
    resolved.listeners.iter().filter_map(of).collect()
}

/// What to tell of those that the gateway shows to model servers.
fn of_backends(resolved: &Resolved, now: SystemTime) -> Vec<Finding> {
    let of = |backend: &Backend| {
        // The endpoints of a backend share one identity, those that are found too.
        let listed = backend.plan.endpoints.iter().map(|endpoint| &endpoint.tls);
        let identity = listed.chain(backend.sources.iter().map(|source| &source.tls)).flatten().next()?;
        let life = first_to_end(&identity.own.as_ref()?.certificate)?;
        alarm(&format!("the certificate shown to backend `{}`", backend.plan.name), &life, now)
    };
    resolved.backends.iter().filter_map(of).collect()
}

/// Tells of all of them in the log.
pub(super) fn tell(resolved: &Resolved, now: SystemTime) {
    for Finding { level, what, advice } in of_listeners(resolved, now).into_iter().chain(of_backends(resolved, now)) {
        match level {
            Level::Broken => tracing::error!("{what}: {advice}"),
            Level::Note | Level::Warning | Level::Urgent => tracing::warn!("{what}: {advice}"),
        }
    }
}
