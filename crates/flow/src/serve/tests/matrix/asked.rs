//! Every request of the matrix, in each protocol that has it.

use bytes::Bytes;

use super::super::grpc::{infer, message};

/// A protocol, and how a request of it is made.
pub(super) enum Wire {
    /// Method, path and body.
    Http(&'static str, String, String),
    /// The call and its message.
    Grpc(&'static str, Bytes),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// An operation with a model, and perhaps a version of it.
    Model(&'static str, &'static str, Option<&'static str>),
    /// A list by an operation; of models that speak OpenAI's API alone, or of all.
    List(&'static str, bool),
    Order(&'static str),
    OrderToAll,
}

pub(super) struct Ask {
    pub(super) what: What,
    pub(super) wire: Wire,
}

const VERSIONS: [Option<&str>; 5] = [None, Some("1"), Some("2"), Some("3"), Some("9")];
const TENSOR: &str = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[7]}]}"#;

/// All of them. `m` takes tensors, `t` speaks OpenAI's API, and nobody has `x`.
pub(super) fn all() -> Vec<Ask> {
    let mut all: Vec<Ask> = VERSIONS.into_iter().flat_map(|version| of_model("m", version)).collect();
    all.extend(of_model("x", None));
    all.extend(openai("t"));
    all.extend(openai("x"));
    all.extend(lists());
    all.extend(orders());
    all
}

fn of_model(model: &'static str, version: Option<&'static str>) -> Vec<Ask> {
    let path =
        version.map_or(format!("/v2/models/{model}"), |version| format!("/v2/models/{model}/versions/{version}"));
    let ask = |operation: &'static str, wire| Ask { what: What::Model(operation, model, version), wire };
    let http = |operation, method, verb: &str, body: &str| {
        ask(operation, Wire::Http(method, format!("{path}{verb}"), body.to_owned()))
    };
    let names = [(1, model), (2, version.unwrap_or(""))];
    let tensor = || infer(model, version.unwrap_or(""));
    let grpc = |operation, call, message| ask(operation, Wire::Grpc(call, message));
    vec![
        http("infer", "POST", "/infer", TENSOR),
        http("generate", "POST", "/generate", r#"{"x":7}"#),
        http("generate_stream", "POST", "/generate_stream", r#"{"x":7}"#),
        http("metadata", "GET", "", ""),
        http("ready", "GET", "/ready", ""),
        http("config", "GET", "/config", ""),
        http("statistics", "GET", "/stats", ""),
        grpc("infer", "ModelInfer", tensor()),
        grpc("stream_infer", "ModelStreamInfer", tensor()),
        grpc("metadata", "ModelMetadata", message(&names)),
        grpc("ready", "ModelReady", message(&names)),
        grpc("config", "ModelConfig", message(&names)),
        grpc("statistics", "ModelStatistics", message(&names)),
    ]
}

fn openai(model: &'static str) -> Vec<Ask> {
    let ask = |operation, method, path: &str, body: String| Ask {
        what: What::Model(operation, model, None),
        wire: Wire::Http(method, path.to_owned(), body),
    };
    vec![
        ask("chat", "POST", "/v1/chat/completions", format!(r#"{{"model":"{model}","messages":[]}}"#)),
        ask("complete", "POST", "/v1/completions", format!(r#"{{"model":"{model}","prompt":"a"}}"#)),
        ask("respond", "POST", "/v1/responses", format!(r#"{{"model":"{model}","input":"a"}}"#)),
        ask("embed", "POST", "/v1/embeddings", format!(r#"{{"model":"{model}","input":"a"}}"#)),
        ask("metadata", "GET", &format!("/v1/models/{model}"), String::new()),
    ]
}

fn lists() -> Vec<Ask> {
    let http = |operation, talks, method, path: &str| Ask {
        what: What::List(operation, talks),
        wire: Wire::Http(method, path.to_owned(), String::new()),
    };
    let grpc = |operation, call| Ask { what: What::List(operation, false), wire: Wire::Grpc(call, message(&[])) };
    vec![
        http("names", false, "GET", "/v2/models"),
        http("names", true, "GET", "/v1/models"),
        http("index", false, "POST", "/v2/repository/index"),
        http("statistics", false, "GET", "/v2/models/stats"),
        grpc("index", "RepositoryIndex"),
        grpc("statistics", "ModelStatistics"),
    ]
}

fn orders() -> Vec<Ask> {
    let post = |path: String| Wire::Http("POST", path, "{}".to_owned());
    let mut all = Vec::new();
    for model in ["m", "t", "x"] {
        for path in [format!("/v2/repository/models/{model}/load"), format!("/v2/models/{model}/trace/setting")] {
            all.push(Ask { what: What::Order(model), wire: post(path) });
        }
        let unload = Wire::Grpc("RepositoryModelUnload", message(&[(2, model)]));
        all.push(Ask { what: What::Order(model), wire: unload });
    }
    all.push(Ask { what: What::OrderToAll, wire: post("/v2/logging".to_owned()) });
    all.push(Ask { what: What::OrderToAll, wire: Wire::Grpc("TraceSetting", message(&[])) });
    all
}
