//! Asks endpoints how they do, where their backend's configuration says so: each by itself, at its interval, a little early
//! or late by chance, so that not all are asked at once, by this gateway or by several.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use sluicegate_config::Probing;
use sluicegate_core::{Deadline, Dice};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};

use crate::balance::Member;
use crate::control::Gateway;
use crate::snapshot::Backend;

/// After this long a new generation is noticed at the latest.
const LOOK: Duration = Duration::from_secs(1);

/// Endpoints that are asked, and when each is next.
type Due = HashMap<usize, (Weak<Member>, Instant)>;

/// Never ends.
pub(crate) async fn probe(gateway: &Gateway) {
    let mut due = Due::new();
    // Dropping it ends the questions under way.
    let mut questions = JoinSet::new();
    loop {
        let now = gateway.clock.now();
        let mut next = now + LOOK;
        due.retain(|_, (member, _)| member.strong_count() > 0);
        for backend in gateway.current().backends.values() {
            let Some(probing) = backend.resilience.health else { continue };
            for member in backend.pool.members().iter() {
                // The first question is asked at once: a server that is down should not wait to be found by a request.
                let entry = due.entry(Arc::as_ptr(member).addr()).or_insert((Arc::downgrade(member), now));
                if entry.1 <= now {
                    entry.1 = now + around(probing.interval, &*gateway.dice);
                    questions.spawn(ask(Arc::clone(backend), Arc::clone(member), probing, Arc::clone(&gateway.clock)));
                }
                next = next.min(entry.1);
            }
        }
        sleep_until(next.into()).await;
        while questions.try_join_next().is_some() {}
    }
}

async fn ask(backend: Arc<Backend>, member: Arc<Member>, probing: Probing, clock: Arc<dyn sluicegate_core::Clock>) {
    // One question at a time.
    let until = clock.now() + probing.timeout.min(probing.interval);
    let asking = backend.upstream.probe(&member.endpoint, Deadline(until));
    let outcome = match timeout_at(until.into(), asking).await {
        Ok(outcome) => outcome.map_err(|error| error.cause),
        Err(_) => Err(format!("{} did not say in time whether it is ready", member.endpoint.authority)),
    };
    backend.pool.probed(&member, outcome, &probing, clock.now());
}

/// The interval, less or more by up to a tenth.
pub(crate) fn around(interval: Duration, dice: &dyn Dice) -> Duration {
    let part = (dice.roll() >> 48) as u32;
    interval.mul_f64(0.9 + 0.2 * f64::from(part) / 65_536.0)
}
