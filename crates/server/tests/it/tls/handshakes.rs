//! Handshakes: what is agreed, what is refused, and how long and how many there may be.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion};
use sluicegate_core::{Inbound, Kind, Outbound};
use sluicegate_server::{Exposure, Handler, Limits};
use sluicegate_testkit::Wire;
use tokio::time::{sleep, timeout};

use super::clients::{BOTH, Secure};
use crate::support::{GET, LONG, answer, get2, http2_over, text};

const FEW: Limits = Limits {
    exposure: Exposure::External,
    header_list: 8 * 1024,
    head: 16 * 1024,
    headers: 64,
    body: 1024,
    head_timeout: Duration::from_secs(20),
    body_timeout: Duration::from_secs(30),
    idle_timeout: Duration::from_secs(60),
    handshake_timeout: Duration::from_secs(10),
    handshakes: 2,
    connections: 100,
    per_address: 100,
    body_min_rate: 0,
    streams: 8,
};

/// What HTTP/2 with prior knowledge begins with.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Answers the version, and keeps what was refused.
#[derive(Clone, Default)]
struct Versions(Arc<Mutex<Vec<Kind>>>);

impl Handler for Versions {
    async fn serve(&self, inbound: Inbound) -> Outbound {
        answer(StatusCode::OK, format!("{:?}", inbound.head.version))
    }

    fn refused(&self, _: &Arc<str>, kind: Kind) {
        self.0.lock().push(kind);
    }
}

