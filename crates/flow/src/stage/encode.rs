//! The answer in the caller's protocol.

use sluicegate_core::{Asked, InferResponse, Kind, Operation, Outbound, Protocol, Refusal, Tensor};
use sluicegate_wire::{ReplyForm, codec};

use super::call::Replied;
use super::forward::back;
use super::generate;
use crate::control::Gateway;
use crate::heavy;
use crate::trail::Trail;

/// The version the gateway names to clients.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Nothing of it waits but what is rare, in a box.
pub(crate) async fn encode(replied: Replied<'_>, trail: &mut Trail) -> Result<Outbound, Refusal> {
    match replied {
        Replied::Wire(outbound) => Ok(outbound),
        Replied::Generated { outbound, passage, times, version } => {
            Box::pin(generate::hand_on(outbound, *passage, times, (version, trail))).await
        }
        Replied::Tensors { protocol, response, metadata, form, non_finite } => {
            let encode = codec(protocol).encode_infer;
            let answer = if heavy::is_heavy(weight(protocol, &response, &form)) {
                Box::pin(heavy::apart(move || encode(&response, &form, non_finite))).await?
            } else {
                encode(&response, &form, non_finite)?
            };
            Ok(back(answer, metadata, protocol))
        }
        Replied::Unnamed { protocol, answer, model, version, metadata } => {
            let Some(pass) = codec(protocol).pass else {
                return Err(Refusal::new(Kind::Internal, "the gateway failed").because("an answer has no names"));
            };
            Ok(back((pass.answer)(&answer, model, version)?, metadata, protocol))
        }
    }
}

/// Bytes of tensors that must be written as text.
fn weight(protocol: Protocol, response: &InferResponse, form: &ReplyForm) -> usize {
    let as_text = |output: &&Tensor| protocol != Protocol::OipGrpc && !form.is_binary(&output.name);
    response.outputs.iter().filter(as_text).map(|output| output.data().len()).sum()
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
