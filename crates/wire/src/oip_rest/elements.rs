//! A tensor's `data` in JSON, read straight into its bytes: nested as its shape says, or flat.
//!
//! Every value is exact or refused: integers keep all 64 bits, floats are rounded once, from the text to their type.

use bytes::Bytes;
use half::{bf16, f16};
use sluicegate_core::DataType;

use super::tensor::Label;
use crate::fault::{Fault, Read};
use crate::json::{Number, Reader};

/// Why a tensor's data cannot be taken.
enum Bad {
    /// The JSON itself.
    Json(Fault),
    /// The element that is being read.
    Element(&'static str),
    /// The data as a whole.
    Data(&'static str),
}

impl From<Fault> for Bad {
    fn from(fault: Fault) -> Self {
        Self::Json(fault)
    }
}

const OUT_OF_RANGE: &str = "cannot hold this value: it is out of range";

/// Bytes of JSON that the shortest element takes, with its comma.
const SHORTEST: u64 = 2;

/// Reads `count` elements, as many as `shape` has. `label` names the tensor in faults.
pub(super) fn read(
    reader: &mut Reader<'_>,
    datatype: DataType,
    shape: &[u64],
    count: u64,
    label: Label<'_>,
) -> Read<Bytes> {
    // What the message still holds bounds what is allocated, whatever the shape claims.
    let likely = count.min(reader.rest() as u64 / SHORTEST + 1);
    let bytes = likely.saturating_mul(datatype.size().unwrap_or(4));
    let mut sink = Sink { out: Vec::with_capacity(usize::try_from(bytes).unwrap_or(0)), done: 0 };
    let result = match datatype {
        DataType::Bool => walk(reader, shape, count, &mut sink, boolean),
        DataType::Uint8 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, u8::to_le_bytes)),
        DataType::Uint16 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, u16::to_le_bytes)),
        DataType::Uint32 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, u32::to_le_bytes)),
        DataType::Uint64 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, u64::to_le_bytes)),
        DataType::Int8 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, i8::to_le_bytes)),
        DataType::Int16 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, i16::to_le_bytes)),
        DataType::Int32 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, i32::to_le_bytes)),
        DataType::Int64 => walk(reader, shape, count, &mut sink, |r, out| integer(r, out, i64::to_le_bytes)),
        DataType::Fp16 => walk(reader, shape, count, &mut sink, |r, out| {
            half(r, out, |value| {
                let value = f16::from_f64(value);
                (!value.is_infinite(), value.to_le_bytes())
            })
        }),
        DataType::Bf16 => walk(reader, shape, count, &mut sink, |r, out| {
            half(r, out, |value| {
                let value = bf16::from_f64(value);
                (!value.is_infinite(), value.to_le_bytes())
            })
        }),
        DataType::Fp32 => walk(reader, shape, count, &mut sink, |r, out| float::<f32>(r).map(|value| value.put(out))),
        DataType::Fp64 => walk(reader, shape, count, &mut sink, |r, out| float::<f64>(r).map(|value| value.put(out))),
        DataType::Bytes => walk(reader, shape, count, &mut sink, text),
    };
    match result {
        Ok(()) => Ok(Bytes::from(sink.out)),
        Err(Bad::Json(fault)) => Err(fault),
        Err(Bad::Data(what)) => Err(Fault::tensor(label, what)),
        Err(Bad::Element(what)) => Err(Fault::tensor(label, format_args!("element {}: {datatype} {what}", sink.done))),
    }
}

/// Bytes so far, and how many elements they are.
struct Sink {
    out: Vec<u8>,
    done: u64,
}

impl Sink {
    fn take<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        leaf: &mut impl FnMut(&mut Reader<'a>, &mut Vec<u8>) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        leaf(reader, &mut self.out)?;
        self.done += 1;
        Ok(())
    }
}

/// Walks the data's arrays and reads each element with `leaf`.
fn walk<'a>(
    reader: &mut Reader<'a>,
    shape: &[u64],
    count: u64,
    sink: &mut Sink,
    mut leaf: impl FnMut(&mut Reader<'a>, &mut Vec<u8>) -> Result<(), Bad>,
) -> Result<(), Bad> {
    if !reader.eat(b'[') {
        return match (shape, reader.peek()) {
            ([], Some(_)) => sink.take(reader, &mut leaf),
            _ => Err(Bad::Data("its data must be an array")),
        };
    }
    if reader.peek() == Some(b'[') {
        return nested(reader, shape, sink, leaf);
    }
    let mut first = true;
    while reader.next_element(&mut first)? {
        if sink.done == count {
            return Err(Bad::Data("its data has more elements than its shape"));
        }
        sink.take(reader, &mut leaf)?;
    }
    if sink.done == count { Ok(()) } else { Err(Bad::Data("its data has fewer elements than its shape")) }
}

