//! What a running gateway says of the endpoints that are looked at.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use sluicegate_config::Resolved;
use sluicegate_core::{Finding, Level};

use crate::client;
use crate::json::at;

/// How long it may take to answer: one that does not is looked at as one that is not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Its status.
pub(super) struct Running(Value);

/// Asks the gateway that runs at the configured address, or at another that was given; `None` where none answers.
pub(super) async fn ask(resolved: &Resolved, admin: Option<&str>) -> Option<Running> {
    let base = match (admin, resolved.admin.address) {
        (Some(given), _) => given.to_owned(),
        (None, Some(address)) if address.port() != 0 => format!("http://{address}"),
        (None, _) => return None,
    };
    let answer =
        tokio::time::timeout(PATIENCE, client::exchange(Method::GET, &*base, "/status", None)).await.ok()?.ok()?;
    let status = answer.status.is_success().then(|| serde_json::from_slice(&answer.body).ok()).flatten()?;
    Some(Running(status))
}

impl Running {
    /// What keeps it from sending requests to an endpoint.
    pub(super) fn about(&self, backend: &str, endpoint: &str) -> Option<Finding> {
        let list = |value: &'_ Value, key: &str| at(value, key).as_array().cloned().unwrap_or_default();
        let backends = list(&self.0, "/backends");
        let backend = backends.iter().find(|known| at(known, "/name") == backend)?;
        let endpoints = list(backend, "/endpoints");
        let known = endpoints.iter().find(|known| {
            at(known, "/address").as_str().is_some_and(|address| endpoint.strip_prefix(address).is_some_and(is_path))
        })?;
        let state = at(known, "/state").as_str().filter(|state| *state != "up")?;
        let mut what = format!("the running gateway has it {state}");
        match at(known, "/left_ms").as_u64() {
            Some(left) if left > 0 => what.push_str(&format!(" for {} s more", left.div_ceil(1000))),
            Some(_) | None => {}
        }
        if let Some(reason) = at(known, "/reason").as_str() {
            what.push_str(&format!(": {reason}"));
        }
        let advice = "once what is wrong is put right, it takes the endpoint back by itself";
        Some(Finding::new(Level::Warning, what).advise(advice))
    }

    /// What is wrong with it as a whole.
    pub(super) fn about_itself(&self, resolved: &Resolved) -> Vec<Finding> {
        let mut findings = Vec::new();
        if at(&self.0, "/ready") != true {
            let advice = "see `sluicegate status`";
            findings.push(Finding::new(Level::Broken, "the running gateway is not ready").advise(advice));
        }
        for mistake in at(&self.0, "/last_reload/mistakes").as_array().into_iter().flatten().filter_map(Value::as_str) {
            let what = format!("the running gateway refused its last reload: {mistake}");
            findings.push(Finding::new(Level::Broken, what).advise("put it right: the configuration before serves on"));
        }
        if at(&self.0, "/digest") != &*resolved.digest {
            let what = "the running gateway serves another configuration than the one examined here";
            findings.push(Finding::new(Level::Note, what));
        }
        findings
    }
}

/// Whether this stands behind an address, where the path begins.
fn is_path(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}
