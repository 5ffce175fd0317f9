//! A server that speaks HTTP/2 within the test's memory, stream by stream as the test says; and raw frames, for one that
//! lies.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use sluicegate_testkit::{MemoryDialer, MemoryListener, MemoryNet};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A running server; ends with the test's runtime.
pub(crate) struct H2Peer {
    pub(crate) dialer: MemoryDialer,
    connections: Arc<Connections>,
}

/// Counts connections.
#[derive(Default)]
struct Connections {
    made: AtomicUsize,
    ended: AtomicUsize,
}

/// One request as the server has it.
pub(crate) type Asked = (Request<RecvStream>, SendResponse<Bytes>);

impl H2Peer {
    /// Answers every stream by `handler`.
    pub(crate) fn start<F>(handler: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with(&Builder::new(), handler)
    }

    /// The same, with these settings.
    pub(crate) fn with<F>(builder: &Builder, handler: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, dialer) = MemoryNet::anywhere();
        let connections = Arc::<Connections>::default();
        tokio::spawn(accept(listener, builder.clone(), Arc::new(handler), Arc::clone(&connections)));
        Self { dialer, connections }
    }

    /// Connections made so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.made.load(Ordering::SeqCst)
    }

    /// Connections that have ended.
    pub(crate) fn ended(&self) -> usize {
        self.connections.ended.load(Ordering::SeqCst)
    }
}

async fn accept<F>(
    mut listener: MemoryListener,
    builder: Builder,
    handler: Arc<impl Fn(Asked) -> F + Send + Sync + 'static>,
    connections: Arc<Connections>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    while let Ok((io, _)) = listener.accept().await {
        connections.made.fetch_add(1, Ordering::SeqCst);
        let (builder, handler, connections) = (builder.clone(), Arc::clone(&handler), Arc::clone(&connections));
        tokio::spawn(async move {
            let Ok(mut connection) = builder.handshake::<_, Bytes>(io).await else { return };
            while let Some(Ok(asked)) = connection.accept().await {
                tokio::spawn(handler(asked));
            }
            connections.ended.fetch_add(1, Ordering::SeqCst);
        });
    }
}

/// Begins an answer.
pub(crate) fn begin(respond: &mut SendResponse<Bytes>) -> SendStream<Bytes> {
    respond.send_response(Response::new(()), false).unwrap()
}

/// A whole answer.
pub(crate) fn answer(respond: &mut SendResponse<Bytes>, text: &'static str) {
    begin(respond).send_data(Bytes::from_static(text.as_bytes()), true).unwrap();
}

/// All of a request's body.
pub(crate) async fn read(body: &mut RecvStream) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).unwrap();
        whole.extend_from_slice(&data);
    }
    whole
}

/// A frame's type.
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Takes the client's greeting and sends an empty one back.
pub(crate) async fn greet(io: &mut DuplexStream) {
    let mut preface = [0; 24];
    io.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    io.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
}

/// Reads up to the first frame of this kind, and gives its payload.
pub(crate) async fn read_frame(io: &mut DuplexStream, wanted: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 9];
        io.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        io.read_exact(&mut payload).await.unwrap();
        if head[3] == wanted {
            return payload;
        }
    }
}
