//! `sluicegate status`: how a running gateway does.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use http::Method;
use serde_json::Value;

use crate::cli::Running;
use crate::json::at;
use crate::{client, output};

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
    serde_json::from_slice(&answer.body)
        .with_context(|| format!("what answers at {admin} is not a gateway's admin listener"))
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
    if at(status, "/last_reload/ok") == false {
        drawn.push_str("\nLAST RELOAD REFUSED; the generation above still serves:\n");
        for mistake in at(status, "/last_reload/mistakes").as_array().into_iter().flatten() {
            drawn.push_str(&format!("  {}\n", text(mistake)));
        }
    }
    if let Some(why) = at(status, "/not_replaced").as_str() {
        drawn.push_str(&format!("\nLAST REPLACEMENT FAILED; this process serves on:\n  {why}\n"));
    }
    let listeners = at(status, "/listeners").as_array().into_iter().flatten();
    let listeners = listeners.map(|listener| {
        let tls = if at(listener, "/tls") == true { "yes" } else { "no" };
        [text(at(listener, "/name")), text(at(listener, "/address")), tls.to_owned()]
    });
    drawn.push_str(&format!("\n{}\n", output::table(["LISTENER", "ADDRESS", "TLS"], listeners.collect())));
    let backends = at(status, "/backends").as_array().into_iter().flatten().map(|backend| {
        let endpoints = at(backend, "/endpoints").as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        [text(at(backend, "/name")), text(at(backend, "/protocol")), endpoints.join(", ")]
    });
    drawn.push_str(&format!("\n{}\n", output::table(["BACKEND", "PROTOCOL", "ENDPOINTS"], backends.collect())));
    drawn
}

/// A value as a person reads it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}
