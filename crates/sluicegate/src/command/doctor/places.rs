//! The endpoints of a backend, as its configuration lists them and as they are found now.

use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_core::{BackendPlan, Discover, Endpoint, EndpointSource, Finding, Found, Level, Lookup, distinct};
use tokio::time::timeout;

use super::report::Examined;

/// How long a lookup may take; a gateway that runs waits no longer either.
const PATIENCE: Duration = Duration::from_secs(5);

/// Each endpoint once, and what is wrong with the sources.
pub(super) async fn all(
    plan: &BackendPlan,
    sources: &[EndpointSource],
    discover: &dyn Discover,
) -> (Vec<Endpoint>, Vec<Examined>) {
    // Weights are nothing to whoever looks at each.
    let listed = plan.endpoints.iter().map(|endpoint| (endpoint.clone(), 1));
    let (mut endpoints, mut troubles): (Vec<_>, Vec<_>) = (listed.collect(), Vec::new());
    let looking = sources.iter().map(async |source| (source, find(source, discover).await));
    for (source, outcome) in join_all(looking).await {
        let finding = match outcome {
            Ok(Found { endpoints: found, left_out, .. }) if !found.is_empty() => {
                endpoints.extend(found);
                (left_out > 0).then(|| {
                    let what = format!("{left_out} more endpoints than a backend may have");
                    Finding::new(Level::Warning, what).advise("divide them among several backends")
                })
            }
            Ok(_) => Some(Finding::new(Level::Broken, "there are no endpoints").advise(advice(&source.lookup))),
            Err(why) => Some(Finding::new(Level::Broken, why).advise(advice(&source.lookup))),
        };
        troubles.extend(finding.map(|finding| Examined::source(plan, &source.lookup, finding)));
    }
    let (endpoints, _) = distinct(endpoints);
    (endpoints.into_iter().map(|(endpoint, _)| endpoint).collect(), troubles)
}

async fn find(source: &EndpointSource, discover: &dyn Discover) -> Result<Found, String> {
    match timeout(PATIENCE, discover.find(source)).await {
        Ok(outcome) => outcome.map(Found::bounded),
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}

const fn advice(lookup: &Lookup) -> &'static str {
    match lookup {
        Lookup::Dns { .. } | Lookup::Srv { .. } => {
            "ask the same server for this name by `dig`; `resolver` names another one"
        }
        Lookup::File { .. } => "write the file: `- ADDRESS`, a line for each endpoint",
    }
}
