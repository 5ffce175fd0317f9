//! The OpenAI API in front of llama.cpp's own server, by the unmodified OpenAI client; and in front of a server that does
//! as it is told, to the byte.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::channel;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Client;
use crate::support::{Gateway, PATIENCE, Peer, eventually, free_port, peer, root, script, sluicegate, stderr, stdout};

/// llama.cpp's server with a tiny model, which it calls `tiny`.
struct Llama {
    _process: Peer,
    port: u16,
    _folder: TempDir,
}

impl Llama {
    fn start(flags: &[&str]) -> Self {
        let python = peer("SLUICEGATE_PYTHON_LLAMA");
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("tiny.gguf");
        let made = Command::new(&python)
            .arg(root().join("tests/python/llama/make_tiny_gguf.py"))
            .arg(&model)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let script = root().join("tests/python/llama/serve.py");
        let port_text = port.to_string();
        let command = [python.as_str(), script.to_str().unwrap(), model.to_str().unwrap(), "--port", &port_text];
        let process = Peer::start(&python, &[&command, flags].concat(), folder.path());
        let mut llama = Self { _process: process, port, _folder: folder };
        eventually("llama.cpp's server is ready", || {
            assert!(!llama._process.ended(), "llama.cpp's server ended");
            TcpStream::connect(llama.address()).is_ok()
                && Client::connect(llama.address())
                    .try_send("GET", "/health", &[], b"")
                    .is_ok_and(|answer| answer.status == 200)
        });
        llama
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Requests that the server works on now, by its own metrics.
    fn working(&self) -> String {
        let metrics = Client::connect(self.address()).get("/metrics");
        let line = metrics.text().lines().find_map(|line| line.strip_prefix("llamacpp:requests_processing "));
        line.unwrap().trim().to_owned()
    }
}

/// One server for all tests: it takes a second to start, and no test changes it.
fn llama() -> &'static Llama {
    static LLAMA: OnceLock<Llama> = OnceLock::new();
    LLAMA.get_or_init(|| Llama::start(&["--alias", "tiny"]))
}

/// `tiny` and, on the same server, `assistant`; a model that takes tensors beside them.
fn gateway(server: SocketAddr) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  llama: {{ protocol: openai, endpoints: ["http://{server}"] }}
  local: {{ protocol: embedded }}
  gone: {{ protocol: openai, endpoints: ["http://127.0.0.1:1"] }}
models:
  tiny: {{ backend: llama, timeout: 60s }}
  assistant: {{ timeout: 60s, versions: {{ own: {{ backend: llama, model: tiny }} }}, traffic: {{ stable: own }} }}
  away: {{ backend: gone }}
  iris: {{ backend: local, source: {} }}
"#,
        root().join("examples/quickstart/models/iris.onnx").display()
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    (gateway, folder)
}

/// Runs the unmodified OpenAI client and gives back its report.
fn openai_client(address: SocketAddr, arguments: &[&str]) -> Value {
    script("SLUICEGATE_PYTHON_CLIENTS", "openai_client.py", &[&[address.to_string().as_str()], arguments].concat())
}

