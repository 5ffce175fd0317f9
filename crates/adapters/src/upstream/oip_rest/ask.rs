//! Puts one request to an endpoint. What is common to running a model and asking about one.

use bytes::Bytes;
use http::header;
use http::{Method, StatusCode, Uri};
use sluicegate_core::{Body, CallClass, CallError, Deadline, Endpoint, Fields, Response, Sent};
use sluicegate_wire::request_timeout;

use super::{KIND, OipRest, Peer};
use crate::http::{Answer, Fault, Patience, Request, request, target};
use crate::remote::faults::{self, from_body};
use crate::remote::transport::from_http;

/// Largest answer to a question about a model or the server, and largest error answer, in bytes.
pub(super) const SHORT_ANSWER: u64 = 1024 * 1024;

/// A short answer, complete.
pub(super) struct Short {
    pub(super) status: StatusCode,
    pub(super) headers: Fields,
    pub(super) body: Bytes,
}

impl OipRest {
    /// Sends a request for `path` and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        peer: &Peer,
        (method, path): (Method, impl Into<String>),
        headers: Fields,
        body: Body,
        deadline: Deadline,
    ) -> Result<Response<Answer>, CallError> {
        let mut request = self.request((method, peer.target(path.into())?), headers, body, deadline);
        self.put(peer, &mut request, deadline).await
    }

    /// A request for a target.
    pub(super) fn request(
        &self,
        target: (Method, Uri),
        mut headers: Fields,
        body: Body,
        deadline: Deadline,
    ) -> Request {
        // Bodies pass as they are: what no client of ours asked for, a server must not choose.
        headers.remove(header::ACCEPT_ENCODING);
        request_timeout::shrink(&mut headers, || self.client.time_left(deadline));
        request(target, headers, body)
    }

    /// Sends it and waits for the head of its answer.
    pub(super) async fn put(
        &self,
        peer: &Peer,
        request: &mut Request,
        deadline: Deadline,
    ) -> Result<Response<Answer>, CallError> {
        let patience = Patience { connect: self.connect_timeout, deadline };
        self.client.put(&peer.origin, request, patience).await.map_err(|error| {
            if error.fault == Fault::Connect {
                peer.extension.forget();
                peer.decoupled.lock().clear();
            }
            from_http(&error, &peer.endpoint)
        })
    }

    /// Asks `path` and takes the whole answer.
    pub(super) async fn get(
        &self,
        peer: &Peer,
        path: &str,
        headers: Fields,
        deadline: Deadline,
    ) -> Result<Short, CallError> {
        let response = self.send(peer, (Method::GET, path), headers, Body::Empty, deadline).await?;
        let (head, answer) = response.into_parts();
        let body =
            answer.collect(SHORT_ANSWER).await.map_err(|error| from_body(&error, head.status, &peer.endpoint))?;
        Ok(Short { status: head.status, headers: head.headers, body })
    }
}

impl Peer {
    /// `path` at this endpoint.
    pub(super) fn target(&self, path: String) -> Result<Uri, CallError> {
        target(&self.endpoint.prefix, path)
            .map_err(|error| CallError::new(CallClass::Server, Sent::Nothing, format!("no request target: {error}")))
    }
}

/// An answer that says no.
pub(super) fn from_status(status: StatusCode, headers: &Fields, body: &[u8], endpoint: &Endpoint) -> CallError {
    faults::from_status(KIND.kind, status, headers, body, endpoint)
}
