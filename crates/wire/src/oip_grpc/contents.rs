//! Typed contents: elements as fields of their own kind, read into the canonical bytes. Where the wire form is the
//! canonical one (floats, doubles and booleans that stand packed in one piece) the bytes are a slice of the message.

use bytes::Bytes;
use sluicegate_core::DataType;

use super::tensor::Label;
use crate::fault::{Fault, Read};
use crate::grpc::protobuf::{Fields, Value, not_protobuf, not_this_message, varint};

/// How elements of a field stand on the wire.
#[derive(Clone, Copy)]
enum Kind {
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
}

/// What a first walk over the contents finds.
#[derive(Default)]
struct Survey {
    elements: u64,
    /// Bytes of the elements themselves, less prefixes.
    bytes: u64,
    /// Fields or packed pieces with at least one element.
    pieces: u64,
    /// The last of them.
    last: Option<Value>,
}

/// Names of the fields of `InferTensorContents`, by number less one.
const NAMES: [&str; 8] = [
    "bool_contents",
    "int_contents",
    "int64_contents",
    "uint_contents",
    "uint64_contents",
    "fp32_contents",
    "fp64_contents",
    "bytes_contents",
];

/// The field that carries a datatype, and how. FP16 and BF16 have none.
const fn field(datatype: DataType) -> Option<(u32, Kind)> {
    match datatype {
        DataType::Bool => Some((1, Kind::Varint)),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Some((2, Kind::Varint)),
        DataType::Int64 => Some((3, Kind::Varint)),
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => Some((4, Kind::Varint)),
        DataType::Uint64 => Some((5, Kind::Varint)),
        DataType::Fp32 => Some((6, Kind::Fixed32)),
        DataType::Fp64 => Some((7, Kind::Fixed64)),
        DataType::Bytes => Some((8, Kind::Bytes)),
        DataType::Fp16 | DataType::Bf16 => None,
    }
}

/// Whether the contents hold an element of any kind.
pub(super) fn any(contents: Bytes) -> Read<bool> {
    let mut fields = Fields::of(contents);
    while let Some((number, value)) = fields.next()? {
        if (1..=8).contains(&number) && (number == 8 || !is_empty(&value)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads `count` elements of `datatype`. They are counted before memory is set aside for them.
pub(super) fn read(contents: &Bytes, datatype: DataType, count: u64, label: Label<'_>) -> Read<Bytes> {
    let Some((number, kind)) = field(datatype) else {
        if !any(contents.clone())? && count == 0 {
            return Ok(Bytes::new());
        }
        return Err(Fault::tensor(label, format_args!("{datatype} has no typed form; send it as raw contents")));
    };
    let survey = survey(contents.clone(), number, kind, datatype, label)?;
    if survey.elements != count {
        let what = format!("the shape needs {count} elements, got {}", survey.elements);
        return Err(Fault::tensor(label, what));
    }
    if let (1, Some(Value::Bytes(piece))) = (survey.pieces, &survey.last) {
        let as_it_is = match kind {
            Kind::Fixed32 | Kind::Fixed64 => true,
            Kind::Varint => datatype == DataType::Bool && piece.iter().all(|byte| *byte <= 1),
            Kind::Bytes => false,
        };
        if as_it_is {
            return Ok(piece.clone());
        }
    }
    let size = datatype.size().map_or_else(|| 4 * count + survey.bytes, |size| size * count);
    let mut out = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut fields = Fields::of(contents.clone());
    while let Some((found, value)) = fields.next()? {
        if found == number {
            push(&value, kind, datatype, label, &mut out)?;
        }
    }
    Ok(out.into())
}

fn survey(contents: Bytes, number: u32, kind: Kind, datatype: DataType, label: Label<'_>) -> Read<Survey> {
    let mut survey = Survey::default();
    let mut fields = Fields::of(contents);
    while let Some((found, value)) = fields.next()? {
        if found != number {
            let known = usize::try_from(found).ok().and_then(|found| NAMES.get(found.checked_sub(1)?));
            let Some(name) = known.filter(|_| found == 8 || !is_empty(&value)) else { continue };
            return Err(Fault::tensor(label, format_args!("{datatype} does not belong into {name}")));
        }
        let elements = match (&value, kind) {
            (Value::Bytes(element), Kind::Bytes) => {
                survey.bytes += element.len() as u64;
                1
            }
            (Value::Bytes(packed), Kind::Varint) => varints(packed)?,
            (Value::Bytes(packed), Kind::Fixed32) => whole(packed, 4)?,
            (Value::Bytes(packed), Kind::Fixed64) => whole(packed, 8)?,
            (Value::Varint(_), Kind::Varint)
            | (Value::Fixed32(_), Kind::Fixed32)
            | (Value::Fixed64(_), Kind::Fixed64) => 1,
            _ => return Err(not_this_message()),
        };
        if elements > 0 {
            survey.elements += elements;
            survey.pieces += 1;
            survey.last = Some(value);
        }
    }
    Ok(survey)
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Bytes(bytes) if bytes.is_empty())
}

/// Numbers of variable length in a packed piece: each ends with a byte below 0x80.
fn varints(packed: &[u8]) -> Read<u64> {
    match packed.last() {
        Some(last) if *last >= 0x80 => Err(not_protobuf()),
        _ => Ok(packed.iter().filter(|byte| **byte < 0x80).count() as u64),
    }
}

fn whole(packed: &[u8], size: usize) -> Read<u64> {
    if packed.len().is_multiple_of(size) { Ok((packed.len() / size) as u64) } else { Err(not_protobuf()) }
}

fn push(value: &Value, kind: Kind, datatype: DataType, label: Label<'_>, out: &mut Vec<u8>) -> Read<()> {
    match (value, kind) {
        (Value::Bytes(element), Kind::Bytes) => {
            let length = u32::try_from(element.len())
                .map_err(|_| Fault::tensor(label, "a BYTES element has more bytes than 32 bits count"))?;
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(element);
        }
        (Value::Bytes(packed), Kind::Varint) => return narrowed(Varints { rest: packed }, datatype, label, out),
        (Value::Varint(number), _) => return narrowed(std::iter::once(Some(*number)), datatype, label, out),
        (Value::Bytes(packed), _) => out.extend_from_slice(packed),
        (Value::Fixed32(bytes), _) => out.extend_from_slice(bytes),
        (Value::Fixed64(bytes), _) => out.extend_from_slice(bytes),
    }
    Ok(())
}

/// The numbers of a packed piece; `None` is one that is cut off, and the last.
struct Varints<'a> {
    rest: &'a [u8],
}

impl Iterator for Varints<'_> {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Option<u64>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((number, length)) = varint(self.rest) else {
            self.rest = &[];
            return Some(None);
        };
        self.rest = self.rest.get(length..).unwrap_or_default();
        Some(Some(number))
    }
}

