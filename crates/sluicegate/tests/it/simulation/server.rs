//! A model server of the Open Inference Protocol, over REST or gRPC, that does what its mood says.

mod rpc;

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_testkit::{Response, message_end};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::{TcpListener, TcpStream};

use super::chance::Chance;
use super::journal::{Journal, Number, What};
use super::message::{find, json_answer};
use super::plan::{Deed, Mood, PORT};

/// What a server is told from outside.
pub(super) type Moods = Arc<Mutex<Vec<Mood>>>;

pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) index: usize,
    pub(super) grpc: bool,
    pub(super) moods: Moods,
    pub(super) chance: Chance,
    pub(super) journal: Journal,
}

impl Server {
    /// Takes connections until the host is crashed.
    pub(super) async fn serve(self: Rc<Self>) -> turmoil::Result {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let server = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                // The gateway left, or the network did: the connection is over either way.
                if server.grpc {
                    let _ = rpc::converse(server, stream).await;
                } else {
                    let _ = server.converse(stream).await;
                }
            });
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut pending = Vec::new();
        while let Some(request) = next_message(&mut stream, &mut pending).await? {
            let Some((number, _)) = find(&request) else {
                stream.write_all(&about(&request)).await?;
                continue;
            };
            if !self.deal_with(&mut stream, number).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes the time that a request takes; what is then to be done with it.
    async fn take(&self, request: Number) -> Deed {
        let mood = self.moods.lock()[self.index].clone();
        let troubled = self.chance.between(1, 100) <= mood.trouble;
        let deed = if troubled { *self.chance.pick(&mood.deeds) } else { Deed::Answer };
        self.journal.note(What::Served { request, server: self.name.to_owned(), deed });
        tokio::time::sleep(self.chance.millis(mood.pace.0, mood.pace.1)).await;
        deed
    }

    /// Whether the connection goes on.
    async fn deal_with(&self, stream: &mut TcpStream, request: Number) -> io::Result<bool> {
        let deed = self.take(request).await;
        let answer = answer(request);
        match deed {
            Deed::Answer => stream.write_all(&answer).await?,
            Deed::Fail => stream.write_all(&error("500 Internal Server Error", "")).await?,
            Deed::Unavailable => stream.write_all(&error("503 Service Unavailable", "")).await?,
            Deed::Busy => {
                let status = self.chance.pick(&["503 Service Unavailable", "429 Too Many Requests"]);
                stream.write_all(&error(status, "retry-after: 1\r\n")).await?;
            }
            Deed::Close => return Ok(false),
            Deed::Reset => {
                // In the simulation what is written to a closed connection is answered with a reset.
                stream.shutdown().await?;
                return Ok(false);
            }
            Deed::BreakOff => {
                stream.write_all(&answer[..answer.len() - 10]).await?;
                return Ok(false);
            }
            Deed::FallSilent => {
                stream.write_all(&answer[..answer.len() - 10]).await?;
                until_left(stream).await;
                return Ok(false);
            }
            Deed::Hang => {
                until_left(stream).await;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

async fn until_left(stream: &mut TcpStream) {
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_u8()).await;
}

/// The next whole message, or `None` where the connection ends between two.
pub(super) async fn next_message(stream: &mut TcpStream, pending: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(end) = message_end(pending) {
            let rest = pending.split_off(end);
            return Ok(Some(std::mem::replace(pending, rest)));
        }
        if stream.read_buf(pending).await? == 0 {
            return if pending.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

/// The answer to a request that carries no number: what the server is, and whether it is ready.
fn about(request: &[u8]) -> Vec<u8> {
    let target = Response::split(request).head;
    let body = if target.starts_with("GET /v2 ") {
        r#"{"name":"s","version":"1","extensions":["binary_tensor_data"]}"#
    } else {
        ""
    };
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn answer(request: Number) -> Vec<u8> {
    let body = json_answer(request);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn error(status: &str, more: &str) -> Vec<u8> {
    let body = r#"{"error":"as planned"}"#;
    let head = format!("HTTP/1.1 {status}\r\n{more}content-type: application/json\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
