//! The contract of the upstream port, over both kinds of server.

use std::sync::Arc;

use sluicegate_testkit::contract::{Stall, UpstreamFixture, upstream};
use sluicegate_testkit::{self as testkit, Event, Script, Step};

use crate::peer::{mlserver, triton};
use crate::support::{Backend, endpoint, model};

async fn fixture(backend: &Backend) -> UpstreamFixture {
    let begun = Event::new();
    let describe = |_: &[u8]| Script::json("200 OK", r#"{"name":"peer","extensions":[]}"#).to_vec();
    let script = Script::new()
        .then(Step::Answer(Arc::new(describe)))
        .then(Step::ReadRequest)
        .then(Step::Tell(begun.clone()))
        .then(Step::ReadToEnd);
    let server = testkit::Upstream::start(script).await;
    let stalling = endpoint(&server.authority());
    UpstreamFixture {
        upstream: Arc::clone(&backend.upstream),
        endpoint: backend.endpoint.clone(),
        model: model("echo"),
        shape: vec![2, 4],
        describes: true,
        stall: Some(Stall {
            endpoint: stalling,
            model: model("slow"),
            begun: Box::pin(async move { begun.wait().await }),
            cancelled: Box::pin(async move {
                server.recorder().wait_ended(0).await;
            }),
        }),
    }
}

#[tokio::test]
async fn a_server_with_binary_tensors_keeps_the_contract() {
    let backend = Backend::new(triton(), &[]).await;
    upstream(fixture(&backend).await).await;
    assert!(backend.upstream.native().is_some());
}

#[tokio::test]
async fn a_server_without_binary_tensors_keeps_the_contract() {
    let backend = Backend::new(mlserver(), &[]).await;
    upstream(fixture(&backend).await).await;
    assert!(backend.upstream.native().is_none());
}
