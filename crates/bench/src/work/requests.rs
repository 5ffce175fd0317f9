//! What clients send.

use bytes::Bytes;
use memchr::memmem;

use super::numbered::Numbered;
use crate::oip;

/// FP32 values of the large tensor.
const LARGE: usize = 150_000;

/// 172 bytes of JSON.
pub(super) fn small(model: &str) -> Bytes {
    let body = br#"{"id":"f3f0c2a4-5b6e-4d1c-9a55-7be1d6a0c001","inputs":[{"name":"x","shape":[1,8],"datatype":"FP32","data":[0.125,0.25,0.375,0.5,0.75,0.5,1.25,1]}],"outputs":[{"name":"y"}]}"#;
    post(&format!("/v2/models/{model}/infer"), "content-type: application/json\r\n", body)
}

/// The binary extension: a JSON header and 600,000 bytes behind it.
pub(super) fn tensor() -> Bytes {
    let header = format!(
        r#"{{"inputs":[{{"name":"x","shape":[1,{LARGE}],"datatype":"FP32","parameters":{{"binary_data_size":{}}}}}],"outputs":[{{"name":"y","parameters":{{"binary_data":true}}}}]}}"#,
        LARGE * 4
    );
    let mut body = header.clone().into_bytes();
    body.extend((0..LARGE).flat_map(|_| 0.5_f32.to_le_bytes()));
    let fields =
        format!("content-type: application/octet-stream\r\ninference-header-content-length: {}\r\n", header.len());
    post("/v2/models/tensor/infer", &fields, &body)
}

/// The message of `ModelInfer`.
pub(super) fn grpc() -> Bytes {
    oip::infer_request("translated", "f3f0c2a4", &[1, 8], &[0; 32]).into()
}

/// 580 bytes of JSON when it is not streamed.
pub(super) fn chat(model: &str, stream: bool) -> Bytes {
    let system = "You are a careful assistant of an insurer. Answer in the language of the question, in at most three \
                  sentences, and say so where you do not know. Never give legal advice, and never name a price.";
    let user = "My car was damaged while it stood in front of my house and nobody left a note. What do I have to do \
                first, what does my insurance need from me, and how long will it take until somebody comes? \
                The garage has the car now, and they would like to begin the day after.";
    let streamed = if stream { r#","stream":true"# } else { "" };
    let body = format!(
        r#"{{"model":"{model}","temperature":0.2,"max_tokens":200,"messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{user}"}}]{streamed}}}"#
    );
    post("/v1/chat/completions", "content-type: application/json\r\n", body.as_bytes())
}

/// What stands before the number of chunks.
const TOKENS: &str = r#""max_tokens":"#;

/// Asks for a steady stream of so many chunks.
pub(crate) fn steady(chunks: u64) -> String {
    format!(r#"{{"model":"steady","stream":true,{TOKENS}{chunks},"messages":[{{"role":"user","content":"go on"}}]}}"#)
}

/// Asks for a stream, and says whose it is.
pub(crate) fn numbered_chat(number: Numbered) -> String {
    format!(r#"{{"model":"chat","stream":true,"messages":[{{"role":"user","content":"{}"}}]}}"#, number.text())
}

/// How many chunks are asked for.
pub(crate) fn chunks(body: &[u8]) -> Option<u64> {
    let at = memmem::find(body, TOKENS.as_bytes())? + TOKENS.len();
    let digits = body.get(at..)?.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn post(path: &str, fields: &str, body: &[u8]) -> Bytes {
    let head = format!("POST {path} HTTP/1.1\r\nhost: gateway.test\r\n{fields}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat().into()
}
