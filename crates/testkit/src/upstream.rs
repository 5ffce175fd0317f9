//! A server that plays scripts over raw TCP. No HTTP library, so that it can lie about framing.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::event::Event;
use crate::recorder::{Ended, Recorder};
use crate::response::{head_end, message_end};
use crate::script::{Script, Step};

/// A scripted server on a port of its own on loopback. Dropping it closes its connections and its port.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    recorder: Recorder,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// Plays `script` on every connection.
    ///
    /// # Panics
    /// No port is to be had.
    pub async fn start(script: Script) -> Self {
        Self::start_each([script]).await
    }

    /// Plays the first script on the first connection, and so on; the last one on all that follow.
    ///
    /// # Panics
    /// No port is to be had.
    pub async fn start_each(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
            Ok(listener) => listener,
            Err(error) => panic!("cannot listen on loopback: {error}"),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => panic!("the listener has no address: {error}"),
        };
        let recorder = Recorder::default();
        let scripts: Vec<Script> = scripts.into_iter().collect();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, scripts, recorder.clone()));
        Self { address, recorder, _tasks: tasks }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// What it has seen.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

async fn accept(listener: TcpListener, scripts: Vec<Script>, recorder: Recorder) {
    // Owns the connections, so that dropping the server closes them.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let nth = recorder.open();
        let script = scripts.get(nth).or(scripts.last()).cloned().unwrap_or_default();
        let player = Player { stream, recorder: recorder.clone(), nth, unread: Vec::new() };
        connections.spawn(player.play(script));
    }
}

/// Plays one script on one connection.
struct Player {
    stream: TcpStream,
    recorder: Recorder,
    nth: usize,
    /// Received and recorded, not yet taken by a step.
    unread: Vec<u8>,
}

impl Player {
    async fn play(mut self, script: Script) {
        let mut next = 0;
        while let Some(step) = script.steps.get(next) {
            next += 1;
            let goes_on = match step {
                Step::ReadHead => self.take(head_end).await.is_some(),
                Step::ReadRequest => self.take(message_end).await.is_some(),
                Step::ReadBytes(count) => self.take(|bytes| (bytes.len() >= *count).then_some(*count)).await.is_some(),
                Step::ReadToEnd => {
                    while self.receive().await {}
                    true
                }
                Step::Send(bytes) => self.stream.write_all(bytes).await.is_ok(),
                Step::Answer(answer) => match self.take(message_end).await {
                    Some(request) => self.stream.write_all(&answer(&request)).await.is_ok(),
                    None => false,
                },
                Step::Wait(event) => self.wait(event).await,
                Step::Tell(event) => {
                    event.release();
                    true
                }
                Step::Finish => self.stream.shutdown().await.is_ok(),
                Step::Reset => {
                    let _ = self.stream.set_zero_linger();
                    false
                }
                Step::Again => {
                    next = 0;
                    true
                }
            };
            if !goes_on {
                break;
            }
        }
        self.recorder.ended(self.nth, Ended::ByScript);
    }

    /// Reads until `end` finds what it looks for, and takes it; `None` when the client ended before.
    async fn take(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = end(&self.unread) {
                let rest = self.unread.split_off(end);
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            if !self.receive().await {
                return None;
            }
        }
    }

    /// Goes on reading until the event; `false` when the client ended before.
    async fn wait(&mut self, event: &Event) -> bool {
        loop {
            tokio::select! {
                biased;
                () = event.wait() => return true,
                more = self.receive() => if !more {
                    return false;
                },
            }
        }
    }

    /// Reads and records some bytes; `false` at the end.
    async fn receive(&mut self) -> bool {
        let before = self.unread.len();
        match self.stream.read_buf(&mut self.unread).await {
            Ok(0) => {
                self.recorder.ended(self.nth, Ended::ByClient);
                false
            }
            Ok(_) => {
                self.recorder.received(self.nth, self.unread.get(before..).unwrap_or_default());
                true
            }
            Err(_) => {
                self.recorder.ended(self.nth, Ended::Broken);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
