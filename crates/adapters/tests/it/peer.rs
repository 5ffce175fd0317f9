//! An honest model server: `echo` gives its input `x` back as `y`. With the binary extension as Triton, or without it
//! as MLServer.

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use sluicegate_core::{Fields, InferResponse, NonFinite, Outbound, Protocol, Tensor};
use sluicegate_testkit::{Response, Script};
use sluicegate_wire::{Limits, codec};

/// Answers as a server that has the binary extension.
pub(crate) fn triton() -> Script {
    Script::answering(|request| serve(request, true))
}

/// Answers as a server that has not.
pub(crate) fn mlserver() -> Script {
    Script::answering(|request| serve(request, false))
}

fn serve(request: &[u8], binary: bool) -> Vec<u8> {
    let message = Response::split(request);
    let path = message.head.split(' ').nth(1).unwrap();
    let extensions = if binary { r#"["binary_tensor_data"]"# } else { "[]" };
    match path {
        "/v2" => Script::json("200 OK", format!(r#"{{"name":"peer","version":"1","extensions":{extensions}}}"#)),
        "/v2/models/echo" => Script::json(
            "200 OK",
            r#"{"name":"echo","versions":null,"platform":"","inputs":[{"name":"x","datatype":"FP32","shape":[-1]}],
                "outputs":[{"name":"y","datatype":"FP32","shape":[-1]}]}"#,
        ),
        "/v2/models/echo/ready" => Script::json("200 OK", "{}"),
        "/v2/models/echo/infer" => return infer(&message, binary),
        _ => Script::json("404 Not Found", r#"{"error":"Model no-such-model-here not found"}"#),
    }
    .to_vec()
}

fn infer(message: &Response, binary: bool) -> Vec<u8> {
    let headers: Fields = message
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.trim().parse::<HeaderValue>().unwrap()))
        .collect();
    if !binary && headers.contains("inference-header-content-length") {
        return Script::json("422 Unprocessable Entity", r#"{"detail":[{"loc":["body"],"msg":"not JSON"}]}"#).to_vec();
    }
    let codec = codec(Protocol::OipRest);
    let body = Bytes::from(message.body.clone());
    let (request, form) = (codec.decode_infer)(&headers, body, None, &Limits::default()).unwrap();
    let echo =
        |input: Tensor| Tensor::new("y", input.datatype(), input.shape().to_vec(), input.data().clone()).unwrap();
    let answer = InferResponse {
        model_name: "echo".to_owned(),
        id: request.id,
        outputs: request.inputs.into_iter().map(echo).collect(),
        ..InferResponse::default()
    };
    let outbound: Outbound = (codec.encode_infer)(&answer, &form, NonFinite::Null).unwrap();
    let (head, body) = outbound.into_parts();
    let body = body.collect().now_or_never().unwrap().unwrap().to_bytes();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .filter(|(name, _)| *name != http::header::CONTENT_LENGTH)
        .map(|(name, value)| (name.to_string(), value.as_str().unwrap().to_owned()))
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Script::response("200 OK", &headers, body).to_vec()
}
