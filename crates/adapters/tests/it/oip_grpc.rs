//! Backends over gRPC in front of a server that lacks a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Response};
use sluicegate_adapters::upstream::oip_grpc::{Factory, KIND};
use sluicegate_core::{BuildUpstream, Call, CallBody, Clock, DataType, Deadline, InferRequest, Operation, Tensor};
use sluicegate_testkit::{FakeClock, PATIENCE, within};

use crate::h2peer::{Asked, H2Peer, read};
use crate::support::{InMemory, endpoint, model, plan_of};

/// An answer to `ModelInfer` without outputs, in its frame.
const ANSWER: &[u8] = b"\0\0\0\0\x06\x0a\x04echo";

/// A server without `ModelStreamInfer`, as KServe's is.
async fn without_streams(asked: Asked, refused: Arc<AtomicUsize>) {
    let (mut request, mut respond) = asked;
    let path = request.uri().path().to_owned();
    read(request.body_mut()).await;
    if path.ends_with("/ModelStreamInfer") {
        refused.fetch_add(1, Ordering::SeqCst);
        let head = Response::builder().header("content-type", "application/grpc").header("grpc-status", "12");
        respond.send_response(head.body(()).unwrap(), true).unwrap();
        return;
    }
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    stream.send_data(Bytes::from_static(ANSWER), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers).unwrap();
}

#[tokio::test]
async fn a_server_without_streams_answers_them_once_and_is_asked_for_them_once() {
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refused);
    let peer = H2Peer::start(move |asked| without_streams(asked, Arc::clone(&counted)));
    let clock = Arc::new(FakeClock::following_tokio());
    let endpoint = endpoint("memory:1");
    let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
    let factory = Factory::new(Arc::new(InMemory(peer.dialer.clone())), shared);
    let upstream = factory.build(&plan_of(&KIND, &endpoint, &[])).unwrap();
    for _ in 0..3 {
        let input = Tensor::new("x", DataType::Bool, vec![1], Bytes::from_static(b"\x01")).unwrap();
        let call = Call {
            operation: Operation::Infer,
            model: model("echo"),
            body: CallBody::from(InferRequest { inputs: vec![input], ..InferRequest::default() }),
            headers: sluicegate_core::Fields::new(),
            deadline: Deadline(clock.now() + PATIENCE * 2),
        };
        let answers = within("a stream", upstream.stream(&endpoint, call)).await.unwrap();
        let answers: Vec<_> = within("its end", answers.collect()).await;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].as_ref().unwrap().model_name, "echo");
    }
    assert_eq!(refused.load(Ordering::SeqCst), 1);
}
