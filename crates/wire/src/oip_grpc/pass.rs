//! Requests and answers that pass without being decoded: their names are taken off and those of the other side put in
//! front, and the tensors stay the bytes they are.
//!
//! Only what is plain passes: names first, tensors of fixed-size elements with raw contents that fit them, nothing twice,
//! nothing unknown, no parameters. For anything else the answer is `None`, and the decoder says whether it is right.

use bytes::Bytes;
use sluicegate_core::{DataType, Outbound, Refusal, Unnamed};

use super::client::EncodeError;
use super::response;
use super::write::SMALL;
use crate::grpc::frame::{PREFIX, prefix};
use crate::grpc::protobuf::{Part, Walk, put_text, varint};
use crate::{Limits, PassCodec, grpc};

/// Most tensors of a plain message, and most outputs asked for: each name is compared with each.
const TENSORS: usize = 16;

/// How the protocol lets messages pass.
pub(super) const PASS: PassCodec = PassCodec { request, answer };

/// The field of raw contents, and whether field 6 asks for an output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// A tensor before its contents.
struct Described<'a> {
    name: &'a [u8],
    elements: u64,
    bytes: u64,
}

/// Names that are there once each.
#[derive(Default)]
struct Names<'a> {
    names: [&'a [u8]; TENSORS],
    count: usize,
}

impl<'a> Names<'a> {
    /// Adds one; `None` if it is there already, or is one too many.
    fn add(&mut self, name: &'a [u8]) -> Option<()> {
        if self.names.iter().take(self.count).any(|other| *other == name) {
            return None;
        }
        *self.names.get_mut(self.count)? = name;
        self.count += 1;
        Some(())
    }
}

/// A `ModelInferRequest`, if it is plain.
fn request(message: &Bytes, limits: &Limits) -> Option<Unnamed> {
    unnamed(message, Side::Request, limits)
}

/// A `ModelInferResponse`, if it is plain.
pub(super) fn response(message: &Bytes, limits: &Limits) -> Option<Unnamed> {
    unnamed(message, Side::Answer, limits)
}

/// Writes an answer by the client's names.
fn answer(message: &Unnamed, model: &str, version: &str) -> Result<Outbound, Refusal> {
    let framed = framed(message, model, Some(version)).map_err(response::refuse)?;
    Ok(grpc::answer(framed))
}

/// A message with names in front, framed. What is small is one piece: each is a frame of HTTP/2 of its own.
pub(super) fn framed(message: &Unnamed, model: &str, version: Option<&str>) -> Result<Vec<Bytes>, EncodeError> {
    let Unnamed { id, rest } = message;
    let small = rest.len() <= SMALL;
    let mut head = Vec::with_capacity(PREFIX + 64 + model.len() + if small { rest.len() } else { 0 });
    head.extend_from_slice(&[0; PREFIX]);
    put_text(1, model, &mut head);
    put_text(2, version.unwrap_or_default(), &mut head);
    put_text(3, id.as_deref().unwrap_or_default(), &mut head);
    let length = (head.len() - PREFIX).saturating_add(rest.len());
    if let Some(place) = head.first_chunk_mut() {
        *place = prefix(length as u64).map_err(|_| EncodeError::TooLarge)?;
    }
    if small {
        head.extend_from_slice(rest);
        return Ok(vec![head.into()]);
    }
    Ok(vec![head.into(), rest.clone()])
}

fn unnamed(message: &Bytes, side: Side, limits: &Limits) -> Option<Unnamed> {
    let mut walk = Walk::over(message);
    let (mut model, mut version, mut id) = (None, None, None);
    let (mut tensors, mut outputs) = (Names::default(), Names::default());
    // Bytes of each tensor.
    let mut lengths = [0_u64; TENSORS];
    let (mut raw, mut elements) = (0, 0_u64);
    let mut rest = walk.rest();
    while let Some((number, part)) = walk.next().ok()? {
        let Part::Bytes(bytes) = part else { return None };
        match (number, side) {
            (1..=3, _) if tensors.count == 0 && outputs.count == 0 && raw == 0 => {
                let place = if number == 1 {
                    &mut model
                } else if number == 2 {
                    &mut version
                } else {
                    &mut id
                };
                if place.replace(text(bytes, limits)?).is_some() {
                    return None;
                }
                rest = walk.rest();
            }
            // Described before there are contents: then those can be held against them as they come.
            (5, _) if raw == 0 => {
                let tensor = described(bytes, limits)?;
                elements = elements.checked_add(tensor.elements)?;
                *lengths.get_mut(tensors.count)? = tensor.bytes;
                tensors.add(tensor.name)?;
            }
            (6, Side::Request) => outputs.add(output(bytes, limits)?)?,
            (7, Side::Request) | (6, Side::Answer) if raw < tensors.count => {
                if *lengths.get(raw)? != bytes.len() as u64 {
                    return None;
                }
                raw += 1;
            }
            _ => return None,
        }
    }
    if raw != tensors.count || raw == 0 || elements > limits.elements {
        return None;
    }
    let id = match id {
        Some(id) if !id.is_empty() => Some(str::from_utf8(id).ok()?.to_owned()),
        _ => None,
    };
    Some(Unnamed { id, rest: message.slice_ref(rest) })
}

/// A tensor of elements of a fixed size, any of which is a value.
fn described<'a>(message: &'a [u8], limits: &Limits) -> Option<Described<'a>> {
    let mut walk = Walk::over(message);
    let (mut name, mut size) = (None, None);
    let (mut elements, mut dimensions, mut shaped) = (1_u64, 0, false);
    while let Some((number, part)) = walk.next().ok()? {
        match (number, part) {
            (1, Part::Bytes(bytes)) if name.is_none() => name = Some(text(bytes, limits)?),
            (2, Part::Bytes(bytes)) if size.is_none() => {
                let datatype = DataType::parse(std::str::from_utf8(bytes).ok()?)?;
                size = Some(datatype.size().filter(|_| datatype != DataType::Bool)?);
            }
            // Packed, in one piece, as every writer of today has it.
            (3, Part::Bytes(mut packed)) if !shaped => {
                shaped = true;
                while !packed.is_empty() {
                    let (dimension, length) = varint(packed)?;
                    dimensions += 1;
                    // An empty tensor, and whatever the decoder has to say of the other dimensions.
                    if dimension == 0 || dimension.cast_signed() < 0 || dimensions > limits.dimensions {
                        return None;
                    }
                    elements = elements.checked_mul(dimension)?;
                    packed = packed.get(length..)?;
                }
            }
            _ => return None,
        }
    }
    Some(Described { name: name?, elements, bytes: elements.checked_mul(size?)? })
}

/// The name of an output that is asked for with no more than its name.
fn output<'a>(message: &'a [u8], limits: &Limits) -> Option<&'a [u8]> {
    let mut walk = Walk::over(message);
    let mut name = None;
    while let Some((number, part)) = walk.next().ok()? {
        match (number, part) {
            (1, Part::Bytes(bytes)) if name.is_none() => name = Some(text(bytes, limits)?),
            _ => return None,
        }
    }
    name
}

fn text<'a>(bytes: &'a [u8], limits: &Limits) -> Option<&'a [u8]> {
    // Nearly every name is ASCII, which is quicker to see than what else UTF-8 is.
    (bytes.len() <= limits.name && (bytes.is_ascii() || str::from_utf8(bytes).is_ok())).then_some(bytes)
}

#[cfg(test)]
mod tests;
