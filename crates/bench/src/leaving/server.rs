//! The server of HTTP/1: it takes requests and never finishes an answer. A chat gets a first chunk.

use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::seen::Seen;
use crate::clock;
use crate::work::{Numbered, paced_chunk};

/// Bytes taken at once.
const ROOM: usize = 64 * 1024;
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

pub(super) async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        drop(tokio::spawn(async move { one(stream, &seen).await.unwrap_or_default() }));
    }
}

/// A connection has one request, for it never gets to a second one.
async fn one(mut stream: TcpStream, seen: &Seen) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = vec![0; ROOM];
    let mut begun = Vec::new();
    let mut held = None;
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        if held.is_some() {
            continue;
        }
        begun.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if let Some(Numbered(number)) = Numbered::named(&begun) {
            held = Some(seen.hold(number));
            if begun.starts_with(b"POST /v1/chat/") {
                stream.write_all(STREAM).await?;
                stream.write_all(&paced_chunk(clock::now())).await?;
            }
        }
    }
}
