//! gRPC, several requests at once.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::time::sleep;
use turmoil::net::TcpStream;

use super::super::journal::{Number, Outcome};
use super::super::message::{INFER, find, grpc_request};
use super::super::network::RESET_MEMORY;
use super::Manner;

#[derive(Clone)]
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    ended: Rc<Cell<bool>>,
}

impl Connection {
    pub(super) async fn over(stream: TcpStream) -> io::Result<Self> {
        let (sender, connection) = h2::client::Builder::new()
            .reset_stream_duration(RESET_MEMORY)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        let ended = Rc::new(Cell::new(false));
        let told = Rc::clone(&ended);
        tokio::task::spawn_local(async move {
            let _ = connection.await;
            told.set(true);
        });
        Ok(Self { sender, ended })
    }

    pub(super) fn is_well(&self) -> bool {
        !self.ended.get()
    }

    pub(super) async fn exchange(&mut self, request: Number, manner: Manner) -> io::Result<Outcome> {
        self.ask(request, manner).await.map_err(io::Error::other)
    }

    async fn ask(&mut self, request: Number, manner: Manner) -> Result<Outcome, h2::Error> {
        let mut head = Request::post(format!("http://g{INFER}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("x-request-id", format!("r{request}"));
        if let Some(own) = manner.own {
            head = head.header("grpc-timeout", format!("{}m", own.as_millis()));
        }
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut stream) = sender.send_request(head.body(()).unwrap(), false)?;
        let mut first = grpc_request(request);
        let last = first.split_off(first.len() / 2);
        stream.send_data(first, false)?;
        if !manner.pause.is_zero() {
            sleep(manner.pause).await;
        }
        stream.send_data(last, true)?;
        let (head, mut body) = answer.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            bytes.extend_from_slice(&data);
        }
        let trailers = body.trailers().await?.unwrap_or_default();
        let status = |fields: &HeaderMap| fields.get("grpc-status").cloned();
        let status = status(&trailers).or_else(|| status(&head.headers));
        Ok(Outcome::Answered {
            status: head.status.as_u16(),
            well: status.is_some_and(|status| status == "0"),
            of: find(&bytes).map(|(number, _)| number),
            id: head.headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned),
        })
    }
}
