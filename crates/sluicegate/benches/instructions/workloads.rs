//! What is asked and answered: fixed bytes.

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use sluicegate_core::{BackendModel, Body, DataType, InferRequest, InferResponse, NonFinite, Protocol, Tensor};
use sluicegate_wire::oip_grpc::client::{self, Peer};
use sluicegate_wire::{ReplyForm, codec};

/// One kind of request, and who asks and answers it.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) server: Server,
}

/// A client by its protocol, with its request.
#[derive(Clone, Copy)]
pub(crate) enum Client {
    Http1(fn() -> Vec<u8>),
    Grpc,
}

/// A model server by its protocol, with its answer.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    Http1(fn() -> Vec<u8>),
    Grpc,
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { name: "json", client: Client::Http1(infer), server: Server::Http1(inferred) },
    Workload { name: "grpc", client: Client::Grpc, server: Server::Grpc },
    Workload { name: "rest-to-grpc", client: Client::Http1(infer_over_grpc), server: Server::Grpc },
    Workload { name: "chat", client: Client::Http1(chat), server: Server::Http1(chatted) },
    Workload { name: "sse", client: Client::Http1(chat_streamed), server: Server::Http1(streamed) },
];

/// One gateway for all of them. No server is asked what it can do: each request is like the first.
pub(crate) const CONFIGURATION: &str = r#"version: 1
listeners: { l: { address: "127.0.0.1:1", authenticate: [anonymous] } }
backends:
  rest: { protocol: oip-rest, binary: always, endpoints: ["http://backend:1"] }
  grpc: { protocol: oip-grpc, endpoints: ["grpc://backend:1"] }
  chat: { protocol: openai, endpoints: ["http://backend:1"] }
models:
  iris: { backend: rest }
  lily: { backend: grpc }
  talk: { backend: chat }
"#;

/// Events of a streamed answer.
const EVENTS: usize = 200;

const INFER: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

const CHAT: &str = r#"{"model":"talk","messages":[{"role":"system","content":"You answer briefly."},{"role":"user","content":"What is the capital of France, and how many people live there?"}],"temperature":0.2,"max_tokens":64"#;

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: models.example.org\r\nUser-Agent: python-requests/2.32.3\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn json(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn infer() -> Vec<u8> {
    post("/v2/models/iris/infer", INFER)
}

fn infer_over_grpc() -> Vec<u8> {
    post("/v2/models/lily/infer", INFER)
}

fn inferred() -> Vec<u8> {
    let answer = r#"{"model_name":"iris","model_version":"1","outputs":[{"name":"probabilities","datatype":"FP32","shape":[1,3],"data":[0.97,0.02,0.01]}]}"#;
    json(answer)
}

fn chat() -> Vec<u8> {
    post("/v1/chat/completions", &format!("{CHAT}}}"))
}

fn chat_streamed() -> Vec<u8> {
    post("/v1/chat/completions", &format!("{CHAT},\"stream\":true}}"))
}

fn chatted() -> Vec<u8> {
    let answer = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"talk","choices":[{"index":0,"message":{"role":"assistant","content":"Paris; about 2.1 million people."},"finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":10,"total_tokens":41}}"#;
    json(answer)
}

fn streamed() -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let before =
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"talk","choices":"#;
    let word = format!(r#"data: {before}[{{"index":0,"delta":{{"content":" word"}},"finish_reason":null}}]}}"#);
    let usage = r#"{"prompt_tokens":31,"completion_tokens":200,"total_tokens":231}"#;
    let last = [format!(r#"data: {before}[],"usage":{usage}}}"#), "data: [DONE]".to_owned()];
    let events = std::iter::repeat_n(&word, EVENTS).chain(&last);
    let chunks: String = events.map(|event| format!("{:x}\r\n{event}\n\n\r\n", event.len() + 2)).collect();
    format!("{head}{chunks}0\r\n\r\n").into_bytes()
}

fn tensor(name: &str, values: &[f32]) -> Tensor {
    let data: Vec<u8> = values.iter().copied().flat_map(f32::to_le_bytes).collect();
    Tensor::new(name, DataType::Fp32, vec![1, values.len() as u64], data.into()).unwrap()
}

/// A framed message.
pub(crate) fn grpc_request() -> Vec<u8> {
    let inputs = vec![tensor("features", &[5.1, 3.4, 1.5, 0.2])];
    let model = BackendModel { name: "lily".into(), version: None };
    let request = InferRequest { inputs, ..InferRequest::default() };
    client::encode_request(&request, &model, &Peer::default()).unwrap().concat()
}

/// A framed message.
pub(crate) fn grpc_answer() -> Vec<u8> {
    let response = InferResponse {
        model_name: "lily".into(),
        model_version: Some("1".into()),
        outputs: vec![tensor("probabilities", &[0.97, 0.02, 0.01])],
        ..InferResponse::default()
    };
    let answer = (codec(Protocol::OipGrpc).encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap();
    whole(answer.body)
}

/// All of a body that is at hand.
fn whole(body: Body) -> Vec<u8> {
    body.collect().now_or_never().unwrap().unwrap().to_bytes().to_vec()
}
