//! HTTP/1.1, one request at a time.

use std::io;

use sluicegate_testkit::Response;
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;
use turmoil::net::TcpStream;

use super::super::journal::{Number, Outcome};
use super::super::message::{find, json_request};
use super::super::server::next_message;
use super::Manner;

pub(super) struct Connection {
    stream: TcpStream,
    pending: Vec<u8>,
    free: bool,
}

impl Connection {
    pub(super) const fn over(stream: TcpStream) -> Self {
        Self { stream, pending: Vec::new(), free: true }
    }

    /// Whether nothing is under way, and the gateway keeps it open.
    pub(super) const fn is_free(&self) -> bool {
        self.free
    }

    pub(super) async fn exchange(&mut self, request: Number, manner: Manner) -> io::Result<Outcome> {
        self.free = false;
        let body = json_request(request);
        let time = manner.own.map(|own| format!("x-request-timeout: {}ms\r\n", own.as_millis())).unwrap_or_default();
        let head = format!("POST /v2/models/m/infer HTTP/1.1\r\nhost: g\r\nx-request-id: r{request}\r\n{time}");
        let message = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        let (first, last) = message.split_at(message.len() - body.len() / 2);
        self.stream.write_all(first.as_bytes()).await?;
        if !manner.pause.is_zero() {
            sleep(manner.pause).await;
        }
        self.stream.write_all(last.as_bytes()).await?;
        let answer = next_message(&mut self.stream, &mut self.pending).await?;
        let answer = Response::split(&answer.ok_or(io::ErrorKind::UnexpectedEof)?);
        self.free = answer.header("connection") != Some("close");
        Ok(Outcome::Answered {
            status: answer.status(),
            well: answer.status() == 200,
            of: find(&answer.body).map(|(number, _)| number),
            id: answer.header("x-request-id").map(str::to_owned),
        })
    }
}
