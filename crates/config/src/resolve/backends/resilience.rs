//! What a backend's entry says about endpoints, answers and load that misbehave, with the defaults for what it leaves out.

use sluicegate_core::{Node, Share};

use crate::reading::Reading;
use crate::table::{CONCURRENCY, EJECT, HEALTH, HEDGE, RETRY, TIMEOUTS};
use crate::{Balance, Concurrency, Ejection, Hedge, Probing, Resilience, Retry, Timeouts};

/// Reads a backend's entry.
pub(super) fn resilience(backend: &Node) -> Resilience {
    let of = |key, fields| Reading::of(backend, key, fields);
    let written = |key| backend.entries().iter().any(|(name, ..)| name == key);
    Resilience {
        balance: balance(backend),
        health: written("health").then(|| health(of("health", HEALTH))),
        eject: eject(of("eject", EJECT)),
        timeouts: timeouts(of("timeouts", TIMEOUTS)),
        retry: retry(of("retry", RETRY)),
        hedge: written("hedge").then(|| hedge(of("hedge", HEDGE))),
        concurrency: concurrency(of("concurrency", CONCURRENCY)),
    }
}

fn balance(backend: &Node) -> Balance {
    let Some(node) = backend.get("balance") else { return Balance::TwoChoices };
    let header = node.get("hash").and_then(|hash| hash.get("header")).and_then(Node::text);
    match (node.text(), header) {
        (_, Some(header)) => Balance::Hash(header.to_ascii_lowercase().into()),
        (Some("least_request"), _) => Balance::LeastRequest,
        (Some("round_robin"), _) => Balance::RoundRobin,
        (Some(_) | None, None) => Balance::TwoChoices,
    }
}

fn health(health: Reading<'_>) -> Probing {
    Probing {
        interval: health.duration("interval"),
        timeout: health.duration("timeout"),
        failures: health.count("failures"),
        successes: health.count("successes"),
    }
}

fn eject(eject: Reading<'_>) -> Ejection {
    Ejection {
        failures: eject.count("failures"),
        time: eject.duration("time"),
        most: eject.share("most"),
        panic: eject.share("panic"),
        slow_start: eject.duration("slow_start"),
    }
}

fn timeouts(timeouts: Reading<'_>) -> Timeouts {
    Timeouts {
        first_byte: timeouts.given_duration("first_byte"),
        idle: timeouts.given_duration("idle"),
        total: timeouts.given_duration("total"),
    }
}

fn retry(retry: Reading<'_>) -> Retry {
    let when = retry.node("when");
    let is_written = |word: &str| when.is_some_and(|list| list.items().iter().any(|item| item.text() == Some(word)));
    Retry {
        attempts: retry.count("attempts"),
        budget: retry.share("budget"),
        on_connect: when.is_none() || is_written("connect"),
        on_unavailable: when.is_none() || is_written("unavailable"),
        on_reset: is_written("reset"),
    }
}

fn hedge(hedge: Reading<'_>) -> Hedge {
    Hedge { percentile: hedge.share("percentile"), after: hedge.duration("after"), budget: hedge.share("budget") }
}

fn concurrency(concurrency: Reading<'_>) -> Concurrency {
    Concurrency {
        limit: concurrency.node("limit").map(|_| concurrency.count("limit")),
        queue: concurrency.count("queue"),
        wait: concurrency.given_duration("wait"),
    }
}

/// What holds for a backend that says nothing.
impl Default for Resilience {
    fn default() -> Self {
        let file = sluicegate_core::Span { file: "".into(), line: 1, column: 1 };
        resilience(&Node { value: sluicegate_core::Value::Null, span: file })
    }
}

impl Ejection {
    /// How many of `count` endpoints may be left out at once for failing: of two, one.
    #[must_use]
    pub fn allowed(&self, count: usize) -> usize {
        if self.failures == 0 || self.most == Share::percent(0) {
            return 0;
        }
        self.most.of(count).max(1).min(count.saturating_sub(1))
    }
}
