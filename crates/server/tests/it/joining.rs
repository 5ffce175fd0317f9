//! How answers in many chunks leave: what is ready together leaves together, and nothing waits for what is not.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use sluicegate_core::{Body, BodyError, Inbound, Outbound, Response};
use sluicegate_server::{CancellationToken, Handler, Limits, Listener, serve_listener};
use sluicegate_testkit::{MemoryDialer, MemoryListener, MemoryNet, Wire};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

use crate::support::{GET, LONG, get2, http2_over, plan};

/// A listener whose connections count the writes they are asked for, each of which would be a system call.
struct Counted(MemoryListener, Arc<AtomicUsize>);

struct Counting {
    io: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl Listener for Counted {
    type Io = Counting;

    async fn accept(&mut self) -> io::Result<(Counting, SocketAddr)> {
        let (io, peer) = self.0.accept().await?;
        Ok((Counting { io, writes: Arc::clone(&self.1) }, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

impl AsyncRead for Counting {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        self.writes.fetch_add(usize::from(polled.is_ready()), Ordering::SeqCst);
        polled
    }

    // As a socket does, in one call.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.poll_write(context, &bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

fn serve(handler: impl Handler) -> (MemoryDialer, Arc<AtomicUsize>) {
    let (listener, dialer) = MemoryNet::anywhere();
    let writes = Arc::new(AtomicUsize::new(0));
    let plan = plan("test", listener.local_addr(), Limits::default());
    let listener = Counted(listener, Arc::clone(&writes));
    tokio::spawn(serve_listener(listener, plan, handler, CancellationToken::new()));
    (dialer, writes)
}

const CHUNKS: usize = 200;

/// One of many: as long as a token of a chat.
fn chunk(index: usize) -> Bytes {
    format!("data: {index:0>290}\n\n").into()
}

/// All chunks at hand, one by one, and trailers behind them.
async fn burst(_: Inbound) -> Outbound {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-last", "yes".parse().unwrap());
    let frames = (0..CHUNKS).map(|index| Ok(Frame::data(chunk(index)))).chain([Ok(Frame::trailers(trailers))]);
    Response::new(Body::stream(StreamBody::new(stream::iter(frames))))
}

fn all() -> Vec<u8> {
    (0..CHUNKS).flat_map(|index| chunk(index).to_vec()).collect()
}

#[tokio::test]
async fn chunks_that_are_ready_leave_together() {
    let (dialer, writes) = serve(burst);
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    wire.send(GET).await;
    let response = wire.read_response().await;
    assert_eq!(joined(&response.body), all());
    let count = writes.load(Ordering::SeqCst);
    assert!(count <= 8, "{count} writes for {CHUNKS} chunks over HTTP/1");
}

#[tokio::test]
async fn chunks_that_are_ready_leave_together_over_http2_with_their_trailers() {
    let (dialer, writes) = serve(burst);
    let (mut sender, _connection) = http2_over(dialer.connect().await.unwrap()).await;
    let before = writes.load(Ordering::SeqCst);
    let response = sender.send_request(get2("/")).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-last"], "yes");
    assert_eq!(body.to_bytes(), all());
    // Beside the chunks: head, trailers, room given for more, answers to pings and settings.
    let count = writes.load(Ordering::SeqCst) - before;
    assert!(count <= 30, "{count} writes for {CHUNKS} chunks over HTTP/2");
}

/// Answers what is put into the channel, as it comes.
fn fed(feed: mpsc::Receiver<Result<Bytes, BodyError>>) -> impl Handler {
    let feed = Arc::new(tokio::sync::Mutex::new(Some(feed)));
    move |_: Inbound| {
        let feed = Arc::clone(&feed);
        async move {
            let feed = feed.lock().await.take().expect("one request");
            let frames = stream::unfold(feed, |mut feed| async { Some((feed.recv().await?, feed)) });
            Response::new(Body::stream(StreamBody::new(frames.map(|data| data.map(Frame::data)))))
        }
    }
}

/// Reads until `text` has come.
async fn until(wire: &mut Wire<DuplexStream>, text: &str) {
    let end = |bytes: &[u8]| bytes.windows(text.len()).position(|window| window == text.as_bytes());
    wire.read_until(text, |bytes| end(bytes).map(|place| place + text.len())).await;
}

#[tokio::test]
async fn a_lone_chunk_does_not_wait_for_the_next() {
    let (feed, chunks) = mpsc::channel(1);
    let (dialer, _) = serve(fed(chunks));
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    wire.send(GET).await;
    for letter in ["first", "next", "last"] {
        feed.send(Ok(Bytes::from(letter))).await.unwrap();
        // The next is put in only when this one is here.
        until(&mut wire, letter).await;
    }
    drop(feed);
    until(&mut wire, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_lone_chunk_does_not_wait_for_the_next_over_http2() {
    let (feed, chunks) = mpsc::channel(1);
    let (dialer, _) = serve(fed(chunks));
    let (mut sender, _connection) = http2_over(dialer.connect().await.unwrap()).await;
    let mut body = sender.send_request(get2("/")).await.unwrap().into_body();
    for letter in ["first", "next", "last"] {
        feed.send(Ok(Bytes::from(letter))).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), letter);
    }
    drop(feed);
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_failure_behind_joined_chunks_is_no_good_end() {
    let failing = |_: Inbound| async {
        let frames = [Ok(Frame::data("one".into())), Ok(Frame::data("two".into())), Err(BodyError::TimedOut)];
        Response::new(Body::stream(StreamBody::new(stream::iter(frames))))
    };
    let (dialer, _) = serve(failing);
    let (mut sender, _connection) = http2_over(dialer.connect().await.unwrap()).await;
    // The reset may overtake the head.
    let failed = match sender.send_request(get2("/")).await {
        Ok(response) => response.into_body().collect().await.is_err(),
        Err(_) => true,
    };
    assert!(failed);
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    wire.send(GET).await;
    let all = String::from_utf8(wire.read_to_end().await).unwrap();
    assert!(!all.ends_with("0\r\n\r\n"), "{all}");
}

/// What the chunks of a chunked body are when put together.
fn joined(mut framed: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = framed.windows(2).position(|pair| pair == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&framed[..line]).unwrap(), 16).unwrap();
        body.extend_from_slice(&framed[line + 2..line + 2 + size]);
        framed = &framed[line + size + 4..];
    }
    body
}
