//! One request over a connection that was kept, or over a new one.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::outcome::code;
use crate::clock;
use crate::http1::{Event, Inbox, Side, field, status};
use crate::work::Numbered;

/// Bytes taken at once.
const ROOM: usize = 16 * 1024;
/// Complaints that are kept.
const COMPLAINTS: usize = 8;

/// All of them, and the connections they keep.
pub(super) struct Clients {
    target: SocketAddr,
    timeout: Duration,
    padding: usize,
    idle: Mutex<Vec<Connection>>,
    complaints: Mutex<Vec<String>>,
}

struct Connection {
    stream: TcpStream,
    inbox: Inbox,
}

/// What came back.
#[derive(Default)]
struct Reply {
    status: u16,
    body: Vec<u8>,
    /// Whether the connection is to be closed.
    close: bool,
}

/// The longest body that may be right.
const LONGEST: usize = 4096;

impl Clients {
    pub(super) const fn new(target: SocketAddr, timeout: Duration, padding: usize) -> Self {
        Self { target, timeout, padding, idle: Mutex::new(Vec::new()), complaints: Mutex::new(Vec::new()) }
    }

    /// Sends the request that was due at `due`, and says how it ended.
    pub(super) async fn ask(&self, number: u64, due: u64) -> u16 {
        let late = Duration::from_nanos(clock::now().saturating_sub(due));
        let request = Numbered(number);
        match timeout(self.timeout.saturating_sub(late), self.exchange(request)).await {
            Err(_) => code::TIMEOUT,
            Ok(Err(error)) => {
                self.complain(format!("{error:#}"));
                code::TRANSPORT
            }
            Ok(Ok(reply)) if reply.status == 200 && reply.body != request.answer_body().as_bytes() => {
                self.complain(format!("wrong: {}", String::from_utf8_lossy(&reply.body)));
                code::WRONG
            }
            Ok(Ok(reply)) => reply.status,
        }
    }

    /// The first things that went wrong.
    pub(super) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut *self.complaints.lock())
    }

    async fn exchange(&self, request: Numbered) -> Result<Reply> {
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => Connection::open(self.target).await?,
        };
        let (reply, sent) = connection.exchange(&request.request(self.padding)).await?;
        if sent && !reply.close && connection.inbox.is_empty() {
            self.idle.lock().push(connection);
        }
        Ok(reply)
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

    fn complain(&self, complaint: String) {
        let mut complaints = self.complaints.lock();
        if complaints.len() < COMPLAINTS && !complaints.contains(&complaint) {
            complaints.push(complaint);
        }
    }
}

impl Connection {
    async fn open(target: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Inbox::new(Side::Answers, ROOM) })
    }

    /// Writes the request and reads the answer at the same time, for it may come before all is written. What came back,
    /// and whether the request went out whole.
    async fn exchange(&mut self, request: &Bytes) -> Result<(Reply, bool)> {
        let (mut reader, mut writer) = self.stream.split();
        let mut reply = Reply::default();
        let mut sent = None;
        let answered = {
            let reading = self.inbox.message(&mut reader, |event| reply.take(event));
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
        Ok((reply, sent == Some(true)))
    }
}

impl Reply {
    fn take(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Head(head) => {
                if !head.starts_with(b"HTTP/1.1 ") {
                    bail!("not HTTP/1.1: {}", String::from_utf8_lossy(head.get(..40).unwrap_or(head)));
                }
                self.status = status(head)?;
                self.close = field(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
            }
            // Of what is longer than any right answer, the beginning is enough to know that it is wrong.
            Event::Body(bytes) if self.body.len() < LONGEST => self.body.extend_from_slice(bytes),
            Event::Body(_) | Event::Framing | Event::ChunkEnd | Event::End => {}
        }
        Ok(())
    }
}
