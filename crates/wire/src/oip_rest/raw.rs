//! The raw binary request: a body of tensor bytes alone, whose name, datatype and shape the model's metadata gives.

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate_core::{DataType, InferRequest, Kind, ModelMetadata, Refusal, Tensor, TensorMetadata};

use crate::fault::Fault;
use crate::{Limits, ReplyForm};

/// Makes a request of a body's bytes. All outputs are answered as binary data.
pub(super) fn decode(
    body: Bytes,
    metadata: Option<&ModelMetadata>,
    limits: &Limits,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    let input = match metadata.map(|metadata| metadata.inputs.as_slice()) {
        Some([input]) => input,
        Some([]) | None => return Err(refuse("needs a model whose metadata describes its input")),
        Some(_) => return Err(refuse("needs a model with a single input")),
    };
    let (shape, data) =
        if input.datatype == DataType::Bytes { text(input, &body)? } else { (deduce(input, &body)?, body) };
    if Tensor::count(&shape).is_none_or(|elements| elements > limits.elements) {
        return Err(Fault::tensor(label(input), "it has too many elements").into());
    }
    let tensor = Tensor::new(input.name.as_str(), input.datatype, shape, data).map_err(Fault::from)?;
    Ok((InferRequest { inputs: vec![tensor], ..InferRequest::default() }, ReplyForm::binary()))
}

fn refuse(what: &str) -> Refusal {
    Refusal::new(Kind::BadRequest, format!("a raw binary request {what}; describe the tensors in JSON instead"))
}

fn label(input: &TensorMetadata) -> String {
    format!("tensor '{}'", input.name)
}

/// The body as the one element of a BYTES tensor. Its length prefix is made here, not sent.
fn text(input: &TensorMetadata, body: &Bytes) -> Result<(Vec<u64>, Bytes), Refusal> {
    if input.shape.iter().any(|dimension| !matches!(dimension, 1 | -1)) {
        return Err(Fault::tensor(label(input), "a raw binary request for BYTES needs an input of one element").into());
    }
    let length = u32::try_from(body.len())
        .map_err(|_| Fault::tensor(label(input), "a BYTES element must be shorter than 4 GiB"))?;
    let mut data = BytesMut::with_capacity(body.len() + 4);
    data.put_u32_le(length);
    data.put_slice(body);
    Ok((vec![1; input.shape.len()], data.freeze()))
}

/// The shape that the body's length leaves open. Of two variable dimensions the first is a batch of one.
fn deduce(input: &TensorMetadata, body: &Bytes) -> Result<Vec<u64>, Refusal> {
    let fault = |what: &str| Refusal::from(Fault::tensor(label(input), what));
    let mut shape = input.shape.clone();
    let variable = shape.iter().filter(|dimension| **dimension < 0).count();
    match (variable, shape.first_mut()) {
        (0 | 1, _) => {}
        (2, Some(batch)) if *batch < 0 => *batch = 1,
        _ => return Err(fault("its shape cannot be deduced: it has more than one variable dimension")),
    }
    let overflow = || fault("its fixed dimensions have more elements than can be addressed");
    let fixed: Vec<u64> = shape.iter().filter_map(|dimension| u64::try_from(*dimension).ok()).collect();
    let size = input.datatype.size().unwrap_or(1);
    let row = Tensor::count(&fixed).and_then(|count| count.checked_mul(size)).ok_or_else(overflow)?;
    let length = body.len() as u64;
    let open = match length.checked_div(row) {
        Some(rows) if length.is_multiple_of(row) => rows,
        None if length == 0 => 0,
        _ => return Err(fault("the body's length is no multiple of what its fixed dimensions need")),
    };
    Ok(shape.iter().map(|dimension| u64::try_from(*dimension).unwrap_or(open)).collect())
}
