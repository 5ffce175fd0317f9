//! `sluicegate models`: what a running gateway serves.

use std::process::ExitCode;

use anyhow::Context as _;
use http::Method;
use serde_json::Value;

use super::status::{admin_json, text};
use crate::cli::Running;
use crate::json::at;
use crate::output;

pub(crate) fn run(options: &Running) -> anyhow::Result<ExitCode> {
    let models = admin_json(Method::GET, &options.admin, "/models")?;
    models.as_array().context("the admin listener's answer is not a list of models")?;
    output::print(options.output.output, &models, |models| {
        let mut rows = Vec::new();
        for model in models.as_array().into_iter().flatten() {
            for version in at(model, "/versions").as_array().into_iter().flatten() {
                let stable = if at(version, "/name") == at(model, "/stable") { "stable" } else { "" };
                rows.push([
                    text(at(model, "/name")),
                    text(at(version, "/name")),
                    stable.to_owned(),
                    text(at(version, "/backend")),
                    backend_name(version),
                    text(at(model, "/owner")),
                ]);
            }
        }
        output::table(["MODEL", "VERSION", "TRAFFIC", "BACKEND", "AS", "OWNER"], rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What the backend knows the version as: a file, or a name and version.
fn backend_name(version: &Value) -> String {
    match (at(version, "/source").as_str(), at(version, "/version").as_str()) {
        (Some(source), _) => source.to_owned(),
        (None, Some(number)) => format!("{}@{number}", text(at(version, "/model"))),
        (None, None) => text(at(version, "/model")),
    }
}
