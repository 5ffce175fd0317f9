//! The clients: how each is run against an address, and its report as answers by mode.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use super::bodies;
use super::cells::{Server, Target};
use crate::perf_analyzer;
use crate::support::{peer, root};

/// One run of a client: whom it asks for which model.
pub(super) struct Ask {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) server: Server,
    /// The gateway's way to the server; `None`: the server itself.
    pub(super) target: Option<&'static Target>,
    pub(super) model: &'static str,
    /// The model's name there.
    pub(super) name: String,
}

/// What came back, by the client's modes; or what went wrong.
pub(super) type Outcome = Result<BTreeMap<String, Value>, String>;

/// A client of the matrix.
pub(super) struct Client {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) models: &'static [&'static str],
    /// Whether it and a server go together without the gateway.
    pub(super) directly: fn(Server) -> bool,
    /// Runs all, in this order.
    pub(super) run: fn(&[Ask]) -> Vec<Outcome>,
}

pub(super) const CLIENTS: &[Client] = &[
    Client {
        title: "tritonclient HTTP",
        about: "JSON, binary, mixed, compressed, asynchronous",
        models: &["iris", "digits", "strings", "adder", "image", "echo", "sequence"],
        directly: |_| true,
        run: |asks| batch("tritonclient_http.py", asks, tritonclient_http, |_, report| by_mode(&report)),
    },
    Client {
        title: "tritonclient gRPC",
        about: "raw and typed contents, compressed, asynchronous, streams",
        models: &["iris", "digits", "strings", "adder", "image", "echo", "sequence", "tokens"],
        directly: |_| true,
        run: |asks| batch("tritonclient_grpc.py", asks, tritonclient_grpc, read_grpc),
    },
    Client {
        title: "tritonclient aio",
        about: "both clients of asyncio, 16 requests at once",
        models: &["iris", "strings", "adder", "image", "tokens"],
        directly: |_| true,
        run: |asks| batch("tritonclient_aio.py", asks, tritonclient_aio, |_, report| by_mode(&report)),
    },
    Client {
        title: "KServe client",
        about: "REST as JSON, binary, mixed and plain objects; gRPC raw and typed",
        models: &["iris", "digits", "strings", "adder", "image"],
        directly: |_| true,
        run: |asks| batch("kserve_client.py", asks, kserve_client, |ask, report| by_mode(&report[ask.model])),
    },
    Client {
        title: "perf_analyzer gRPC",
        about: "which asks for metadata, configuration and statistics first",
        models: &["iris", "image"],
        directly: |server| server == Server::Triton,
        run: |asks| asks.iter().map(|ask| measured(ask, "grpc")).collect(),
    },
    Client {
        title: "perf_analyzer HTTP",
        about: "the same over REST",
        models: &["iris", "image"],
        directly: |server| server == Server::Triton,
        run: |asks| asks.iter().map(|ask| measured(ask, "http")).collect(),
    },
    Client {
        title: "grpcurl",
        about: "calls learnt by reflection; typed contents",
        models: &["iris", "strings", "adder"],
        directly: |_| true,
        run: |asks| asks.iter().map(grpcurl).collect(),
    },
    Client {
        title: "curl",
        about: "plain JSON; `generate_stream` of decoupled models",
        models: &["iris", "digits", "strings", "adder", "image", "tokens"],
        directly: |_| true,
        run: |asks| asks.iter().map(curl).collect(),
    },
    Client {
        title: "OpenAI SDK",
        about: "chat, completions, responses, plain and streamed; leaving early; eight at once",
        models: &["tiny"],
        directly: |_| true,
        run: |asks| batch("openai_client.py", asks, |ask| words(&[&ask.http, &"--model", &ask.name]), read_openai),
    },
];

