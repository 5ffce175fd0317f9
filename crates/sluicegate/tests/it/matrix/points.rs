//! What a client must never notice: the points in which servers of one protocol differ, each shown on every server.

use serde_json::{Value, json};

use super::cells::{Server, TARGETS, Target};
use super::lossless::{grpc, rest, with};
use super::servers::servers;
use crate::http::{Client, Response};

/// A point, what a client sees of it through the gateway, and the tests that show it.
pub(super) struct Point {
    pub(super) what: &'static str,
    /// How servers differ.
    pub(super) servers: &'static str,
    pub(super) seen: &'static str,
    pub(super) shown_by: &'static [&'static str],
}

pub(super) const POINTS: &[Point] = &[
    Point {
        what: "Calls of gRPC",
        servers: "6 in the specification, 8 at KServe, 10 at MLServer, 20 at Triton; TorchServe has them in a package of its own",
        seen: "Metadata, configuration, statistics, readiness and the index for every model. TorchServe's package is a key of the backend, `package`; no TorchServe is tested here",
        shown_by: &["points::every_call_is_answered_whatever_the_server_has", "perf_analyzer_over_grpc"],
    },
    Point {
        what: "`ModelStreamInfer`",
        servers: "Triton wraps answers, MLServer does not, KServe and the specification have no such call",
        seen: "Triton's messages, in front of every server; one answer a request where the server gives one",
        shown_by: &["tritonclient_over_grpc"],
    },
    Point {
        what: "Kinds of parameters",
        servers: "doubles and unsigned integers are missing from the protocols of KServe, MLServer and TorchServe",
        seen: "They arrive, or INVALID_ARGUMENT names the parameter",
        shown_by: &["lossless::parameters_arrive_or_are_refused_where_the_servers_protocol_has_no_such_kind"],
    },
    Point {
        what: "Field 6 of `ModelMetadataResponse`",
        servers: "`properties` in the specification, absent at Triton and KServe, a map of another type at MLServer",
        seen: "Names, datatypes and shapes as the server has them; in that field text, of the embedded runtime alone",
        shown_by: &["points::descriptions_are_complete_over_both_protocols"],
    },
    Point {
        what: "Version in the path",
        servers: "Triton takes digits alone, KServe answers 501 to any",
        seen: "Versions are the gateway's own and may be any text; what the server is told, nothing with `version: \"\"`, is the configuration's",
        shown_by: &["points::a_version_may_have_any_name"],
    },
    Point {
        what: "Bodies of health and readiness",
        servers: "empty at Triton, JSON elsewhere",
        seen: "JSON",
        shown_by: &["points::health_and_readiness_have_a_body", "kserves_clients"],
    },
    Point {
        what: "Not ready",
        servers: "400 at Triton and MLServer, 503 at KServe",
        seen: "503, UNAVAILABLE",
        shown_by: &["points::a_model_that_its_server_lacks_is_not_ready"],
    },
    Point {
        what: "Unknown model, unknown version",
        servers: "404; 400 at Triton with namespaces",
        seen: "404, NOT_FOUND",
        shown_by: &["points::what_is_not_configured_is_not_found"],
    },
    Point {
        what: "Wrong number of elements",
        servers: "500 at Triton, 400 or 500 elsewhere",
        seen: "400, INVALID_ARGUMENT. Where bodies pass through unread the server's own answer",
        shown_by: &["points::a_wrong_number_of_elements_is_the_clients_fault"],
    },
    Point {
        what: "Form of errors",
        servers: "`error`; FastAPI's `detail`, plain text at MLServer; text/plain at Triton",
        seen: "`{\"error\": \"...\"}` as application/json, without addresses",
        shown_by: &["points::errors_have_one_form"],
    },
    Point {
        what: "Contents of outputs over gRPC",
        servers: "raw at Triton; typed or raw, as the request was, at MLServer and KServe",
        seen: "Raw: tritonclient makes empty arrays of typed ones",
        shown_by: &["points::outputs_over_grpc_are_raw", "tritonclient_over_grpc"],
    },
    Point {
        what: "Members that are null",
        servers: "`model_version`, `parameters` and others at KServe",
        seen: "Left out",
        shown_by: &["points::nothing_in_an_answer_is_null"],
    },
    Point {
        what: "NaN and infinities in JSON",
        servers: "bare words at Triton, `null` at MLServer (NaN alone), refused or `null` at KServe",
        seen: "Bare words or `null`, as the model's `non_finite` says; refused with the tensor's name where the server has no word",
        shown_by: &["lossless::not_a_number_goes_where_the_server_takes_it_and_is_refused_where_it_does_not"],
    },
    Point {
        what: "Binary tensors over REST",
        servers: "none at MLServer; at KServe unannounced; at Triton FP16 and BF16 only so",
        seen: "The extension in full, in front of every server",
        shown_by: &["tritonclient_over_http", "lossless::json_and_binary_mix_tensor_by_tensor"],
    },
    Point {
        what: "List of models",
        servers: "`POST /v2/repository/index` at Triton and MLServer, `GET /v2/models` at KServe",
        seen: "Both, and `RepositoryIndex`",
        shown_by: &["points::models_are_listed_in_every_way"],
    },
    Point {
        what: "Compression",
        servers: "gzip and deflate at Triton, 501 for others; requests not at all elsewhere",
        seen: "gzip and deflate are read in front of every server; others are answered with 415",
        shown_by: &["points::compressions_that_are_not_read_are_refused", "tritonclient_over_http"],
    },
    Point {
        what: "Configuration and statistics",
        servers: "Triton alone",
        seen: "Triton's, counters added up over endpoints; elsewhere what the gateway knows and counts itself",
        shown_by: &["perf_analyzer_over_grpc", "perf_analyzer_over_http"],
    },
];

