//! Connections on threads of their own: which takes them, and that they end there as in one.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use sluicegate_core::{Inbound, Outbound, Worker};
use sluicegate_server::{Drained, Handler, Limits, Server, Workers};
use sluicegate_testkit::{Wire, within};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::{GET, Held, LONG, Stuck, answer, echo, get2, http2_over, loopback, plan, text};

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

fn serve<H: Handler>(workers: Workers, handler: H) -> (Server<H>, SocketAddr) {
    let mut server = Server::on(workers, handler);
    let prepared = server.prepare(&[plan("front", loopback(), Limits::default())]).unwrap();
    server.commit(prepared);
    let address = server.addresses()[0].1;
    (server, address)
}

/// Answers the number of the worker that serves.
async fn number(_: Inbound) -> Outbound {
    answer(StatusCode::OK, Worker::current().number().to_string())
}

async fn ask(wire: &mut Wire<TcpStream>) -> String {
    wire.send(GET).await;
    wire.read_response().await.text()
}

#[tokio::test]
async fn a_connection_goes_to_the_worker_that_has_the_fewest() {
    let (_server, address) = serve(Workers::per_core(two()).unwrap(), number);
    let mut groups = [Vec::new(), Vec::new()];
    for _ in 0..6 {
        let mut wire = Wire::connect(address).await;
        let worker: usize = ask(&mut wire).await.parse().unwrap();
        groups[worker - 1].push(wire);
    }
    let [first, second] = &mut groups;
    assert_eq!((first.len(), second.len()), (3, 3));
    // Two leave the first worker; what it answers afterwards shows that it has seen it.
    for mut left in first.split_off(1) {
        left.finish().await;
        left.read_to_end().await;
    }
    assert_eq!(ask(&mut first[0]).await, "1");
    for _ in 0..2 {
        let mut wire = Wire::connect(address).await;
        assert_eq!(ask(&mut wire).await, "1");
        first.push(wire);
    }
    assert_eq!(ask(&mut second[0]).await, "2", "a connection stays where it is");
    let mut last = (Wire::connect(address).await, Wire::connect(address).await);
    assert_ne!(ask(&mut last.0).await, ask(&mut last.1).await);
}

#[tokio::test]
async fn few_long_connections_are_spread_evenly() {
    for count in [2, 4] {
        let (_server, address) = serve(Workers::per_core(two()).unwrap(), number);
        let mut open = Vec::new();
        let mut on_first = 0;
        for _ in 0..count {
            let (mut sender, connection) = http2_over(TcpStream::connect(address).await.unwrap()).await;
            let worker = text(sender.send_request(get2("/")).await.unwrap()).await;
            on_first += usize::from(worker == "1");
            open.push((sender, connection));
        }
        assert_eq!(on_first * 2, count);
    }
}

#[tokio::test]
async fn connections_of_two_listeners_are_spread_together() {
    let mut server = Server::on(Workers::per_core(two()).unwrap(), number);
    let plans = ["one", "two"].map(|name| plan(name, loopback(), Limits::default()));
    let prepared = server.prepare(&plans).unwrap();
    server.commit(prepared);
    let mut open = Vec::new();
    let mut workers = Vec::new();
    for (_, address) in server.addresses() {
        let mut wire = Wire::connect(address).await;
        workers.push(ask(&mut wire).await);
        open.push(wire);
    }
    assert_ne!(workers[0], workers[1]);
}

// Of own runtimes only: in a shared one a thread that is held can leave the sockets of all unattended, since any of its
// threads may be the one that watches them.
#[tokio::test]
async fn a_busy_worker_stops_no_other() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let once = Arc::new(Mutex::new(Some((begin, held))));
    let handler = move |inbound: Inbound| {
        let busy = inbound.head.uri.path() == "/busy";
        let once = once.lock().take_if(|_| busy);
        async move {
            if let Some((begin, held)) = once {
                begin.send(()).unwrap();
                // Holds the thread, as a computation would.
                held.recv().unwrap();
            }
            answer(StatusCode::OK, "done")
        }
    };
    let (_server, address) = serve(Workers::per_core(two()).unwrap(), handler);
    let (mut one, mut other) = (Wire::connect(address).await, Wire::connect(address).await);
    // Both are known to be where they stay.
    assert_eq!((ask(&mut one).await, ask(&mut other).await), ("done".to_owned(), "done".to_owned()));
    one.send("GET /busy HTTP/1.1\r\nhost: a\r\n\r\n").await;
    within("the work to begin", begun).await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut other).await, "done");
    }
    release.send(()).unwrap();
    assert_eq!(one.read_response().await.text(), "done");
}

