//! The model server over gRPC: OIP's calls, on HTTP/2 without TLS.

use anyhow::Result;
use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;

use crate::oip::{self, SERVICE};
use crate::work::GRPC;

/// Windows so wide that nobody waits for them.
const WINDOW: u32 = 16 << 20;

/// One connection.
pub(super) async fn serve(stream: TcpStream) -> Result<()> {
    let mut builder = server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).max_concurrent_streams(1000);
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        drop(tokio::spawn(async { answer(request, respond).await.unwrap_or_default() }));
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<()> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    while let Some(piece) = body.data().await {
        body.flow_control().release_capacity(piece?.len())?;
    }
    let message = match path.strip_prefix(SERVICE) {
        Some("ModelInfer") => GRPC.clone(),
        Some("ServerLive" | "ServerReady" | "ModelReady") => oip::yes().into(),
        Some("ServerMetadata") => oip::server_metadata().into(),
        Some("ModelMetadata") => oip::model_metadata("translated").into(),
        _ => {
            let refusal = Response::builder().header("content-type", "application/grpc").header("grpc-status", "12");
            respond.send_response(refusal.body(())?, true)?;
            return Ok(());
        }
    };
    let head = Response::builder().header("content-type", "application/grpc").body(())?;
    let mut stream: SendStream<Bytes> = respond.send_response(head, false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)?;
    Ok(())
}