fn get(path: &str) -> Response {
    Client::connect(servers().gateway).get(path)
}

fn iris(more: &str) -> String {
    format!(r#"{{{more}"inputs":[{{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}}]}}"#)
}

/// The targets with servers of tensors that are not this process' own.
fn remote() -> impl Iterator<Item = &'static Target> {
    with("iris").filter(|target| target.server != Server::Embedded)
}

#[test]
fn every_call_is_answered_whatever_the_server_has() {
    let call =
        |method: &str, request: Value| grpc(&format!("inference.GRPCInferenceService/{method}"), &request).unwrap();
    assert_eq!(call("ServerLive", json!({}))["live"], true);
    assert_eq!(call("ServerReady", json!({}))["ready"], true);
    assert_eq!(call("ServerMetadata", json!({}))["name"], "sluicegate");
    let index = call("RepositoryIndex", json!({}));
    for target in with("iris") {
        let name = target.name_of("iris");
        assert_eq!(call("ModelReady", json!({ "name": name }))["ready"], true, "{}", target.title);
        let config = &call("ModelConfig", json!({ "name": name }))["config"];
        assert_eq!(config["name"], name, "{config}");
        assert_eq!(config["input"][0]["name"], "features", "{}: {config}", target.title);
        let counted = call("ModelStatistics", json!({ "name": name }));
        assert_eq!(counted["modelStats"][0]["name"], name, "{}: {counted}", target.title);
        let listed = |entry: &Value| entry["name"] == name && entry["state"] == "READY";
        assert!(index["models"].as_array().unwrap().iter().any(listed), "{}: {index}", target.title);
    }
}

#[test]
fn descriptions_are_complete_over_both_protocols() {
    for target in with("iris") {
        let name = target.name_of("iris");
        let told = get(&format!("/v2/models/{name}")).expect(200).json();
        assert_eq!((&told["name"], &told["versions"]), (&json!(name), &json!(["1"])), "{}", target.title);
        assert!(told["platform"].is_string(), "{told}");
        let over_grpc = grpc("inference.GRPCInferenceService/ModelMetadata", &json!({ "name": name })).unwrap();
        // The embedded runtime has them, and they are text, as the specification says.
        let properties = over_grpc["properties"].as_object().cloned().unwrap_or_default();
        assert!(properties.values().all(Value::is_string), "{over_grpc}");
        assert!(properties.is_empty() || target.server == Server::Embedded, "{}: {over_grpc}", target.title);
        let input = json!({ "name": "features", "datatype": "FP32" });
        for (told, shape) in [(&told, json!([-1, 4])), (&over_grpc, json!(["-1", "4"]))] {
            for (key, value) in input.as_object().unwrap() {
                assert_eq!(told["inputs"][0][key], *value, "{}: {told}", target.title);
            }
            assert_eq!(told["inputs"][0]["shape"], shape, "{}: {told}", target.title);
            assert_eq!(told["outputs"].as_array().unwrap().len(), 2, "{}: {told}", target.title);
        }
    }
}

#[test]
fn a_version_may_have_any_name() {
    for target in remote() {
        let path = format!("/v2/models/blue-on-{}", target.key);
        let answer = Client::connect(servers().gateway).post(&format!("{path}/versions/deep.blue/infer"), &iris(""));
        assert_eq!(answer.expect(200).json()["model_version"], "deep.blue", "{}", target.title);
        get(&format!("{path}/versions/deep.blue/ready")).expect(200);
        assert_eq!(get(&path).expect(200).json()["versions"], json!(["deep.blue"]));
    }
}

#[test]
fn health_and_readiness_have_a_body() {
    assert_eq!(get("/v2/health/live").expect(200).json(), json!({ "live": true }));
    assert_eq!(get("/v2/health/ready").expect(200).json(), json!({ "ready": true }));
    for target in with("iris") {
        let name = target.name_of("iris");
        let ready = get(&format!("/v2/models/{name}/ready")).expect(200).json();
        assert_eq!((&ready["name"], &ready["ready"]), (&json!(name), &json!(true)), "{}", target.title);
    }
}

