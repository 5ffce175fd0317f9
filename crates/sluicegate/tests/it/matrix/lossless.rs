//! Between protocols nothing is lost: what one cannot carry is refused by a stated rule.

use std::process::Command;

use serde_json::{Value, json};

use super::bodies::{decode, elements};
use super::cells::{Server, TARGETS, Target};
use super::servers::servers;
use crate::http::{Client, Response};
use crate::support::{peer, root};

const INFER: &str = "inference.GRPCInferenceService/ModelInfer";

/// The targets whose server has this model.
pub(super) fn with(model: &'static str) -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().filter(move |target| target.server.models().contains(&model))
}

/// Runs a model of a target over REST.
pub(super) fn rest(target: &Target, model: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let path = format!("/v2/models/{}/infer", target.name_of(model));
    Client::connect(servers().gateway).send("POST", &path, headers, body)
}

/// A call by grpcurl: the answer, or the name of the code and the message.
pub(super) fn grpc(method: &str, request: &Value) -> Result<Value, (String, String)> {
    let output = Command::new(root().join("tests/python/grpcurl.sh"))
        .env("SLUICEGATE_GRPCURL", peer("SLUICEGATE_GRPCURL"))
        .args(["--protos", &servers().gateway.to_string(), "call", method, &request.to_string()])
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let of = |label: &str| said.lines().find_map(|line| line.trim().strip_prefix(label)).map(|it| it.trim().to_owned());
    match (of("Code:"), of("Message:")) {
        (Some(code), message) => Err((code, message.unwrap_or_default())),
        (None, _) => panic!("grpcurl failed: {said}"),
    }
}

/// A REST body whose tensors are partly binary: the JSON's length goes into the header.
fn binary(json: &str, tail: &[u8]) -> (String, Vec<u8>) {
    (json.len().to_string(), [json.as_bytes(), tail].concat())
}

