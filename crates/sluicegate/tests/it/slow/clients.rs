//! Many slow clients over TLS, a server that sends without end, and quick clients beside them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sluicegate_testkit::certs::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{eventually, now};

/// Requests whose times are taken.
pub(super) const REQUESTS: usize = 300;

/// Handshakes at once.
const AT_ONCE: usize = 32;

/// What a client does not do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Ask anything.
    Idle,
    /// Send the rest of its head.
    Head,
    /// Send the rest of its body.
    Body,
    /// Read what it asked for.
    Reader,
}

/// Those that stay as they are.
pub(super) struct Open(#[expect(dead_code, reason = "held open")] Vec<TlsStream<TcpStream>>);

pub(super) struct Clients {
    runtime: Runtime,
    connector: TlsConnector,
    backend: SocketAddr,
    sent: Arc<AtomicU64>,
}

/// How long requests took, the shortest first.
pub(super) struct Asked(Vec<Duration>);

impl Clients {
    pub(super) fn new(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let backend = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        runtime.spawn(serve(listener, Arc::clone(&sent)));
        Self { runtime, connector, backend, sent }
    }

    /// A server whose answers never end.
    pub(super) fn backend(&self) -> SocketAddr {
        self.backend
    }

    /// Waits until the server can send no more: nobody reads.
    pub(super) fn wait_until_held_back(&self) {
        let (mut last, mut looks) = (0, 0);
        eventually("the server is held back", || {
            let sent = self.sent.load(Ordering::SeqCst);
            looks = if sent == last { looks + 1 } else { 0 };
            last = sent;
            looks == 25
        });
    }

    /// Opens them all.
    pub(super) fn open(&self, address: SocketAddr, kinds: impl Iterator<Item = Kind>) -> Open {
        let clients = stream::iter(kinds).map(|kind| slow(&self.connector, address, kind)).buffer_unordered(AT_ONCE);
        Open(self.runtime.block_on(clients.collect()))
    }

    /// Makes requests, one after the other.
    pub(super) fn ask(&self, address: SocketAddr) -> Asked {
        self.runtime.block_on(async {
            let mut client = BufReader::new(connect(&self.connector, address).await);
            let mut took = Vec::new();
            for _ in 0..REQUESTS {
                let begun: Instant = now();
                client.write_all(b"GET /v2/models/iris HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
                read_answer(&mut client).await;
                took.push(begun.elapsed());
            }
            took.sort_unstable();
            Asked(took)
        })
    }
}

impl Asked {
    pub(super) fn answered(&self) -> usize {
        self.0.len()
    }

    /// The time within which so many in a hundred were answered.
    pub(super) fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

async fn connect(connector: &TlsConnector, address: SocketAddr) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    // So that what is not read stays at the gateway, and not with the system.
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(address).await.unwrap();
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.expect("a handshake")
}

async fn slow(connector: &TlsConnector, address: SocketAddr, kind: Kind) -> TlsStream<TcpStream> {
    const ASK: &str = r#"{"model":"chat","stream":true,"messages":[{"role":"user","content":"go on"}]}"#;
    let mut stream = connect(connector, address).await;
    let sent = match kind {
        Kind::Idle => String::new(),
        Kind::Head => "POST /v2/models/iris/infer HTTP/1.1\r\nhost: a\r\nx-slow".to_owned(),
        Kind::Body => "POST /v2/models/iris/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{".to_owned(),
        Kind::Reader => format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: \
             {}\r\n\r\n{ASK}",
            ASK.len()
        ),
    };
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

async fn read_answer(client: &mut BufReader<TlsStream<TcpStream>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    client.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
}

async fn serve(listener: TcpListener, count: Arc<AtomicU64>) {
    while let Ok((mut connection, _)) = listener.accept().await {
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"}") && !request.starts_with(b"GET ") {
                if connection.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let word = "on and ".repeat(500);
            let event = format!(
                "data: {{\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"chat\",\"choices\":\
                 [{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n"
            );
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            let mut sent = connection.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = connection.write_all(chunk.as_bytes()).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}
