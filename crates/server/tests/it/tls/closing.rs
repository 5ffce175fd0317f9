//! How connections over TLS end: an end that was said is one, an end that was not said is a break.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::StreamBody;
use sluicegate_core::{Body, BodyError, Inbound, Response};
use sluicegate_server::Limits;
use sluicegate_testkit::within;
use tokio::io::AsyncWriteExt as _;

use super::clients::Secure;
use crate::support::{GET, Stuck, echo};

/// Longer than the time in which an end of input may still mean "I have said all".
const LATE: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_half_closed_request_is_answered() {
    let slow = |inbound: Inbound| async {
        tokio::time::sleep(LATE * 20).await;
        echo(inbound).await
    };
    for (request, expected) in [("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc", "abc"), (GET, "")] {
        let secure = Secure::start(Limits::default(), slow);
        let mut wire = secure.wire().await;
        wire.send(request).await;
        wire.finish().await;
        assert_eq!(wire.read_response().await.text(), expected, "{request}");
        assert_eq!(wire.read_to_end().await, b"", "{request}: closed in good order behind the answer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_later_drops_the_handler() {
    let stuck = Stuck::default();
    let secure = Secure::start(Limits::default(), stuck.clone());
    let mut wire = secure.wire().await;
    wire.send(GET).await;
    stuck.begun.wait().await;
    tokio::time::sleep(LATE).await;
    assert!(!stuck.dropped.released());
    wire.finish().await;
    within("the handler to be dropped", stuck.dropped.wait()).await;
}

/// A connection that ends without the word that it does was cut by somebody: at once, the client is gone.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_cut_off_drops_the_handler_at_once() {
    let stuck = Stuck::default();
    let secure = Secure::start(Limits::default(), stuck.clone());
    let mut wire = secure.wire().await;
    wire.send(GET).await;
    let (mut io, _session) = wire.into_inner().into_inner();
    io.shutdown().await.unwrap();
    within("the handler to be dropped", stuck.dropped.wait()).await;
}

/// An answer whose end is that of the connection says so; one that broke off does not, so that it cannot be taken for
/// whole.
#[tokio::test(start_paused = true)]
async fn an_answer_without_a_length_ends_by_word_or_is_broken() {
    for breaks in [false, true] {
        let handler = move |_: Inbound| async move {
            let first = futures_util::stream::iter([Ok(http_body::Frame::data(Bytes::from_static(b"first")))]);
            let end = breaks.then(|| Err(BodyError::Broken("told to".into())));
            Response::new(Body::stream(StreamBody::new(first.chain(futures_util::stream::iter(end)))))
        };
        let secure = Secure::start(Limits::default(), handler);
        let mut wire = secure.wire().await;
        wire.send("GET / HTTP/1.0\r\n\r\n").await;
        let ended = wire.try_read_to_end().await;
        if breaks {
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        } else {
            let bytes = ended.unwrap();
            assert!(bytes.ends_with(b"first"), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
