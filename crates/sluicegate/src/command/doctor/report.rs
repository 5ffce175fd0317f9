//! What the doctor prints: a line for each endpoint that is well, one for each finding, the worst first.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use sluicegate_adapters::examine::Examination;
use sluicegate_core::{BackendPlan, Finding, Level, Lookup};

use crate::output;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) ok: bool,
    /// Whether a running gateway was asked as well.
    running: bool,
    endpoints: Vec<Examined>,
    gateway: Vec<Row>,
}

/// An endpoint that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Examined {
    pub(super) backend: String,
    protocol: &'static str,
    pub(super) endpoint: String,
    ok: bool,
    address: Option<String>,
    connect_ms: Option<f64>,
    handshake_ms: Option<f64>,
    health_ms: Option<f64>,
    /// In seconds since 1970.
    certificate_expires: Option<u64>,
    software: Option<String>,
    extensions: Vec<String>,
    clock_ahead_seconds: Option<i64>,
    models: Vec<Model>,
    #[serde(serialize_with = "rows")]
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Model {
    name: String,
    version: Option<String>,
    ready: bool,
    described: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    level: &'static str,
    what: String,
    advice: Option<String>,
}

impl Report {
    pub(super) fn new(mut endpoints: Vec<Examined>, mut gateway: Vec<Finding>, running: bool) -> Self {
        for one in &mut endpoints {
            one.findings.sort_by_key(|finding| Reverse(finding.level));
            one.ok = well(&one.findings);
        }
        gateway.sort_by_key(|finding| Reverse(finding.level));
        let ok = well(&gateway) && endpoints.iter().all(|one| one.ok);
        Self { ok, running, endpoints, gateway: gateway.iter().map(Row::from).collect() }
    }

    pub(super) fn draw(&self) -> String {
        let mut rows = Vec::new();
        for level in [Level::Broken, Level::Urgent, Level::Warning] {
            self.draw_level(level.as_str(), &mut rows);
        }
        for one in self.endpoints.iter().filter(|one| one.ok) {
            rows.push(["well".to_owned(), one.backend.clone(), one.endpoint.clone(), one.health()]);
        }
        self.draw_level(Level::Note.as_str(), &mut rows);
        let sick = self.endpoints.iter().filter(|one| !one.ok).count();
        let wrong = self.gateway.iter().filter(|row| row.level != Level::Note.as_str()).count();
        let mut end = format!("{} endpoints, {sick} of them with something wrong", self.endpoints.len());
        if wrong > 0 {
            end.push_str(&format!("; {wrong} findings about the gateway itself"));
        }
        if !self.running {
            end.push_str("; no gateway runs here that could be asked");
        }
        format!("{}\n\n{end}", output::table(["", "BACKEND", "ENDPOINT", "WHAT"], rows))
    }

    fn draw_level(&self, level: &str, rows: &mut Vec<[String; 4]>) {
        for one in &self.endpoints {
            for found in one.findings.iter().map(Row::from).filter(|row| row.level == level) {
                found.draw(&one.backend, &one.endpoint, rows);
            }
        }
        for found in self.gateway.iter().filter(|row| row.level == level) {
            found.draw("(gateway)", "-", rows);
        }
    }
}

impl Examined {
    pub(super) fn of(plan: &BackendPlan, endpoint: &str, examination: Examination) -> Self {
        let milliseconds = |time: Option<Duration>| time.map(|time| (time.as_secs_f64() * 10_000.0).round() / 10.0);
        let models = examination.models.into_iter().map(|examined| Model {
            name: examined.model.name.to_string(),
            version: examined.model.version.map(|version| version.to_string()),
            ready: examined.ready,
            described: examined.described,
        });
        Self {
            endpoint: endpoint.to_owned(),
            address: examination.address.map(|address| address.to_string()),
            connect_ms: milliseconds(examination.connect),
            handshake_ms: milliseconds(examination.handshake),
            health_ms: milliseconds(examination.health),
            certificate_expires: examination.certificate_ends.map(seconds),
            software: examination.software,
            extensions: examination.extensions,
            clock_ahead_seconds: examination.clock_ahead,
            models: models.collect(),
            ..Self::without(plan, examination.findings)
        }
    }

    /// A backend of which there is nothing to examine.
    pub(super) fn without(plan: &BackendPlan, findings: Vec<Finding>) -> Self {
        Self {
            backend: plan.name.to_string(),
            protocol: plan.kind,
            endpoint: "-".to_owned(),
            ok: false,
            address: None,
            connect_ms: None,
            handshake_ms: None,
            health_ms: None,
            certificate_expires: None,
            software: None,
            extensions: Vec::new(),
            clock_ahead_seconds: None,
            models: Vec::new(),
            findings,
        }
    }

    /// A source of endpoints, in the place of those that should be found there.
    pub(super) fn source(plan: &BackendPlan, lookup: &Lookup, finding: Finding) -> Self {
        Self { endpoint: lookup.to_string(), ..Self::without(plan, vec![finding]) }
    }

    /// What there is to say of one that is well.
    fn health(&self) -> String {
        let mut words: Vec<String> = self.software.iter().cloned().collect();
        for (what, time) in
            [("connected", self.connect_ms), ("handshake", self.handshake_ms), ("healthy", self.health_ms)]
        {
            words.extend(time.map(|time| format!("{what} in {time} ms")));
        }
        match self.models.len() {
            0 => words.push("no model points here".to_owned()),
            1 => words.push("1 model ready".to_owned()),
            count => words.push(format!("{count} models ready")),
        }
        words.join(", ")
    }
}

impl Row {
    fn draw(&self, backend: &str, endpoint: &str, rows: &mut Vec<[String; 4]>) {
        rows.push([self.level.to_owned(), backend.to_owned(), endpoint.to_owned(), self.what.clone()]);
        if let Some(advice) = &self.advice {
            rows.push([String::new(), String::new(), String::new(), format!("  -> {advice}")]);
        }
    }
}

impl From<&Finding> for Row {
    fn from(finding: &Finding) -> Self {
        let advice = (!finding.advice.is_empty()).then(|| finding.advice.clone());
        Self { level: finding.level.as_str(), what: finding.what.clone(), advice }
    }
}

/// Notes are nothing wrong.
fn well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.level == Level::Note)
}

fn rows<S: serde::Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(Row::from))
}

fn seconds(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
