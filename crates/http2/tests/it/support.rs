//! A socket's other half for the protocol, and chance that follows from a number.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use parking_lot::Mutex;
use sluicegate_http2::{Connection, Incoming, Limits, Receiving, Role, Sending, Shared};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

pub(crate) const LIMITS: Limits = Limits {
    streams: 100,
    list: 16 * 1024,
    stream_window: 100_000,
    connection_window: 200_000,
    frame: 20_000,
    control_frames: Some(1000),
};

pub(crate) fn connection(role: Role) -> Shared {
    Arc::new(Mutex::new(Connection::new(role, LIMITS)))
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Drives a connection over `io`; hands each request to `each`. Ends with the connection.
pub(crate) async fn drive((role, shared): (Role, Shared), mut io: DuplexStream, mut each: impl FnMut(Incoming)) {
    let mut input = BytesMut::new();
    // A server is handed what is behind the preface.
    let mut preface = if role == Role::Server { 24 } else { 0 };
    poll_fn(|context| {
        shared.lock().attend(context.waker());
        loop {
            let mut moved = write(&shared, &mut io, context);
            let mut scratch = [0; 5000];
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut io).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let skipped = buffer.filled().len().min(preface);
                    preface -= skipped;
                    input.extend_from_slice(&buffer.filled()[skipped..]);
                    let received = shared.lock().receive(&mut input, buffer.filled().len(), now());
                    assert_eq!(received, Ok(()), "the other side breaks the protocol");
                    moved = true;
                }
                Poll::Ready(_) => {
                    shared.lock().gone("the end");
                    return Poll::Ready(());
                }
                Poll::Pending => {}
            }
            loop {
                let next = shared.lock().next_request(&shared);
                let Some(incoming) = next else { break };
                each(incoming);
            }
            if !moved {
                shared.lock().rest();
                return Poll::Pending;
            }
        }
    })
    .await;
}

fn write(shared: &Shared, io: &mut DuplexStream, context: &mut Context<'_>) -> bool {
    let mut moved = false;
    loop {
        let mut connection = shared.lock();
        let mut slices = [IoSlice::new(&[]); 4];
        let count = connection.output().slices(&mut slices);
        let Some(first) = slices[..count].first() else { return moved };
        match Pin::new(&mut *io).poll_write(context, first) {
            Poll::Ready(Ok(bytes)) => connection.wrote(bytes),
            _ => return moved,
        }
        moved = true;
    }
}

/// All that is to be written.
pub(crate) fn written(shared: &Shared) -> Vec<u8> {
    let mut connection = shared.lock();
    let mut all = Vec::new();
    while !connection.output().is_empty() {
        let mut slices = [IoSlice::new(&[]); 4];
        let count = connection.output().slices(&mut slices);
        let before = all.len();
        slices[..count].iter().for_each(|slice| all.extend_from_slice(slice));
        let bytes = all.len() - before;
        connection.wrote(bytes);
    }
    all
}

pub(crate) async fn read(body: &mut Receiving) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = poll_fn(|context| body.poll_data(context)).await {
        all.extend_from_slice(&piece.expect("a whole body"));
    }
    all
}

pub(crate) async fn send(stream: &mut Sending, data: impl Into<Bytes>, last: bool) {
    let mut data = data.into();
    loop {
        poll_fn(|context| stream.poll_send(&mut data, last, context)).await.expect("a stream that goes on");
        if data.is_empty() {
            return;
        }
    }
}

/// Numbers that follow from the first.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    /// Fields of all kinds, some more than once.
    pub(crate) fn fields(&mut self) -> HeaderMap {
        const NAMES: [&str; 8] =
            ["x-a", "content-type", "te", "authorization", "user-agent", "grpc-status", "cookie", "x-long-name-of-one"];
        let mut fields = HeaderMap::new();
        for _ in 0..self.below(12) {
            let name = NAMES[self.below(NAMES.len())];
            let value = match (name, self.below(4)) {
                ("te", _) => "trailers".to_owned(),
                ("content-type", 0) => "application/grpc".to_owned(),
                ("grpc-status", 0) => "0".to_owned(),
                (_, 1) => String::new(),
                _ => {
                    let length = self.below(300);
                    (0..length).map(|_| char::from(u8::try_from(self.below(0x5d)).unwrap() + b'!')).collect()
                }
            };
            fields.append(name, value.parse().unwrap());
        }
        fields
    }

    pub(crate) fn body(&mut self) -> Vec<u8> {
        let most = [1, 10, 1000, 5000, 70_000, 300_000][self.below(6)];
        let length = self.below(most);
        let first = self.below(256);
        (0..length).map(|place| u8::try_from((place + first) % 256).unwrap()).collect()
    }
}
