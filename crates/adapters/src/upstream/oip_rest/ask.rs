//! Puts one request to an endpoint. What is common to running a model and asking about one.

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use sluicegate_core::{Body, CallClass, CallError, Deadline, Sent};

use super::super::transport::from_http;
use super::faults::from_body;
use super::{OipRest, Peer};
use crate::http::{Answer, Fault, Patience};

/// Largest answer to a question about a model or the server, and largest error answer, in bytes.
pub(super) const SHORT_ANSWER: u64 = 1024 * 1024;

/// A short answer, complete.
pub(super) struct Short {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl OipRest {
    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        peer: &Peer,
        (method, path): (Method, &str),
        mut headers: HeaderMap,
        body: Body,
        deadline: Deadline,
    ) -> Result<Response<Answer>, CallError> {
        // Bodies pass as they are: what no client of ours asked for, a server must not choose.
        headers.remove(header::ACCEPT_ENCODING);
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", peer.endpoint.prefix)).body(body).map_err(
                |error| CallError::new(CallClass::Server, Sent::Nothing, format!("no request target: {error}")),
            )?;
        *request.headers_mut() = headers;
        let patience = Patience { connect: self.connect_timeout, deadline };
        self.client.send(&peer.origin, request, patience).await.map_err(|error| {
            if error.fault == Fault::Connect {
                peer.extension.forget();
            }
            from_http(&error, &peer.endpoint)
        })
    }

    /// Asks `path` and takes the whole answer.
    pub(super) async fn get(
        &self,
        peer: &Peer,
        path: &str,
        headers: HeaderMap,
        deadline: Deadline,
    ) -> Result<Short, CallError> {
        let response = self.send(peer, (Method::GET, path), headers, Body::Empty, deadline).await?;
        let (head, answer) = response.into_parts();
        let body =
            answer.collect(SHORT_ANSWER).await.map_err(|error| from_body(&error, head.status, &peer.endpoint))?;
        Ok(Short { status: head.status, headers: head.headers, body })
    }
}
