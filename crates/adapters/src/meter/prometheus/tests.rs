//! The text to the letter, and the cap.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, UNIX_EPOCH};

use http::Method;
use sluicegate_core::{Identity, Kind, Operation, Outcome, Protocol, Record, RecordSink, Served, Traffic, Usage};

use super::Meter;

fn served(version: &str) -> Option<Arc<Served>> {
    Some(Arc::new(Served { version: Arc::from(version), backend: Arc::from("mlserver") }))
}

fn record() -> Record {
    Record {
        request_id: Box::from("r-1"),
        trace_id: Box::from("4bf92f3577b34da6a3ce929d0e0e4736"),
        listener: Arc::from("main"),
        peer: "127.0.0.1:51000".parse().unwrap(),
        identity: Identity::Anonymous,
        method: Method::POST,
        protocol: Some(Protocol::OipRest),
        operation: Some(Operation::Infer),
        model: Some(Arc::from("iris")),
        served: served("1"),
        endpoint: Some(Arc::from("10.0.0.9:8080")),
        tries: 1,
        status: 200,
        outcome: Outcome::Answered,
        cause: None,
        would_refuse: None,
        arrived: UNIX_EPOCH,
        total: Duration::from_micros(2300),
        upstream: Duration::from_micros(2000),
        traffic: Traffic { received: 120, sent: 80 },
        usage: None,
        generation: Arc::from("abc123"),
    }
}

fn meter() -> Meter {
    Meter::new(UNIX_EPOCH + Duration::from_millis(1_700_000_000_500))
}

