//! Keeps the endpoints of backends in step with where they come from: names that are looked up, files that are read. What was
//! found last holds until something else is found. It must not know how names are looked up.

mod feed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sluicegate_config::Resolved;
use sluicegate_core::{Discover, EndpointSource, Found};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

pub(crate) use self::feed::Feeds;
use crate::control::Gateway;

/// After this long a new generation is noticed at the latest.
const LOOK: Duration = Duration::from_secs(1);

/// How long a lookup may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a new configuration waits for its first endpoints.
const FIRST: Duration = Duration::from_secs(2);

/// What was found at sources that a configuration is the first to name.
#[derive(Default)]
pub struct Sought(HashMap<EndpointSource, Result<Found, String>>);

/// Never ends.
pub(crate) async fn follow(gateway: &Gateway, discover: &Arc<dyn Discover>) {
    // Dropping it gives up the lookups under way.
    let mut lookups = JoinSet::new();
    loop {
        let next = look(gateway, discover, &mut lookups);
        tokio::select! {
            Some(_) = lookups.join_next() => {}
            () = gateway.stale.notified() => forget(gateway),
            () = sleep_until(next.into()) => {}
        }
    }
}

/// Begins the lookups that are due, and hands on what was found. When to look again.
fn look(gateway: &Gateway, discover: &Arc<dyn Discover>, lookups: &mut JoinSet<()>) -> Instant {
    let now = gateway.clock.now();
    let mut next = now + LOOK;
    for backend in gateway.current().backends.values() {
        backend.settle(now);
        for feed in backend.feeds.iter() {
            match feed.begin(now) {
                Ok(asking) => {
                    let (discover, clock, dice) =
                        (Arc::clone(discover), Arc::clone(&gateway.clock), Arc::clone(&gateway.dice));
                    lookups.spawn(async move {
                        let outcome = find(&*discover, asking.source(), PATIENCE).await;
                        asking.told(outcome, clock.now(), &*dice);
                    });
                }
                Err(due) => next = next.min(due),
            }
        }
    }
    next
}

/// What is in files may have changed.
fn forget(gateway: &Gateway) {
    for backend in gateway.current().backends.values() {
        backend.feeds.iter().filter(|feed| feed.source.lookup.is_watched()).for_each(|feed| feed.forget());
    }
}

/// Looks up what `resolved` names and the generation before it did not, all at once and not for long.
pub(crate) async fn seek(gateway: &Gateway, discover: &Arc<dyn Discover>, resolved: &Resolved) -> Sought {
    let current = gateway.current();
    let mut new: Vec<&EndpointSource> = Vec::new();
    for backend in &resolved.backends {
        let before = current.backends.get(&backend.plan.name);
        let is_known = |source: &EndpointSource| before.is_some_and(|before| before.feeds.knows(source));
        new.extend(backend.sources.iter().filter(|source| !is_known(source)));
    }
    let seeking = new.into_iter().map(async |source| (source.clone(), find(&**discover, source, FIRST).await));
    Sought(join_all(seeking).await.into_iter().collect())
}

async fn find(discover: &dyn Discover, source: &EndpointSource, patience: Duration) -> Result<Found, String> {
    match timeout(patience, discover.find(source)).await {
        Ok(outcome) => outcome.map(Found::bounded),
        Err(_) => Err(format!("no answer within {patience:?}")),
    }
}

impl Sought {
    /// What was found at `source`; `None` where it was not looked for.
    pub(crate) fn at(&self, source: &EndpointSource) -> Option<&Result<Found, String>> {
        self.0.get(source)
    }
}

impl std::fmt::Debug for Sought {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Sought").field(&self.0.len()).finish()
    }
}
