//! Requests over HTTP/1.1: each over a connection that was kept, or over a new one.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::client::{Common, Reply};
use crate::http1::{Event, Inbox, Side, field, status};
use crate::work::Numbered;

/// Bytes taken at once.
const ROOM: usize = 16 * 1024;

pub(super) struct Http1 {
    target: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    stream: TcpStream,
    inbox: Inbox,
}

/// An answer, and whether its connection can be used again.
#[derive(Default)]
struct Answer {
    reply: Reply,
    close: bool,
    sent: bool,
}

impl Http1 {
    pub(super) const fn new(target: SocketAddr) -> Self {
        Self { target, idle: Mutex::new(Vec::new()) }
    }

    pub(super) async fn exchange(&self, common: &Common, request: Numbered) -> Result<Reply> {
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => Connection::open(self.target).await?,
        };
        let fields: String = common.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let answer = connection.exchange(&request.request(&common.model, &fields, common.padding)).await?;
        if answer.sent && !answer.close && connection.inbox.is_empty() {
            self.idle.lock().push(connection);
        }
        Ok(answer.reply)
    }

    /// The connection that was used last and was not closed since.
    fn kept(&self) -> Option<Connection> {
        loop {
            let connection = self.idle.lock().pop()?;
            // Nothing may come unasked: neither an end nor bytes.
            let waiting = connection.stream.try_read(&mut [0]);
            if waiting.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
                return Some(connection);
            }
        }
    }
}

impl Connection {
    async fn open(target: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Inbox::new(Side::Answers, ROOM) })
    }

    /// Writes the request and reads the answer at the same time, for it may come before all is written.
    async fn exchange(&mut self, request: &Bytes) -> Result<Answer> {
        let (mut reader, mut writer) = self.stream.split();
        let mut answer = Answer::default();
        let mut sent = None;
        let answered = {
            let reading = self.inbox.message(&mut reader, |event| answer.take(event));
            // Who cannot take the rest may still have answered.
            let writing = async { writer.write_all(request).await.is_ok() };
            tokio::pin!(reading, writing);
            loop {
                tokio::select! {
                    biased;
                    done = &mut writing, if sent.is_none() => sent = Some(done),
                    answered = &mut reading => break answered,
                }
            }
        };
        ensure!(answered?, "the connection was closed instead of an answer");
        answer.sent = sent == Some(true);
        Ok(answer)
    }
}

impl Answer {
    fn take(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Head(head) => {
                if !head.starts_with(b"HTTP/1.1 ") {
                    bail!("not HTTP/1.1: {}", String::from_utf8_lossy(head.get(..40).unwrap_or(head)));
                }
                self.reply.code = status(head)?;
                self.close = field(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
            }
            Event::Body(bytes) => self.reply.take(bytes),
            Event::Framing | Event::ChunkEnd | Event::End => {}
        }
        Ok(())
    }
}
