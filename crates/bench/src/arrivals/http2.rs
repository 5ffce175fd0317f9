//! Requests over HTTP/2 and gRPC: streams of one connection, and of a new one when the server says that it takes no more.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Request};

use super::client::{Common, Reply};
use super::outcome::code;
use crate::http2::Connections;
use crate::oip::SERVICE;
use crate::work::Numbered;

pub(super) struct Http2(Connections);

impl Http2 {
    pub(super) const fn new(target: SocketAddr) -> Self {
        Self(Connections::new(target))
    }

    /// The request of HTTP/1 over HTTP/2.
    pub(super) async fn exchange(&self, common: &Common, request: Numbered) -> Result<Reply> {
        let path = format!("/v2/models/{}/infer", common.model);
        let head = head(common, &path, "application/json")?;
        let (head, reply, _) = self.ask(head, request.body(common.padding).into()).await?;
        Ok(Reply { code: head.status.as_u16(), ..reply })
    }

    /// The same as a call of gRPC.
    pub(super) async fn call(&self, common: &Common, request: Numbered) -> Result<Reply> {
        let mut head = head(common, &format!("{SERVICE}ModelInfer"), "application/grpc")?;
        head.headers_mut().insert("te", http::HeaderValue::from_static("trailers"));
        let (head, reply, trailers) = self.ask(head, request.message(&common.model)).await?;
        // A refusal has its status in the head.
        let status = trailers.as_ref().unwrap_or(&head.headers).get("grpc-status").context("no grpc-status")?;
        Ok(Reply { code: code::grpc(status.to_str()?.parse()?), ..reply })
    }

    async fn ask(&self, head: Request<()>, body: Bytes) -> Result<(http::response::Parts, Reply, Option<HeaderMap>)> {
        let mut sender = self.0.sender().await?;
        let (answer, mut sending) = sender.send_request(head, false)?;
        sending.send_data(body, true)?;
        let (head, mut body) = answer.await?.into_parts();
        let mut reply = Reply::default();
        while let Some(piece) = body.data().await {
            let piece = piece?;
            body.flow_control().release_capacity(piece.len())?;
            reply.take(&piece);
        }
        Ok((head, reply, body.trailers().await?))
    }
}

fn head(common: &Common, path: &str, kind: &str) -> Result<Request<()>> {
    let mut request = Request::post(format!("http://gateway.test{path}")).header("content-type", kind);
    for (name, value) in &common.fields {
        request = request.header(name, value);
    }
    Ok(request.body(())?)
}
