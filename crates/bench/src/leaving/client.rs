//! One client that is going to leave.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::case::{Case, How, Over, Point};
use super::seen::Seen;
use crate::http2;
use crate::oip::SERVICE;
use crate::work::{Numbered, numbered_chat};

/// Where requests go.
#[derive(Clone, Copy)]
pub(super) struct Targets {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
}

/// A connection that clients share.
pub(super) enum Kept {
    None,
    Http2(SendRequest<Bytes>),
}

pub(super) struct Client {
    number: u64,
    request: Asked,
}

enum Asked {
    Http1(TcpStream),
    /// With the connection where it is its own.
    Http2(Option<AbortHandle>, SendStream<Bytes>, Answer),
}

enum Answer {
    Awaited(ResponseFuture),
    Begun(#[expect(dead_code, reason = "held until it is dropped")] RecvStream),
    Gone,
}

/// Bytes of a request that is sent by halves.
const LARGE: usize = 64 * 1024;

impl Kept {
    /// For all clients of a batch, where they speak HTTP/2.
    pub(super) async fn open(over: Over, target: Targets) -> Result<Self> {
        Ok(match over {
            Over::Http1 => Self::None,
            Over::Http2 => Self::Http2(http2::open(target.http).await?),
            Over::Grpc => Self::Http2(http2::open(target.grpc).await?),
        })
    }

    /// A client that takes the only turn there is.
    pub(super) async fn hold(target: Targets, seen: &Seen) -> Result<Client> {
        let case = Case { point: Point::Queued, over: Over::Http1, how: How::Resets };
        let client = Client::begin(&case, &Self::None, target, seen.number()).await?;
        seen.arrival(client.number).await;
        Ok(client)
    }
}

impl Client {
    /// Sends its request, or half of it.
    pub(super) async fn begin(case: &Case, kept: &Kept, target: Targets, number: u64) -> Result<Self> {
        let request = match case.over {
            Over::Http1 => Asked::http1(case, target.http, number).await?,
            Over::Http2 | Over::Grpc => Asked::http2(case, kept, target, number).await?,
        };
        Ok(Self { number, request })
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Waits until it is where it is to leave, as far as that can be seen from here.
    pub(super) async fn is_there(&mut self, case: &Case, seen: &Seen) -> Result<()> {
        match case.point {
            Point::Queued | Point::Connecting => {}
            Point::Uploading if case.over == Over::Grpc => {}
            Point::Uploading | Point::Waiting => seen.arrival(self.number).await,
            Point::Streaming => self.request.first_piece().await?,
        }
        Ok(())
    }

    pub(super) async fn leave(self, case: &Case) {
        match self.request {
            Asked::Http1(stream) => {
                if case.how == How::Resets {
                    let _ = stream.set_zero_linger();
                }
                drop(stream);
            }
            Asked::Http2(Some(connection), ..) => connection.abort(),
            Asked::Http2(None, mut stream, _) => stream.send_reset(Reason::CANCEL),
        }
    }
}

impl Asked {
    async fn http1(case: &Case, target: SocketAddr, number: u64) -> Result<Self> {
        let mut stream = TcpStream::connect(target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (path, body) = rest(case, number);
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(part(case, &body)).await?;
        Ok(Self::Http1(stream))
    }

    async fn http2(case: &Case, kept: &Kept, target: Targets, number: u64) -> Result<Self> {
        let Kept::Http2(shared) = kept else { anyhow::bail!("no connection") };
        let (sender, own) = if case.how == How::Closes {
            let (sender, task) = http2::open_held(target.http).await?;
            (sender, Some(task))
        } else {
            (shared.clone(), None)
        };
        let mut sender = sender.ready().await?;
        let (head, body) = if case.over == Over::Grpc {
            let method = if case.point == Point::Streaming { "ModelStreamInfer" } else { "ModelInfer" };
            let head = Request::post(format!("http://gateway.test{SERVICE}{method}"));
            (head.header("content-type", "application/grpc").header("te", "trailers"), call(case, number))
        } else {
            let (path, body) = rest(case, number);
            let head = Request::post(format!("http://gateway.test{path}"));
            (head.header("content-type", "application/json"), body)
        };
        let (answer, mut stream) = sender.send_request(head.body(())?, false)?;
        // Who asks for a stream may ask again on it.
        let ends = case.point != Point::Uploading && (case.over, case.point) != (Over::Grpc, Point::Streaming);
        stream.send_data(Bytes::copy_from_slice(part(case, &body)), ends)?;
        Ok(Self::Http2(own, stream, Answer::Awaited(answer)))
    }

    /// Waits until some of the answer is here.
    async fn first_piece(&mut self) -> Result<()> {
        match self {
            Self::Http1(stream) => {
                let mut bytes = Vec::new();
                while !bytes.windows(7).any(|part| part == b"\"@00000") {
                    ensure!(stream.read_buf(&mut bytes).await? > 0, "closed: {}", String::from_utf8_lossy(&bytes));
                }
            }
            Self::Http2(_, _, answer) => {
                let Answer::Awaited(awaited) = std::mem::replace(answer, Answer::Gone) else { return Ok(()) };
                let head = awaited.await?;
                ensure!(head.status() == 200, "refused: {head:?}");
                let mut body = head.into_body();
                body.data().await.context("no answer")??;
                *answer = Answer::Begun(body);
            }
        }
        Ok(())
    }
}

/// Path and body over REST.
fn rest(case: &Case, number: u64) -> (String, Vec<u8>) {
    if case.point == Point::Streaming {
        return ("/v1/chat/completions".to_owned(), numbered_chat(Numbered(number)).into());
    }
    let padding = if case.point == Point::Uploading { LARGE } else { 0 };
    (format!("/v2/models/{}/infer", case.model()), Numbered(number).body(padding).into())
}

/// The message over gRPC.
fn call(case: &Case, number: u64) -> Vec<u8> {
    let mut message = Numbered(number).message(case.model()).to_vec();
    if case.point == Point::Uploading {
        // The half that is sent is the whole message, said to be longer than it is.
        let length = u32::try_from(message.len() * 2).unwrap_or(u32::MAX);
        message.splice(1..5, length.to_be_bytes());
        message.extend_from_within(..);
    }
    message
}

/// As much as is sent.
fn part<'a>(case: &Case, body: &'a [u8]) -> &'a [u8] {
    let half = if case.point == Point::Uploading { body.len() / 2 } else { body.len() };
    body.get(..half).unwrap_or(body)
}
