//! The model server over HTTP/1.1: OIP over REST, and OpenAI's API.

use anyhow::{Context as _, Result, bail};
use memchr::memmem;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::route::Route;
use crate::clock::{self, Ticker};
use crate::http1::{Event, Inbox, Side};
use crate::work::{
    CHAT, CHUNKS, JSON, PACED_EVERY, SMALL, STEADY_EVERY, TENSOR, answer, chunks, events, paced_chunk, usage_chunk,
};

/// Bytes taken at once.
const ROOM: usize = 256 * 1024;

const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
                        transfer-encoding: chunked\r\n\r\n";
const STREAM_END: &[u8] = b"0\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n\
                           {\"error\":\"not found\"}";

/// One connection.
pub(super) async fn serve(mut stream: TcpStream) -> Result<()> {
    let mut inbox = Inbox::new(Side::Requests, ROOM);
    let mut body = Vec::new();
    loop {
        let mut route = Route::Unknown;
        body.clear();
        let more = inbox.message(&mut stream, |event| {
            match event {
                Event::Head(head) => route = Route::of(head),
                // Only a chat is read: what a tensor holds is nothing to us.
                Event::Body(bytes) if route == Route::Chat => body.extend_from_slice(bytes),
                Event::Body(_) | Event::Framing | Event::ChunkEnd | Event::End => {}
            }
            Ok(())
        });
        if !more.await? {
            return Ok(());
        }
        match route {
            Route::Infer => stream.write_all(&SMALL).await?,
            Route::InferBinary => stream.write_all(&TENSOR).await?,
            Route::Chat => chat(&mut stream, &body).await?,
            Route::Server => stream.write_all(&fact(JSON.server)).await?,
            Route::Model => stream.write_all(&fact(JSON.model)).await?,
            Route::Models => stream.write_all(&fact(JSON.models)).await?,
            Route::Ready => stream.write_all(&answer("", b"")).await?,
            Route::Unknown => stream.write_all(NOT_FOUND).await?,
        }
    }
}

fn fact(body: &[u8]) -> bytes::Bytes {
    answer("content-type: application/json\r\n", body)
}

async fn chat(stream: &mut TcpStream, body: &[u8]) -> Result<()> {
    let says = |words: &str| memmem::find(body, words.as_bytes()).is_some();
    if !says(r#""stream":true"#) {
        return Ok(stream.write_all(&CHAT).await?);
    }
    let usage = says(r#""include_usage":true"#);
    if says(r#""model":"paced""#) {
        return paced(stream, (CHUNKS, PACED_EVERY), usage).await;
    }
    if says(r#""model":"steady""#) {
        return paced(stream, (chunks(body).context("how many chunks?")?, STEADY_EVERY), usage).await;
    }
    stream.write_all(STREAM).await?;
    let Some((last, events)) = events().split_last() else { bail!("no events") };
    for event in events {
        stream.write_all(&event.chunk).await?;
    }
    end(stream, &last.chunk, usage.then_some("chat")).await
}

/// So many chunks at fixed times, each with the time it leaves.
async fn paced(stream: &mut TcpStream, (mut left, every): (u64, u64), usage: bool) -> Result<()> {
    let ticker = Ticker::start(clock::now() + every, every)?;
    stream.write_all(STREAM).await?;
    while left > 1 {
        // One that is late is followed by those that are due too.
        for _ in 0..ticker.tick().await?.min(left - 1) {
            stream.write_all(&paced_chunk(clock::now())).await?;
            left -= 1;
        }
    }
    ticker.tick().await?;
    end(stream, &paced_chunk(clock::now()), usage.then_some("paced")).await
}

/// The last chunk and the end in one write, as servers do; what a server says when it is asked for usage before it.
async fn end(stream: &mut TcpStream, last: &[u8], usage: Option<&str>) -> Result<()> {
    if let Some(model) = usage {
        stream.write_all(&usage_chunk(model)).await?;
    }
    Ok(stream.write_all(&[last, STREAM_END].concat()).await?)
}
