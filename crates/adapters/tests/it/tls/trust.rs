//! Who is trusted: an endpoint that cannot prove who it is gets not a byte of a request, and operators hear why.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_adapters::http::{Fault, Speaks};
use sluicegate_core::Sent;
use sluicegate_testkit::certs::{Authority, Issued};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::peers::{Asks, Caller, Peer, config, identity, made, secured};

/// Offers what the client speaks.
const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn an_endpoint_that_cannot_prove_who_it_is_gets_nothing() {
    let (authority, other) = (Authority::new("test"), Authority::new("other"));
    let good = authority.issue(&["127.0.0.1"]);
    let cases: [(&Authority, Issued, &str); 4] = [
        (&other, good.clone(), "not issued by anybody who is trusted"),
        (&authority, authority.issue(&["elsewhere.test"]), "is not for 127.0.0.1"),
        (&authority, authority.issue_between(&["127.0.0.1"], 2010, 2020), "has expired"),
        (&authority, authority.issue_between(&["127.0.0.1"], 2200, 2300), "not valid yet"),
    ];
    for (trusted, pair, words) in cases {
        let peer = Peer::start(&authority, &pair, Asks::Nobody, BOTH).await;
        let caller = Caller::new();
        for speaks in [Speaks::Http1, Speaks::Http2] {
            let origin = caller.origin(&secured(&peer.authority, &identity(trusted, None, None)), speaks);
            let error = caller.ask(&origin).await.unwrap_err();
            assert_eq!((&error.fault, error.sent), (&Fault::Connect, Sent::Nothing), "{words}: {error}");
            assert!(error.cause.contains(words), "{words}: {error}");
        }
        assert_eq!(peer.served(), 0, "{words}");
    }
}

/// Without `ca` the system is asked, which has not heard of a test's authority.
#[tokio::test]
async fn the_systems_roots_are_trusted_where_no_others_are_given() {
    let authority = Authority::new("test");
    let peer = Peer::start(&authority, &authority.issue(&["127.0.0.1"]), Asks::Nobody, BOTH).await;
    let caller = Caller::new();
    let origin = caller.origin(&secured(&peer.authority, &made(None, None, None)), Speaks::Http1);
    let error = caller.ask(&origin).await.unwrap_err();
    assert!(error.cause.contains("not issued by anybody who is trusted"), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_the_configured_one_or_refuses() {
    let (authority, other) = (Authority::new("test"), Authority::new("other"));
    let peer = Peer::start(&authority, &authority.issue(&["127.0.0.1"]), Asks::Everybody, BOTH).await;
    let caller = Caller::new();
    for speaks in [Speaks::Http1, Speaks::Http2] {
        for own in [None, Some(other.issue(&["stranger"]))] {
            let origin = caller.origin(&secured(&peer.authority, &identity(&authority, None, own.as_ref())), speaks);
            let error = caller.ask(&origin).await.unwrap_err();
            assert!(matches!(error.fault, Fault::Connect | Fault::Broken), "{error}");
        }
        assert_eq!(peer.served(), 0);
    }
    let own = authority.issue(&["gateway"]);
    let origin = caller.origin(&secured(&peer.authority, &identity(&authority, None, Some(&own))), Speaks::Http2);
    caller.ask(&origin).await.unwrap();
}

#[tokio::test]
async fn http2_must_be_agreed_on_and_http1_may_go_unsaid() {
    let authority = Authority::new("test");
    let pair = authority.issue(&["127.0.0.1"]);
    let caller = Caller::new();
    let trusted = identity(&authority, None, None);
    for (alpn, speaks, words) in [
        (&[][..], Speaks::Http2, Some("does not agree to HTTP/2")),
        (&["http/1.1"], Speaks::Http2, Some("does not speak the version of HTTP")),
        (&["h2"], Speaks::Http1, Some("does not speak the version of HTTP")),
        (&[], Speaks::Http1, None),
    ] {
        let peer = Peer::start(&authority, &pair, Asks::Nobody, alpn).await;
        let asked = caller.ask(&caller.origin(&secured(&peer.authority, &trusted), speaks)).await;
        match words {
            None => drop(asked.unwrap()),
            Some(words) => {
                let error = asked.unwrap_err();
                assert!(error.fault == Fault::Connect && error.cause.contains(words), "{alpn:?} {speaks:?}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let peer = Peer::raw(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let caller = Caller::new();
    let endpoint = secured(&peer.authority, &identity(&Authority::new("test"), None, None));
    let error = caller.ask(&caller.origin(&endpoint, Speaks::Http1)).await.unwrap_err();
    assert!(error.fault == Fault::Connect && error.cause.contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn the_time_for_a_connection_is_also_that_for_its_handshake() {
    let peer = Peer::raw(|_, mut stream| async move {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let caller = Caller::new();
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let endpoint = secured(&peer.authority, &identity(&Authority::new("test"), None, None));
        let origin = caller.origin(&endpoint, speaks);
        let error = caller.ask_within(&origin, Duration::from_millis(50)).await.unwrap_err();
        assert!(error.fault == Fault::Connect && error.cause.contains("no connection within"), "{error}");
    }
}

/// An answer that ends with its connection is whole only where the server said that it ends.
#[tokio::test]
async fn an_answer_that_was_cut_off_is_not_taken_for_whole() {
    let authority = Authority::new("test");
    let trusted = identity(&authority, None, None);
    for said in [true, false] {
        let acceptor = TlsAcceptor::from(Arc::new(config(
            &authority,
            &authority.issue(&["127.0.0.1"]),
            Asks::Nobody,
            &["http/1.1"],
        )));
        let peer = Peer::raw(move |_, stream| {
            let acceptor = acceptor.clone();
            async move {
                let answering = async {
                    let mut stream = acceptor.accept(stream).await?;
                    stream.read_u8().await?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf of it").await?;
                    stream.flush().await?;
                    if said {
                        stream.shutdown().await?;
                    } else {
                        stream.get_mut().0.shutdown().await?;
                    }
                    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
                };
                let _: io::Result<u64> = answering.await;
            }
        })
        .await;
        let caller = Caller::new();
        let answer = caller.ask(&caller.origin(&secured(&peer.authority, &trusted), Speaks::Http1)).await.unwrap();
        if said {
            assert_eq!(answer, "half of it");
        } else {
            assert!(answer.starts_with("broken"), "{answer}");
        }
    }
}
