//! The series that requests are counted in, found by a record's labels without making any.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use sluicegate_core::{Mixing, Operation, Outcome, Protocol, Record, Served, Usage};

use super::labels::{RequestLabels, RouteLabels, TokenLabels};
use super::timing::Timing;
use super::total::Total;
use crate::recent::{self, Recent, same};

/// What stands for a value that a request did not come to have.
const NONE: &str = "-";

/// A table's number, and what was met last in it.
type Last = (u64, Box<Recent<Names, Series>>);

thread_local! {
    /// Of this thread: no lock, and no name to be read.
    static RECENT: RefCell<Option<Last>> = const { RefCell::new(None) };
}

static TABLES: AtomicU64 = AtomicU64::new(0);

/// The families, and the handles of every label set met so far.
pub(super) struct SeriesTable {
    requests: Family<RequestLabels, Total>,
    gateway: Family<RouteLabels, Timing>,
    upstream: Family<RouteLabels, Timing>,
    received: Family<RouteLabels, Total>,
    sent: Family<RouteLabels, Total>,
    tokens: Family<TokenLabels, Total>,
    known: RwLock<Known>,
    /// Which table it is, of those of the process.
    number: u64,
    limit: usize,
    none: Arc<str>,
    other: Arc<str>,
}

/// By the hash of the labels; entries that share one stand side by side.
#[derive(Default)]
struct Known {
    by_hash: HashMap<u64, Vec<Series>, Mixing>,
    count: usize,
}

/// What tells the series of one record from those of another.
struct Names {
    listener: Arc<str>,
    protocol: Option<Protocol>,
    operation: Option<Operation>,
    model: Option<Arc<str>>,
    served: Option<Arc<Served>>,
    outcome: Outcome,
}

/// Everything one request adds to.
#[derive(Clone)]
struct Series {
    labels: RequestLabels,
    requests: Total,
    gateway: Timing,
    upstream: Timing,
    received: Total,
    sent: Total,
    /// Of generative models only.
    tokens: Option<Tokens>,
}

/// The kinds of tokens that servers tell of. Cached ones are among those of the input, reasoning among the output's.
#[derive(Clone)]
struct Tokens {
    input: Total,
    output: Total,
    cached: Total,
    reasoning: Total,
}

impl SeriesTable {
    /// Registers the families; each gets at most `limit` series, and `other`.
    pub(super) fn register(registry: &mut Registry, limit: usize) -> Self {
        let table = Self {
            requests: Family::default(),
            gateway: Family::default(),
            upstream: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            tokens: Family::default(),
            known: RwLock::default(),
            number: TABLES.fetch_add(1, Ordering::Relaxed),
            limit,
            none: Arc::from(NONE),
            other: Arc::from("other"),
        };
        registry.register("requests", "Requests, by how they ended", table.requests.clone());
        let help = "Time a request spent in the gateway and on the way to and from the client";
        registry.register_with_unit("request_gateway", help, Unit::Seconds, table.gateway.clone());
        let help = "Time a request waited for the backend's answer to begin";
        registry.register_with_unit("request_upstream", help, Unit::Seconds, table.upstream.clone());
        let help = "Body bytes from clients";
        registry.register_with_unit("received", help, Unit::Bytes, table.received.clone());
        registry.register_with_unit("sent", "Body bytes to clients", Unit::Bytes, table.sent.clone());
        let help = "Tokens of generative models, as their servers told them, by kind";
        registry.register("tokens", help, table.tokens.clone());
        table
    }

    /// Counts one request.
    pub(super) fn count(&self, record: &Record) {
        let known = RECENT.try_with(|last| {
            let mut last = last.borrow_mut();
            if last.as_ref().is_none_or(|(table, _)| *table != self.number) {
                *last = Some((self.number, Box::default()));
            }
            let series = last.as_mut().and_then(|(_, recent)| recent.of(record, || self.look_up(record)));
            series.map(|series| series.add(record)).is_some()
        });
        if !known.unwrap_or(false) {
            let series = self.look_up(record).unwrap_or_else(|| self.make(self.labels_of_other(record), record));
            series.add(record);
        }
    }

    /// The series of a record's labels; `None` where there are as many as may be.
    fn look_up(&self, record: &Record) -> Option<Series> {
        let hash = Mixing::default().hash_one((
            &record.listener,
            &record.model,
            record.version(),
            record.backend(),
            (record.protocol, record.operation, record.outcome.label()),
        ));
        if let Some(series) = self.known.read().find(hash, record) {
            return Some(series.clone());
        }
        let mut known = self.known.write();
        if let Some(series) = known.find(hash, record) {
            return Some(series.clone());
        }
        if known.count >= self.limit {
            return None;
        }
        let series = self.make(self.labels_of(record), record);
        known.by_hash.entry(hash).or_default().push(series.clone());
        known.count += 1;
        Some(series)
    }

