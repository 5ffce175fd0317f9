//! Ending in good order: what is in flight finishes, nothing new begins, and after the grace the rest is cut.

use std::time::Duration;

use http::StatusCode;
use sluicegate_server::{Drained, Limits, Server};
use sluicegate_testkit::{Wire, within};
use tokio::net::TcpStream;

use crate::support::{Bench, GET, Held, LONG, Stuck, echo, get2, http2_over, loopback, plan, text};

#[tokio::test(start_paused = true)]
async fn requests_in_flight_finish_and_nothing_new_begins() {
    let held = Held::default();
    let bench = Bench::start(Limits::default(), held.clone());
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    held.begun.wait().await;
    let mut idle = bench.wire().await;

    bench.shutdown.cancel();
    assert_eq!(idle.read_to_end().await, b"", "an idle connection is closed at once");
    assert!(bench.dialer.connect().await.is_err(), "a new connection is refused");
    assert!(!bench.served.is_finished());

    held.release.release();
    let response = wire.read_response().await;
    assert_eq!((response.status(), response.text().as_str()), (200, "done"));
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(wire.read_to_end().await, b"");
    bench.served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_kept_alive_connection_is_closed() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.status(), 200);
    bench.shutdown.cancel();
    assert_eq!(wire.read_to_end().await, b"");
    bench.served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn http2_finishes_what_it_has_and_takes_no_more() {
    let held = Held::default();
    let bench = Bench::start(Limits::default(), held.clone());
    let (mut sender, connection) = bench.http2().await;
    let first = tokio::spawn(sender.send_request(get2("/")));
    held.begun.wait().await;
    bench.shutdown.cancel();
    // The GOAWAY has come when the client's side of the connection says it takes no more.
    while sender.ready().await.is_ok() {
        if sender.send_request(get2("/")).await.is_err() {
            break;
        }
    }
    held.release.release();
    assert_eq!(text(first.await.unwrap().unwrap()).await, "done");
    connection.await.unwrap().unwrap();
    bench.served.await.unwrap();
}

#[tokio::test]
async fn drain_waits_for_the_last_answer() {
    let held = Held::default();
    let (server, address) = server(held.clone());
    let mut wire = Wire::connect(address).await;
    wire.send(GET).await;
    within("the request to arrive", held.begun.wait()).await;
    assert_eq!(server.in_flight(), 1);
    let draining = tokio::spawn(server.drain(LONG));
    // Refused once the listener is closed.
    while let Ok(other) = Wire::try_connect(address).await {
        drop(other);
        tokio::task::yield_now().await;
    }
    held.release.release();
    assert_eq!(wire.read_response().await.text(), "done");
    assert_eq!(within("the drain", draining).await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn after_the_grace_the_rest_is_cut_and_counted() {
    let (one, other) = (Stuck::default(), Stuck::default());
    let both = {
        let (one, other) = (one.clone(), other.clone());
        move |inbound: sluicegate_core::Inbound| {
            let stuck = if inbound.head.version == http::Version::HTTP_2 { other.clone() } else { one.clone() };
            async move { sluicegate_server::Handler::serve(&stuck, inbound).await }
        }
    };
    let (server, address) = server(both);
    let mut wire = Wire::connect(address).await;
    wire.send(GET).await;
    let (mut sender, _connection) = http2_over(TcpStream::connect(address).await.unwrap()).await;
    let request = tokio::spawn(sender.send_request(get2("/")));
    within("the requests to arrive", async { tokio::join!(one.begun.wait(), other.begun.wait()) }).await;

    let drained = within("the drain", server.drain(Duration::from_millis(20))).await;
    assert_eq!(drained, Drained { cut: 2 });
    assert!(one.dropped.released(), "the HTTP/1 handler is gone when drain returns");
    assert!(other.dropped.released(), "the HTTP/2 handler is gone when drain returns");
    assert!(wire.try_read_to_end().await.unwrap_or_default().is_empty());
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn a_server_without_connections_drains_at_once() {
    let (server, _) = server(echo);
    assert_eq!(within("the drain", server.drain(LONG)).await, Drained { cut: 0 });
    let empty = Server::new(echo);
    assert_eq!(within("the drain", empty.drain(LONG)).await, Drained { cut: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_half_sent_head_does_not_hold_the_drain() {
    let limits = Limits::default();
    let bench = Bench::start(limits, echo);
    let mut wire = bench.wire().await;
    wire.send("GET / HT").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = tokio::time::Instant::now();
    bench.shutdown.cancel();
    bench.served.await.unwrap();
    // Its head's own time, and the time a refused client may go on sending.
    assert!(start.elapsed() <= limits.head_timeout + Duration::from_secs(5));
}

fn server<H: sluicegate_server::Handler>(handler: H) -> (Server<H>, std::net::SocketAddr) {
    let mut server = Server::new(handler);
    let prepared = server.prepare(&[plan("front", loopback(), Limits::default())]).unwrap();
    server.commit(prepared);
    let address = server.addresses()[0].1;
    (server, address)
}

#[tokio::test]
async fn a_dropped_server_cuts() {
    let stuck = Stuck::default();
    let (server, address) = server(stuck.clone());
    let mut wire = Wire::connect(address).await;
    wire.send(GET).await;
    within("the request to arrive", stuck.begun.wait()).await;
    drop(server);
    within("the handler to be dropped", stuck.dropped.wait()).await;
    assert!(wire.try_read_to_end().await.unwrap_or_default().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_drained_http2_answer_is_complete() {
    let bench = Bench::start(Limits::default(), echo);
    let (mut sender, _connection) = bench.http2().await;
    let response = sender.send_request(get2("/")).await.unwrap();
    bench.shutdown.cancel();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "");
    bench.served.await.unwrap();
}
