//! `sluicegate call`: tries a model of a running gateway.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::status::{admin_json, text};
use crate::cli::{Call, Form};
use crate::json::at;
use crate::{client, hints, output};

/// Exit code 0: the model answered; 1: anything else.
pub(crate) fn run(options: &Call) -> anyhow::Result<ExitCode> {
    let base = match &options.url {
        Some(url) => url.clone(),
        None => data_address(&options.running.admin)?,
    };
    let (model, version) = match options.model.rsplit_once('@') {
        Some((model, version)) => (model, Some(version)),
        None => (options.model.as_str(), None),
    };
    let path = hints::model_path(model, version);
    let body = request(options, &base, &path)?;
    let answer = client::send(Method::POST, &base, &format!("{path}/infer"), Some(body))?;
    let id = answer.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("-");
    let value: Value = serde_json::from_slice(&answer.body).context("the answer is not JSON")?;
    if !answer.status.is_success() {
        bail!("{} ({}; request id {id})", text(at(&value, "/error")), answer.status);
    }
    output::print(options.running.output.output, &value, draw)?;
    if options.running.output.output == Form::Table {
        output::tell(&format!(
            "model {} version {}; request id {id}",
            text(at(&value, "/model_name")),
            text(at(&value, "/model_version"))
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The first listener's address, as the admin listener tells it.
fn data_address(admin: &str) -> anyhow::Result<String> {
    let status = admin_json(Method::GET, admin, "/status")?;
    let address = at(&status, "/listeners/0/address").as_str().context("the gateway has no open listener")?;
    Ok(format!("http://{}", hints::reachable(address)))
}

/// The body to send: what the user gave if it is a whole request, else a request around it.
fn request(options: &Call, base: &str, path: &str) -> anyhow::Result<Bytes> {
    let given = match options.input.as_deref() {
        Some("@-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            Some(bytes)
        }
        Some(input) => match input.strip_prefix('@') {
            Some(file) => Some(std::fs::read(file).with_context(|| format!("cannot read {file}"))?),
            None => Some(input.as_bytes().to_vec()),
        },
        None => None,
    };
    let parsed: Option<Value> = match &given {
        Some(bytes) => Some(serde_json::from_slice(bytes).context("--input is not JSON")?),
        None => None,
    };
    if parsed.as_ref().is_some_and(|value| value.get("inputs").is_some()) {
        return Ok(given.unwrap_or_default().into());
    }
    let answer = client::send(Method::GET, base, path, None)?;
    let metadata: Value = serde_json::from_slice(&answer.body).context("the gateway's answer is not JSON")?;
    if !answer.status.is_success() {
        bail!("{} ({})", text(at(&metadata, "/error")), answer.status);
    }
    let body = match parsed {
        Some(data) => hints::request_with(&metadata, data),
        None => hints::example_request(&metadata),
    };
    let body =
        body.context("the model's inputs are not known: give a whole request, {\"inputs\": [...]}, by --input")?;
    Ok(Bytes::from(serde_json::to_vec(&body)?))
}

fn draw(answer: &Value) -> String {
    let rows = at(answer, "/outputs").as_array().into_iter().flatten().map(|output| {
        let data = output.get("data").unwrap_or(&json!("(binary)")).to_string();
        [text(at(output, "/name")), text(at(output, "/datatype")), at(output, "/shape").to_string(), shorten(&data)]
    });
    output::table(["OUTPUT", "DATATYPE", "SHAPE", "DATA"], rows.collect())
}

fn shorten(data: &str) -> String {
    const MOST: usize = 400;
    if data.chars().count() <= MOST {
        return data.to_owned();
    }
    data.chars().take(MOST).chain("…  (-o json shows all)".chars()).collect()
}
