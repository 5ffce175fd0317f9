//! Clients over gRPC: connections with so many streams each, every stream asking again as soon as it is answered.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Options;
use super::check::Check;
use super::tally::Tally;
use crate::oip::SERVICE;

/// Windows so wide that nobody waits for them.
const WINDOW: u32 = 16 << 20;

/// Connects all, and then starts their streams.
pub(super) async fn start(
    clients: &mut JoinSet<()>,
    options: &Options,
    connections: usize,
    tally: &Arc<Tally>,
) -> Result<()> {
    let request = Request::post(format!("http://gateway.test{SERVICE}ModelInfer"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    for _ in 0..connections {
        let stream = TcpStream::connect(options.target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut builder = client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (sender, connection) = builder.handshake::<_, Bytes>(stream).await?;
        // What breaks it, each of its streams learns.
        drop(tokio::spawn(async { connection.await.unwrap_or_default() }));
        for _ in 0..options.streams {
            let (sender, request) = (sender.clone(), request.clone());
            let (message, check) = (options.workload.request(), Check::new(options.workload.expected()));
            let tally = Arc::clone(tally);
            clients.spawn(async move {
                let asked = ask(sender, (request, message), check, &tally).await;
                asked.unwrap_or_else(|error| tally.failed(&error));
            });
        }
    }
    Ok(())
}

async fn ask(
    mut sender: SendRequest<Bytes>,
    (request, message): (Request<()>, Bytes),
    mut check: Check,
    tally: &Tally,
) -> Result<()> {
    while tally.begin() {
        sender = sender.ready().await?;
        let (answer, mut stream) = sender.send_request(request.clone(), false)?;
        stream.send_data(message.clone(), true)?;
        let (head, mut body) = answer.await?.into_parts();
        ensure!(head.status == 200, "refused: {}", head.status);
        while let Some(piece) = body.data().await {
            let piece = piece?;
            check.piece(&piece, 0, |_| {})?;
            body.flow_control().release_capacity(piece.len())?;
        }
        let trailers = body.trailers().await?.unwrap_or(head.headers);
        ensure!(is_ok(&trailers), "refused: {trailers:?}");
        check.end()?;
        tally.completed();
    }
    Ok(())
}

fn is_ok(trailers: &HeaderMap) -> bool {
    trailers.get("grpc-status").is_some_and(|status| status == "0")
}
