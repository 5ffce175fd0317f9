//! The server of gRPC: it takes calls and never ends one. A stream gets a first answer.

use std::future::poll_fn;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use super::seen::Seen;
use crate::oip;
use crate::work::Numbered;

/// Windows so wide that nobody waits for them.
const WINDOW: u32 = 16 << 20;

pub(super) async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        drop(tokio::spawn(async move { one(stream, seen).await.unwrap_or_default() }));
    }
}

async fn one(stream: TcpStream, seen: Arc<Seen>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut builder = server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).max_concurrent_streams(1000);
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        let seen = Arc::clone(&seen);
        drop(tokio::spawn(async move { call(request, respond, &seen).await.unwrap_or_default() }));
    }
    Ok(())
}

async fn call(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, seen: &Seen) -> Result<()> {
    let streams = request.uri().path().ends_with("ModelStreamInfer");
    let mut body = request.into_body();
    let mut begun = Vec::new();
    let number = loop {
        let piece = body.data().await.context("a call that does not say whose it is")??;
        body.flow_control().release_capacity(piece.len())?;
        begun.extend_from_slice(&piece);
        if let Some(Numbered(number)) = Numbered::named(&begun) {
            break number;
        }
    };
    let _held = seen.hold(number);
    if streams {
        let head = Response::builder().header("content-type", "application/grpc").body(())?;
        let mut stream: SendStream<Bytes> = respond.send_response(head, false)?;
        stream.send_data(oip::stream_response("calls", &Numbered(number).text()).into(), false)?;
        poll_fn(|context| stream.poll_reset(context)).await?;
    } else {
        poll_fn(|context| respond.poll_reset(context)).await?;
    }
    Ok(())
}
