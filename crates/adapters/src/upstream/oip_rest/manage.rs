//! Orders to a server: what it has loaded, traces, logs and shares.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use sluicegate_core::{Body, CallError, ManageCall};
use sluicegate_wire::oip_rest::client::order_target;

use super::ask::{SHORT_ANSWER, from_status};
use super::{OipRest, Peer};
use crate::remote::faults::{from_body, lacks_path};

impl OipRest {
    /// Does what an order says. `None`: the server has no such path.
    pub(super) async fn order(&self, peer: &Peer, call: ManageCall) -> Result<Option<Bytes>, CallError> {
        let ManageCall { order, mut headers, deadline } = call;
        let (method, path) = order_target(&order);
        if !order.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let response = self.send(peer, (method, &path), headers, Body::from(order.body), deadline).await?;
        let (head, answer) = response.into_parts();
        let body =
            answer.collect(SHORT_ANSWER).await.map_err(|error| from_body(&error, head.status, &peer.endpoint))?;
        if head.status.is_success() {
            return Ok(Some(body));
        }
        if lacks_path(head.status, &body) {
            return Ok(None);
        }
        Err(from_status(head.status, &head.headers, &body, &peer.endpoint))
    }
}
