//! One server's sockets taken over by the next: what waits in their queues is served, and nobody is cut.

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::task::Poll;

use sluicegate_server::{Drained, Handler, Limits, Predecessor, Server, Successor, Workers};
use sluicegate_testkit::{Wire, within};
use tokio::net::TcpStream;

use crate::support::{GET, Held, LONG, echo, get2, http2_over, loopback, plan, text};

/// A server with one listener.
fn server(handler: impl Handler, limits: Limits) -> (Server<impl Handler>, SocketAddr) {
    let mut server = Server::new(handler);
    let prepared = server.prepare(&[plan("public", loopback(), limits)]).unwrap();
    server.commit(prepared);
    let address = server.addresses()[0].1;
    (server, address)
}

/// A server for the same listener, with the sockets of `before`. It serves when this returns.
fn next(before: &Server<impl Handler>, address: SocketAddr, threads: usize) -> Server<impl Handler> {
    let handed = before.sockets().unwrap();
    let asked = handed[0].address;
    let (_successor, channel) = Successor::of(&handed).unwrap();
    let (_, handed) = Predecessor::from(channel).unwrap();
    let mut server = Server::on(Workers::per_core(NonZeroUsize::new(threads).unwrap()).unwrap(), echo);
    server.inherit(handed);
    let prepared = server.prepare(&[plan("public", asked, Limits::default())]).unwrap();
    server.commit(prepared);
    assert_eq!(server.addresses()[0].1, address);
    server
}

#[tokio::test]
async fn rel_10_what_waits_in_the_queue_is_served_by_the_next() {
    for threads in [1, 3] {
        let held = Held::default();
        // With one connection open the first server takes no other: all others wait in the system's queue.
        let (first, address) = server(held.clone(), Limits { connections: 1, ..Limits::default() });
        let mut open = Wire::connect(address).await;
        open.send(GET).await;
        within("the request to arrive", held.begun.wait()).await;
        let mut waiting = Vec::new();
        for _ in 0..100 {
            let mut wire = Wire::connect(address).await;
            wire.send(GET).await;
            waiting.push(wire);
        }
        let second = next(&first, address, threads);
        let leaving = tokio::spawn(first.yield_to_successor(LONG));
        for wire in &mut waiting {
            assert_eq!(wire.read_response().await.status(), 200);
        }
        assert!(!leaving.is_finished());
        held.release.release();
        let response = open.read_response().await;
        assert_eq!((response.text().as_str(), response.header("connection")), ("done", Some("close")));
        assert_eq!(within("the first server to end", leaving).await.unwrap(), Drained { cut: 0 });
        // The address was open all the time, and still is.
        let mut wire = Wire::connect(address).await;
        wire.send(GET).await;
        assert_eq!(wire.read_response().await.status(), 200);
        drop(second);
    }
}

#[tokio::test]
async fn rel_10_a_connection_without_a_request_has_one_more_answered() {
    let (first, address) = server(echo, Limits::default());
    let mut used = Wire::connect(address).await;
    used.send(GET).await;
    assert_eq!(used.read_response().await.header("connection"), None);
    let mut fresh = Wire::connect(address).await;
    // One after the other off the queue: with this one, the fresh one has been accepted too.
    let mut begun = Wire::connect(address).await;
    begun.send(GET).await;
    assert_eq!(begun.read_response().await.status(), 200);
    begun.send(&GET[..10]).await;
    let second = next(&first, address, 1);
    let mut leaving = Box::pin(first.yield_to_successor(LONG));
    // Asked by the first poll.
    assert!(poll_fn(|context| Poll::Ready(leaving.as_mut().poll(context).is_pending())).await);
    begun.send(&GET[10..]).await;
    used.send(GET).await;
    fresh.send(GET).await;
    for wire in [&mut begun, &mut used, &mut fresh] {
        let response = wire.read_response().await;
        assert_eq!((response.status(), response.header("connection")), (200, Some("close")));
        assert_eq!(wire.read_to_end().await, b"");
    }
    assert_eq!(within("the first server to end", leaving).await, Drained { cut: 0 });
    drop(second);
}

#[tokio::test]
async fn rel_10_http2_goes_elsewhere_and_an_idle_client_is_cut_with_the_grace() {
    let held = Held::default();
    let (first, address) = server(held.clone(), Limits::default());
    let (mut sender, connection) = http2_over(TcpStream::connect(address).await.unwrap()).await;
    let asked = tokio::spawn(sender.send_request(get2("/")));
    within("the request to arrive", held.begun.wait()).await;
    let second = next(&first, address, 1);
    let leaving = tokio::spawn(first.yield_to_successor(LONG));
    held.release.release();
    assert_eq!(text(asked.await.unwrap().unwrap()).await, "done");
    within("the connection to end", connection).await.unwrap().unwrap();
    assert_eq!(within("the first server to end", leaving).await.unwrap(), Drained { cut: 0 });

    let silent = Wire::connect(address).await;
    let third = next(&second, address, 1);
    assert_eq!(second.yield_to_successor(std::time::Duration::ZERO).await, Drained { cut: 0 });
    drop(silent);
    drop(third);
}

#[tokio::test]
async fn a_socket_nobody_asks_for_is_closed() {
    let (first, address) = server(echo, Limits::default());
    let handed = first.sockets().unwrap();
    let mut second = Server::new(echo);
    second.inherit(handed);
    let prepared = second.prepare(&[plan("other", loopback(), Limits::default())]).unwrap();
    assert_ne!(prepared_address(&mut second, prepared), address);
    first.drain(LONG).await;
    assert!(Wire::try_connect(address).await.is_err(), "closed by both");
}

fn prepared_address<H: Handler>(server: &mut Server<H>, prepared: sluicegate_server::Prepared) -> SocketAddr {
    server.commit(prepared);
    server.addresses()[0].1
}
