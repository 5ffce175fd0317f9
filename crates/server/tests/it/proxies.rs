//! What proxies before the server say about a client, and who is believed.

use std::sync::Arc;

use http::{Request, StatusCode};
use sluicegate_core::{Body, Inbound, Outbound};
use sluicegate_server::{CancellationToken, Limits, ListenerPlan, Proxies, serve_listener};
use sluicegate_testkit::{MemoryDialer, MemoryNet, Wire};

use crate::support::{InMemory, LONG, answer, http2_over, plan, text};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n";

/// A PROXY protocol header for a client 192.0.2.1:4660.
const ANNOUNCED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x12\x34\0\x50";
/// The balancer's own connection.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

async fn who(inbound: Inbound) -> Outbound {
    let secure = inbound.head.secure;
    answer(StatusCode::OK, format!("{} {secure}", inbound.peer.ip()))
}

/// Peers in memory have loopback addresses.
fn start(trusted: &[&str], announcing: &[&str]) -> MemoryDialer {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let proxies = Arc::new(Proxies { trusted: networks(trusted), announcing: networks(announcing) });
    let (listener, dialer) = MemoryNet::anywhere();
    let plan = ListenerPlan { proxies, ..plan("test", listener.local_addr(), Limits::default()) };
    tokio::spawn(serve_listener(InMemory(listener), plan, who, CancellationToken::new()));
    dialer
}

async fn ask(dialer: &MemoryDialer, first: &[u8], fields: &str) -> String {
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    wire.send([first, GET.as_bytes(), fields.as_bytes(), b"\r\n"].concat()).await;
    wire.read_response().await.text()
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_says_who_the_client_is() {
    let dialer = start(&["127.0.0.0/8", "::1"], &[]);
    assert_eq!(
        ask(&dialer, b"", "x-forwarded-for: 8.8.8.8, 192.0.2.1\r\nx-forwarded-proto: https\r\n").await,
        "192.0.2.1 true"
    );
    let (mut sender, _connection) = http2_over(dialer.connect().await.unwrap()).await;
    let request = Request::get("http://a/").header("x-forwarded-for", "192.0.2.2").body(Body::Empty).unwrap();
    assert_eq!(text(sender.send_request(request).await.unwrap()).await, "192.0.2.2 false");
}

#[tokio::test(start_paused = true)]
async fn anybody_else_says_it_in_vain() {
    let dialer = start(&["10.0.0.0/8"], &[]);
    let said = ask(&dialer, b"", "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: https\r\n").await;
    assert!(said.starts_with("127.") || said.starts_with("::1"), "{said}");
    assert!(said.ends_with(" false"));
}

#[tokio::test(start_paused = true)]
async fn a_listed_peer_announces_its_client() {
    let dialer = start(&[], &["127.0.0.0/8", "::1"]);
    assert_eq!(ask(&dialer, ANNOUNCED, "").await, "192.0.2.1 false");
    assert!(ask(&dialer, LOCAL, "").await.starts_with("127."));
    let mut io = dialer.connect().await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut io, ANNOUNCED).await.unwrap();
    let (mut sender, _connection) = http2_over(io).await;
    let request = Request::get("http://a/").body(Body::Empty).unwrap();
    assert_eq!(text(sender.send_request(request).await.unwrap()).await, "192.0.2.1 false");
}

#[tokio::test(start_paused = true)]
async fn a_listed_peer_that_announces_nobody_is_not_served() {
    for first in [&b""[..], b"PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0"] {
        let dialer = start(&[], &["127.0.0.0/8", "::1"]);
        let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
        wire.send([first, GET.as_bytes(), b"\r\n"].concat()).await;
        wire.finish().await;
        assert_eq!(wire.read_to_end().await, b"", "{first:?}");
    }
    // Nor one that says nothing: it has the time of a head.
    let dialer = start(&[], &["127.0.0.0/8", "::1"]);
    let began = tokio::time::Instant::now();
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    assert_eq!(wire.read_to_end().await, b"");
    assert_eq!(began.elapsed().as_secs(), Limits::default().head_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn an_announcement_of_anybody_else_is_garbage() {
    let dialer = start(&[], &["10.0.0.0/8"]);
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    wire.send([ANNOUNCED, GET.as_bytes(), b"\r\n"].concat()).await;
    wire.finish().await;
    let end = String::from_utf8_lossy(&wire.read_to_end().await).into_owned();
    assert!(end.is_empty() || end.starts_with("HTTP/1.1 400 "), "{end}");
    assert!(!end.contains("192.0.2.1"));
}