#[tokio::test(start_paused = true)]
async fn alpn_decides_which_http_is_spoken_in_either_version_of_tls() {
    let secure = Secure::start(Limits::default(), Versions::default());
    for (version, known) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let stream = secure.connect(&secure.client(&[version], &["http/1.1", "h2"])).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(known));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "HTTP/2 is preferred");
        let (mut sender, _connection) = http2_over(stream).await;
        assert_eq!(text(sender.send_request(get2("/")).await.unwrap()).await, "HTTP/2.0");

        for alpn in [&["http/1.1"][..], &[]] {
            let stream = secure.connect(&secure.client(&[version], alpn)).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol().is_some(), !alpn.is_empty());
            let mut wire = Wire::over(stream).patient(LONG);
            for _ in 0..2 {
                wire.send(GET).await;
                assert_eq!(wire.read_response().await.text(), "HTTP/1.1");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_protocol_in_common_is_refused() {
    let secure = Secure::start(Limits::default(), Versions::default());
    let error = secure.connect(&secure.client(BOTH, &["spdy/3"])).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_was_agreed_on_is_what_may_be_spoken() {
    for (alpn, spoken) in [(&["h2"][..], GET), (&["http/1.1"], PREFACE), (&[], PREFACE)] {
        let handler = Versions::default();
        let secure = Secure::start(Limits::default(), handler.clone());
        let stream = secure.connect(&secure.client(BOTH, alpn)).await.unwrap();
        let mut wire = Wire::over(stream).patient(LONG);
        wire.send(spoken).await;
        assert_eq!(wire.read_to_end().await, b"", "{alpn:?}: closed in good order, without an answer");
        assert_eq!(*handler.0.lock(), [Kind::BadRequest], "{alpn:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_told_that_this_is_tls() {
    let handler = Versions::default();
    let secure = Secure::start(Limits::default(), handler.clone());
    for spoken in [GET, PREFACE] {
        let mut wire = secure.bench.wire().await;
        wire.send(spoken).await;
        let response = wire.read_response().await;
        assert_eq!((response.status(), response.header("connection")), (400, Some("close")));
        assert!(response.text().contains("https://"), "{}", response.text());
        assert_eq!(wire.read_to_end().await, b"");
    }
    assert_eq!(*handler.0.lock(), [Kind::BadRequest; 2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_neither_is_closed_without_a_word() {
    let handler = Versions::default();
    let secure = Secure::start(Limits::default(), handler.clone());
    for spoken in [&b"\x00\x01\x02\x03"[..], b"\x80\x2e\x01\x00\x02", b"\x15\x03\x03\x00\x02\x02\x28"] {
        let mut wire = secure.bench.wire().await;
        wire.send(spoken).await;
        assert_eq!(wire.try_read_to_end().await.unwrap_or_default(), b"");
    }
    assert_eq!(*handler.0.lock(), []);
}

/// T-01: a hello of TLS 1.0, of 1.1, and one of 1.2 with RC4 and 3DES alone; each gets the alert that says why.
#[tokio::test(start_paused = true)]
async fn old_versions_and_ciphers_are_refused() {
    const PROTOCOL_VERSION: u8 = 70;
    const HANDSHAKE_FAILURE: u8 = 40;
    let secure = Secure::start(Limits::default(), Versions::default());
    // ECDHE-RSA-AES128-SHA; RC4-SHA, 3DES-SHA.
    let (aes, old) = (&[0xc0, 0x13][..], &[0x00, 0x05, 0x00, 0x0a][..]);
    for (minor, suites, expected) in
        [(1, aes, PROTOCOL_VERSION), (2, aes, PROTOCOL_VERSION), (3, old, HANDSHAKE_FAILURE)]
    {
        let mut wire = secure.bench.wire().await;
        wire.send(hello(minor, suites)).await;
        let alert = wire.read_exact(7).await;
        assert_eq!((alert[0], alert[5], alert[6]), (21, 2, expected), "TLS 1.{}", minor - 1);
        assert_eq!(wire.read_to_end().await, b"");
    }
}

/// A ClientHello of version 3.`minor` (RFC 5246, 7.4.1.2) with the extensions that a server of that time asks for.
fn hello(minor: u8, suites: &[u8]) -> Vec<u8> {
    let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let groups = [&[0, 10][..], &sized(&sized(&[0, 23]))].concat();
    let points = [&[0, 11][..], &sized(&[1, 0])].concat();
    let signatures = [&[0, 13][..], &sized(&sized(&[4, 3, 4, 1, 2, 1]))].concat();
    let extensions = [groups, points, signatures].concat();
    let body = [&[3, minor][..], &[7; 32], &[0], &sized(suites), &[1, 0], &sized(&extensions)].concat();
    let message = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&message)].concat()
}

/// T-02.
#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_cut_in_its_time() {
    let handler = Versions::default();
    let secure = Secure::start(FEW, handler.clone());
    let mut wire = secure.bench.wire().await;
    let hello = hello(3, &[0xc0, 0x2b]);
    let mut sent = 0;
    for byte in hello.chunks(1) {
        if wire.try_send(byte).await.is_err() {
            break;
        }
        sent += 1;
        sleep(Duration::from_secs(1)).await;
    }
    assert!((9..=11).contains(&sent), "{sent} bytes in ten seconds");
    assert_eq!(*handler.0.lock(), [Kind::SlowRequest]);

    let mut silent = secure.bench.wire().await;
    assert_eq!(silent.read_to_end().await, b"", "one that says nothing is closed as well");
    assert_eq!(*handler.0.lock(), [Kind::SlowRequest; 2]);
}

/// T-02: those that are half made have no more than their places; connections that say nothing have none.
#[tokio::test(start_paused = true)]
async fn half_handshakes_are_capped() {
    let secure = Secure::start(FEW, Versions::default());
    let client = secure.client(BOTH, &[]);
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(secure.bench.wire().await);
    }
    drop(secure.connect(&client).await.expect("the silent ones are in nobody's way"));

    let half = &hello(3, &[0xc0, 0x2b])[..20];
    let (mut one, mut other) = (secure.bench.wire().await, secure.bench.wire().await);
    one.send(half).await;
    other.send(half).await;
    tokio::task::yield_now().await;
    let mut third = Box::pin(secure.connect(&client));
    assert!(timeout(Duration::from_secs(5), &mut third).await.is_err(), "a third one waits");
    drop(one);
    let stream = third.await.expect("its turn has come");
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    // Once made, a handshake holds no place: more connections than places, all open.
    let mut open = vec![stream];
    for _ in 0..5 {
        open.push(secure.connect(&client).await.unwrap());
    }
    for stream in open {
        let mut wire = Wire::over(stream).patient(LONG);
        wire.send(GET).await;
        assert_eq!(wire.read_response().await.text(), "HTTP/1.1");
    }
}

/// T-11: the library counts them, and gives up. (Renegotiation it refuses: shown with openssl's own client.)
#[tokio::test(start_paused = true)]
async fn a_flood_of_key_updates_is_closed() {
    let secure = Secure::start(Limits::default(), Versions::default());
    let mut wire = secure.wire().await;
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.text(), "HTTP/1.1");
    let mut stream = wire.into_inner();
    stream.get_mut().1.refresh_traffic_keys().unwrap();
    let mut wire = Wire::over(stream).patient(LONG);
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.text(), "HTTP/1.1", "one is in order");
    let mut stream = wire.into_inner();
    for _ in 0..1000 {
        stream.get_mut().1.refresh_traffic_keys().unwrap();
    }
    let mut wire = Wire::over(stream).patient(LONG);
    let _ = wire.try_send(GET).await;
    let ended = wire.try_read_to_end().await;
    assert!(ended.is_err() || ended.is_ok_and(|bytes| bytes.is_empty()), "no answer: the connection was closed");
}

#[tokio::test(start_paused = true)]
async fn draining_cuts_handshakes_and_closes_what_is_idle_in_good_order() {
    let secure = Secure::start(Limits::default(), Versions::default());
    let mut half = secure.bench.wire().await;
    half.send(&hello(3, &[0xc0, 0x2b])[..20]).await;
    let mut open = secure.wire().await;
    // An answer shows that the server, too, has made the handshake.
    open.send(GET).await;
    assert_eq!(open.read_response().await.status(), 200);
    secure.bench.shutdown.cancel();
    assert_eq!(half.read_to_end().await, b"");
    assert_eq!(open.read_to_end().await, b"", "closed in good order, so that the client knows");
    secure.bench.served.await.unwrap();
}
