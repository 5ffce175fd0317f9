//! Metrics in the OpenMetrics text format, for Prometheus to scrape. docs/observability.md lists every one.
//!
//! Labels hold only names from the configuration, and every family has a hard cap on its series. On the request path
//! nothing is allocated: the series of a label set are looked up as a whole, once made. It must not know where it is
//! served, nor what a request was about beyond its record.

mod labels;
mod limited;
mod series;
mod standing;
mod timing;
mod total;
mod would_refuse;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use sluicegate_core::{Kind, Outcome, Record, RecordSink};

use self::labels::{GenerationLabels, KindLabels, ListenerLabels, ResultLabels};
use self::limited::Limited;
use self::series::SeriesTable;
use self::standing::Elsewhere;
pub use self::standing::{Read, Standing};
use self::total::UnderWay;
use self::would_refuse::WouldRefuse;

/// The content type of [`Meter::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Most series of one family; what comes later is counted under `other`.
const SERIES_LIMIT: usize = 10_000;

/// Every metric of the process.
pub struct Meter {
    registry: Registry,
    series: SeriesTable,
    in_flight: InFlight,
    refusals: Vec<(Kind, Counter)>,
    limited: Limited,
    would_refuse: WouldRefuse,
    reloads: Reloads,
    dropped_lines: Counter,
    drops: Mutex<Option<Arc<AtomicU64>>>,
    elsewhere: Elsewhere,
}

/// Requests being served, by listener. Listeners are few: a list is searched faster than a map. Nothing is ever taken out, so
/// that begin and end of a request find the same gauge, and without a lock.
struct InFlight {
    family: Family<ListenerLabels, UnderWay>,
    first: OnceLock<Box<Handle>>,
    other: OnceLock<UnderWay>,
    limit: usize,
}

/// The gauge of a listener.
struct Handle {
    listener: Arc<str>,
    gauge: UnderWay,
    next: OnceLock<Box<Self>>,
}

/// What became of the configuration's generations.
struct Reloads {
    succeeded: Counter,
    failed: Counter,
    last_succeeded: Gauge,
    last_at: Gauge<f64, AtomicU64>,
    generation: Family<GenerationLabels, Gauge>,
    current: Mutex<Option<GenerationLabels>>,
}

impl Meter {
    /// Metrics of a process that began at `started`.
    #[must_use]
    pub fn new(started: SystemTime) -> Self {
        Self::capped(started, SERIES_LIMIT)
    }

