//! Orders, and servers that carry them out, over real sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Order;
use super::behaviour::Behaviour;
use super::listening;
use super::server::Server;
use crate::work::Numbered;

#[test]
fn orders_are_read_from_lines() {
    let set = |line: &str| match Order::parse(line).unwrap() {
        Order::Set(number, behaviour) => (number, behaviour),
        Order::Report => panic!("{line}"),
    };
    assert_eq!(Order::parse(" report ").unwrap(), Order::Report);
    assert_eq!(set("0 refuse"), (0, Behaviour::Refuse));
    assert_eq!(set("2 slow 10"), (2, Behaviour::Slow(10)));
    assert_eq!(set("1 flap 2s"), (1, Behaviour::Flap(Duration::from_secs(2))));
    assert_eq!(set("1 stale 3ms"), (1, Behaviour::Stale(Duration::from_millis(3))));
    for name in ["ok", "blackhole", "silent", "error500", "reset", "garbage", "short", "long", "endless", "early"] {
        assert!(Order::parse(&format!("0 {name}")).is_ok(), "{name}");
    }
    for bad in ["", "0", "x ok", "0 sleepy", "0 slow", "0 slow x", "0 flap 2", "0 ok now", "-1 ok"] {
        assert!(Order::parse(bad).is_err(), "{bad:?}");
    }
}

fn server() -> Arc<Server> {
    listening::start(1, Duration::from_millis(1)).unwrap()
}

/// Everything that comes back for one request until the server closes or is silent.
async fn asked(server: &Server, number: u64) -> io::Result<String> {
    let mut stream = TcpStream::connect(server.address()).await?;
    stream.write_all(&Numbered(number).request("small", "", 0)).await?;
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    // An answer that goes on, or whose connection is kept, has been read when its first body is there.
    while !String::from_utf8_lossy(&said).contains("]}") {
        match stream.read(&mut piece).await? {
            0 => break,
            count => said.extend_from_slice(&piece[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_server_that_is_well_answers_each_with_his_own_number() {
    let server = server();
    assert!(asked(&server, 7).await.unwrap().ends_with(&Numbered(7).answer_body()));
    let report = serde_json::to_value(server.report()).unwrap();
    assert_eq!((&report["begun"], &report["answered"], &report["cancelled"]), (&1.into(), &1.into(), &0.into()));
}

#[tokio::test]
async fn faults_show_as_they_are_called() {
    let server = server();
    for (order, beginning) in
        [("error500", "HTTP/1.1 500"), ("early", "HTTP/1.1 413"), ("short", "HTTP/1.1 200"), ("garbage", "\u{15}")]
    {
        server.set(order.parse().unwrap());
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(&Numbered(1).request("small", "", 0)).await.unwrap();
        let mut said = vec![0; beginning.len()];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(said, beginning.as_bytes(), "{order}");
    }
    server.set(Behaviour::Short);
    assert!(!asked(&server, 1).await.unwrap().contains("]}"), "the connection ended within the body");
    server.set(Behaviour::Reset);
    assert_eq!(asked(&server, 1).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    server.set(Behaviour::ResetAfterHead);
    assert_eq!(asked(&server, 1).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    server.set(Behaviour::Ok);
    assert!(asked(&server, 2).await.unwrap().ends_with(&Numbered(2).answer_body()));
}

#[tokio::test]
async fn who_refuses_can_come_back_to_the_same_port() {
    let server = server();
    server.set(Behaviour::Refuse);
    // The listener is closed by the task that holds it; until then connections are taken, and at that moment reset.
    let is_refused =
        |result: io::Result<TcpStream>| result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    while !is_refused(TcpStream::connect(server.address()).await) {
        tokio::task::yield_now().await;
    }
    server.set(Behaviour::Ok);
    let answer = loop {
        if let Ok(answer) = asked(&server, 3).await {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert!(answer.ends_with(&Numbered(3).answer_body()));
}

#[tokio::test]
async fn a_black_hole_takes_no_connection_and_lets_go_again() {
    let server = server();
    server.set(Behaviour::Blackhole);
    // Connections of before it was full are taken or reset; the test ends with the first that hears nothing.
    let connect = || timeout(Duration::from_millis(50), TcpStream::connect(server.address()));
    while connect().await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.set(Behaviour::Ok);
    let answer = loop {
        if let Ok(Ok(answer)) = timeout(Duration::from_millis(500), asked(&server, 4)).await {
            break answer;
        }
    };
    assert!(answer.ends_with(&Numbered(4).answer_body()));
}

#[tokio::test]
async fn a_client_that_leaves_is_counted() {
    let server = server();
    server.set(Behaviour::Silent);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(&Numbered(1).request("small", "", 0)).await.unwrap();
    let counted = async |name: &str| {
        while serde_json::to_value(server.report()).unwrap()[name] != 1 {
            tokio::task::yield_now().await;
        }
    };
    counted("begun").await;
    drop(stream);
    counted("cancelled").await;
}
