//! A whole gateway in memory, fed raw streams one after another: what its client was told and what its backend got.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use sluicegate_testkit::{MemoryDialer, MemoryListener, MemoryNet};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex};

use super::play::SAYS;
use super::strict::{self, Message, Reading};
use crate::inside;

const CONFIGURATION: &str = "version: 1
listeners: { l: { address: 127.0.0.1:1, authenticate: [anonymous] } }
backends: { b: { protocol: oip-rest, binary: always, endpoints: [\"http://backend:1\"] } }
models: { iris: { backend: b } }
";

/// A message as the backend got it.
#[derive(Clone, Debug)]
pub(super) struct Handed {
    pub(super) message: Message,
    pub(super) bytes: Vec<u8>,
}

/// What came of one stream.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) answers: Vec<u8>,
    pub(super) handed: Vec<Handed>,
    /// Bytes at the backend that are no HTTP, and why.
    pub(super) nonsense: Vec<(Vec<u8>, &'static str)>,
}

#[derive(Default)]
struct Got {
    handed: Vec<Handed>,
    nonsense: Vec<(Vec<u8>, &'static str)>,
}

/// Lives in a runtime of one thread whose time is paused: what waits for time gets it at once.
pub(super) struct Whole {
    door: MemoryDialer,
    got: Arc<Mutex<Got>>,
    _world: inside::World,
}

impl Whole {
    pub(super) fn open() -> Self {
        let (listener, dialer) = MemoryNet::anywhere();
        let got = Arc::<Mutex<Got>>::default();
        tokio::spawn(backend(listener, Arc::clone(&got)));
        let world = inside::gateway(CONFIGURATION, dialer);
        Self { door: world.door.clone(), got, _world: world }
    }

    pub(super) async fn feed(&self, pieces: &[Vec<u8>]) -> Outcome {
        let (mut from, mut to) = tokio::io::split(self.door.connect().await.expect("the gateway takes connections"));
        let sending = async {
            for piece in pieces {
                // It may have closed already.
                if to.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = to.shutdown().await;
        };
        let mut answers = Vec::new();
        let (_, read) = tokio::join!(sending, from.read_to_end(&mut answers));
        read.expect("memory does not break");
        let got = std::mem::take(&mut *self.got.lock());
        Outcome { answers, handed: got.handed, nonsense: got.nonsense }
    }
}

async fn backend(mut listener: MemoryListener, got: Arc<Mutex<Got>>) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(answer(connection, Arc::clone(&got)));
    }
}

/// Answers each message of a connection, reading it by the letter.
async fn answer(mut connection: DuplexStream, got: Arc<Mutex<Got>>) {
    let says =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{SAYS}", SAYS.len());
    let mut unread = Vec::new();
    loop {
        match strict::read(&unread) {
            Reading::Whole(message, end) => {
                let rest = unread.split_off(end);
                got.lock().handed.push(Handed { message, bytes: std::mem::replace(&mut unread, rest) });
                if connection.write_all(says.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reading::Never(why) => return got.lock().nonsense.push((unread, why)),
            Reading::More => match connection.read_buf(&mut unread).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
        }
    }
}

/// How the HTTP library reads these bytes, a text a message.
pub(super) async fn as_the_library_reads(bytes: Vec<u8>) -> Vec<String> {
    let (ours, theirs) = duplex(64 * 1024);
    let said = Arc::<Mutex<Vec<String>>>::default();
    let saying = Arc::clone(&said);
    let service = service_fn(move |request: Request<Incoming>| {
        let saying = Arc::clone(&saying);
        async move {
            let (head, body) = request.into_parts();
            let text = match body.collect().await {
                Ok(body) => format!("{} {} {}", head.method, head.uri, body.to_bytes().len()),
                Err(error) => format!("{} {}: {error}", head.method, head.uri),
            };
            saying.lock().push(text);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let serving =
        http1::Builder::new().half_close(true).max_headers(1000).serve_connection(TokioIo::new(theirs), service);
    let (_, ()) = tokio::join!(serving, talk(ours, &bytes));
    said.lock().clone()
}

/// Sends all and forgets the answers.
async fn talk(stream: impl AsyncRead + AsyncWrite, bytes: &[u8]) {
    let (mut from, mut to) = tokio::io::split(stream);
    let sending = async {
        let _ = to.write_all(bytes).await;
        let _ = to.shutdown().await;
    };
    let mut answers = Vec::new();
    let _ = tokio::join!(sending, from.read_to_end(&mut answers));
}
