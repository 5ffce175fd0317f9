//! One connection to a server that may misbehave.

use std::future::pending;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::behaviour::Behaviour;
use super::reply;
use super::server::{Begun, Server};
use crate::http1::{Event, Inbox, Side};
use crate::work::{JSON, Numbered, answer};

/// Bytes taken at once.
const ROOM: usize = 16 * 1024;
/// How long what is sent behind an early answer is still taken, so that the answer is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);
/// Between two chunks of a body without end.
const ENDLESS_EVERY: Duration = Duration::from_millis(20);

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Keep,
    Close,
}

pub(super) async fn serve(mut stream: TcpStream, server: &Server) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::new(Side::Requests, ROOM);
    let mut used = false;
    loop {
        let head = tokio::select! {
            biased;
            head = inbox.head(&mut stream) => head?,
            () = server.until(|behaviour| behaviour == Behaviour::Refuse) => return Ok(()),
            () = tire(server, used) => return Ok(()),
        };
        let Some(head) = head else { return Ok(()) };
        // What was sent to a black hole has not arrived. The kernel confirms it all the same, but nobody above TCP sees
        // that.
        server.until(|behaviour| behaviour != Behaviour::Blackhole).await;
        let then = if head.starts_with(b"POST ") && head.windows(7).any(|part| part == b"/infer ") {
            infer(&mut stream, &mut inbox, server).await?
        } else {
            question(&mut stream, &mut inbox, server, &head).await?
        };
        if then == Then::Close || server.behaviour() == Behaviour::Refuse {
            return Ok(());
        }
        used = true;
    }
}

/// Ends when an idle connection is to be closed.
async fn tire(server: &Server, used: bool) {
    match server.behaviour() {
        Behaviour::Stale(after) if used => sleep(after).await,
        _ => pending().await,
    }
}

/// A question about the server or a model.
async fn question(stream: &mut TcpStream, inbox: &mut Inbox, server: &Server, head: &[u8]) -> Result<Then> {
    inbox.message(stream, |_| Ok(())).await?;
    server.until(|behaviour| behaviour != Behaviour::Silent).await;
    let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let json = |body: &[u8]| answer("content-type: application/json\r\n", body);
    let said = match path {
        b"/v2" => json(JSON.server),
        path if path.ends_with(b"/ready") || path.ends_with(b"/live") => answer("", b""),
        path if path.starts_with(b"/v2/models/") => json(JSON.model),
        _ => reply::NOT_FOUND.into(),
    };
    stream.write_all(&said).await?;
    Ok(Then::Keep)
}

/// A request for inference whose head is here.
async fn infer(stream: &mut TcpStream, inbox: &mut Inbox, server: &Server) -> Result<Then> {
    let mut begun = server.begin();
    let behaviour = server.behaviour();
    if behaviour == Behaviour::Early {
        begun.answered();
        return early(stream).await;
    }
    let mut body = Vec::new();
    inbox
        .message(stream, |event| {
            if let Event::Body(bytes) = event {
                body.extend_from_slice(bytes);
            }
            Ok(())
        })
        .await?;
    let whose = Numbered::of(&body).context("a request without a number")?;
    let times = match behaviour {
        Behaviour::Error500 | Behaviour::Reset | Behaviour::Garbage => 0,
        Behaviour::Slow(times) => times,
        _ => 1,
    };
    let work = async {
        if times > 0 {
            server.work(times).await;
        }
        server.until(|behaviour| !matches!(behaviour, Behaviour::Blackhole | Behaviour::Silent)).await;
    };
    tokio::select! {
        () = work => {}
        () = left(stream) => return Ok(Then::Close),
    }
    reply(stream, behaviour, whose, &mut begun).await
}

/// Ends when the client has left.
async fn left(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        // It already sends the next request.
        pending().await
    }
}

/// Writes what the server says, in the way it does.
async fn reply(stream: &mut TcpStream, behaviour: Behaviour, whose: Numbered, begun: &mut Begun<'_>) -> Result<Then> {
    if behaviour != Behaviour::Endless {
        begun.answered();
    }
    let mut then = Then::Close;
    match behaviour {
        Behaviour::Error500 => {
            stream.write_all(reply::ERROR_500).await?;
            then = Then::Keep;
        }
        Behaviour::Reset => stream.set_zero_linger()?,
        Behaviour::Garbage => stream.write_all(reply::GARBAGE).await?,
        Behaviour::Short => stream.write_all(&reply::half(whose)).await?,
        Behaviour::Long => {
            stream.write_all(&reply::long(whose)).await?;
            then = Then::Keep;
        }
        Behaviour::ResetAfterHead => {
            stream.write_all(&reply::half(whose)).await?;
            // A reset overtakes what is still under way: the half must be there first.
            sleep(Duration::from_millis(5)).await;
            stream.set_zero_linger()?;
        }
        Behaviour::Endless => endless(stream).await?,
        Behaviour::Stale(Duration::ZERO) => stream.write_all(&whose.answer()).await?,
        _ => {
            stream.write_all(&whose.answer()).await?;
            then = Then::Keep;
        }
    }
    Ok(then)
}

/// Answers before the request is there, and takes the rest for a while so that the answer arrives.
async fn early(stream: &mut TcpStream) -> Result<Then> {
    stream.write_all(reply::TOO_LARGE).await?;
    stream.shutdown().await?;
    let mut rest = vec![0; ROOM];
    let drained = async { while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {} };
    let _ = timeout(LINGER, drained).await;
    Ok(Then::Close)
}

/// Writes until the client has had enough.
async fn endless(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(reply::ENDLESS_HEAD).await?;
    loop {
        stream.write_all(&reply::ENDLESS_CHUNK).await?;
        sleep(ENDLESS_EVERY).await;
    }
}