#[test]
fn integers_of_64_bits_stay_exact_through_json_and_grpc() {
    let signed = "[9007199254740993,-9007199254740993,9223372036854775807,-9223372036854775808]";
    let unsigned = "[9007199254740993,18446744073709551615,0,9223372036854775808]";
    let input = |name: &str, datatype: &str, data: &str| {
        format!(r#"{{"name":"{name}","shape":[4],"datatype":"{datatype}","data":{data}}}"#)
    };
    for target in with("echo") {
        let body =
            format!(r#"{{"inputs":[{},{}]}}"#, input("int64", "INT64", signed), input("uint64", "UINT64", unsigned));
        let answer = rest(target, "echo", &[], body.as_bytes()).expect(200);
        // As text: a reader of doubles would see no difference.
        let text = answer.text().replace(' ', "");
        assert!(text.contains(signed) && text.contains(unsigned), "{}: {text}", target.title);
        let texts = |data: &str| -> Vec<String> { data[1..data.len() - 1].split(',').map(str::to_owned).collect() };
        let tensors = json!([
            { "name": "int64", "datatype": "INT64", "shape": [4], "contents": { "int64_contents": texts(signed) } },
            { "name": "uint64", "datatype": "UINT64", "shape": [4], "contents": { "uint64_contents": texts(unsigned) } },
        ]);
        let answer = grpc(INFER, &json!({ "model_name": target.name_of("echo"), "inputs": tensors })).unwrap();
        let raw = |index: usize| decode(answer["rawOutputContents"][index].as_str().unwrap());
        let order =
            |name: &str| answer["outputs"].as_array().unwrap().iter().position(|it| it["name"] == name).unwrap();
        let found: Vec<i64> =
            raw(order("int64")).chunks(8).map(|it| i64::from_le_bytes(it.try_into().unwrap())).collect();
        assert_eq!(found, [9_007_199_254_740_993, -9_007_199_254_740_993, i64::MAX, i64::MIN], "{}", target.title);
        let found: Vec<u64> =
            raw(order("uint64")).chunks(8).map(|it| u64::from_le_bytes(it.try_into().unwrap())).collect();
        assert_eq!(found, [9_007_199_254_740_993, u64::MAX, 0, 1 << 63], "{}", target.title);
    }
}

#[test]
fn json_and_binary_mix_tensor_by_tensor() {
    let json = concat!(
        r#"{"inputs":[{"name":"int64","shape":[1],"datatype":"INT64","data":[9007199254740993]},"#,
        r#"{"name":"fp32","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"#,
        r#""outputs":[{"name":"fp32","parameters":{"binary_data":false}},{"name":"int64","parameters":{"binary_data":true}}]}"#
    );
    let tail = [0.1_f32.to_le_bytes(), (-0.0_f32).to_le_bytes()].concat();
    let (length, body) = binary(json, &tail);
    for target in with("echo") {
        let answer = rest(target, "echo", &[("inference-header-content-length", &length)], &body).expect(200);
        let split: usize = answer.header("inference-header-content-length").unwrap().parse().unwrap();
        let head: Value = serde_json::from_slice(&answer.body[..split]).unwrap();
        let outputs = head["outputs"].as_array().unwrap();
        let of = |name: &str| outputs.iter().find(|output| output["name"] == name).unwrap();
        let floats: Vec<f64> = of("fp32")["data"].as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect();
        // The shortest text of 0.1 as FP32, and the sign of zero.
        assert!((floats[0] - 0.1).abs() < 1e-8 && floats[1] == 0.0 && floats[1].is_sign_negative(), "{}", target.title);
        assert_eq!(of("int64")["parameters"]["binary_data_size"], 8, "{}", target.title);
        assert_eq!(answer.body[split..], 9_007_199_254_740_993_i64.to_le_bytes(), "{}", target.title);
    }
}

#[test]
fn bf16_and_bytes_of_any_kind_reach_servers_that_know_them_and_are_refused_for_the_others() {
    let raw = [0x80, 0x3f, 0x00, 0x80, 0xc0, 0x7f, 0x01, 0x00];
    let (length, bf16) = binary(&one("bf16", "BF16", "[4]", r#","parameters":{"binary_data_size":8}"#), &raw);
    let element = b"\x02\0\0\0\xff\0";
    let (bytes_length, bytes) =
        binary(&one("bytes_not_utf8", "BYTES", "[1]", r#","parameters":{"binary_data_size":6}"#), element);
    for target in with("echo") {
        let name = "inference-header-content-length";
        let answer = rest(target, "echo", &[(name, &length)], &bf16);
        if target.server == Server::Triton {
            assert!(answer.expect(200).body.ends_with(&raw), "{}", target.title);
        } else {
            let told = (answer.status, answer.text().to_owned());
            assert!(told.0 >= 400 && told.1.contains("error"), "{}: {told:?}", target.title);
        }
        let answer = rest(target, "echo", &[(name, &bytes_length)], &bytes);
        if target.is_json() {
            let refused = answer.text().to_owned();
            assert!(answer.status >= 400 && refused.contains("UTF-8"), "{}: {refused}", target.title);
        } else {
            assert!(answer.expect(200).body.ends_with(element), "{}", target.title);
        }
    }
}

/// A request with one binary input that wants all outputs binary.
fn one(name: &str, datatype: &str, shape: &str, more: &str) -> String {
    format!(
        r#"{{"parameters":{{"binary_data_output":true}},"inputs":[{{"name":"{name}","shape":{shape},"datatype":"{datatype}"{more}}}]}}"#
    )
}

#[test]
fn not_a_number_goes_where_the_server_takes_it_and_is_refused_where_it_does_not() {
    let input = |data: &str| {
        format!(r#"{{"inputs":[{{"name":"fp32_special","shape":[2],"datatype":"FP32","data":[{data}]}}]}}"#)
    };
    for target in with("echo") {
        // A token, as Triton and Python have it; passed through, the server's own reader decides.
        let nan = rest(target, "echo", &[], input("1.5,NaN").as_bytes()).expect(200);
        assert!(nan.text().replace(' ', "").contains("[1.5,NaN]"), "{}: {}", target.title, nan.text());
        let infinite = rest(target, "echo", &[], input("1.5,-Infinity").as_bytes());
        // `null` would lose it, and MLServer has no other word.
        if target.key == "mlserver-rest" {
            assert!(infinite.expect(400).text().contains("'fp32_special'"));
        } else {
            assert!(infinite.expect(200).text().contains("-Infinity"), "{}", target.title);
        }
    }
}

#[test]
fn raw_and_typed_contents_in_one_request_are_refused() {
    for target in with("iris") {
        let features =
            json!({ "name": "features", "datatype": "FP32", "shape": [1, 1], "contents": { "fp32_contents": [1.0] } });
        let request = json!({
            "model_name": target.name_of("iris"), "inputs": [features], "raw_input_contents": ["AACAPw=="],
        });
        let (code, message) = grpc(INFER, &request).unwrap_err();
        assert_eq!(code, "InvalidArgument", "{}: {message}", target.title);
        assert!(message.contains("raw_input_contents"), "{}: {message}", target.title);
    }
}

#[test]
fn parameters_arrive_or_are_refused_where_the_servers_protocol_has_no_such_kind() {
    let adder =
        json!([{ "name": "int64", "datatype": "INT64", "shape": [1], "contents": { "int64_contents": ["7"] } }]);
    for target in with("echo") {
        let ask = |parameter: Value| {
            let name = target.name_of("echo");
            grpc(INFER, &json!({ "model_name": name, "inputs": adder, "parameters": { "p": parameter } }))
        };
        // Of the servers here MLServer alone answers with the request's parameters.
        let comes_back = |parameter: Value, answer: Value| {
            if target.server == Server::Mlserver {
                assert_eq!(answer["parameters"]["p"], parameter, "{}", target.title);
            }
        };
        for (sent, back) in [
            (json!({ "int64_param": "-9007199254740993" }), json!({ "int64Param": "-9007199254740993" })),
            (json!({ "bool_param": true }), json!({ "boolParam": true })),
            (json!({ "string_param": "grüße" }), json!({ "stringParam": "grüße" })),
        ] {
            comes_back(back, ask(sent).unwrap());
        }
        let double = ask(json!({ "double_param": 1.5 }));
        if target.protocol == "oip-grpc" && target.server != Server::Triton {
            let (code, message) = double.unwrap_err();
            assert_eq!(code, "InvalidArgument", "{}: {message}", target.title);
            assert!(message.contains("'p'"), "{message}");
        } else {
            comes_back(json!({ "doubleParam": 1.5 }), double.unwrap());
        }
    }
}

#[test]
fn classification_works_from_either_protocol_to_either() {
    let body = |outputs: &str| {
        format!(
            r#"{{"inputs":[{{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}}],"outputs":[{outputs}]}}"#
        )
    };
    let classes = body(r#"{"name":"probabilities","parameters":{"classification":2}}"#);
    let triton = servers().of(Server::Triton).unwrap().http;
    let direct = Client::connect(triton).post("/v2/models/iris_batched/infer", &classes).expect(200).json();
    let wanted = &direct["outputs"][0]["data"];
    assert!(wanted[0].as_str().unwrap().ends_with(":0:setosa"), "{wanted}");
    for target in with("iris_batched") {
        let answer = rest(target, "iris_batched", &[], classes.as_bytes()).expect(200).json();
        assert_eq!(answer["outputs"][0]["datatype"], "BYTES");
        assert_eq!(answer["outputs"][0]["data"], *wanted, "{}", target.title);
        let request = json!({
            "model_name": target.name_of("iris_batched"),
            "inputs": [{ "name": "features", "datatype": "FP32", "shape": [1, 4], "contents": { "fp32_contents": [5.1, 3.4, 1.5, 0.2] } }],
            "outputs": [{ "name": "probabilities", "parameters": { "classification": { "int64_param": "2" } } }],
        });
        let answer = grpc(INFER, &request).unwrap();
        let raw = decode(answer["rawOutputContents"][0].as_str().unwrap());
        let found: Vec<Value> = elements(&raw).into_iter().map(|it| json!(String::from_utf8(it).unwrap())).collect();
        assert_eq!(json!(found), *wanted, "{}", target.title);
    }
    // Not a silent other answer where the runtime has no such thing.
    let embedded = TARGETS.iter().find(|target| target.server == Server::Embedded).unwrap();
    let refused = rest(embedded, "iris", &[], classes.as_bytes()).expect(400);
    assert!(refused.text().contains("classification"), "{}", refused.text());
}

#[test]
fn a_decoupled_model_asked_for_one_answer_is_refused_as_by_the_server() {
    let body = r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]}]}"#;
    let triton = servers().of(Server::Triton).unwrap().http;
    let direct = Client::connect(triton).post("/v2/models/tokens/infer", body);
    assert!(direct.status >= 400);
    for target in with("tokens") {
        let refused = rest(target, "tokens", &[], body.as_bytes());
        assert!(refused.status >= 400, "{}: {}", target.title, refused.text());
        assert!(refused.text().contains("decoupled"), "{}: {}", target.title, refused.text());
    }
}
