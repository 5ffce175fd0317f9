//! The gateway's status as metrics: what stands at this moment, of the whole, of backends and of their endpoints.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::RwLock;
use sluicegate_adapters::identity::api_key::KeysStanding;
use sluicegate_adapters::identity::oidc::IssuerStanding;
use sluicegate_adapters::meter::prometheus::{Read, Standing};
use sluicegate_control::Listening;
use sluicegate_flow::control::{BackendStatus, EndpointStatus, Gateway, SourceStatus, Status};
use tracing_appender::non_blocking::ErrorCounter;

use super::lasting::Restarts;

/// Every state of an endpoint: each is a series, so that one that has none of them is seen.
const STATES: [&str; 5] = ["up", "on trial", "resting", "ejected", "down"];

/// All of it, read anew whenever somebody asks; what is of `gateway` as long as there is one.
pub(super) fn all(
    gateway: &Arc<Gateway>,
    open: &Arc<RwLock<Vec<Listening>>>,
    lost: ErrorCounter,
    restarts: &Restarts,
    (keys, issuers): (
        impl Fn() -> Option<KeysStanding> + Send + Sync + 'static,
        impl Fn() -> Vec<IssuerStanding> + Send + Sync + 'static,
    ),
) -> Read {
    let (gateway, open, restarts) = (Arc::downgrade(gateway), Arc::clone(open), Arc::clone(restarts));
    Box::new(move || {
        let mut all = of_process(lost.dropped_lines(), restarts.load(Relaxed));
        all.extend(of_keys(keys()));
        all.extend(of_issuers(&issuers()));
        if let Some(gateway) = gateway.upgrade() {
            all.extend(of(&gateway.status(), &open.read()));
        }
        all
    })
}

/// What the process has lost of its log, and how often work beside requests began anew.
fn of_process(lost: usize, restarts: u64) -> Vec<Standing> {
    let one = |name, help, value| Standing { name, help, grows: true, series: vec![(Vec::new(), value)] };
    vec![
        one("log_messages_dropped", "Messages of the log that were lost, since nobody read them in time", lost as f64),
        one("background_restarts", "Times that work beside requests failed and began anew", restarts as f64),
    ]
}

/// The keys of callers, where it is said where they are kept.
fn of_keys(keys: Option<KeysStanding>) -> Vec<Standing> {
    let one = |name, help, value: Option<f64>| {
        let series = value.map(|value| (Vec::new(), value)).into_iter().collect();
        Standing { name, help, grows: false, series }
    };
    let failing = keys.map(|keys| f64::from(u8::from(keys.failing)));
    vec![
        one("keys_known", "Secrets of callers' keys read from the store", keys.map(|keys| keys.secrets as f64)),
        one("keys_failing", "1 where the store of keys could not be read at the last look", failing),
    ]
}

/// The issuers of tokens that are configured.
fn of_issuers(issuers: &[IssuerStanding]) -> Vec<Standing> {
    let family = |name, help, value: fn(&IssuerStanding) -> f64| {
        let series = issuers.iter().map(|issuer| (vec![("issuer", issuer.name.to_string())], value(issuer)));
        Standing { name, help, grows: false, series: series.collect() }
    };
    vec![
        family("issuer_keys", "Keys of an issuer of tokens that are known", |issuer| issuer.keys as f64),
        family("issuer_failing", "1 where an issuer's keys could not be read at the last try", |issuer| {
            f64::from(u8::from(issuer.failing))
        }),
    ]
}

/// All of `status`, and of the listeners that are open.
fn of(status: &Status, open: &[Listening]) -> Vec<Standing> {
    let mut all = whole(status);
    all.push(certificates(open));
    all.extend(backends(status));
    all.extend(sources(status));
    all.extend(endpoints(status));
    all
}

fn certificates(open: &[Listening]) -> Standing {
    let series = |one: &Listening| Some((vec![("listener", one.name.clone())], one.certificate_expires? as f64));
    Standing {
        name: "certificate_expires_timestamp_seconds",
        help: "When the first certificate that a listener shows ends, in seconds since 1970",
        grows: false,
        series: open.iter().filter_map(series).collect(),
    }
}

