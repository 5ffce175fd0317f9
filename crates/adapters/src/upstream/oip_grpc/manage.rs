//! Orders to a server: what it has loaded, traces, logs and shares.

use bytes::Bytes;
use sluicegate_core::{Body, CallClass, CallError, ManageCall, Sent};
use sluicegate_wire::oip_grpc::client::{decode_order, encode_order};

use super::faults::nonsense;
use super::{OipGrpc, Peer};

impl OipGrpc {
    /// Does what an order says. `None`: the server has no such call.
    pub(super) async fn order(&self, peer: &Peer, call: ManageCall) -> Result<Option<Bytes>, CallError> {
        let ManageCall { order, headers, deadline } = call;
        let (path, message) = encode_order(&order).map_err(|error| {
            CallError::new(CallClass::Client, Sent::Nothing, error.to_string()).telling(error.to_string())
        })?;
        match self.ask(peer, (&path, Body::from(message)), headers, deadline).await {
            Ok(answer) => decode_order(order.what, &answer)
                .map(Some)
                .map_err(|error| nonsense(&error.to_string(), &peer.endpoint)),
            Err(failed) if failed.lacks_call() => Ok(None),
            Err(failed) => Err(failed.error),
        }
    }
}
