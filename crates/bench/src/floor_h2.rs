//! The least a proxy can do over the HTTP/2 library that the gateway is built on: streams of clients' connections become
//! streams of one connection to the server, and nothing is looked at, checked or written down. What the gateway adds to
//! this is its own.

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::floor::Options;
use crate::say;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(format_args!("http {}", listener.local_addr()?))?;
    let server = TcpStream::connect(options.upstream).await?;
    server.set_nodelay(true)?;
    let (sender, connection) = h2::client::handshake(server).await?;
    drop(tokio::spawn(connection));
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        // A connection that breaks is the client's to report.
        drop(tokio::spawn(serve(client, sender.clone())));
    }
}

async fn serve(client: TcpStream, sender: SendRequest<Bytes>) -> Result<()> {
    let mut connection = h2::server::handshake(client).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        drop(tokio::spawn(pass(request, respond, sender.clone())));
    }
    Ok(())
}

async fn pass(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    sender: SendRequest<Bytes>,
) -> Result<()> {
    let (head, body) = request.into_parts();
    let (response, stream) = sender.ready().await?.send_request(Request::from_parts(head, ()), false)?;
    copy(body, stream).await?;
    let (head, body) = response.await?.into_parts();
    copy(body, respond.send_response(Response::from_parts(head, ()), false)?).await
}

/// All data, and what stands behind it.
async fn copy(mut from: RecvStream, mut to: SendStream<Bytes>) -> Result<()> {
    while let Some(data) = from.data().await {
        let data = data?;
        from.flow_control().release_capacity(data.len())?;
        to.send_data(data, from.is_end_stream())?;
        if from.is_end_stream() {
            return Ok(());
        }
    }
    match from.trailers().await? {
        Some(trailers) => to.send_trailers(trailers).context("trailers"),
        None => to.send_data(Bytes::new(), true).context("the end"),
    }
}
