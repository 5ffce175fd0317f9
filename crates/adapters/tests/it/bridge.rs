//! Tensors to servers with and without the binary extension, and what their answers become.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate_adapters::http::TcpConnector;
use sluicegate_adapters::upstream::oip_rest::Factory;
use sluicegate_core::{
    BuildUpstream, Call, CallBody, CallClass, Clock, DataType, Deadline, Fields, InferRequest, Operation, Protocol,
    Sent,
};
use sluicegate_testkit::{Event, FakeClock, MemoryNet, Script, Step, Wire, within};

use crate::peer::{mlserver, triton};
use crate::support::{Backend, InMemory, SHORT, endpoint, model, one, plan, request};

const NEVER: &[(&str, &str)] = &[("binary", "never")];

#[tokio::test]
async fn a_server_that_has_the_extension_is_asked_once_and_gets_binary() {
    let backend = Backend::new(triton(), &[]).await;
    assert_eq!(backend.upstream.native(), None);
    for _ in 0..3 {
        let data = [0.1_f32, f32::NAN].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let answer = backend.infer(request(DataType::Fp32, &[2], data.clone())).await.unwrap();
        assert_eq!(answer.outputs[0].data(), &data);
    }
    assert_eq!(backend.upstream.native(), Some(Protocol::OipRest));
    let text = backend.server.recorder().text(0);
    assert_eq!(text.matches("GET /v2 HTTP/1.1").count(), 1);
    assert_eq!(text.matches("binary_data_size").count(), 3);
}

#[tokio::test]
async fn a_server_that_has_it_not_gets_json() {
    let backend = Backend::new(mlserver(), &[]).await;
    for (datatype, data) in [
        (DataType::Fp32, [0.1_f32, -0.0].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()),
        (DataType::Int64, [i64::MIN, (1 << 53) + 1].iter().flat_map(|value| value.to_le_bytes()).collect()),
        (DataType::Uint64, [u64::MAX, 0].iter().flat_map(|value| value.to_le_bytes()).collect()),
        (DataType::Bytes, [&[1, 0, 0, 0][..], b"a", &[0; 4]].concat()),
        (DataType::Bool, vec![1, 0]),
    ] {
        let answer = backend.infer(request(datatype, &[2], data.clone())).await.unwrap();
        assert_eq!((answer.outputs[0].datatype(), answer.outputs[0].data()), (datatype, &data.into()));
    }
    assert_eq!(backend.upstream.native(), None);
    let text = backend.server.recorder().text(0);
    assert_eq!(text.matches("GET /v2 HTTP/1.1").count(), 1);
    assert!(!text.contains("inference-header-content-length"));
}

#[tokio::test]
async fn the_key_decides_without_asking() {
    for (word, script, native) in [("always", triton(), Some(Protocol::OipRest)), ("never", mlserver(), None)] {
        let backend = Backend::new(script, &[("binary", word)]).await;
        assert_eq!(backend.upstream.native(), native);
        backend.infer(one()).await.unwrap();
        assert!(!backend.server.recorder().text(0).contains("GET"), "{word}");
    }
}

