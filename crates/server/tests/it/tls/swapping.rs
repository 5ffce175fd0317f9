//! Another certificate while the listener is open: connections yet to come see it, those that are open go on.

use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};
use sluicegate_server::{Handler, Limits, ListenerPlan, Server, Tls};
use sluicegate_testkit::Wire;
use sluicegate_testkit::certs::Authority;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::clients::{BOTH, client, connect};
use crate::support::{GET, echo, loopback, plan};

fn install<H: Handler>(server: &mut Server<H>, plan: ListenerPlan) {
    let prepared = server.prepare(&[plan]).expect("the address is free");
    server.commit(prepared);
}

async fn dial<H: Handler>(server: &Server<H>, client: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let (_, address) = server.addresses()[0].clone();
    connect(client, TcpStream::connect(address).await.unwrap()).await.unwrap()
}

async fn ask(wire: &mut Wire<TlsStream<TcpStream>>) {
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.status(), 200);
}

#[tokio::test]
async fn new_connections_see_the_new_certificate_and_open_ones_go_on() {
    let authority = Authority::new("test");
    let client = Arc::new(client(&authority, BOTH, &[]));
    let pair = || Some(Tls::new(&authority.issue(&["server"]).pair()).unwrap());
    let before = ListenerPlan { tls: pair(), ..plan("l", loopback(), Limits::default()) };
    let after = ListenerPlan { tls: pair(), ..before.clone() };
    let mut server = Server::new(echo);
    install(&mut server, before.clone());

    let shown = |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let stream = dial(&server, &client).await;
    let first = shown(&stream);
    let mut open = Wire::over(stream);
    ask(&mut open).await;

    // A session is taken up again while the pair is the same, also over a reload that leaves it as it is.
    install(&mut server, before);
    let again = dial(&server, &client).await;
    assert_eq!(again.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    ask(&mut Wire::over(again)).await;

    install(&mut server, after.clone());
    let stream = dial(&server, &client).await;
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full), "an old ticket is of no use");
    assert_ne!(shown(&stream), first);
    ask(&mut Wire::over(stream)).await;
    ask(&mut open).await;

    // Without TLS from now on, and the open one still goes on as it is.
    install(&mut server, ListenerPlan { tls: None, ..after });
    let (_, address) = server.addresses()[0].clone();
    let mut plain = Wire::connect(address).await;
    plain.send(GET).await;
    assert_eq!(plain.read_response().await.status(), 200);
    ask(&mut open).await;
}
