//! Clients over gRPC: connections with so many streams each, every stream asking again as soon as it is answered.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::task::JoinSet;

use super::Options;
use super::check::Check;
use super::tally::Tally;
use crate::http2;
use crate::oip::SERVICE;

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
        let sender = http2::open(options.target).await?;
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