/// Where endpoints are found.
fn sources(status: &Status) -> Vec<Standing> {
    let all = || status.backends.iter().flat_map(|backend| backend.sources.iter().map(move |source| (backend, source)));
    let family = |name, help, value: fn(&SourceStatus) -> Option<f64>| {
        let series = all().filter_map(|(backend, source)| {
            let labels = vec![("backend", backend.name.clone()), ("source", source.source.clone())];
            Some((labels, value(source)?))
        });
        Standing { name, help, grows: false, series: series.collect() }
    };
    vec![
        family("source_endpoints", "Endpoints found at a source last", |source| Some(source.endpoints as f64)),
        family("source_age_seconds", "Since endpoints were found there; absent where none ever were", |source| {
            Some(source.age_ms? as f64 / 1000.0)
        }),
        family("source_failing", "1 where nothing was found at the last lookup", |source| {
            Some(f64::from(u8::from(source.failure.is_some())))
        }),
    ]
}

fn whole(status: &Status) -> Vec<Standing> {
    let load = status.load;
    let one = |name, help, grows, value| Standing { name, help, grows, series: vec![(Vec::new(), value)] };
    vec![
        one("overload_requests", "Requests for models under way", false, load.requests as f64),
        one("overload_requests_limit", "Requests for models that may be", false, load.most_requests as f64),
        one("overload_refused", "Requests refused since too many were under way", true, load.refused as f64),
        one("overload_memory_bytes", "Bytes of bodies held as a whole", false, load.memory as f64),
        one("overload_memory_limit_bytes", "Bytes of bodies that may be", false, load.most_memory as f64),
    ]
}

fn backends(status: &Status) -> Vec<Standing> {
    let family = |name, help, grows, value: fn(&BackendStatus) -> f64| {
        let series = |backend: &BackendStatus| (vec![("backend", backend.name.clone())], value(backend));
        Standing { name, help, grows, series: status.backends.iter().map(series).collect() }
    };
    vec![
        family("backend_calls_in_flight", "Calls that have a turn", false, |backend| backend.in_flight as f64),
        family("backend_calls_waiting", "Calls that wait for a turn", false, |backend| backend.waiting as f64),
        family("backend_calls_limit", "Turns, given or found", false, |backend| backend.limit as f64),
        family("backend_calls_refused", "Calls refused: no turn would have come in time", true, |backend| {
            backend.refused as f64
        }),
        family("backend_retries", "Calls made again", true, |backend| backend.retries as f64),
        family("backend_retries_denied", "Calls not made again: the budget was used up", true, |backend| {
            backend.retries_denied as f64
        }),
        family("backend_hedges", "Slow calls made a second time", true, |backend| backend.hedges as f64),
    ]
}

fn endpoints(status: &Status) -> Vec<Standing> {
    let labels = |backend: &BackendStatus, endpoint: &EndpointStatus| {
        vec![("backend", backend.name.clone()), ("endpoint", endpoint.address.clone())]
    };
    let all = || status.backends.iter().flat_map(|backend| backend.endpoints.iter().map(move |at| (backend, at)));
    let family = |name, help, grows, value: fn(&EndpointStatus) -> f64| {
        let series = all().map(|(backend, endpoint)| (labels(backend, endpoint), value(endpoint))).collect();
        Standing { name, help, grows, series }
    };
    let state = |(backend, endpoint): (&BackendStatus, &EndpointStatus)| {
        STATES.map(|word| {
            let mut labels = labels(backend, endpoint);
            labels.push(("state", word.replace(' ', "_")));
            (labels, f64::from(u8::from(endpoint.state == word)))
        })
    };
    vec![
        Standing {
            name: "endpoint_state",
            help: "1 for the state an endpoint is in, 0 for the others",
            grows: false,
            series: all().flat_map(state).collect(),
        },
        family("endpoint_calls_in_flight", "Calls under way", false, |endpoint| endpoint.in_flight as f64),
        family("endpoint_calls", "Calls so far", true, |endpoint| endpoint.calls as f64),
        family("endpoint_failures", "Calls that failed by the endpoint's fault", true, |endpoint| {
            endpoint.failures as f64
        }),
        family("endpoint_ejections", "Times it was left out for failing", true, |endpoint| endpoint.ejections as f64),
        family("endpoint_latency_seconds", "Mean time to an answer; 0 while that is not known", false, |endpoint| {
            endpoint.latency_ms.unwrap_or(0.0) / 1000.0
        }),
    ]
}
