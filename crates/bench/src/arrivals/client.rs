//! One request, over whatever it goes, and what its end is called.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::http1::Http1;
use super::http2::Http2;
use super::outcome::code;
use crate::clock;
use crate::work::Numbered;

/// Complaints that are kept.
const COMPLAINTS: usize = 8;
/// The longest body that may be right.
pub(super) const LONGEST: usize = 4096;

/// What requests go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Over {
    /// HTTP/1.1, each connection kept and used again
    Http1,
    /// HTTP/2, all on one connection
    Http2,
    /// gRPC on the same
    Grpc,
}

/// What all requests have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) target: SocketAddr,
    pub(super) over: Over,
    pub(super) model: String,
    /// Names and values of further fields.
    pub(super) fields: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) padding: usize,
}

/// All clients, and the connections they keep.
pub(super) struct Clients {
    common: Common,
    http1: Http1,
    http2: Http2,
    complaints: Mutex<Vec<String>>,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The status, or what stands for it.
    pub(super) code: u16,
    pub(super) body: Vec<u8>,
}

impl Clients {
    pub(super) fn new(common: Common) -> Self {
        let (http1, http2) = (Http1::new(common.target), Http2::new(common.target));
        Self { common, http1, http2, complaints: Mutex::new(Vec::new()) }
    }

    /// Sends the request that was due at `due`, and says how it ended.
    pub(super) async fn ask(&self, number: u64, due: u64) -> u16 {
        let late = Duration::from_nanos(clock::now().saturating_sub(due));
        let request = Numbered(number);
        match timeout(self.common.timeout.saturating_sub(late), self.exchange(request)).await {
            Err(_) => code::TIMEOUT,
            Ok(Err(error)) => {
                self.complain(format!("{error:#}"));
                code::TRANSPORT
            }
            Ok(Ok(reply)) if reply.code == 200 && !self.is_its_own(request, &reply.body) => {
                self.complain(format!("wrong: {}", String::from_utf8_lossy(&reply.body)));
                code::WRONG
            }
            Ok(Ok(reply)) => reply.code,
        }
    }

    /// The first things that went wrong.
    pub(super) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut *self.complaints.lock())
    }

    async fn exchange(&self, request: Numbered) -> Result<Reply> {
        match self.common.over {
            Over::Http1 => self.http1.exchange(&self.common, request).await,
            Over::Http2 => self.http2.exchange(&self.common, request).await,
            Over::Grpc => self.http2.call(&self.common, request).await,
        }
    }

    fn is_its_own(&self, request: Numbered, body: &[u8]) -> bool {
        match self.common.over {
            Over::Http1 | Over::Http2 => body == request.answer_body().as_bytes(),
            // What a proxy translates it may write in its own way; the id stays.
            Over::Grpc => memchr::memmem::find(body, request.text().as_bytes()).is_some(),
        }
    }

    fn complain(&self, complaint: String) {
        let mut complaints = self.complaints.lock();
        if complaints.len() < COMPLAINTS && !complaints.contains(&complaint) {
            complaints.push(complaint);
        }
    }
}

impl Reply {
    /// Of what is longer than any right answer, the beginning is enough to know that it is wrong.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if self.body.len() < LONGEST {
            self.body.extend_from_slice(bytes);
        }
    }
}