/// Narrows numbers to their datatype. What does not fit is refused, not cut: Triton would wrap it.
fn narrowed(
    numbers: impl Iterator<Item = Option<u64>>,
    datatype: DataType,
    label: Label<'_>,
    out: &mut Vec<u8>,
) -> Read<()> {
    let fit = match datatype {
        DataType::Bool => {
            put(numbers, out, |number| u8::try_from(number).ok().filter(|bit| *bit <= 1).map(u8::to_le_bytes))
        }
        DataType::Int8 => put(numbers, out, |number| i8::try_from(number.cast_signed()).ok().map(i8::to_le_bytes)),
        DataType::Int16 => put(numbers, out, |number| i16::try_from(number.cast_signed()).ok().map(i16::to_le_bytes)),
        DataType::Int32 => put(numbers, out, |number| i32::try_from(number.cast_signed()).ok().map(i32::to_le_bytes)),
        DataType::Uint8 => put(numbers, out, |number| u8::try_from(number).ok().map(u8::to_le_bytes)),
        DataType::Uint16 => put(numbers, out, |number| u16::try_from(number).ok().map(u16::to_le_bytes)),
        DataType::Uint32 => put(numbers, out, |number| u32::try_from(number).ok().map(u32::to_le_bytes)),
        DataType::Int64 | DataType::Uint64 => put(numbers, out, |number| Some(number.to_le_bytes())),
        DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 | DataType::Bytes => Ok(false),
    };
    if fit? { Ok(()) } else { Err(Fault::tensor(label, format_args!("an element does not fit {datatype}"))) }
}

/// One loop for each datatype, without a choice in it. Answers whether all numbers fit.
fn put<const N: usize>(
    numbers: impl Iterator<Item = Option<u64>>,
    out: &mut Vec<u8>,
    narrow: impl Fn(u64) -> Option<[u8; N]>,
) -> Read<bool> {
    for number in numbers {
        let Some(bytes) = narrow(number.ok_or_else(not_protobuf)?) else { return Ok(false) };
        out.extend_from_slice(&bytes);
    }
    Ok(true)
}
