//! `sluicegate call`: tries a model of a running gateway.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::status::{admin_json, text};
use crate::cli::{Call, Form};
use crate::client::At;
use crate::json::{self, at, sorted};
use crate::{client, hints, output};

/// Exit code 0: the model answered; 1: anything else.
pub(crate) fn run(options: &Call) -> anyhow::Result<ExitCode> {
    let base = match &options.url {
        Some(url) => url.clone(),
        None => data_address(&options.running.admin)?,
    };
    let gateway = At { base: &base, ca: options.ca.as_deref() };
    let (model, version) = match options.model.rsplit_once('@') {
        Some((model, version)) => (model, Some(version)),
        None => (options.model.as_str(), None),
    };
    let described = client::send(Method::GET, gateway, &hints::chat_model_path(model), None)?;
    if described.status.is_success() {
        return chat(options, gateway, model);
    }
    let path = hints::model_path(model, version);
    let body = request(options, gateway, &path)?;
    let answer = client::send(Method::POST, gateway, &format!("{path}/infer"), Some(body))?;
    let id = answer.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("-");
    let value = json::read(&answer.body).context("the answer is not JSON")?;
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

/// Calls a generative model: a whole request as it is, anything else as what a user says.
fn chat(options: &Call, gateway: At<'_>, model: &str) -> anyhow::Result<ExitCode> {
    let said = given(options)?.map_or_else(|| Ok(hints::GREETING.to_owned()), String::from_utf8);
    let said = said.context("--input is not UTF-8")?;
    let whole: Option<Value> = serde_json::from_str(&said).ok().filter(|value: &Value| value.get("messages").is_some());
    let mut body = whole.unwrap_or_else(|| json!({ "messages": [{ "role": "user", "content": said }] }));
    if let Some(members) = body.as_object_mut() {
        members.insert("model".to_owned(), Value::from(model));
        // One answer is printed, not a stream.
        members.remove("stream");
        members.remove("stream_options");
    }
    let body = Bytes::from(sorted(body).to_string());
    let answer = client::send(Method::POST, gateway, hints::CHAT_PATH, Some(body))?;
    let id = answer.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("-");
    let value = json::read(&answer.body).context("the answer is not JSON")?;
    if !answer.status.is_success() {
        bail!("{} ({}; request id {id})", text(at(&value, "/error/message")), answer.status);
    }
    output::print(options.running.output.output, &value, |value| text(at(value, "/choices/0/message/content")))?;
    if options.running.output.output == Form::Table {
        let tokens = |name| text(at(&value, name));
        let (read, written) = (tokens("/usage/prompt_tokens"), tokens("/usage/completion_tokens"));
        output::tell(&format!("model {model}; {read} tokens read, {written} written; request id {id}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The first listener's address, as the admin listener tells it.
fn data_address(admin: &str) -> anyhow::Result<String> {
    let status = admin_json(Method::GET, admin, "/status")?;
    let listener = at(&status, "/listeners/0");
    let address = at(listener, "/address").as_str().context("the gateway has no open listener")?;
    let scheme = if at(listener, "/tls") == true { "https" } else { "http" };
    Ok(format!("{scheme}://{}", hints::reachable(address)))
}

/// What the user gave, if anything.
fn given(options: &Call) -> anyhow::Result<Option<Vec<u8>>> {
    Ok(match options.input.as_deref() {
        Some("@-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            Some(bytes)
        }
        Some(input) => Some(match input.strip_prefix('@') {
            Some(file) => std::fs::read(file).with_context(|| format!("cannot read {file}"))?,
            None => input.as_bytes().to_vec(),
        }),
        None => None,
    })
}

/// The body to send: what the user gave if it is a whole request, else a request around it.
fn request(options: &Call, gateway: At<'_>, path: &str) -> anyhow::Result<Bytes> {
    let given = given(options)?;
    let parsed: Option<Value> = match &given {
        Some(bytes) => Some(serde_json::from_slice(bytes).context("--input is not JSON")?),
        None => None,
    };
    if parsed.as_ref().is_some_and(|value| value.get("inputs").is_some()) {
        return Ok(given.unwrap_or_default().into());
    }
    let answer = client::send(Method::GET, gateway, path, None)?;
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
