//! Parameters: a map whose values choose one of five kinds.

use bytes::Bytes;
use sluicegate_core::{Parameter, Parameters};

use super::client::{EncodeError, Peer};
use crate::Limits;
use crate::fault::{Fault, Read};
use crate::grpc::protobuf::{Fields, Value, not_this_message, once, put_head, put_message, put_text, put_varint};

/// Reads one entry of the map into `parameters`. A value without a choice is as good as none.
pub(super) fn read(entry: Bytes, parameters: &mut Parameters, limits: &Limits) -> Read<()> {
    if parameters.len() >= limits.parameters {
        return Err(Fault::message("too many parameters"));
    }
    let (mut name, mut value) = (None, None);
    let mut fields = Fields::of(entry);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => once(&mut name, field.text(usize::MAX, "a parameter's name")?, "a parameter's name")?,
            2 => once(&mut value, field.bytes()?, "a parameter's value")?,
            _ => {}
        }
    }
    let Some(value) = choice(value.unwrap_or_default())? else { return Ok(()) };
    let name = name.unwrap_or_default();
    if parameters.get(&name).is_some() {
        return Err(Fault::message("a parameter is given twice"));
    }
    parameters.set(name, value);
    Ok(())
}

fn choice(message: Bytes) -> Read<Option<Parameter>> {
    let mut chosen = None;
    let mut fields = Fields::of(message);
    while let Some((number, field)) = fields.next()? {
        let value = match (number, field) {
            (1, field) => Parameter::Bool(field.truth()?),
            (2, field) => Parameter::Int(field.number()?.cast_signed()),
            (3, field) => Parameter::String(field.text(usize::MAX, "a parameter")?),
            (4, Value::Fixed64(bits)) => Parameter::Double(f64::from_le_bytes(bits)),
            (4, _) => return Err(not_this_message()),
            // The canonical form has one spelling for an integer: unsigned only where signed does not reach.
            (5, field) => {
                let number = field.number()?;
                i64::try_from(number).map_or(Parameter::Uint(number), Parameter::Int)
            }
            _ => continue,
        };
        once(&mut chosen, value, "a parameter's value")?;
    }
    Ok(chosen)
}

/// Writes them as the entries of the map in field `number`.
pub(super) fn write(number: u32, parameters: &Parameters, peer: &Peer, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    for (name, value) in parameters.iter() {
        let modern = matches!(value, Parameter::Double(_) | Parameter::Uint(_));
        if modern && !peer.parameters_double_uint64 {
            return Err(EncodeError::Parameter { name: name.to_owned() });
        }
        put_message(number, out, |entry| {
            put_text(1, name, entry);
            put_message(2, entry, |choice| {
                put_choice(value, choice);
                Ok(())
            })
        })?;
    }
    Ok(())
}

/// A choice is written even where it is zero or empty, for it says which kind it is.
fn put_choice(value: &Parameter, out: &mut Vec<u8>) {
    match value {
        Parameter::Bool(value) => {
            put_varint(1 << 3, out);
            put_varint(u64::from(*value), out);
        }
        Parameter::Int(value) => {
            put_varint(2 << 3, out);
            put_varint(value.cast_unsigned(), out);
        }
        Parameter::String(value) => {
            put_head(3, value.len(), out);
            out.extend_from_slice(value.as_bytes());
        }
        Parameter::Double(value) => {
            put_varint(4 << 3 | 1, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Parameter::Uint(value) => {
            put_varint(5 << 3, out);
            put_varint(*value, out);
        }
    }
}

/// Whether any of them asks for shared memory, which no peer of the gateway can reach.
pub(super) fn ask_shared_memory(parameters: &Parameters) -> bool {
    parameters.iter().any(|(name, _)| name.starts_with("shared_memory_"))
}