    /// The same with at most `limit` series a family.
    #[must_use]
    pub fn capped(started: SystemTime, limit: usize) -> Self {
        let mut registry = Registry::default();
        let start: Gauge<f64, AtomicU64> = Gauge::default();
        start.set(seconds(started));
        let help = "Time of day the process began, in seconds since 1970";
        registry.register_with_unit("process_start_time", help, Unit::Seconds, start);
        let own = registry.sub_registry_with_prefix("sluicegate");
        own.register("build", "The build that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let series = SeriesTable::register(own, limit);
        let in_flight = InFlight::register(own, limit);
        let refusals = register_refusals(own);
        let limited = Limited::register(own, limit);
        let would_refuse = WouldRefuse::register(own, limit);
        let reloads = Reloads::register(own);
        let dropped_lines = Counter::default();
        let help = "Lines of the access log that were not written, since the queue was full or the writing failed";
        own.register("log_lines_dropped", help, dropped_lines.clone());
        let elsewhere = Elsewhere::default();
        own.register_collector(Box::new(elsewhere.clone()));
        let drops = Mutex::new(None);
        Self { elsewhere, registry, series, in_flight, refusals, limited, would_refuse, reloads, dropped_lines, drops }
    }

    /// Tells the outcome of loading a configuration at `at`; `digest` is that of the new generation, and counts only
    /// where it was taken up.
    pub fn reloaded(&self, ok: bool, digest: &str, at: SystemTime) {
        let Reloads { succeeded, failed, last_succeeded, last_at, generation, current } = &self.reloads;
        last_succeeded.set(i64::from(ok));
        last_at.set(seconds(at));
        if !ok {
            failed.inc();
            return;
        }
        succeeded.inc();
        let mut current = current.lock();
        let labels = GenerationLabels { digest: digest.to_owned() };
        if let Some(old) = current.replace(labels.clone())
            && old != labels
        {
            generation.remove(&old);
        }
        generation.get_or_create(&labels).set(1);
    }

    /// Tells that what was offered at `at` is what serves already: nothing that was refused before it is still asked for.
    pub fn confirmed(&self, at: SystemTime) {
        self.reloads.last_succeeded.set(1);
        self.reloads.last_at.set(seconds(at));
    }

    /// Has `sluicegate_log_lines_dropped_total` follow `drops`.
    pub fn follow_drops(&self, drops: Arc<AtomicU64>) {
        *self.drops.lock() = Some(drops);
    }

    /// Has metrics that stand elsewhere read by `read` whenever somebody scrapes.
    pub fn follow(&self, read: Read) {
        self.elsewhere.follow(read);
    }

    fn refuse(&self, kind: Kind) {
        if let Some((_, counter)) = self.refusals.iter().find(|(known, _)| *known == kind) {
            counter.inc();
        }
    }

    /// Everything as text of type [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// A value has no text form; none of these lacks one.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        if let Some(drops) = self.drops.lock().as_ref() {
            self.dropped_lines.inner().store(drops.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl RecordSink for Meter {
    fn begun(&self, listener: &Arc<str>) {
        self.in_flight.of(listener).begin();
    }

    fn ended(&self, record: &Record) {
        self.in_flight.of(&record.listener).end();
        self.series.count(record);
        if let Outcome::Refused(kind) = record.outcome {
            self.refuse(kind);
        }
    }

    fn turned_away(&self, _listener: &Arc<str>, kind: Kind) {
        self.refuse(kind);
    }

    fn limited(&self, limit: &Arc<str>, mode: &'static str) {
        self.limited.count(limit, mode);
    }

    fn would_refuse(&self, model: &Arc<str>, kind: Kind) {
        self.would_refuse.count(model, kind);
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl InFlight {
    fn register(registry: &mut Registry, limit: usize) -> Self {
        let family = Family::<ListenerLabels, UnderWay>::default();
        registry.register("requests_in_flight", "Requests being served now", family.clone());
        Self { family, first: OnceLock::new(), other: OnceLock::new(), limit }
    }

    fn of(&self, listener: &Arc<str>) -> &UnderWay {
        let mut place = &self.first;
        for _ in 0..self.limit {
            let handle = place.get_or_init(|| {
                let (gauge, listener) = (self.gauge(listener), Arc::clone(listener));
                Box::new(Handle { listener, gauge, next: OnceLock::new() })
            });
            if Arc::ptr_eq(&handle.listener, listener) || handle.listener == *listener {
                return &handle.gauge;
            }
            place = &handle.next;
        }
        self.other.get_or_init(|| self.gauge(&Arc::from("other")))
    }

    fn gauge(&self, listener: &Arc<str>) -> UnderWay {
        self.family.get_or_create_owned(&ListenerLabels { listener: Arc::clone(listener) })
    }
}

impl Reloads {
    fn register(registry: &mut Registry) -> Self {
        let results = Family::<ResultLabels, Counter>::default();
        let count = |result| results.get_or_create_owned(&ResultLabels { result });
        let reloads = Self {
            succeeded: count("ok"),
            failed: count("failed"),
            last_succeeded: Gauge::default(),
            last_at: Gauge::default(),
            generation: Family::default(),
            current: Mutex::new(None),
        };
        registry.register("config_reloads", "Configurations loaded, by result, the first one included", results);
        let help = "Whether the last configuration offered was taken up; 0: an earlier one goes on serving";
        registry.register("config_last_reload_successful", help, reloads.last_succeeded.clone());
        let help = "Time of day of the last load, in seconds since 1970";
        registry.register_with_unit("config_last_reload_timestamp", help, Unit::Seconds, reloads.last_at.clone());
        let help = "The generation of the configuration that serves, by its digest";
        registry.register("config_generation", help, reloads.generation.clone());
        reloads
    }
}

fn register_refusals(registry: &mut Registry) -> Vec<(Kind, Counter)> {
    let family = Family::<KindLabels, Counter>::default();
    registry.register("refusals", "Requests the gateway refused, by kind (docs/errors.md)", family.clone());
    // Each stands at zero from the start, so that the first one of a kind is seen as a rise.
    let handle = |kind: &Kind| (*kind, family.get_or_create_owned(&KindLabels { kind: kind.facts().label }));
    Kind::ALL.iter().map(handle).collect()
}

fn seconds(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
