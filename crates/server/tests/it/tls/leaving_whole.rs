//! What TLS holds encrypted of an answer leaves, too, or its client is cut: it is not over while the client has not taken it.

use std::time::Duration;

use sluicegate_core::{Body, Inbound, Response};
use sluicegate_server::Limits;
use sluicegate_testkit::Event;
use tokio::time::{Instant, timeout};

use super::clients::Secure;
use crate::support::{Flood, GET, LONG};

#[tokio::test(start_paused = true)]
async fn an_answer_is_whole_however_late_its_client_reads() {
    for length in [1_000, 30_000, 60_000, 70_000, 100_000, 130_000, 200_000, 1_000_000] {
        let handler = move |_: Inbound| async move { Response::new(Body::from(vec![b'x'; length])) };
        let secure = Secure::start(Limits::default(), handler);
        let mut wire = secure.wire().await;
        let start = Instant::now();
        for _ in 0..2 {
            wire.send(GET).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(wire.read_response().await.body.len(), length);
        }
        // Not by the end of the connection.
        assert_eq!(start.elapsed().as_secs(), 10, "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut() {
    let limits = Limits::default();
    let dropped = Event::new();
    let flood = {
        let dropped = dropped.clone();
        move |_: Inbound| {
            let body = Flood::body(&dropped);
            async move { Response::new(body) }
        }
    };
    let secure = Secure::start(limits, flood);
    let mut wire = secure.wire().await;
    let start = Instant::now();
    wire.send(GET).await;
    wire.read_head().await;
    timeout(LONG, dropped.wait()).await.expect("the answer to be dropped");
    let passed = start.elapsed();
    assert!((limits.idle_timeout..=limits.idle_timeout * 2).contains(&passed), "{passed:?}");
}