#[test]
fn a_model_that_its_server_lacks_is_not_ready() {
    for target in remote() {
        let name = format!("absent-on-{}", target.key);
        let ready = get(&format!("/v2/models/{name}/ready"));
        assert_eq!(ready.status, 503, "{}: {}", target.title, ready.text());
        let infer = Client::connect(servers().gateway).post(&format!("/v2/models/{name}/infer"), &iris(""));
        assert_eq!(infer.status, 503, "{}: {}", target.title, infer.text());
        let over_grpc = grpc("inference.GRPCInferenceService/ModelReady", &json!({ "name": name }));
        assert_eq!(over_grpc.map(|answer| answer["ready"] == true), Ok(false), "{}", target.title);
    }
}

#[test]
fn what_is_not_configured_is_not_found() {
    for target in with("iris") {
        let name = target.name_of("iris");
        for path in ["/v2/models/nowhere/infer".to_owned(), format!("/v2/models/{name}/versions/nowhen/infer")] {
            Client::connect(servers().gateway).post(&path, &iris("")).expect(404);
        }
        for request in [json!({ "name": "nowhere" }), json!({ "name": name, "version": "nowhen" })] {
            let (code, _) = grpc("inference.GRPCInferenceService/ModelMetadata", &request).unwrap_err();
            assert_eq!(code, "NotFound", "{}", target.title);
        }
    }
}

#[test]
fn a_wrong_number_of_elements_is_the_clients_fault() {
    for target in with("iris") {
        let body = iris("").replace("[1,4]", "[2,4]");
        let answer = rest(target, "iris", &[], body.as_bytes());
        if target.key == "triton-same" {
            let triton = servers().of(Server::Triton).unwrap().http;
            let direct = Client::connect(triton).post("/v2/models/iris/infer", &body);
            assert_eq!(answer.status, direct.status, "what passes through is the server's own");
        } else {
            assert!(answer.expect(400).text().contains("'features'"));
        }
        let input =
            json!({ "name": "features", "datatype": "FP32", "shape": [2, 4], "contents": { "fp32_contents": [1.0] } });
        let request = json!({ "model_name": target.name_of("iris"), "inputs": [input] });
        let (code, message) = grpc("inference.GRPCInferenceService/ModelInfer", &request).unwrap_err();
        assert_eq!(code, "InvalidArgument", "{}: {message}", target.title);
    }
}

#[test]
fn errors_have_one_form() {
    for target in with("iris") {
        let body = iris("").replace("[1,4]", "[2,2]");
        let answer = rest(target, "iris", &[("content-type", "application/json")], body.as_bytes());
        assert!(answer.status >= 400, "{}: {}", target.title, answer.text());
        let told = answer.json();
        let text = told["error"].as_str().unwrap_or_else(|| panic!("{}: {told}", target.title));
        assert!(!text.is_empty() && !text.contains("127.0.0.1"), "{}: {text}", target.title);
    }
}

#[test]
fn outputs_over_grpc_are_raw() {
    for target in with("iris") {
        for contents in [json!({ "contents": { "fp32_contents": [5.1, 3.4, 1.5, 0.2] } }), json!({})] {
            let mut input = json!({ "name": "features", "datatype": "FP32", "shape": [1, 4] });
            input.as_object_mut().unwrap().extend(contents.as_object().unwrap().clone());
            let mut request = json!({ "model_name": target.name_of("iris"), "inputs": [input] });
            if contents == json!({}) {
                request["raw_input_contents"] = json!(["MzOjQJqZWUAAAMA/zcxMPg=="]);
            }
            let answer = grpc("inference.GRPCInferenceService/ModelInfer", &request).unwrap();
            let count = answer["outputs"].as_array().unwrap().len();
            assert_eq!(answer["rawOutputContents"].as_array().unwrap().len(), count, "{}", target.title);
            assert!(answer["outputs"].as_array().unwrap().iter().all(|output| output.get("contents").is_none()));
        }
    }
}

#[test]
fn nothing_in_an_answer_is_null() {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(values) => values.iter().any(has_null),
            Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }
    for target in with("iris") {
        let name = target.name_of("iris");
        let answer = rest(target, "iris", &[], iris("").as_bytes()).expect(200).json();
        assert!(!has_null(&answer), "{}: {answer}", target.title);
        assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!(name), &json!("1")), "{}", target.title);
        let told = get(&format!("/v2/models/{name}")).expect(200).json();
        assert!(!has_null(&told), "{}: {told}", target.title);
    }
}

#[test]
fn models_are_listed_in_every_way() {
    let mut client = Client::connect(servers().gateway);
    let index = client.post("/v2/repository/index", "{}").expect(200).json();
    let models = client.get("/v2/models").expect(200).json();
    for target in TARGETS.iter().filter(|target| target.server != Server::Llama) {
        let name = target.name_of("iris");
        assert!(index.as_array().unwrap().iter().any(|entry| entry["name"] == name), "{name}");
        assert!(models["models"].as_array().unwrap().contains(&json!(name)), "{models}");
    }
}

#[test]
fn compressions_that_are_not_read_are_refused() {
    for target in with("iris").filter(|target| target.key != "triton-same") {
        let refused = rest(target, "iris", &[("content-encoding", "br")], b"\x0b\x02\x80{}\x03").expect(415);
        assert!(refused.json()["error"].as_str().unwrap().contains("gzip"), "{}", target.title);
    }
}
