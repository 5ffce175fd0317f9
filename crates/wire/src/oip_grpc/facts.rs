//! A model's configuration and statistics between Protocol Buffers and the JSON of Triton's REST extensions: names as in
//! the protocol's files, integers of 64 bits as numbers, what is at its default written all the same. Read, an integer
//! may be a string too, and members that are not known are passed over.

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use super::client::DecodeError;
use crate::generated::described;
use crate::grpc::protobuf::{Fields, put_head};

/// A `ModelConfigResponse` as JSON: the configuration it holds.
///
/// # Errors
/// The message is none.
pub fn config_to_json(message: &[u8]) -> Result<Bytes, DecodeError> {
    let mut config = Bytes::new();
    let mut fields = Fields::of(Bytes::copy_from_slice(message));
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            config = value.bytes()?;
        }
    }
    to_json("inference.ModelConfig", &config)
}

/// JSON of a model's configuration as a `ModelConfigResponse`.
///
/// # Errors
/// The JSON is none of a configuration.
pub fn config_from_json(json: &[u8]) -> Result<Bytes, DecodeError> {
    let config = from_json("inference.ModelConfig", json)?;
    let mut message = Vec::with_capacity(config.len() + 8);
    put_head(1, config.len(), &mut message);
    message.extend_from_slice(&config);
    Ok(message.into())
}

/// A `ModelStatisticsResponse` as JSON.
///
/// # Errors
/// The message is none.
pub fn statistics_to_json(message: &[u8]) -> Result<Bytes, DecodeError> {
    to_json("inference.ModelStatisticsResponse", message)
}

/// JSON of statistics as a `ModelStatisticsResponse`.
///
/// # Errors
/// The JSON is none of statistics.
pub fn statistics_from_json(json: &[u8]) -> Result<Bytes, DecodeError> {
    from_json("inference.ModelStatisticsResponse", json).map(Bytes::from)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, DecodeError> {
    let found = described().and_then(|pool| pool.get_message_by_name(name));
    found.ok_or_else(|| DecodeError::new(format!("the descriptors do not have {name}")))
}

pub(super) fn to_json(name: &str, message: &[u8]) -> Result<Bytes, DecodeError> {
    let message = DynamicMessage::decode(descriptor(name)?, message)
        .map_err(|_| DecodeError::new(format!("the message is no {name}")))?;
    let options =
        SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);
    let mut json = Vec::new();
    let mut writer = serde_json::Serializer::new(&mut json);
    message
        .serialize_with_options(&mut writer, &options)
        .map_err(|_| DecodeError::new(format!("{name} has no form in JSON")))?;
    Ok(json.into())
}

pub(super) fn from_json(name: &str, json: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let value: Value = serde_json::from_slice(json)
        .map_err(|error| DecodeError::new(format!("not JSON (line {}, column {})", error.line(), error.column())))?;
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message = DynamicMessage::deserialize_with_options(descriptor(name)?, value, &options)
        .map_err(|_| DecodeError::new(format!("the JSON is none of {name}")))?;
    Ok(message.encode_to_vec())
}
