//! Parameters: read with a bound on their number, written in order.

use std::borrow::Cow;

use sluicegate_core::{Parameter, Parameters};

use super::tensor::Side;
use crate::fault::{Fault, Read};
use crate::json::{Reader, write};

/// Reads parameters that stand `open` levels deep. `null` is the same as none, and a value of `null` as not given.
pub(super) fn read(reader: &mut Reader<'_>, open: usize, side: Side) -> Read<Parameters> {
    let mut parameters = Parameters::new();
    if reader.word("null") {
        return Ok(parameters);
    }
    reader.expect(b'{', "expected an object of parameters")?;
    let mut passed_over: Vec<Cow<'_, str>> = Vec::new();
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        if parameters.get(&key).is_some() || passed_over.contains(&key) {
            return Err(reader.fault("a parameter is given twice"));
        }
        if parameters.len() + passed_over.len() >= reader.limits().parameters {
            return Err(reader.fault("too many parameters"));
        }
        match value(reader, open + 1, side)? {
            Some(value) => parameters.set(key, value),
            None => passed_over.push(key),
        }
    }
    Ok(parameters)
}

/// Reads one value; `None` for one that is as good as not given.
pub(super) fn value(reader: &mut Reader<'_>, open: usize, side: Side) -> Read<Option<Parameter>> {
    let value = match reader.peek() {
        Some(b'"') => Parameter::String(reader.string()?.into_owned()),
        Some(b'-' | b'0'..=b'9') => number(reader)?,
        Some(b'{' | b'[') if side == Side::Backend => return reader.skip(open, false).map(|()| None),
        Some(b'{' | b'[') => return Err(reader.fault("a parameter must be a string, a number or a boolean")),
        _ if reader.word("true") => Parameter::Bool(true),
        _ if reader.word("false") => Parameter::Bool(false),
        _ if reader.word("null") => return Ok(None),
        _ => return Err(reader.fault("expected a value")),
    };
    Ok(Some(value))
}

fn number(reader: &mut Reader<'_>) -> Read<Parameter> {
    let number = reader.number()?;
    if number.integer {
        let exact = number.exact().ok_or_else(|| reader.fault("a parameter's integer does not fit 64 bits"))?;
        return match (i64::try_from(exact), u64::try_from(exact)) {
            (Ok(value), _) => Ok(Parameter::Int(value)),
            (_, Ok(value)) => Ok(Parameter::Uint(value)),
            _ => Err(reader.fault("a parameter's integer does not fit 64 bits")),
        };
    }
    let value = number.double();
    if value.is_finite() {
        Ok(Parameter::Double(value))
    } else {
        Err(reader.fault("a parameter's number is out of range"))
    }
}

/// Takes a boolean out that only steers the wire form.
pub(super) fn take_flag(parameters: &mut Parameters, name: &str) -> Read<Option<bool>> {
    match parameters.remove(name) {
        None => Ok(None),
        Some(Parameter::Bool(value)) => Ok(Some(value)),
        Some(_) => Err(Fault::message(format!("the parameter {name} must be true or false"))),
    }
}

/// Takes out the length of a tensor's binary data; `Err` where it is no length.
pub(super) fn take_size(parameters: &mut Parameters) -> Result<Option<u64>, &'static str> {
    let size = match parameters.remove("binary_data_size") {
        None => return Ok(None),
        Some(Parameter::Int(size)) => u64::try_from(size).ok(),
        Some(Parameter::Uint(size)) => Some(size),
        Some(_) => None,
    };
    size.map(Some).ok_or("binary_data_size must be a number of bytes")
}

/// Whether any of them asks for shared memory, which no peer of the gateway can reach.
pub(super) fn ask_shared_memory(parameters: &Parameters) -> bool {
    parameters.iter().any(|(name, _)| name.starts_with("shared_memory_"))
}

/// A parameter that JSON has no number for; its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoNumber<'a>(pub(super) &'a str);

/// Writes the members of parameters, without the braces: those whose names are `wanted`.
pub(super) fn write<'a>(
    parameters: &'a Parameters,
    wanted: impl Fn(&str) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), NoNumber<'a>> {
    for (name, value) in parameters.iter().filter(|(name, _)| wanted(name)) {
        if matches!(value, Parameter::Double(value) if !value.is_finite()) {
            return Err(NoNumber(name));
        }
        write::key(name, out);
        write_value(value, out);
    }
    Ok(())
}

/// Writes one value, which is no double that JSON has no number for.
pub(super) fn write_value(value: &Parameter, out: &mut Vec<u8>) {
    match value {
        Parameter::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Parameter::Int(value) => write::integer(*value, out),
        Parameter::Uint(value) => write::integer(*value, out),
        Parameter::Double(value) => write::finite(*value, out),
        Parameter::String(value) => write::string(value, out),
    }
}
