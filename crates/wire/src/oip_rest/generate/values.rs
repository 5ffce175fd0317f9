//! A tensor as it stands among the values: one element bare, any other number as a flat list.

use sluicegate_core::{NonFinite, Tensor, TensorMetadata};

use super::super::elements;
use super::super::tensor::Label;
use super::super::write::{self as tensors, NoJson};
use super::fit;
use crate::fault::{Fault, Read};
use crate::json::Reader;

/// Reads the value of the tensor `described`, `open` levels deep; of `room` elements it takes its share.
pub(super) fn read(reader: &mut Reader<'_>, described: &TensorMetadata, open: usize, room: &mut u64) -> Read<Tensor> {
    let label = Label::named(&described.name);
    let (count, list) = count(reader, label, open)?;
    *room = room
        .checked_sub(count)
        .ok_or_else(|| Fault::tensor(label, "the message has more elements than the gateway takes"))?;
    let shape = fit(&described.shape, count).ok_or_else(|| {
        let what =
            format!("its {count} values make no tensor of the shape {:?} that the model describes", described.shape);
        Fault::tensor(label, what)
    })?;
    let flat = [count];
    let data = elements::read(reader, described.datatype, if list { &flat } else { &[] }, count, label)?;
    Ok(Tensor::new(described.name.as_str(), described.datatype, shape, data)?)
}

/// How many values come next, and whether they stand in a list. Nothing is taken.
fn count(reader: &mut Reader<'_>, label: Label<'_>, open: usize) -> Read<(u64, bool)> {
    match reader.peek() {
        Some(b'[') => {}
        Some(_) => return Ok((1, false)),
        None => return Err(reader.fault("the text ends too early")),
    }
    let mut ahead = reader.clone();
    ahead.eat(b'[');
    let (mut count, mut first) = (0, true);
    while ahead.next_element(&mut first)? {
        if matches!(ahead.peek(), Some(b'[' | b'{')) {
            return Err(Fault::tensor(label, "it must be one value or a flat list of values"));
        }
        ahead.skip(open + 1, true)?;
        count += 1;
    }
    Ok((count, true))
}

/// Writes a tensor's value.
pub(super) fn write(tensor: &Tensor, policy: NonFinite, out: &mut Vec<u8>) -> Result<(), NoJson<'static>> {
    let start = out.len();
    tensors::data(tensor, policy, false, out)?;
    if tensor.elements() == 1 && out.get(start) == Some(&b'[') {
        out.remove(start);
        out.pop();
    }
    Ok(())
}
