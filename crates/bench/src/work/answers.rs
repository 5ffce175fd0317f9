//! What the model server answers, ready to be written.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::oip;

/// Chunks of a streamed chat, the last of them `[DONE]`.
pub(crate) const CHUNKS: u64 = 200;

/// Nanoseconds between paced chunks.
pub(crate) const PACED_EVERY: u64 = 5_000_000;

/// The same of a steady stream, which has as many as it is asked for.
pub(crate) const STEADY_EVERY: u64 = 100_000_000;

/// One event of a stream: as clients see it, and as it stands on the wire.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) data: Bytes,
    pub(crate) chunk: Bytes,
}

/// To a small request: 0.125, 0.25, 0.625.
pub(crate) static SMALL: LazyLock<Bytes> = LazyLock::new(|| {
    json(br#"{"model_name":"small","model_version":"1","id":"f3f0c2a4-5b6e-4d1c-9a55-7be1d6a0c001","outputs":[{"name":"y","datatype":"FP32","shape":[1,3],"data":[0.125,0.25,0.625]}]}"#)
});

/// To a large one, in the binary extension.
pub(crate) static TENSOR: LazyLock<Bytes> = LazyLock::new(|| {
    let header = r#"{"model_name":"tensor","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,1000],"parameters":{"binary_data_size":4000}}]}"#;
    let body = [header.as_bytes(), &0.5_f32.to_le_bytes().repeat(1000)].concat();
    let fields =
        format!("content-type: application/octet-stream\r\ninference-header-content-length: {}\r\n", header.len());
    answer(&fields, &body)
});

/// To a small request over gRPC; the same numbers.
pub(crate) static GRPC: LazyLock<Bytes> =
    LazyLock::new(|| oip::infer_response("translated", "f3f0c2a4", &[1, 3], &raw_small()).into());

/// To a chat.
pub(crate) static CHAT: LazyLock<Bytes> = LazyLock::new(|| {
    json(br#"{"id":"chatcmpl-9f2c1b7e4d","object":"chat.completion","created":1764000000,"model":"chat","choices":[{"index":0,"message":{"role":"assistant","content":"Take photographs of the damage and of the place, and ask your neighbours what they saw. Report it to the police and to your insurer within a week; the insurer needs the photographs, the report's number and your policy's number. How long it then takes I do not know."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":88,"completion_tokens":56,"total_tokens":144}}"#)
});

/// To questions about the server and its models.
pub(crate) static JSON: Facts = Facts {
    server: br#"{"name":"mock","version":"1","extensions":["binary_tensor_data"]}"#,
    model: br#"{"name":"small","versions":["1"],"platform":"mock","inputs":[{"name":"x","datatype":"FP32","shape":[-1,-1]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,-1]}]}"#,
    models: br#"{"object":"list","data":[{"id":"chat","object":"model","created":1764000000,"owned_by":"mock"},{"id":"paced","object":"model","created":1764000000,"owned_by":"mock"}]}"#,
};

/// Bodies of short answers.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) server: &'static [u8],
    pub(crate) model: &'static [u8],
    pub(crate) models: &'static [u8],
}

/// The three numbers as bytes.
pub(super) fn raw_small() -> Bytes {
    [0.125_f32, 0.25, 0.625].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
}

/// The events of a burst, each of some 170 bytes.
pub(crate) fn events() -> &'static [Event] {
    static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(|| {
        let tokens = (2..CHUNKS).map(|number| event(&choice("chat", &format!(r#""content":" {number:06}""#), "null")));
        let last = [event(&choice("chat", "", r#""stop""#)), event("[DONE]")];
        tokens.chain(last).collect()
    });
    &EVENTS
}

/// A paced chunk that is sent now; the last one ends the stream.
pub(crate) fn paced_chunk(now: u64) -> Bytes {
    event(&choice("paced", &format!(r#""content":"@{now:020}""#), "null")).chunk
}

/// What a server says about usage when it is asked to.
pub(crate) fn usage_chunk(model: &str) -> Bytes {
    let data = format!(
        r#"{{"id":"chatcmpl-9f","object":"chat.completion.chunk","created":1764000000,"model":"{model}","choices":[],"usage":{{"prompt_tokens":88,"completion_tokens":198,"total_tokens":286}}}}"#
    );
    event(&data).chunk
}

fn choice(model: &str, delta: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-9f","object":"chat.completion.chunk","created":1764000000,"model":"{model}","choices":[{{"index":0,"delta":{{{delta}}},"finish_reason":{finish}}}]}}"#
    )
}

fn event(data: &str) -> Event {
    let data = format!("data: {data}\n\n");
    let chunk = format!("{:x}\r\n{data}\r\n", data.len());
    Event { data: data.into(), chunk: chunk.into() }
}

fn json(body: &[u8]) -> Bytes {
    answer("content-type: application/json\r\n", body)
}

/// A whole answer.
pub(crate) fn answer(fields: &str, body: &[u8]) -> Bytes {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat().into()
}
