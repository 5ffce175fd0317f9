//! How requests end, against peers that say one thing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Phase;
use super::client::{Clients, Common, Over};
use super::outcome::code;
use crate::clock;
use crate::work::Numbered;

/// A peer that answers each connection's first request with these bytes, and closes.
async fn peer(said: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(&said).await.unwrap();
        }
    }));
    address
}

fn clients(target: SocketAddr, over: Over, timeout: Duration) -> Clients {
    Clients::new(Common { target, over, model: "small".to_owned(), fields: Vec::new(), timeout, padding: 0 })
}

/// How request 5 ends.
async fn ended(said: impl Into<Vec<u8>>) -> u16 {
    let clients = clients(peer(said.into()).await, Over::Http1, Duration::from_secs(60));
    clients.ask(5, clock::now()).await
}

#[tokio::test]
async fn each_end_has_its_code() {
    assert_eq!(ended(Numbered(5).answer()).await, 200);
    assert_eq!(ended(Numbered(6).answer()).await, code::WRONG, "another's answer");
    assert_eq!(ended(&b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"[..]).await, 503);
    let whole = Numbered(5).answer();
    assert_eq!(ended(&whole[..whole.len() - 1]).await, code::TRANSPORT, "cut off");
    assert_eq!(ended(&b""[..]).await, code::TRANSPORT);
    assert_eq!(ended(&b"garbage of some length\r\n\r\n"[..]).await, code::TRANSPORT);
}

#[tokio::test]
async fn who_is_not_answered_gives_up() {
    // The kernel takes the connection and the request; nobody else does.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for over in [Over::Http1, Over::Http2, Over::Grpc] {
        let clients = clients(listener.local_addr().unwrap(), over, Duration::from_millis(5));
        assert_eq!(clients.ask(5, clock::now()).await, code::TIMEOUT, "{over:?}");
    }
}

#[test]
fn a_phase_is_a_rate_and_a_time() {
    assert_eq!("750:2.5".parse::<Phase>().unwrap(), Phase { rate: 750.0, seconds: 2.5 });
    for bad in ["750", "750:", ":2", "0:2", "1:-2", "NaN:1", "1:inf"] {
        assert!(bad.parse::<Phase>().is_err(), "{bad}");
    }
}
