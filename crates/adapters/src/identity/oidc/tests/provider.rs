//! An issuer in memory, so that a test may pause time: it describes itself, lists its keys, and fails as it is told.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use sluicegate_core::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::ISSUER;
use crate::http::{Connector, Io};

/// The issuer, and the way to it.
pub(super) struct Provider(Arc<Mutex<State>>);

pub(super) struct State {
    /// What it says of itself.
    pub(super) description: String,
    /// What it answers where its keys are.
    pub(super) keys: String,
    /// The status of that answer, with further fields.
    pub(super) status: &'static str,
    /// Whether nobody is there.
    pub(super) gone: bool,
    /// Whether it takes requests, and says nothing.
    pub(super) silent: bool,
    /// What was asked for.
    pub(super) asked: Vec<String>,
}

impl Default for Provider {
    fn default() -> Self {
        let description = json!({ "issuer": ISSUER, "jwks_uri": "http://idp.test/realm/jwks" }).to_string();
        let status = "200 OK";
        let (keys, asked) = (String::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { description, keys, status, gone: false, silent: false, asked })))
    }
}

impl Provider {
    /// From now on it lists these keys.
    pub(super) fn has(&self, keys: impl IntoIterator<Item = Value>) {
        let keys: Vec<Value> = keys.into_iter().collect();
        self.change(|state| state.keys = json!({ "keys": keys }).to_string());
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock());
    }

    /// How often its keys were asked for.
    pub(super) fn fetches(&self) -> usize {
        self.0.lock().asked.iter().filter(|path| path.ends_with("/jwks")).count()
    }

    /// What was asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().asked.clone()
    }
}

impl Connector for Provider {
    fn connect<'a>(&'a self, _authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            if self.0.lock().gone {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = duplex(64 << 10);
            tokio::spawn(serve(Arc::clone(&self.0), theirs));
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

async fn serve(state: Arc<Mutex<State>>, mut stream: DuplexStream) {
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(read.drain(..end + 4).collect()).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let (status, body) = {
            let mut state = state.lock();
            state.asked.push(path.clone());
            if state.silent {
                continue;
            }
            match path.as_str() {
                "/realm/.well-known/openid-configuration" => ("200 OK", state.description.clone()),
                _ => (state.status, state.keys.clone()),
            }
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
