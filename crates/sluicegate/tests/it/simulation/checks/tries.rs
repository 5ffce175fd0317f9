//! How often a request was put to servers, and when it must not have been.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::journal::{Number, What};
use super::super::plan::{Deed, Plan};
use super::super::world::Run;

/// No request leaves the gateway more often than `attempts` says, and once more where slow ones are made twice.
pub(super) fn no_more_than_allowed(plan: &Plan, run: &Run, faults: &mut Vec<String>) {
    let most = plan.settings.attempts + u32::from(plan.settings.hedges.is_some());
    let mut tries: BTreeMap<Number, u32> = BTreeMap::new();
    for (request, ..) in all(run) {
        *tries.entry(request).or_default() += 1;
    }
    for (request, count) in tries.into_iter().filter(|(_, count)| *count > most) {
        faults.push(format!("tries: request {request} left for servers {count} times, {most} are allowed"));
    }
}

/// Nothing is tried again once the client has seen a byte of an answer.
pub(super) fn none_after_the_client_saw_something(run: &Run, faults: &mut Vec<String>) {
    let mut answering = BTreeSet::new();
    for event in &run.events {
        match &event.what {
            What::Answering { request } => {
                answering.insert(*request);
            }
            What::Tried { request, endpoint } if answering.contains(request) => {
                faults.push(format!("tries: request {request} left for {endpoint} when its answer had begun"));
            }
            _ => {}
        }
    }
}

/// Where `when` does not name `reset`, a request that has left leaves again only if the server it went to has said that it
/// did not take it.
pub(super) fn none_where_the_model_may_have_run(plan: &Plan, run: &Run, faults: &mut Vec<String>) {
    if plan.settings.reset || plan.settings.hedges.is_some() {
        return;
    }
    let mut before: BTreeMap<Number, (Duration, &str)> = BTreeMap::new();
    for (request, at, endpoint) in all(run) {
        let Some((since, server)) = before.insert(request, (at, endpoint)) else { continue };
        let refused = run.events.iter().filter(|event| event.at >= since && event.at <= at).any(|event| {
            matches!(&event.what, What::Served { request: served, server: by, deed: Deed::Busy | Deed::Unavailable }
                if *served == request && *by == server)
        });
        if !refused {
            faults.push(format!("tries: request {request} left for {endpoint}, and {server} may have run it"));
        }
    }
}

/// Every time that a request left for a server: which, when, and for which server.
pub(super) fn all(run: &Run) -> impl Iterator<Item = (Number, Duration, &str)> {
    run.events.iter().filter_map(|event| match &event.what {
        What::Tried { request, endpoint } => Some((*request, event.at, endpoint.as_str())),
        _ => None,
    })
}