#[tokio::test]
async fn a_failed_question_is_put_again_later() {
    let broken = Script::json("500 Internal Server Error", "{}");
    let script = move |request: &[u8], healthy: bool| match (request.starts_with(b"GET"), healthy) {
        (true, false) => broken.to_vec(),
        (true, true) => Script::json("200 OK", r#"{"extensions":["binary_tensor_data"]}"#).to_vec(),
        (false, _) => Script::json("200 OK", r#"{"model_name":"echo","outputs":[]}"#).to_vec(),
    };
    let well = Event::new();
    let state = well.clone();
    let backend = Backend::new(Script::answering(move |request| script(request, state.released())), &[]).await;
    let asked = |backend: &Backend| backend.server.recorder().text(0).matches("GET /v2 ").count();
    backend.infer(one()).await.unwrap();
    backend.infer(one()).await.unwrap();
    assert_eq!(asked(&backend), 1);
    // What has no JSON form cannot be sent while it is not known; that is not the client's fault.
    let error = backend.infer(request(DataType::Bf16, &[1], vec![0, 0])).await.unwrap_err();
    assert_eq!((error.class, error.sent), (CallClass::NotReady, Sent::Nothing));
    well.release();
    backend.clock.advance(Duration::from_secs(6));
    // The pooled connection is too old by now; a new one is made.
    backend.infer(request(DataType::Bf16, &[1], vec![0, 0])).await.unwrap();
    assert_eq!(backend.upstream.native(), Some(Protocol::OipRest));
}

#[tokio::test]
async fn what_is_known_of_an_endpoint_outlives_a_reload() {
    let backend = Backend::new(triton(), &[]).await;
    let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(&backend.clock);
    let factory = Factory::new(Arc::new(TcpConnector), clock);
    let first = factory.build(&plan(&backend.endpoint, &[])).unwrap();
    let call = Call {
        operation: Operation::Infer,
        model: model("echo"),
        body: CallBody::from(one()),
        headers: Fields::new(),
        deadline: backend.late(),
    };
    within("an answer", first.call(&backend.endpoint, call)).await.unwrap();
    let second = factory.build(&plan(&backend.endpoint, &[("max_response", "1MiB")])).unwrap();
    assert_eq!(second.native(), Some(Protocol::OipRest));
}

#[tokio::test]
async fn the_answers_id_is_the_callers_or_none() {
    let made_up = Script::json("200 OK", r#"{"model_name":"echo","id":"made-up","outputs":[]}"#);
    let backend = Backend::new(Script::always(made_up), NEVER).await;
    for id in [None, Some("mine".to_owned())] {
        let request = InferRequest { id: id.clone(), ..one() };
        assert_eq!(backend.infer(request).await.unwrap().id, id);
    }
}

#[tokio::test]
async fn what_the_bridge_cannot_carry_is_the_clients_to_mend() {
    let backend = Backend::new(mlserver(), NEVER).await;
    let infinity = f32::INFINITY.to_le_bytes().to_vec();
    for (request, word) in [
        (request(DataType::Bf16, &[1], vec![0, 0]), "BF16"),
        (request(DataType::Bytes, &[1], vec![1, 0, 0, 0, 0xff]), "UTF-8"),
        (request(DataType::Fp32, &[1], infinity), "infinity"),
    ] {
        let error = backend.infer(request).await.unwrap_err();
        assert_eq!((error.class, error.sent), (CallClass::Client, Sent::Nothing));
        let public = error.public.unwrap();
        assert!(public.contains("'x'") && public.contains(word), "{public}");
    }
    assert_eq!(backend.server.recorder().connections(), 0);
}

#[tokio::test]
async fn errors_have_their_class_status_and_words() {
    use CallClass::{Client, NotFound, NotReady, Pushback, Server};
    for (status, body, class, public) in [
        ("404 Not Found", r#"{"error":"Model echo not found"}"#, NotFound, Some("Model echo not found")),
        ("404 Not Found", r#"{"detail":"Not Found"}"#, Server, Some("Not Found")),
        ("400 Bad Request", r#"{"error":"bad shape"}"#, Client, Some("bad shape")),
        ("422 Unprocessable Entity", r#"{"detail":[{"loc":["body"],"msg":"no"}]}"#, Client, Some("body: no")),
        ("429 Too Many Requests", "", Pushback, None),
        ("503 Service Unavailable", r#"{"error":"model is not ready"}"#, NotReady, Some("model is not ready")),
        ("503 Service Unavailable", "", Pushback, None),
        ("500 Internal Server Error", "Internal Server Error", Server, None),
    ] {
        let answer = Script::response(status, &[("retry-after", "3")], body);
        let backend = Backend::new(Script::always(answer), NEVER).await;
        let error = backend.infer(one()).await.unwrap_err();
        assert_eq!((error.class, error.sent, error.public.as_deref()), (class, Sent::All, public), "{status} {body}");
        assert_eq!(error.status.map(|status| status.to_string()).as_deref(), status.get(..3));
        let waits = matches!(class, Pushback | NotReady).then_some(Duration::from_secs(3));
        assert_eq!(error.retry_after, waits, "{status} {body}");
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_the_servers_fault() {
    for (head, body) in [
        ("200 OK", "<html>"),
        ("200 OK", ""),
        ("200 OK", r#"{"model_name":"echo"}"#),
        ("200 OK", r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[3],"data":[1]}]}"#),
        ("200 OK", r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[99999999999],"data":[1]}]}"#),
        ("202 Accepted", r#"{"model_name":"echo","outputs":[]}"#),
        ("302 Found", ""),
    ] {
        let backend = Backend::new(Script::always(Script::json(head, body)), NEVER).await;
        let error = backend.infer(one()).await.unwrap_err();
        assert_eq!((error.class, error.sent, error.status), (CallClass::Server, Sent::All, None), "{head} {body}");
        assert_eq!(error.public, None);
    }
    let packed = Script::response("200 OK", &[("content-encoding", "gzip")], "x");
    let backend = Backend::new(Script::always(packed), NEVER).await;
    assert_eq!(backend.infer(one()).await.unwrap_err().class, CallClass::Server);
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_not_taken_in() {
    let never = Event::new();
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
    let script = Script::new().then(Step::ReadRequest).send(huge).then(Step::Wait(never));
    let backend = Backend::new(script, &[("binary", "never"), ("max_response", "64KiB")]).await;
    let error = backend.infer(one()).await.unwrap_err();
    assert_eq!((error.class, error.sent), (CallClass::Server, Sent::All));
    assert!(error.cause.contains("65536"), "{}", error.cause);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_from_the_first_question_to_the_last_byte() {
    let describe = Script::json("200 OK", r#"{"extensions":[]}"#);
    let part = Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{");
    for (answers, sent) in [
        // The server's own description stalls; the head of the answer; its body.
        (vec![], Sent::Nothing),
        (vec![describe.clone()], Sent::All),
        (vec![describe, part], Sent::All),
    ] {
        let (mut listener, dialer) = MemoryNet::anywhere();
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::following_tokio());
        let deadline = Deadline(clock.now() + SHORT);
        let endpoint = endpoint("memory:1");
        let factory = Factory::new(Arc::new(InMemory(dialer)), clock);
        let upstream = factory.build(&plan(&endpoint, &[])).unwrap();
        let call = Call {
            operation: Operation::Infer,
            model: model("echo"),
            body: CallBody::from(one()),
            headers: Fields::new(),
            deadline,
        };
        let serving = async {
            let mut wire = Wire::over(listener.accept().await.unwrap().0);
            for answer in answers {
                wire.read_response().await;
                wire.send(answer).await;
            }
            wire.read_to_end().await;
        };
        let (answer, ()) = tokio::join!(upstream.call(&endpoint, call), serving);
        let error = answer.unwrap_err();
        assert_eq!((error.class, error.sent), (CallClass::Timeout, sent), "{error}");
    }
}

#[tokio::test]
async fn request_id_and_trace_go_along_and_content_headers_are_our_own() {
    let backend = Backend::new(mlserver(), NEVER).await;
    let mut headers = Fields::new();
    headers.insert("x-request-id", http::HeaderValue::from_static("r-9"));
    headers.insert("content-type", http::HeaderValue::from_static("text/lies"));
    headers.insert("inference-header-content-length", http::HeaderValue::from_static("12"));
    let call = Call {
        operation: Operation::Infer,
        model: model("echo"),
        body: CallBody::from(one()),
        headers,
        deadline: backend.late(),
    };
    within("an answer", backend.upstream.call(&backend.endpoint, call)).await.unwrap();
    let text = backend.server.recorder().text(0);
    assert!(text.contains("x-request-id: r-9\r\n"), "{text}");
    assert!(text.contains("content-type: application/json\r\n"), "{text}");
    assert!(!text.contains("lies") && !text.contains("inference-header"), "{text}");
}

#[tokio::test]
async fn a_prefix_and_a_version_stand_in_the_path() {
    let answer = Script::json("200 OK", r#"{"model_name":"m","outputs":[]}"#);
    let mut backend = Backend::new(Script::always(answer), NEVER).await;
    backend.endpoint.prefix = Arc::from("/team/a");
    let mut name = model("m/1 ü");
    name.version = Some(Arc::from("2"));
    let call = Call {
        operation: Operation::Infer,
        model: name,
        body: CallBody::from(one()),
        headers: Fields::new(),
        deadline: backend.late(),
    };
    within("an answer", backend.upstream.call(&backend.endpoint, call)).await.unwrap();
    let text = backend.server.recorder().text(0);
    let line = text.lines().next().unwrap();
    assert_eq!(line, "POST /team/a/v2/models/m%2F1%20%C3%BC/versions/2/infer HTTP/1.1");
}
