//! What a client says over HTTP/1, from the first byte to the last: refused, or requests with one meaning, that mean the
//! same after they are written anew. Heads, paths, lengths and chunks are read here by the server itself.
//!
//! A corpus file is all that a client sends over one connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use bytes::Bytes;
use http::Version;
use http_body::Body as _;
use sluicegate_core::{Body, Inbound, Outbound, Response};
use sluicegate_server::{CancellationToken, Limits, Listener, ListenerPlan, serve_listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A request as a handler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    version: Version,
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    /// `None`: it broke off.
    body: Option<Bytes>,
}

/// A listener of one connection.
struct One(Option<DuplexStream>);

/// Serves one client and checks what must hold of its requests.
pub fn run(data: &[u8]) {
    for request in served(data) {
        request.check();
        if let Some(written) = request.written() {
            assert_eq!(served(&written), [request], "written anew: {:?}", String::from_utf8_lossy(&written));
        }
    }
}

/// All requests that the server takes `data` for.
fn served(data: &[u8]) -> Vec<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let (note, seen) = channel();
    runtime.unwrap().block_on(async {
        let (mut client, io) = tokio::io::duplex(64 * 1024);
        let stop = CancellationToken::new();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let limits = Limits { body: 1 << 20, ..Limits::default() };
        let plan = ListenerPlan { name: "fuzzed".into(), address, proxies: Arc::default(), limits, tls: None };
        let handler = move |inbound| noted(inbound, note.clone());
        let serving = tokio::spawn(serve_listener(One(Some(io)), plan, handler, stop.clone()));
        let talking = async {
            // Whether the server takes all of it is its own affair.
            let _ = client.write_all(data).await;
            let _ = client.shutdown().await;
            let _ = client.read_to_end(&mut Vec::new()).await;
        };
        talking.await;
        stop.cancel();
        serving.await.unwrap();
    });
    seen.try_iter().collect()
}

async fn noted(inbound: Inbound, note: Sender<Seen>) -> Outbound {
    let Inbound { head, mut body, .. } = inbound;
    let mut bytes = Some(Vec::new());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match (frame, &mut bytes) {
            (Ok(frame), Some(bytes)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            (Ok(_), None) => {}
            (Err(_), _) => {
                bytes = None;
                break;
            }
        }
    }
    let fields = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    note.send(Seen {
        version: head.version,
        method: head.method.to_string(),
        target: head.uri.to_string(),
        fields: fields.collect(),
        body: bytes.map(Bytes::from),
    })
    .unwrap();
    Response::new(Body::Empty)
}

impl Seen {
    fn check(&self) {
        let path = self.target.split('?').next().unwrap_or_default();
        assert!(path.starts_with('/') && !path.contains("//") && !path.contains(['\\', ';', '#', '\0']), "{path}");
        assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{path}");
        assert!(self.method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'), "{}", self.method);
        let count = |name: &str| self.fields.iter().filter(|(other, _)| other == name).count();
        assert!(["host", "content-length", "transfer-encoding", "content-type"].iter().all(|name| count(name) <= 1));
        assert!(count("content-length") + count("transfer-encoding") <= 1 || self.version == Version::HTTP_2);
        assert!(count("host") == 1 || self.version != Version::HTTP_11);
        let broken = |value: &[u8]| value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'));
        assert!(!self.fields.iter().any(|(_, value)| broken(value)));
    }

    /// The same request in its plainest form, chunks in one; `None` for what has no such form over HTTP/1.
    fn written(&self) -> Option<Vec<u8>> {
        let body = self.body.as_ref().filter(|_| self.version < Version::HTTP_2)?;
        let version = if self.version == Version::HTTP_10 { "1.0" } else { "1.1" };
        let mut text = format!("{} {} HTTP/{version}\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.fields {
            text.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        text.extend(b"\r\n");
        match self.fields.iter().any(|(name, _)| name == "transfer-encoding") {
            true if body.is_empty() => text.extend(b"0\r\n\r\n"),
            true => text.extend([format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()),
            false => text.extend_from_slice(body),
        }
        Some(text)
    }
}

impl Listener for One {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.take() {
            Some(io) => Ok((io, SocketAddr::from(([127, 0, 0, 1], 2)))),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 1)))
    }
}