    fn make(&self, labels: RequestLabels, record: &Record) -> Series {
        let generative = record.model.is_some() && record.operation.is_some_and(Operation::is_generative);
        let route = RouteLabels {
            protocol: labels.protocol,
            model: Arc::clone(&labels.model),
            version: Arc::clone(&labels.version),
            backend: Arc::clone(&labels.backend),
        };
        Series {
            requests: self.requests.get_or_create_owned(&labels),
            gateway: self.gateway.get_or_create_owned(&route),
            upstream: self.upstream.get_or_create_owned(&route),
            received: self.received.get_or_create_owned(&route),
            sent: self.sent.get_or_create_owned(&route),
            tokens: generative.then(|| self.tokens(&route)),
            labels,
        }
    }

    fn tokens(&self, route: &RouteLabels) -> Tokens {
        let RouteLabels { protocol, model, version, backend } = route.clone();
        let mut labels = TokenLabels { protocol, model, version, backend, kind: "" };
        let mut of = |kind| {
            labels.kind = kind;
            self.tokens.get_or_create_owned(&labels)
        };
        Tokens { input: of("input"), output: of("output"), cached: of("cached"), reasoning: of("reasoning") }
    }

    fn labels_of(&self, record: &Record) -> RequestLabels {
        let name = |name: Option<&Arc<str>>| Arc::clone(name.unwrap_or(&self.none));
        RequestLabels {
            listener: Arc::clone(&record.listener),
            protocol: record.protocol.map_or(NONE, Protocol::as_str),
            operation: record.operation.map_or(NONE, Operation::as_str),
            model: name(record.model.as_ref()),
            version: name(record.version()),
            backend: name(record.backend()),
            outcome: record.outcome.label(),
        }
    }

    /// Outcomes are a closed list: they are told apart also among what is beyond the limit.
    fn labels_of_other(&self, record: &Record) -> RequestLabels {
        let other = || Arc::clone(&self.other);
        RequestLabels {
            listener: other(),
            protocol: "other",
            operation: "other",
            model: other(),
            version: other(),
            backend: other(),
            outcome: record.outcome.label(),
        }
    }
}

impl recent::Names for Names {
    fn of(record: &Record) -> Self {
        Self {
            listener: Arc::clone(&record.listener),
            protocol: record.protocol,
            operation: record.operation,
            model: record.model.clone(),
            served: record.served.clone(),
            outcome: record.outcome,
        }
    }

    fn fit(&self, record: &Record) -> bool {
        Arc::ptr_eq(&self.listener, &record.listener)
            && (self.protocol, self.operation, self.outcome) == (record.protocol, record.operation, record.outcome)
            && same(&self.model, &record.model)
            && same(&self.served, &record.served)
    }
}

impl Known {
    fn find(&self, hash: u64, record: &Record) -> Option<&Series> {
        self.by_hash.get(&hash)?.iter().find(|series| series.labels.fit(record))
    }
}

impl Series {
    fn add(&self, record: &Record) {
        self.requests.add(1);
        self.gateway.observe(record.total.saturating_sub(record.upstream));
        if !record.upstream.is_zero() {
            self.upstream.observe(record.upstream);
        }
        self.received.add(record.traffic.received);
        self.sent.add(record.traffic.sent);
        if let (Some(tokens), Some(usage)) = (&self.tokens, record.usage) {
            tokens.add(usage);
        }
    }
}

impl Tokens {
    fn add(&self, usage: Usage) {
        let told = [
            (&self.input, usage.input),
            (&self.output, usage.output),
            (&self.cached, usage.cached),
            (&self.reasoning, usage.reasoning),
        ];
        for (counter, count) in told {
            counter.add(count.unwrap_or(0));
        }
    }
}

impl RequestLabels {
    fn fit(&self, record: &Record) -> bool {
        let same = |mine: &str, its: Option<&Arc<str>>| its.map_or(NONE, |its| &**its) == mine;
        *self.listener == *record.listener
            && self.outcome == record.outcome.label()
            && self.protocol == record.protocol.map_or(NONE, Protocol::as_str)
            && self.operation == record.operation.map_or(NONE, Operation::as_str)
            && same(&self.model, record.model.as_ref())
            && same(&self.version, record.version())
            && same(&self.backend, record.backend())
    }
}