fn words(words: &[&dyn std::fmt::Display]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Runs a script many times in one process.
fn batch(
    script: &str,
    asks: &[Ask],
    arguments: impl Fn(&Ask) -> Vec<String>,
    read: impl Fn(&Ask, Value) -> BTreeMap<String, Value>,
) -> Vec<Outcome> {
    let jobs: Vec<Vec<String>> = asks.iter().map(arguments).collect();
    let scripts = root().join("tests/python");
    let mut child = Command::new(peer("SLUICEGATE_PYTHON_CLIENTS"))
        .args([scripts.join("batch.py"), scripts.join(script)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(jobs).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    let runs: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(runs.len(), asks.len());
    let outcome = |(ask, mut run): (&Ask, Value)| match run["code"].as_i64() {
        Some(0) => Ok(read(ask, run["report"].take())),
        _ => {
            Err(run["errors"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned() + "; ").collect())
        }
    };
    asks.iter().zip(runs).map(outcome).collect()
}

/// What is answered in each mode, where modes stand side by side.
fn by_mode(report: &Value) -> BTreeMap<String, Value> {
    const FACTS: [&str; 7] = [
        "server_live",
        "server_ready",
        "model_ready",
        "server_metadata",
        "model_metadata",
        "http health",
        "grpc health",
    ];
    let object = report.as_object().unwrap();
    let answers = object.iter().filter(|(mode, _)| !FACTS.contains(&mode.as_str()));
    answers.map(|(mode, answer)| (mode.clone(), answer.clone())).collect()
}

fn tritonclient_http(ask: &Ask) -> Vec<String> {
    let mut words = words(&[&ask.http, &ask.name, &"--skip-refusals"]);
    match ask.model {
        "iris" | "digits" => {
            words.extend([format!("--{}", ask.model), "--outputs".into(), ask.server.outputs().into()])
        }
        "echo" | "sequence" => words.push(format!("--{}", ask.model)),
        small => words.extend(["--small".into(), small.into()]),
    }
    let modes = match (ask.target, ask.server) {
        (None, Server::Mlserver) => Some("json"),
        (None, Server::KServe) => Some("binary,binary-named,json-out,async"),
        _ if ask.model == "sequence" => Some("binary,json"),
        _ => None,
    };
    if let Some(modes) = modes {
        words.extend(["--modes".into(), modes.into()]);
    }
    let json = ask.target.map_or(ask.server != Server::Triton, Target::is_json);
    if ask.model == "echo" && json {
        words.push("--finite".into());
    }
    words
}

fn tritonclient_grpc(ask: &Ask) -> Vec<String> {
    let mut words = words(&[&ask.grpc]);
    match ask.model {
        "iris" | "digits" => words.extend(["--outputs".into(), ask.server.outputs().into()]),
        _ => {}
    }
    match ask.model {
        "strings" | "adder" | "image" => words.extend(["--small".into(), format!("{}={}", ask.model, ask.name)]),
        model => words.extend([format!("--{model}"), ask.name.clone()]),
    }
    if ask.target.is_none() && ask.server != Server::Triton {
        words.extend(["--modes".into(), "raw,raw-named,typed,gzip,deflate,async".into()]);
    }
    if ask.model == "echo" && ask.server.lacks_bf16() {
        words.push("--no-bf16".into());
        if ask.target.is_some_and(Target::is_json) {
            words.push("--finite".into());
        }
    }
    words
}

fn read_grpc(ask: &Ask, mut report: Value) -> BTreeMap<String, Value> {
    let part = report[ask.model].take();
    match ask.model {
        // Errors and what a client sees of its own leaving are compared by the script.
        "tokens" => ["plain", "final", "none"].map(|what| (what.to_owned(), part[what].clone())).into(),
        "sequence" => [("unary".to_owned(), part["unary"].clone())].into(),
        _ => {
            let modes = part.as_object().unwrap().iter().filter(|(mode, _)| *mode != "bf16");
            modes.map(|(mode, answer)| (mode.clone(), answer["outputs"].clone())).collect()
        }
    }
}

fn tritonclient_aio(ask: &Ask) -> Vec<String> {
    // What each goes together with when no gateway is between: docs of the scripts.
    let (http, grpc) = match (ask.target, ask.server) {
        (None, Server::Mlserver) => (false, true),
        (None, Server::KServe) => (true, false),
        _ => (ask.model != "tokens", true),
    };
    let mut words = Vec::new();
    if http {
        words.extend(["--http".to_owned(), ask.http.to_string()]);
    }
    if grpc {
        words.extend(["--grpc".to_owned(), ask.grpc.to_string()]);
    }
    match ask.model {
        "iris" => words.extend(["--iris".into(), ask.name.clone(), "--outputs".into(), ask.server.outputs().into()]),
        "tokens" => words.extend(["--tokens".into(), ask.name.clone()]),
        small => words.extend(["--small".into(), format!("{small}={}", ask.name)]),
    }
    words
}

fn kserve_client(ask: &Ask) -> Vec<String> {
    let mut words = vec!["--skip-refusals".to_owned(), "--grpc".into(), ask.grpc.to_string()];
    if ask.target.is_some() || ask.server != Server::Mlserver {
        words.extend(["--http".into(), ask.http.to_string()]);
    }
    if ask.target.is_none() && ask.server == Server::Triton {
        words.push("--no-health".into());
    }
    match ask.model {
        // A plain object asks for no outputs; MLServer then gives the first alone.
        "iris" | "digits" if ask.server == Server::Mlserver => {
            words.extend([format!("--{}", ask.model), ask.name.clone(), "--outputs".into(), "predict".into()]);
        }
        "iris" | "digits" => words.extend([format!("--{}", ask.model), ask.name.clone()]),
        small => words.extend(["--small".into(), format!("{small}={}", ask.name)]),
    }
    words
}

/// The report with the client's name for the model in place of the one it asked for.
fn read_openai(ask: &Ask, mut report: Value) -> BTreeMap<String, Value> {
    // A list of models is the gateway's own.
    report.as_object_mut().unwrap().remove("models");
    let text = report.to_string().replace(&json!(ask.name).to_string(), r#""tiny""#);
    by_mode(&serde_json::from_str(&text).unwrap())
}

fn measured(ask: &Ask, protocol: &str) -> Outcome {
    const REQUESTS: u32 = 40;
    let (address, shape) = (
        if protocol == "grpc" { ask.grpc } else { ask.http },
        if ask.model == "iris" { "features:1,4" } else { "image:3,112,112" },
    );
    let (said, well) = perf_analyzer::run(address, protocol, &ask.name, shape, REQUESTS);
    match said.lines().find_map(|line| line.trim().strip_prefix("Request count: ")) {
        Some(count) if well => Ok([(protocol.to_owned(), json!({ "requests": count }))].into()),
        _ => Err(said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ")),
    }
}

fn grpcurl(ask: &Ask) -> Outcome {
    let mut command = Command::new(root().join("tests/python/grpcurl.sh"));
    command.env("SLUICEGATE_GRPCURL", peer("SLUICEGATE_GRPCURL"));
    // No server of these has reflection; the gateway has it for all of them.
    if ask.target.is_none() {
        command.arg("--protos");
    }
    let request = bodies::grpc(ask.model, &ask.name).to_string();
    let method = "inference.GRPCInferenceService/ModelInfer";
    let output = command.args([&ask.grpc.to_string(), "call", method, &request]).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    if answer["modelName"] != json!(ask.name) || answer["id"] != "grpcurl" {
        return Err(format!("it is another's answer: {answer}"));
    }
    Ok([("typed".to_owned(), bodies::grpc_outputs(&answer))].into())
}

fn curl(ask: &Ask) -> Outcome {
    let post =
        |verb: &str, body: &Value| curl_post(&format!("http://{}/v2/models/{}/{verb}", ask.http, ask.name), body);
    if ask.model == "tokens" {
        let (said, _) = post("generate_stream", &json!({ "prompt": "a", "max_tokens": 3 }));
        let events = said.lines().filter_map(|line| line.strip_prefix("data: "));
        let mut events: Vec<Value> = events.map(|event| serde_json::from_str(event).unwrap()).collect();
        for event in &mut events {
            if event["model_name"] != json!(ask.name) {
                return Err(format!("it is another's answer: {said}"));
            }
            event["model_name"] = json!("tokens");
        }
        return if events.len() == 3 { Ok([("stream".to_owned(), json!(events))].into()) } else { Err(said) };
    }
    let (said, errors) = post("infer", &bodies::rest(ask.model));
    let answer: Value = serde_json::from_str(&said).map_err(|error| format!("{error}: {said}{errors}"))?;
    let Some(outputs) = answer["outputs"].as_array() else { return Err(said) };
    if answer["model_name"] != json!(ask.name) || answer["id"] != "curl" {
        return Err(format!("it is another's answer: {answer}"));
    }
    let outputs: Map<String, Value> = outputs.iter().map(bodies::rest_output).collect();
    Ok([("json".to_owned(), Value::Object(outputs))].into())
}

/// What came back, and what curl complained of.
fn curl_post(url: &str, body: &Value) -> (String, String) {
    let mut child = Command::new("curl")
        .args(["-sS", "--max-time", "60", "-H", "content-type: application/json", "--data-binary", "@-", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}
