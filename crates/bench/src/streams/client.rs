//! One stream of OpenAI's API, over a connection of its own or as a stream of HTTP/2.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::outcome::Stream;
use crate::clock;
use crate::http1::{Event, Inbox, Side, status};
use crate::http2::Connections;
use crate::load::Check;
use crate::work::{Expected, steady};

/// Bytes taken at once.
const ROOM: usize = 16 * 1024;
const PATH: &str = "/v1/chat/completions";

pub(super) struct Client {
    target: SocketAddr,
    chunks: u64,
    http2: Connections,
}

impl Client {
    pub(super) const fn new(target: SocketAddr, chunks: u64) -> Self {
        Self { target, chunks, http2: Connections::new(target) }
    }

    /// Reads one to its end.
    pub(super) async fn read(&self, http2: bool, stream: &mut Stream) -> Result<()> {
        let mut check = Check::new(Expected::Stamped(self.chunks));
        if http2 {
            self.http2(stream, &mut check).await?
        } else {
            self.http1(stream, &mut check).await?
        }
        check.end()
    }

    async fn http1(&self, stream: &mut Stream, check: &mut Check) -> Result<()> {
        let mut connection = TcpStream::connect(self.target).await.context("cannot connect")?;
        connection.set_nodelay(true)?;
        let body = steady(self.chunks);
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
        let mut inbox = Inbox::new(Side::Answers, ROOM);
        let more = inbox.message(&mut connection, |event| {
            match event {
                Event::Head(head) if status(head)? != 200 => bail!("refused: {}", status(head)?),
                Event::Head(_) => stream.began = true,
                Event::Body(bytes) => stream.piece(bytes, check)?,
                Event::Framing | Event::ChunkEnd | Event::End => {}
            }
            Ok(())
        });
        ensure!(more.await?, "the connection was closed instead of an answer");
        Ok(())
    }

    async fn http2(&self, stream: &mut Stream, check: &mut Check) -> Result<()> {
        let mut sender = self.http2.sender().await?;
        let head = Request::post(format!("http://gateway.test{PATH}")).header("content-type", "application/json");
        let (answer, mut sending) = sender.send_request(head.body(())?, false)?;
        sending.send_data(Bytes::from(steady(self.chunks)), true)?;
        let (head, mut body) = answer.await?.into_parts();
        ensure!(head.status == 200, "refused: {}", head.status);
        stream.began = true;
        while let Some(piece) = body.data().await {
            let piece = piece?;
            body.flow_control().release_capacity(piece.len())?;
            stream.piece(&piece, check)?;
        }
        Ok(())
    }
}

impl Stream {
    /// A piece of its body.
    fn piece(&mut self, bytes: &[u8], check: &mut Check) -> Result<()> {
        check.piece(bytes, clock::now(), |delay| self.came(delay))
    }
}
