//! The model that a message names, found without decoding the rest: a walk from field to field.

use bytes::Bytes;
use sluicegate_core::{Asked, Fields, Kind, Operation, Refusal};

use crate::Limits;
use crate::fault::{Fault, Read};
use crate::grpc::protobuf::{Walk, once};

/// Bytes of a name or version.
const LENGTH: usize = 1024;

/// Completes what was asked by the model and version in the message. All messages that name a model do so in fields 1
/// and 2.
pub(super) fn complete(mut asked: Asked, _: &Fields, message: &Bytes) -> Result<Asked, Refusal> {
    let needed = match asked.operation {
        Operation::Infer | Operation::StreamInfer | Operation::Ready | Operation::Metadata | Operation::Config => true,
        Operation::Statistics => false,
        Operation::ServerLive
        | Operation::ServerReady
        | Operation::ServerMetadata
        | Operation::Index
        | Operation::Manage
        // Not of this protocol.
        | Operation::Generate
        | Operation::GenerateStream
        | Operation::Reflect
        | Operation::Names
        | Operation::Chat
        | Operation::Complete
        | Operation::Respond
        | Operation::Embed => return Ok(asked),
    };
    let (model, version) = scan(message)?;
    if needed && model.is_none() {
        return Err(Refusal::new(Kind::BadRequest, "the message names no model"));
    }
    asked.model = model;
    asked.version = version;
    Ok(asked)
}

/// Name and version; what is empty is not there. Triton's clients may write the version -1 for the latest.
fn scan(message: &Bytes) -> Read<(Option<String>, Option<String>)> {
    let limits = Limits::default();
    let mut left = limits.tensors.saturating_mul(3).saturating_add(limits.parameters).saturating_add(limits.members);
    let mut fields = Walk::over(message);
    let (mut model, mut version) = (None, None);
    while let Some((number, part)) = fields.next()? {
        left = left.checked_sub(1).ok_or_else(|| Fault::message("the message has too many fields"))?;
        match number {
            1 => once(&mut model, part.text(LENGTH, "the model's name")?, "the model's name")?,
            2 => once(&mut version, part.text(LENGTH, "the model's version")?, "the model's version")?,
            _ => {}
        }
    }
    let model = model.filter(|name| !name.is_empty());
    let version = version.filter(|version| !matches!(version.as_str(), "" | "-1"));
    Ok((model, version))
}
