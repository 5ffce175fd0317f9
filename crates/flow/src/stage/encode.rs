//! The answer in the caller's protocol.

use sluicegate_core::{Asked, Kind, Operation, Outbound, Refusal};
use sluicegate_wire::codec;

use super::call::Replied;
use super::forward::back;
use crate::control::Gateway;

/// The version the gateway names to clients.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn encode(replied: Replied) -> Result<Outbound, Refusal> {
    match replied {
        Replied::Wire(outbound) => Ok(outbound),
        Replied::Tensors { protocol, response, metadata, form, non_finite } => {
            let answer = (codec(protocol).encode_infer)(&response, &form, non_finite)?;
            Ok(back(answer, metadata, protocol))
        }
        Replied::Unnamed { protocol, answer, model, version, metadata } => {
            let Some(pass) = codec(protocol).pass else {
                return Err(Refusal::new(Kind::Internal, "the gateway failed").because("an answer has no names"));
            };
            Ok(back((pass.answer)(&answer, &model, &version)?, metadata, protocol))
        }
    }
}

/// Answers what is asked of the gateway itself.
pub(crate) fn gateway(asked: &Asked, gateway: &Gateway) -> Outbound {
    let codec = codec(asked.protocol);
    match asked.operation {
        Operation::ServerLive => (codec.encode_server_live)(true),
        Operation::ServerReady => (codec.encode_server_ready)(gateway.ready()),
        // Operations on a model never come here: `name` gives those a model or refuses them.
        Operation::ServerMetadata
        | Operation::Reflect
        | Operation::Infer
        | Operation::Metadata
        | Operation::Ready
        | Operation::StreamInfer
        | Operation::Generate
        | Operation::GenerateStream
        | Operation::Config
        | Operation::Statistics
        | Operation::Index
        | Operation::Names
        | Operation::Manage
        | Operation::Chat
        | Operation::Complete
        | Operation::Respond
        | Operation::Embed => (codec.encode_server_metadata)(VERSION),
    }
}
