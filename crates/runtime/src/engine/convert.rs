//! Tensors of the gateway to tract's and back.

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate_core::{DataType, Tensor};
use tract_onnx::prelude::*;

use super::RunError;

// Both sides hold plain memory; the gateway's is little-endian by definition.
#[cfg(target_endian = "big")]
compile_error!("the embedded runtime copies tensors as they lie in memory, which is right on little-endian machines");

/// tract's type for a datatype; `None` where tract has none.
pub(crate) fn datum(datatype: DataType) -> Option<DatumType> {
    Some(match datatype {
        DataType::Bool => DatumType::Bool,
        DataType::Uint8 => DatumType::U8,
        DataType::Uint16 => DatumType::U16,
        DataType::Uint32 => DatumType::U32,
        DataType::Uint64 => DatumType::U64,
        DataType::Int8 => DatumType::I8,
        DataType::Int16 => DatumType::I16,
        DataType::Int32 => DatumType::I32,
        DataType::Int64 => DatumType::I64,
        DataType::Fp16 => DatumType::F16,
        DataType::Fp32 => DatumType::F32,
        DataType::Fp64 => DatumType::F64,
        DataType::Bytes => DatumType::String,
        DataType::Bf16 => return None,
    })
}

/// The datatype of a tract type; `None` where the protocol has none. tract's dimensions are 64-bit integers.
pub(crate) fn datatype(datum: DatumType) -> Option<DataType> {
    if datum == DatumType::TDim {
        return Some(DataType::Int64);
    }
    DataType::ALL.into_iter().find(|datatype| self::datum(*datatype) == Some(datum))
}

/// A tensor for tract.
pub(crate) fn import(tensor: &Tensor) -> Result<TValue, RunError> {
    let name = &tensor.name;
    let shape: Vec<usize> = tensor
        .shape()
        .iter()
        .map(|dimension| usize::try_from(*dimension))
        .collect::<Result<_, _>>()
        .map_err(|_| RunError::Inputs(format!("input '{name}': the shape is too large")))?;
    if tensor.datatype() == DataType::Bytes {
        let texts: Vec<String> = tensor
            .bytes_elements()
            .map(|element| String::from_utf8(element.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| RunError::Inputs(format!("input '{name}': the model takes text, and this is not UTF-8")))?;
        let array = tract_ndarray::ArrayD::from_shape_vec(shape, texts)
            .map_err(|_| RunError::Inputs(format!("input '{name}': the shape does not fit the data")))?;
        return Ok(tract_onnx::prelude::Tensor::from(array).into_tvalue());
    }
    let datum = datum(tensor.datatype())
        .ok_or_else(|| RunError::Inputs(format!("input '{name}': this runtime cannot compute in BF16")))?;
    let mut made = tract_onnx::prelude::Tensor::zero_dt(datum, &shape)
        .map_err(|_| RunError::Failed(format!("input '{name}': no tensor of that shape could be made")))?;
    let target = made.as_bytes_mut();
    if target.len() != tensor.data().len() {
        return Err(RunError::Failed(format!("input '{name}': its length and shape disagree")));
    }
    target.copy_from_slice(tensor.data());
    Ok(made.into_tvalue())
}

/// A tensor from tract, named `name`.
pub(crate) fn export(name: &str, value: &TValue) -> Result<Tensor, RunError> {
    let failed = |what: &str| RunError::Failed(format!("output '{name}': {what}"));
    let shape: Vec<u64> = value.shape().iter().map(|dimension| *dimension as u64).collect();
    let datatype = datatype(value.datum_type()).ok_or_else(|| failed("its type has no name in the protocol"))?;
    let plain = if value.datum_type() == DatumType::TDim {
        value.cast_to::<i64>().map_err(|_| failed("its integers are not known"))?
    } else {
        std::borrow::Cow::Borrowed(&**value)
    };
    let data = if datatype == DataType::Bytes {
        texts(&plain).map_err(|_| failed("its strings cannot be read"))?
    } else {
        Bytes::copy_from_slice(plain.as_bytes())
    };
    Tensor::new(name, datatype, shape, data).map_err(|error| RunError::Failed(error.to_string()))
}

fn texts(tensor: &tract_onnx::prelude::Tensor) -> TractResult<Bytes> {
    let view = tensor.try_as_plain_ram()?;
    let texts = view.as_slice::<String>()?;
    let mut data = BytesMut::with_capacity(texts.iter().map(|text| text.len() + 4).sum());
    for text in texts {
        data.put_u32_le(u32::try_from(text.len())?);
        data.put_slice(text.as_bytes());
    }
    Ok(data.freeze())
}