#[tokio::test]
async fn drain_waits_for_the_last_answer_of_every_worker() {
    let workers = Workers::per_core(two()).unwrap();
    let held = [Held::default(), Held::default()];
    let handler = {
        let held = held.clone();
        move |inbound: Inbound| {
            let held = held[usize::from(inbound.head.uri.path() == "/b")].clone();
            async move { held.serve(inbound).await }
        }
    };
    let (server, address) = serve(workers, handler);
    let mut wires = [Wire::connect(address).await, Wire::connect(address).await];
    for ((wire, path), held) in wires.iter_mut().zip(["/a", "/b"]).zip(&held) {
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        within("the request to arrive", held.begun.wait()).await;
    }
    assert_eq!(server.in_flight(), 2);
    let draining = tokio::spawn(server.drain(LONG));
    for (wire, held) in wires.iter_mut().zip(&held) {
        assert!(!draining.is_finished());
        held.release.release();
        assert_eq!(wire.read_response().await.text(), "done");
    }
    assert_eq!(within("the drain", draining).await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn what_is_cut_is_gone_on_every_worker_when_drain_returns() {
    let workers = Workers::per_core(two()).unwrap();
    let stuck = [Stuck::default(), Stuck::default(), Stuck::default(), Stuck::default()];
    let handler = {
        let stuck = stuck.clone();
        move |inbound: Inbound| {
            let place: usize = inbound.head.uri.path()[1..].parse().unwrap();
            let stuck = stuck[place].clone();
            async move { stuck.serve(inbound).await }
        }
    };
    let (server, address) = serve(workers, handler);
    let mut open = Vec::new();
    for (place, stuck) in stuck.iter().enumerate() {
        let (mut sender, connection) = http2_over(TcpStream::connect(address).await.unwrap()).await;
        open.push((tokio::spawn(sender.send_request(get2(&format!("/{place}")))), sender, connection));
        within("the request to arrive", stuck.begun.wait()).await;
    }
    let drained = within("the drain", server.drain(Duration::from_millis(20))).await;
    assert_eq!(drained, Drained { cut: 4 });
    assert!(stuck.iter().all(|stuck| stuck.dropped.released()));
}

#[tokio::test]
async fn a_dropped_server_cuts_on_every_worker() {
    let workers = Workers::per_core(two()).unwrap();
    let stuck = Stuck::default();
    let (server, address) = serve(workers, stuck.clone());
    let mut wire = Wire::connect(address).await;
    wire.send(GET).await;
    within("the request to arrive", stuck.begun.wait()).await;
    drop(server);
    within("the handler to be dropped", stuck.dropped.wait()).await;
    assert!(wire.try_read_to_end().await.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn a_panic_costs_one_connection_of_its_worker() {
    let handler = |inbound: Inbound| async move {
        assert_ne!(inbound.head.uri.path(), "/panic", "as asked");
        echo(inbound).await
    };
    let workers = Workers::per_core(NonZeroUsize::MIN).unwrap();
    let (server, address) = serve(workers, handler);
    let (mut one, mut other) = (Wire::connect(address).await, Wire::connect(address).await);
    assert_eq!(ask(&mut other).await, "");
    one.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(one.try_read_to_end().await.unwrap_or_default().is_empty());
    assert_eq!(ask(&mut other).await, "", "its neighbour lives on");
    assert_eq!(ask(&mut Wire::connect(address).await).await, "", "and so does its thread");
    assert_eq!(within("the drain", server.drain(LONG)).await, Drained { cut: 0 });
}
