//! The same over gRPC.

use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::sync::Notify;
use turmoil::net::TcpStream;

use super::super::message::{find, framed, grpc_answer};
use super::super::network::RESET_MEMORY;
use super::super::plan::Deed;
use super::Server;

/// Answers a connection's streams until it ends.
pub(super) async fn converse(server: Rc<Server>, stream: TcpStream) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new().reset_stream_duration(RESET_MEMORY).handshake(stream).await?;
    let close = Rc::new(Notify::new());
    loop {
        let accepted = tokio::select! {
            biased;
            // Dropped with all its streams.
            () = close.notified() => return Ok(()),
            accepted = connection.accept() => accepted,
        };
        let Some((request, answer)) = accepted.transpose()? else { return Ok(()) };
        let (server, close) = (Rc::clone(&server), Rc::clone(&close));
        tokio::task::spawn_local(async move {
            let _ = deal_with(&server, request, answer, &close).await;
        });
    }
}

async fn deal_with(
    server: &Server,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    close: &Notify,
) -> Result<(), h2::Error> {
    let body = read(request.into_body()).await?;
    let Some((request, _)) = find(&body) else {
        // Whether it is ready: a message whose first field is true.
        return answer(&mut respond, framed(&[8, 1]));
    };
    let deed = server.take(request).await;
    let whole = grpc_answer(request);
    match deed {
        Deed::Answer => answer(&mut respond, whole),
        Deed::Fail => error(&mut respond, "13"),
        Deed::Unavailable => error(&mut respond, "14"),
        Deed::Busy => error(&mut respond, "8"),
        Deed::Close => {
            close.notify_one();
            Ok(())
        }
        Deed::Reset => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        Deed::BreakOff | Deed::FallSilent => {
            let mut stream = respond.send_response(head(), false)?;
            stream.send_data(whole.slice(..whole.len() / 2), false)?;
            if deed == Deed::FallSilent {
                poll_fn(|context| stream.poll_reset(context)).await?;
            } else {
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
            Ok(())
        }
        Deed::Hang => {
            poll_fn(|context| respond.poll_reset(context)).await?;
            Ok(())
        }
    }
}

async fn read(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn answer(respond: &mut SendResponse<Bytes>, message: Bytes) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(), false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

fn error(respond: &mut SendResponse<Bytes>, status: &'static str) -> Result<(), h2::Error> {
    let mut head = head();
    head.headers_mut().insert("grpc-status", HeaderValue::from_static(status));
    respond.send_response(head, true).map(drop)
}

fn head() -> Response<()> {
    let mut head = Response::new(());
    head.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    head
}
