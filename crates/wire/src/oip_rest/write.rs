//! Tensors written as JSON, flat, or as the JSON that announces binary data.

use half::f16;
use sluicegate_core::{DataType, NonFinite, Tensor};

use super::parameters::{self, NoNumber};
use crate::json::write;

/// Why a tensor cannot be written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoJson<'a> {
    /// Its datatype has no JSON form.
    Datatype,
    /// It holds NaN or an infinity, and the policy refuses that.
    NotFinite,
    /// A BYTES element is not UTF-8.
    NotUtf8,
    /// A parameter of this name is NaN or an infinity.
    Parameter(&'a str),
}

impl<'a> From<NoNumber<'a>> for NoJson<'a> {
    fn from(NoNumber(name): NoNumber<'a>) -> Self {
        Self::Parameter(name)
    }
}

/// How a tensor is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its bytes follow behind the JSON.
    Binary,
    /// Its elements stand in the JSON.
    Json {
        /// For numbers JSON does not have.
        non_finite: NonFinite,
        /// Whether FP16 is written as numbers, as MLServer reads it. The protocol has no such form.
        half: bool,
    },
}

/// Writes a tensor as a JSON object.
pub(super) fn tensor<'a>(tensor: &'a Tensor, form: Form, out: &mut Vec<u8>) -> Result<(), NoJson<'a>> {
    out.push(b'{');
    write::key("name", out);
    write::string(&tensor.name, out);
    write::key("datatype", out);
    write::string(tensor.datatype().as_str(), out);
    write::key("shape", out);
    list(tensor.shape().iter().copied(), write::integer, out);
    if form == Form::Binary || !tensor.parameters.is_empty() {
        write::key("parameters", out);
        out.push(b'{');
        parameters::write(&tensor.parameters, |name| name != "binary_data_size", out)?;
        if form == Form::Binary {
            write::key("binary_data_size", out);
            write::integer(tensor.data().len(), out);
        }
        out.push(b'}');
    }
    if let Form::Json { non_finite, half } = form {
        write::key("data", out);
        data(tensor, non_finite, half, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Writes a list of JSON objects or numbers.
pub(super) fn list<T>(items: impl Iterator<Item = T>, mut item: impl FnMut(T, &mut Vec<u8>), out: &mut Vec<u8>) {
    let written: Result<(), std::convert::Infallible> = try_list(
        items,
        |value, out| {
            item(value, out);
            Ok(())
        },
        out,
    );
    match written {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// Writes a list whose items may refuse to be written.
pub(super) fn try_list<T, E>(
    items: impl Iterator<Item = T>,
    mut item: impl FnMut(T, &mut Vec<u8>) -> Result<(), E>,
    out: &mut Vec<u8>,
) -> Result<(), E> {
    out.push(b'[');
    for (index, value) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(value, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Writes a tensor's elements as a flat list.
pub(super) fn data(tensor: &Tensor, policy: NonFinite, half: bool, out: &mut Vec<u8>) -> Result<(), NoJson<'static>> {
    let bytes = tensor.data();
    // About what floats take as text; what is not needed is not touched.
    out.reserve(bytes.len().saturating_mul(3));
    match tensor.datatype() {
        DataType::Bool => list(bytes.iter(), |byte, out| out.extend_from_slice(word(*byte != 0)), out),
        DataType::Uint8 => list(bytes.iter(), |byte, out| write::integer(*byte, out), out),
        DataType::Uint16 => list(values(bytes, u16::from_le_bytes), write::integer, out),
        DataType::Uint32 => list(values(bytes, u32::from_le_bytes), write::integer, out),
        DataType::Uint64 => list(values(bytes, u64::from_le_bytes), write::integer, out),
        DataType::Int8 => list(values(bytes, i8::from_le_bytes), write::integer, out),
        DataType::Int16 => list(values(bytes, i16::from_le_bytes), write::integer, out),
        DataType::Int32 => list(values(bytes, i32::from_le_bytes), write::integer, out),
        DataType::Int64 => list(values(bytes, i64::from_le_bytes), write::integer, out),
        DataType::Fp16 if half => {
            let widened = values(bytes, f16::from_le_bytes).map(f32::from);
            return try_list(widened, |value, out| single(value, policy, out), out);
        }
        DataType::Fp16 | DataType::Bf16 => return Err(NoJson::Datatype),
        DataType::Fp32 => return try_list(values(bytes, f32::from_le_bytes), |v, out| single(v, policy, out), out),
        DataType::Fp64 => return try_list(values(bytes, f64::from_le_bytes), |v, out| double(v, policy, out), out),
        DataType::Bytes => return try_list(tensor.bytes_elements(), |element, out| text(&element, out), out),
    }
    Ok(())
}

fn values<T, const N: usize>(bytes: &[u8], from: fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    let (elements, _) = bytes.as_chunks::<N>();
    elements.iter().map(move |element| from(*element))
}

const fn word(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

fn single(value: f32, policy: NonFinite, out: &mut Vec<u8>) -> Result<(), NoJson<'static>> {
    if value.is_finite() {
        write::finite(value, out);
        return Ok(());
    }
    non_finite(f64::from(value), policy, out)
}

fn double(value: f64, policy: NonFinite, out: &mut Vec<u8>) -> Result<(), NoJson<'static>> {
    if value.is_finite() {
        write::finite(value, out);
        return Ok(());
    }
    non_finite(value, policy, out)
}

fn non_finite(value: f64, policy: NonFinite, out: &mut Vec<u8>) -> Result<(), NoJson<'static>> {
    let word: &[u8] = match policy {
        NonFinite::Token if value.is_nan() => b"NaN",
        NonFinite::Token if value > 0.0 => b"Infinity",
        NonFinite::Token => b"-Infinity",
        NonFinite::Null if value.is_nan() => b"null",
        NonFinite::Null | NonFinite::Reject => return Err(NoJson::NotFinite),
    };
    out.extend_from_slice(word);
    Ok(())
}

fn text(element: &[u8], out: &mut Vec<u8>) -> Result<(), NoJson<'static>> {
    write::string(std::str::from_utf8(element).map_err(|_| NoJson::NotUtf8)?, out);
    Ok(())
}
