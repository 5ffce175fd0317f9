//! `sluicegate doctor`: real model servers and broken ones, and what it says of each.

pub(crate) mod broken;
mod servers;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{sluicegate, stdout};

/// A configuration of these backends and models, written into `folder`. Nothing of it has to run.
fn configuration(folder: &Path, backends: &str, models: &str) -> String {
    let text = format!(
        "version: 1\nadmin: {{ address: \"127.0.0.1:0\" }}\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: \
         [anonymous], limits: {{ connections: 64 }} }} }}\nbackends:\n{backends}models:\n{models}"
    );
    let path = folder.join("gateway.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs the doctor for a program to read.
#[track_caller]
fn doctor(config: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = sluicegate(&[&["doctor", "--config", config, "-o", "json"], arguments].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), report)
}

/// And for people.
fn printed(config: &str) -> (Output, String) {
    let output = sluicegate(&["doctor", "--config", config]);
    let text = stdout(&output);
    (output, text)
}

/// The one endpoint of a backend.
#[track_caller]
fn of<'a>(report: &'a Value, backend: &str) -> &'a Value {
    let endpoints = report["endpoints"].as_array().unwrap();
    endpoints.iter().find(|one| one["backend"] == backend).unwrap_or_else(|| panic!("{backend}: {report}"))
}

/// Whether it has a finding of this level whose words, or whose advice, hold these.
#[track_caller]
fn assert_found(endpoint: &Value, level: &str, words: &str) {
    let found = endpoint["findings"].as_array().unwrap().iter().any(|finding| {
        let says = |key: &str| finding[key].as_str().is_some_and(|text| text.contains(words));
        finding["level"] == level && (says("what") || says("advice"))
    });
    assert!(found, "no {level} {words:?}: {endpoint:#}");
}
