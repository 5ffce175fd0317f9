//! Listeners at a reload: added, kept, renamed, removed; and a failed one that leaves everything as it was.

use std::net::SocketAddr;

use http::StatusCode;
use sluicegate_core::{Inbound, Outbound};
use sluicegate_server::{Handler, Limits, ListenerPlan, Server};
use sluicegate_testkit::{Event, Wire, within};
use tokio::net::TcpListener;

use crate::support::{GET, answer, loopback, plan};

/// Answers the name of the listener.
async fn name(inbound: Inbound) -> Outbound {
    answer(StatusCode::OK, &*inbound.listener)
}

/// Always the same address, with port 0.
fn anywhere(name: &str) -> ListenerPlan {
    plan(name, SocketAddr::from(([127, 1, 0, 1], 0)), Limits::default())
}

fn reconcile<H: Handler>(server: &mut Server<H>, plans: &[ListenerPlan]) {
    let prepared = server.prepare(plans).expect("every address is free");
    server.commit(prepared);
}

fn addresses<H: Handler>(server: &Server<H>) -> Vec<SocketAddr> {
    server.addresses().into_iter().map(|(_, address)| address).collect()
}

async fn ask(wire: &mut Wire) -> String {
    wire.send(GET).await;
    wire.read_response().await.text()
}

async fn ask_at(address: SocketAddr) -> String {
    ask(&mut Wire::connect(address).await).await
}

/// Waits until `address` refuses: its listener closes when its task sees that it was removed.
async fn refused(address: SocketAddr) {
    within("the port to be closed", async {
        while Wire::try_connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn adds_and_tells_real_ports() {
    let mut server = Server::new(name);
    assert!(server.addresses().is_empty());
    reconcile(&mut server, &[anywhere("one"), anywhere("two")]);
    let names: Vec<_> = server.addresses().into_iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["one", "two"]);
    let [one, two] = addresses(&server)[..] else { panic!("two listeners") };
    assert_ne!(one.port(), 0);
    assert_eq!(ask_at(one).await, "one");
    assert_eq!(ask_at(two).await, "two");
}

#[tokio::test]
async fn keeps_a_listener_and_its_connections() {
    let mut server = Server::new(name);
    reconcile(&mut server, &[anywhere("one")]);
    let before = addresses(&server);
    let mut wire = Wire::connect(before[0]).await;
    assert_eq!(ask(&mut wire).await, "one");
    reconcile(&mut server, &[anywhere("new"), anywhere("one")]);
    assert_eq!(addresses(&server)[1], before[0]);
    assert_eq!(ask(&mut wire).await, "one", "the connection lives on");
    assert_eq!(ask_at(before[0]).await, "one");
}

#[tokio::test]
async fn a_kept_listener_takes_its_new_name_and_limits() {
    let mut server = Server::new(name);
    reconcile(&mut server, &[anywhere("old")]);
    let address = addresses(&server)[0];
    // By its real address from here on: a listener opened on port 0 is another one under another name.
    let fixed = plan("fixed", address, Limits::default());
    let errors = server.prepare(std::slice::from_ref(&fixed)).expect_err("the port is taken by 'old'");
    assert_eq!(&*errors[0].name, "fixed");

    let mut server = Server::new(name);
    let free = free_port().await;
    reconcile(&mut server, &[plan("old", free, Limits::default())]);
    let mut wire = Wire::connect(free).await;
    assert_eq!(ask(&mut wire).await, "old");
    reconcile(&mut server, &[plan("new", free, Limits { headers: 2, ..Limits::default() })]);
    assert_eq!(ask(&mut wire).await, "old", "connections keep what they began with");
    let mut wire = Wire::connect(free).await;
    assert_eq!(ask(&mut wire).await, "new");
    wire.send("GET / HTTP/1.1\r\nhost: a\r\na: b\r\nc: d\r\n\r\n").await;
    assert_eq!(wire.read_response().await.status(), 431);
}

#[tokio::test]
async fn removes_a_listener_but_finishes_its_requests() {
    let (begun, release) = (Event::new(), Event::new());
    let held = {
        let (begun, release) = (begun.clone(), release.clone());
        move |inbound: Inbound| {
            let (begun, release) = (begun.clone(), release.clone());
            async move {
                if &*inbound.listener == "gone" {
                    begun.release();
                    release.wait().await;
                }
                name(inbound).await
            }
        }
    };
    let mut server = Server::new(held);
    reconcile(&mut server, &[anywhere("stays"), anywhere("gone")]);
    let [stays, gone] = addresses(&server)[..] else { panic!("two listeners") };
    let mut wire = Wire::connect(gone).await;
    wire.send(GET).await;
    within("the request to arrive", begun.wait()).await;
    reconcile(&mut server, &[anywhere("stays")]);
    assert_eq!(addresses(&server), [stays]);
    refused(gone).await;
    assert_eq!(ask_at(stays).await, "stays");
    assert_eq!(server.in_flight(), 1);
    release.release();
    assert_eq!(wire.read_response().await.text(), "gone");
    assert_eq!(wire.read_to_end().await, b"");
}

#[tokio::test]
async fn a_failed_bind_leaves_everything_as_it_was() {
    let mut server = Server::new(name);
    reconcile(&mut server, &[anywhere("one")]);
    let one = addresses(&server)[0];
    let taken = TcpListener::bind(loopback()).await.unwrap();
    let taken = (taken.local_addr().unwrap(), taken);
    let free = free_port().await;
    let plans = [
        plan("free", free, Limits::default()),
        plan("taken", taken.0, Limits::default()),
        plan("elsewhere", "192.0.2.1:80".parse().unwrap(), Limits::default()),
    ];
    let errors = server.prepare(&plans).expect_err("two of three cannot be opened");
    let names: Vec<&str> = errors.iter().map(|error| &*error.name).collect();
    assert_eq!(names, ["taken", "elsewhere"], "every failure is told");
    assert_eq!(errors[0].cause.kind(), std::io::ErrorKind::AddrInUse);
    let told = errors[0].to_string();
    assert!(told.starts_with(&format!("listener 'taken': cannot listen on {}: ", taken.0)), "{told}");

    assert_eq!(addresses(&server), [one]);
    assert_eq!(ask_at(one).await, "one");
    assert!(Wire::try_connect(free).await.is_err(), "what was opened is closed again");
}

#[tokio::test]
async fn what_is_prepared_and_not_committed_is_closed_again() {
    let server = Server::new(name);
    let free = free_port().await;
    let prepared = server.prepare(&[plan("one", free, Limits::default())]).unwrap();
    assert!(server.addresses().is_empty());
    drop(prepared);
    assert!(Wire::try_connect(free).await.is_err());
}

#[tokio::test]
async fn one_address_cannot_be_had_twice() {
    let mut server = Server::new(name);
    let free = free_port().await;
    let twice = [plan("one", free, Limits::default()), plan("two", free, Limits::default())];
    let errors = server.prepare(&twice).expect_err("the same address twice");
    assert_eq!((errors.len(), &*errors[0].name), (1, "two"));
    reconcile(&mut server, &twice[..1]);
    assert_eq!(server.prepare(&twice).expect_err("also when one is open already").len(), 1);
    assert_eq!(ask_at(free).await, "one");
}

#[test]
fn without_a_runtime_preparing_is_an_error_not_a_panic() {
    let server = Server::new(name);
    assert_eq!(server.prepare(&[anywhere("one")]).expect_err("no runtime").len(), 1);
}

/// An address that was free a moment ago.
async fn free_port() -> SocketAddr {
    TcpListener::bind(loopback()).await.unwrap().local_addr().unwrap()
}