/// The lines of one family, sorted: the order of series is that of a hash map.
fn family(meter: &Meter, name: &str) -> Vec<String> {
    let text = meter.encode().unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with(name))
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn value(meter: &Meter, series: &str) -> Option<String> {
    let text = meter.encode().unwrap();
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

#[test]
fn the_text_of_one_request_to_the_letter() {
    let meter = meter();
    meter.begun(&Arc::from("main"));
    meter.begun(&Arc::from("main"));
    meter.ended(&record());
    meter.reloaded(true, "abc123", UNIX_EPOCH + Duration::from_secs(1_700_000_001));
    meter.follow_drops(Arc::new(AtomicU64::new(7)));
    let refusals: String = Kind::ALL
        .iter()
        .map(|kind| format!("sluicegate_refusals_total{{kind=\"{}\"}} 0\n", kind.facts().label))
        .collect();
    let expected = include_str!("expected.txt").replace("<VERSION>", env!("CARGO_PKG_VERSION"));
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let text = meter.encode().unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(sorted(&text), sorted(&(expected + &refusals)));
}

#[test]
fn a_request_that_came_to_nothing_is_counted_without_names() {
    let meter = meter();
    let refused = Record {
        outcome: Outcome::Refused(Kind::NoSuchPath),
        protocol: None,
        operation: None,
        model: None,
        served: None,
        endpoint: None,
        upstream: Duration::ZERO,
        ..record()
    };
    meter.begun(&refused.listener);
    meter.ended(&refused);
    let labels =
        r#"listener="main",protocol="-",operation="-",model="-",version="-",backend="-",outcome="no_such_path""#;
    assert_eq!(value(&meter, &format!("sluicegate_requests_total{{{labels}}}")).as_deref(), Some("1"));
    assert_eq!(value(&meter, r#"sluicegate_refusals_total{kind="no_such_path"}"#).as_deref(), Some("1"));
    let route = r#"{protocol="-",model="-",version="-",backend="-"}"#;
    assert_eq!(value(&meter, &format!("sluicegate_request_upstream_seconds_count{route}")).as_deref(), Some("0"));
    assert_eq!(value(&meter, &format!("sluicegate_request_gateway_seconds_count{route}")).as_deref(), Some("1"));
    assert_eq!(value(&meter, r#"sluicegate_requests_in_flight{listener="main"}"#).as_deref(), Some("0"));
}

#[test]
fn equal_names_of_two_generations_share_their_series() {
    let meter = meter();
    meter.ended(&record());
    meter.ended(&record());
    let lines = family(&meter, "sluicegate_requests_total");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with(" 2")), "{lines:?}");
}

#[test]
fn what_limits_had_not_enough_for_is_counted_by_limit_and_bounded() {
    let meter = Meter::capped(UNIX_EPOCH, 2);
    for name in ["each", "each", "places", "new", "newer"] {
        meter.limited(&Arc::from(name), "enforce");
    }
    let of = |limit: &str| value(&meter, &format!(r#"sluicegate_limited_total{{limit="{limit}",mode="enforce"}}"#));
    assert_eq!(
        [of("each"), of("places"), of("other"), of("new")].map(|count| count.unwrap_or_default()),
        ["2", "1", "2", ""]
    );
}

#[test]
fn what_observed_rules_refuse_is_counted_by_model_and_bounded() {
    let meter = Meter::capped(UNIX_EPOCH, 2);
    for name in ["iris", "iris", "fraud", "new", "newer"] {
        meter.would_refuse(&Arc::from(name), Kind::Forbidden);
    }
    let of =
        |model: &str| value(&meter, &format!(r#"sluicegate_would_refuse_total{{model="{model}",kind="forbidden"}}"#));
    assert_eq!(
        [of("iris"), of("fraud"), of("other"), of("new")].map(|count| count.unwrap_or_default()),
        ["2", "1", "2", ""]
    );
}

#[test]
fn beyond_the_cap_everything_is_other() {
    let meter = Meter::capped(UNIX_EPOCH, 3);
    for number in 0..10 {
        let name = format!("n{number}");
        let listener: Arc<str> = Arc::from(name.as_str());
        meter.begun(&listener);
        meter.ended(&Record { listener, model: Some(Arc::from(name)), ..record() });
    }
    meter.ended(&Record { listener: Arc::from("n0"), model: Some(Arc::from("n0")), ..record() });
    let lines = family(&meter, "sluicegate_requests_total");
    assert_eq!(lines.len(), 4, "{lines:?}");
    let other = concat!(
        r#"sluicegate_requests_total{listener="other",protocol="other",operation="other",model="other","#,
        r#"version="other",backend="other",outcome="ok"}"#
    );
    assert_eq!(value(&meter, other).as_deref(), Some("7"));
    let known = lines.iter().find(|line| line.contains(r#"model="n0""#)).unwrap();
    assert!(known.ends_with(" 2"), "{known}");
    assert_eq!(family(&meter, "sluicegate_request_gateway_seconds_count").len(), 4);
    assert_eq!(family(&meter, "sluicegate_received_bytes_total").len(), 4);
    // Three listeners and `other`, help and type.
    assert_eq!(family(&meter, "sluicegate_requests_in_flight").len(), 6);
    assert_eq!(value(&meter, r#"sluicegate_requests_in_flight{listener="other"}"#).as_deref(), Some("0"));
}

#[test]
fn a_bad_reload_is_seen_and_the_last_good_generation_stays() {
    let meter = meter();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    meter.reloaded(true, "one", at(100));
    meter.reloaded(false, "two", at(200));
    assert_eq!(value(&meter, "sluicegate_config_last_reload_successful").as_deref(), Some("0"));
    assert_eq!(value(&meter, "sluicegate_config_last_reload_timestamp_seconds").as_deref(), Some("200.0"));
    assert_eq!(value(&meter, r#"sluicegate_config_reloads_total{result="failed"}"#).as_deref(), Some("1"));
    assert_eq!(value(&meter, r#"sluicegate_config_generation{digest="one"}"#).as_deref(), Some("1"));
    meter.reloaded(true, "three", at(300));
    assert_eq!(value(&meter, r#"sluicegate_config_generation{digest="one"}"#), None);
    assert_eq!(value(&meter, r#"sluicegate_config_generation{digest="three"}"#).as_deref(), Some("1"));
    assert_eq!(value(&meter, "sluicegate_config_last_reload_successful").as_deref(), Some("1"));
}

#[test]
fn names_cannot_break_out_of_their_label() {
    let meter = meter();
    meter.ended(&Record { served: served("a\"} 5\nevil{x=\""), ..record() });
    let text = meter.encode().unwrap();
    assert!(text.contains(r#"version="a\"} 5\nevil{x=\"""#), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
}

#[test]
fn tokens_are_counted_by_kind() {
    let meter = meter();
    let usage = Usage { input: Some(12), output: Some(5), total: Some(17), cached: Some(8), reasoning: None };
    let chat =
        Record { protocol: Some(Protocol::OpenAi), operation: Some(Operation::Chat), usage: Some(usage), ..record() };
    meter.ended(&chat);
    meter.ended(&chat);
    // A server that tells nothing adds nothing, and a predictive model has no tokens at all.
    meter.ended(&Record { usage: None, ..chat });
    meter.ended(&record());
    let series = |protocol: &str, kind: &str| {
        let labels = r#"model="iris",version="1",backend="mlserver""#;
        format!(r#"sluicegate_tokens_total{{protocol="{protocol}",{labels},kind="{kind}"}}"#)
    };
    let counted = ["input", "output", "cached", "reasoning"].map(|kind| value(&meter, &series("openai", kind)));
    assert_eq!(counted, ["24", "10", "16", "0"].map(|count| Some(count.to_owned())));
    assert_eq!(value(&meter, &series("oip-rest", "input")), None);
}