#[test]
fn the_openai_client_gets_what_it_gets_from_the_server_itself() {
    let llama = llama();
    let (gateway, _folder) = gateway(llama.address());
    let mut direct = openai_client(llama.address(), &["--model", "tiny"]);
    let mut same = openai_client(gateway.data, &["--model", "tiny"]);
    let renamed = openai_client(gateway.data, &["--model", "assistant"]);
    // A list is the gateway's own: the models of this protocol, by the clients' names, and no other.
    assert_eq!(same["models"], json!(["assistant", "away", "tiny"]));
    for report in [&mut direct, &mut same] {
        report.as_object_mut().unwrap().remove("models");
    }
    assert_eq!(same, direct);
    // Under another name everything is the same but that name, in every chunk too.
    for part in direct.as_object().unwrap().keys() {
        let wanted = direct[part].to_string().replace(r#""tiny""#, r#""assistant""#);
        assert_eq!(renamed[part].to_string(), wanted, "{part}");
    }
}

#[test]
fn tokens_stand_in_the_record_whether_or_not_the_client_asks() {
    let (gateway, _folder) = gateway(llama().address());
    let ask = |more: &str| {
        let body = format!(
            r#"{{"model":"assistant","messages":[{{"role":"user","content":"hello gateway"}}],"max_tokens":5{more}}}"#
        );
        let answer = gateway.post("/v1/chat/completions", &body).expect(200);
        let record = gateway.wait_for_record(|record| record["operation"] == "chat");
        assert_eq!(
            (&record["outcome"], &record["model"], &record["protocol"]),
            (&json!("ok"), &json!("assistant"), &json!("openai"))
        );
        (answer, record["usage"].clone())
    };
    let (whole, usage) = ask("");
    assert_eq!(whole.json()["usage"]["prompt_tokens"], usage["input"]);
    assert_eq!(usage["output"], 5);
    let (stream, same) = ask(r#","stream":true"#);
    assert_eq!((&same["input"], &same["output"], &same["total"]), (&usage["input"], &usage["output"], &usage["total"]));
    assert!(!stream.text().contains("prompt_tokens"), "{}", stream.text());
    assert!(stream.text().ends_with("data: [DONE]\n\n"), "{}", stream.text());
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!((stream.header("cache-control"), stream.header("x-accel-buffering")), (Some("no-cache"), Some("no")));
    let (stream, same) = ask(r#","stream":true,"stream_options":{"include_usage":true}"#);
    assert_eq!(same["total"], usage["total"]);
    assert!(stream.text().contains("prompt_tokens"), "{}", stream.text());
    let metrics = gateway.admin("/metrics");
    let wanted = r#"sluicegate_tokens_total{protocol="openai",model="assistant",version="own",backend="llama",kind="output"} 15"#;
    assert!(metrics.text().contains(wanted), "{}", metrics.text());
}

#[test]
fn a_client_that_leaves_a_stream_stops_the_server() {
    let llama = Llama::start(&["--alias", "tiny"]);
    let (gateway, _folder) = gateway(llama.address());
    let body = r#"{"model":"tiny","messages":[{"role":"user","content":"go on"}],"max_tokens":15000,"stream":true,"ignore_eos":true}"#;
    let mut stream = TcpStream::connect(gateway.data).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 512];
    assert!(stream.read(&mut first).unwrap() > 0);
    assert_eq!(llama.working(), "1", "the stream should be far from its end");
    drop(stream);
    eventually("the server stops working", || llama.working() == "0");
    let record = gateway.wait_for_record(|record| record["operation"] == "chat");
    assert_eq!((&record["outcome"], &record["status"]), (&json!("client_gone"), &json!(499)));
}

#[test]
fn embeddings_pass() {
    let llama = Llama::start(&["--alias", "tiny", "--embeddings"]);
    let (gateway, _folder) = gateway(llama.address());
    let direct = openai_client(llama.address(), &["--embeddings", "tiny"]);
    let renamed = openai_client(gateway.data, &["--embeddings", "assistant"]);
    let wanted = direct["embeddings"].to_string().replace(r#""tiny""#, r#""assistant""#);
    assert_eq!(renamed["embeddings"].to_string(), wanted);
}

#[test]
fn refusals_are_openais() {
    let (gateway, _folder) = gateway(llama().address());
    let error = |path: &str, body: &str, status: u16| {
        let answer = gateway.post(path, body).expect(status);
        assert!(answer.header("content-type").unwrap().starts_with("application/json"), "{path} {body}");
        answer.json()["error"].clone()
    };
    let chat = "/v1/chat/completions";
    let unknown = error(chat, r#"{"model":"nobody","messages":[]}"#, 404);
    assert_eq!((&unknown["type"], &unknown["code"]), (&json!("not_found_error"), &json!("model_not_found")));
    let twice = error(chat, r#"{"model":"tiny","mod\u0065l":"assistant","messages":[]}"#, 400);
    assert_eq!((&twice["message"], &twice["param"]), (&json!("'model' is given twice"), &json!("model")));
    assert_eq!(error(chat, r#"{"messages":[]}"#, 400)["param"], "model");
    assert_eq!(error(chat, "{", 400)["type"], "invalid_request_error");
    assert_eq!(error("/v1/no-such-thing", "{}", 404)["code"], "no_such_path");
    let tensors = error(chat, r#"{"model":"iris","messages":[]}"#, 400);
    assert!(tensors["message"].as_str().unwrap().contains("Open Inference Protocol"), "{tensors}");
    let away = error(chat, r#"{"model":"away","messages":[]}"#, 503);
    assert!(!away.to_string().contains("127.0.0.1"), "{away}");
    // What the server itself refuses keeps its status and its words.
    let told = error(chat, r#"{"model":"tiny","messages":"none"}"#, 400);
    assert!(told["message"].is_string(), "{told}");
    assert_eq!(gateway.get("/v1/models/assistant").expect(200).json()["id"], "assistant");
    gateway.get("/v1/models/iris").expect(404);
    // The other way round: tensors for a model that takes none.
    let tensors = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}"#;
    let refused = gateway.post("/v2/models/tiny/infer", tensors).expect(400).json();
    assert!(refused["error"].as_str().unwrap().contains("OpenAI API"), "{refused}");
}

/// A server that answers the first request with a body by these bytes, and ends; the request comes out of the channel.
/// Questions about its models it does not understand.
fn scripted(answer: &'static [u8]) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    scripted_for(1, answer)
}

/// The same for so many requests.
fn scripted_for(requests: usize, answer: &'static [u8]) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut left = requests;
        while left > 0 {
            let (mut stream, _) = listener.accept().unwrap();
            // One that was given up before it was asked is none.
            let Some(request) = read_request(&mut stream) else { continue };
            if request.starts_with("GET ") {
                stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
                continue;
            }
            tell.send(request).unwrap();
            stream.write_all(answer).unwrap();
            left -= 1;
        }
    });
    (address, told)
}

/// A whole request; `None` if none came. What is left unread when a connection is closed resets it, and takes the answer
/// with it.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            assert!(read.is_empty(), "the request broke off");
            return None;
        }
        read.extend_from_slice(piece.get(..count).unwrap());
    }
}

const EVENTS: &str = concat!(
    ": a comment\r\n\r\n",
    "id: 7\r\nevent: x\r\ndata:{\"id\":\"c\",\"model\":\"tiny\",\"choices\":[{\"delta\":{\"content\":\"\\u00e9 [DONE]\"}}],\"odd\": 1e400}\r\n\r\n",
    "retry: 5\ndata: {\"model\": \"tiny\", \"choices\": [{}],\ndata:  \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 2}}\n\n",
    "data: [DONE]\n\n",
);

/// The answer's events behind an HTTP head, ended by the end of the connection.
fn answered(events: &str) -> &'static [u8] {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver: secret\r\nconnection: close\r\n\r\n";
    Vec::leak(format!("{head}{events}").into_bytes())
}

#[test]
fn a_stream_that_needs_no_change_is_the_same_to_the_byte() {
    let (server, told) = scripted(answered(EVENTS));
    let (gateway, _folder) = gateway(server);
    let body = r#"{ "stream" : true, "model":"tiny","stream_options":{"include_usage":true}, "x":[1, 2.50] }"#;
    let answer = gateway.post("/v1/chat/completions", body).expect(200);
    assert_eq!(answer.text(), EVENTS);
    assert_eq!(answer.header("server"), None);
    let request = told.recv_timeout(PATIENCE).unwrap();
    assert!(request.ends_with(body), "{request}");
    assert_eq!(gateway.wait_for_record(|record| record["operation"] == "chat")["usage"]["output"], 2);
}

#[test]
fn only_the_name_and_the_unasked_usage_are_changed() {
    let (server, told) = scripted(answered(EVENTS));
    let (gateway, _folder) = gateway(server);
    let body = r#"{"stream":true,"m\u006fdel":"assist\u0061nt","seed":1}"#;
    let answer = gateway.post("/v1/chat/completions", body).expect(200);
    assert_eq!(answer.text(), EVENTS.replace(r#""tiny""#, r#""assistant""#));
    let request = told.recv_timeout(PATIENCE).unwrap();
    let wanted = r#"{"stream_options":{"include_usage":true},"stream":true,"m\u006fdel":"tiny","seed":1}"#;
    assert!(request.ends_with(wanted), "{request}");
}

#[test]
fn a_stream_that_breaks_off_says_so_and_is_recorded_so() {
    // The chunked framing never ends.
    let chunk = "data: {\"model\":\"tiny\",\"choices\":[{}]}\n\ndata: {\"half";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let (server, _told) = scripted(Vec::leak(format!("{head}{:x}\r\n{chunk}\r\n", chunk.len()).into_bytes()));
    let (gateway, _folder) = gateway(server);
    let answer = gateway.post("/v1/chat/completions", r#"{"model":"tiny","stream":true}"#).expect(200);
    let events: Vec<&str> = answer.text().split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(events.len(), 2, "{}", answer.text());
    let last: Value = serde_json::from_str(events[1].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "upstream_fault", "{last}");
    let record = gateway.wait_for_record(|record| record["operation"] == "chat");
    assert_eq!((&record["outcome"], &record["status"]), (&json!("upstream_fault"), &json!(200)));
}

/// A real server, and one beside it whose streams are this event and no more: why the latter was left out, if it was, and how
/// many of `requests` it had.
fn beside_llama(event: &str, requests: usize) -> (Option<String>, usize) {
    let (server, told) = scripted_for(requests, answered(event));
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  llama:
    protocol: openai
    endpoints: [\"http://{}\", \"http://{server}\"]
    balance: round_robin
models:
  tiny: {{ backend: llama, timeout: 60s }}
",
        llama().address()
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    for _ in 0..requests {
        let body = r#"{"model":"tiny","prompt":"a","max_tokens":1,"stream":true}"#;
        let answer = gateway.post("/v1/completions", body);
        if answer.status != 200 {
            panic!("{}", gateway.wait_for_record(|record| record["status"] == answer.status));
        }
    }
    let status = gateway.admin("/status").json();
    let endpoints = status["backends"][0]["endpoints"].as_array().unwrap();
    let one = endpoints.iter().find(|one| one["address"].as_str().unwrap().contains(&server.to_string())).unwrap();
    let why = (one["ejections"] != 0).then(|| one["reason"].as_str().unwrap_or_default().to_owned());
    (why, told.try_iter().count())
}

#[test]
fn u07_an_error_event_counts_against_its_endpoint_unless_the_client_is_at_fault() {
    for (event, reason) in [
        ("data: {\"error\":{\"code\":500,\"message\":\"out of memory\"}}\n\n", "error within its stream"),
        ("data: {\"choices\":[{}]}\n\n", "before its last event"),
    ] {
        let (why, had) = beside_llama(event, 200);
        assert!(why.as_ref().is_some_and(|why| why.contains(reason)) && had < 50, "{why:?} after {had}");
    }
    let (why, had) = beside_llama("data: {\"error\":{\"code\":400,\"message\":\"too long\"}}\n\n", 100);
    assert!(why.is_none() && had >= 49, "{why:?} after {had}");
}

#[test]
fn the_openai_example_works_as_written() {
    let text = std::fs::read_to_string(root().join("examples/openai/gateway.yaml")).unwrap();
    assert!(text.contains("127.0.0.1:8100"));
    let text = text.replace("127.0.0.1:8100", &llama().address().to_string());
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, _) = Gateway::of(folder.path(), &text);
    let body = r#"{"model":"assistant","messages":[{"role":"user","content":"hello"}],"max_tokens":3}"#;
    let answer = gateway.post("/v1/chat/completions", body).expect(200);
    assert_eq!(answer.header("sluicegate-version"), Some("own"));
    assert_eq!(answer.json()["model"], "assistant");
    // The line that is printed at the start works as it stands, and so does the command.
    let line = gateway.said.iter().find(|line| line.contains("/v1/chat/completions")).cloned();
    let line = line.unwrap_or_else(|| gateway.wait_for("a line to try", |line| line.contains("/v1/chat/completions")));
    let tried = Command::new("sh").args(["-c", &line]).output().unwrap();
    let tried: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(tried["model"], "assistant");
    let url = format!("http://{}", gateway.data);
    let called = sluicegate(&["call", "assistant", "--url", &url, "--input", "hello gateway", "-o", "json"]);
    let called: Value = serde_json::from_str(&stdout(&called)).unwrap_or_else(|_| panic!("{}", stderr(&called)));
    assert_eq!((&called["model"], &called["object"]), (&json!("assistant"), &json!("chat.completion")));
}