/// Reads data whose outermost array is open and holds arrays. Each must be as long as its dimension.
fn nested<'a>(
    reader: &mut Reader<'a>,
    shape: &[u64],
    sink: &mut Sink,
    mut leaf: impl FnMut(&mut Reader<'a>, &mut Vec<u8>) -> Result<(), Bad>,
) -> Result<(), Bad> {
    const RAGGED: Bad = Bad::Data("its data is nested otherwise than its shape (ragged, or of other dimensions)");
    // Elements seen so far of each open array, the innermost last. Never longer than the shape.
    let mut counts = vec![0_u64];
    let mut first = true;
    while let Some(depth) = counts.len().checked_sub(1) {
        let (Some(seen), Some(dimension)) = (counts.last_mut(), shape.get(depth)) else { return Err(RAGGED) };
        if !reader.next_element(&mut first)? {
            if seen != dimension {
                return Err(RAGGED);
            }
            counts.pop();
            first = false;
            continue;
        }
        if *seen == *dimension {
            return Err(RAGGED);
        }
        *seen += 1;
        let innermost = depth + 1 == shape.len();
        match (reader.peek() == Some(b'['), innermost) {
            (false, true) => sink.take(reader, &mut leaf)?,
            (true, false) => {
                reader.eat(b'[');
                counts.push(0);
                first = true;
            }
            _ => return Err(RAGGED),
        }
    }
    Ok(())
}

fn boolean(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Bad> {
    let value = match reader.peek() {
        _ if reader.word("true") => Some(1),
        _ if reader.word("false") => Some(0),
        Some(b'0'..=b'9') => match reader.number()?.text {
            "0" => Some(0),
            "1" => Some(1),
            _ => None,
        },
        _ => None,
    };
    out.push(value.ok_or(Bad::Element("must be true or false"))?);
    Ok(())
}

fn integer<T: TryFrom<i128>, const N: usize>(
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
    to_bytes: fn(T) -> [u8; N],
) -> Result<(), Bad> {
    const WHOLE: Bad = Bad::Element("must be a number without fraction or exponent");
    let Some(b'-' | b'0'..=b'9') = reader.peek() else { return Err(WHOLE) };
    let number = reader.number()?;
    if !number.integer {
        return Err(WHOLE);
    }
    let value = number.exact().and_then(|exact| T::try_from(exact).ok());
    out.extend_from_slice(&to_bytes(value.ok_or(Bad::Element(OUT_OF_RANGE))?));
    Ok(())
}

/// A float of one width.
trait Float: Copy + From<f32> {
    fn nearest(number: Number<'_>) -> Self;
    fn is_finite(self) -> bool;
    fn put(self, out: &mut Vec<u8>);
}

impl Float for f32 {
    fn nearest(number: Number<'_>) -> Self {
        number.single()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Float for f64 {
    fn nearest(number: Number<'_>) -> Self {
        number.double()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

/// A word for a number that is not finite; `null` is NaN.
fn word(reader: &mut Reader<'_>) -> Option<f32> {
    match reader.peek() {
        Some(b'n') if reader.word("null") => Some(f32::NAN),
        Some(b'N') if reader.word("NaN") => Some(f32::NAN),
        Some(b'I') if reader.word("Infinity") => Some(f32::INFINITY),
        Some(b'-') if reader.word("-Infinity") => Some(f32::NEG_INFINITY),
        _ => None,
    }
}

fn float<T: Float>(reader: &mut Reader<'_>) -> Result<T, Bad> {
    if let Some(word) = word(reader) {
        return Ok(T::from(word));
    }
    let Some(b'-' | b'0'..=b'9') = reader.peek() else { return Err(Bad::Element("must be a number")) };
    let value = T::nearest(reader.number()?);
    if value.is_finite() { Ok(value) } else { Err(Bad::Element(OUT_OF_RANGE)) }
}

/// Half-width floats, which servers write as doubles that hold them exactly. `narrow` also says whether it is finite.
fn half(reader: &mut Reader<'_>, out: &mut Vec<u8>, narrow: fn(f64) -> (bool, [u8; 2])) -> Result<(), Bad> {
    let value: f64 = float(reader)?;
    let (finite, bytes) = narrow(value);
    if value.is_finite() && !finite {
        return Err(Bad::Element(OUT_OF_RANGE));
    }
    out.extend_from_slice(&bytes);
    Ok(())
}

fn text(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Bad> {
    if reader.peek() != Some(b'"') {
        return Err(Bad::Element("must be a string"));
    }
    let text = reader.string()?;
    let length = u32::try_from(text.len()).map_err(|_| Bad::Element("must be shorter than 4 GiB"))?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}
