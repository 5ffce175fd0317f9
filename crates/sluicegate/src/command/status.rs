//! `sluicegate status`: how a running gateway does.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::Value;

use crate::cli::Running;
use crate::json::at;
use crate::{client, json, output};

/// Exit code 0: ready; 1: not ready, or the last reload was refused.
pub(crate) fn run(options: &Running) -> anyhow::Result<ExitCode> {
    let status = admin_json(Method::GET, &options.admin, "/status")?;
    output::print(options.output.output, &status, draw)?;
    let good = at(&status, "/ready") == true && at(&status, "/last_reload/ok") != false;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the admin listener.
pub(super) fn admin_json(method: Method, admin: &str, path: &str) -> anyhow::Result<Value> {
    let answer = client::send(method, admin, path, None)?;
    if !answer.status.is_success() {
        let said = String::from_utf8_lossy(&answer.body);
        bail!("{admin}{path} answered {}: {}", answer.status, said.trim());
    }
    json::read(&answer.body).with_context(|| format!("what answers at {admin} is not a gateway's admin listener"))
}

fn draw(status: &Value) -> String {
    let ready = match (at(status, "/ready") == true, at(status, "/draining") == true) {
        (true, _) => "ready",
        (false, true) => "draining",
        (false, false) => "not ready",
    };
    let digest: String = text(at(status, "/digest")).chars().take(12).collect();
    let mut drawn = format!(
        "sluicegate {}: {ready}, generation {} ({digest}), {} models\n",
        text(at(status, "/version")),
        text(at(status, "/generation")),
        at(status, "/models").as_array().map_or(0, Vec::len)
    );
    if let Some(observed) = observed(status) {
        drawn.push_str(&format!("\nRULES MERELY OBSERVED (`policy: observe`): {observed}\n"));
    }
    if at(status, "/last_reload/ok") == false {
        drawn.push_str("\nLAST RELOAD REFUSED; the generation above still serves:\n");
        for mistake in at(status, "/last_reload/mistakes").as_array().into_iter().flatten() {
            drawn.push_str(&format!("  {}\n", text(mistake)));
        }
    }
    if let Some(why) = at(status, "/not_replaced").as_str() {
        drawn.push_str(&format!("\nLAST REPLACEMENT FAILED; this process serves on:\n  {why}\n"));
    }
    let load = |key: &str| text(at(status, &format!("/load/{key}")));
    let (requests, most, refused) = (load("requests"), load("most_requests"), load("refused"));
    drawn.push_str(&format!("\nrequests under way {requests} of {most}, {refused} refused for want of room\n"));
    let listeners = at(status, "/listeners").as_array().into_iter().flatten();
    let listeners = listeners.map(|listener| {
        let tls = if at(listener, "/tls") == true { "yes" } else { "no" };
        [text(at(listener, "/name")), text(at(listener, "/address")), tls.to_owned()]
    });
    drawn.push_str(&format!("\n{}\n", output::table(["LISTENER", "ADDRESS", "TLS"], listeners.collect())));
    drawn.push_str(&format!("\n{}\n", backends(status)));
    if let Some(sources) = sources(status) {
        drawn.push_str(&format!("\n{sources}\n"));
    }
    drawn
}

/// The models whose rules refuse nobody; `None` where there is none.
fn observed(status: &Value) -> Option<String> {
    const TOLD: usize = 10;
    let models = at(status, "/models").as_array().into_iter().flatten();
    let names: Vec<String> =
        models.filter(|model| at(model, "/policy") == "observe").map(|model| text(at(model, "/name"))).collect();
    let mut told = names.get(..TOLD).unwrap_or(&names).join(", ");
    if names.len() > TOLD {
        told.push_str(&format!(" and {} more", names.len() - TOLD));
    }
    (!names.is_empty()).then_some(told)
}

/// The backends and their endpoints, a line each.
pub(super) fn backends(status: &Value) -> String {
    let mut rows = Vec::new();
    for backend in at(status, "/backends").as_array().into_iter().flatten() {
        let turns = format!(
            "{}/{} +{}",
            text(at(backend, "/in_flight")),
            text(at(backend, "/limit")),
            text(at(backend, "/waiting"))
        );
        let mut own = [text(at(backend, "/name")), text(at(backend, "/protocol")), turns];
        for endpoint in at(backend, "/endpoints").as_array().into_iter().flatten() {
            let field = |key| text(at(endpoint, key));
            let [name, protocol, turns] = own;
            rows.push([
                name,
                protocol,
                turns,
                field("/address"),
                state(endpoint),
                field("/in_flight"),
                field("/calls"),
                field("/failures"),
            ]);
            // Told once.
            own = Default::default();
        }
    }
    output::table(["BACKEND", "PROTOCOL", "BUSY", "ENDPOINT", "STATE", "NOW", "CALLS", "FAILED"], rows)
}

/// Where endpoints come from that are not listed, a line each; `None` where all are.
fn sources(status: &Value) -> Option<String> {
    let mut rows = Vec::new();
    for backend in at(status, "/backends").as_array().into_iter().flatten() {
        for source in at(backend, "/sources").as_array().into_iter().flatten() {
            let field = |key| text(at(source, key));
            rows.push([text(at(backend, "/name")), field("/source"), field("/endpoints"), age(source), doing(source)]);
        }
    }
    (!rows.is_empty()).then(|| output::table(["BACKEND", "SOURCE", "FOUND", "AGO", "STATE"], rows))
}

fn age(source: &Value) -> String {
    match at(source, "/age_ms").as_u64() {
        Some(age) => format!("{}s", age / 1000),
        None => "never".to_owned(),
    }
}

/// How a source of endpoints does.
fn doing(source: &Value) -> String {
    match (at(source, "/failure").as_str(), at(source, "/left_out").as_u64()) {
        (Some(why), _) => format!("failing: {why}"),
        (None, Some(more)) if more > 0 => format!("{more} more are left out"),
        (None, _) => "good".to_owned(),
    }
}

/// How an endpoint does, for how much longer, and why.
pub(super) fn state(endpoint: &Value) -> String {
    let mut state = text(at(endpoint, "/state"));
    match at(endpoint, "/left_ms").as_u64() {
        Some(left) if left > 0 => state.push_str(&format!(" for {}s", left.div_ceil(1000))),
        Some(_) | None => {}
    }
    if let Some(reason) = at(endpoint, "/reason").as_str() {
        state.push_str(&format!(": {reason}"));
    }
    state
}

/// A value as a person reads it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}
