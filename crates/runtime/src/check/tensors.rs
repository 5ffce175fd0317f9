//! Tensors of a model file, brought into one form: plain little-endian bytes in `raw_data`, exactly as many as type and
//! dimensions need; strings as they are. Data outside the file is fetched here, so that no engine opens files.

use sluicegate_core::DataType;
use tract_onnx::pb::{TensorProto, tensor_proto};

use super::External;
use crate::describe;

/// More dimensions than any model has.
pub(crate) const MAX_RANK: usize = 32;

/// Bytes that may still be spent.
pub(crate) struct Purse {
    pub(crate) left: u64,
    pub(crate) limit: u64,
}

/// Brings `tensor` into the one form.
///
/// # Errors
/// It claims more or less than it brings, or asks for data it may not have.
pub(crate) fn settle(tensor: &mut TensorProto, purse: &mut Purse, external: &mut dyn External) -> Result<(), String> {
    let name = tensor.name.clone();
    let fault = |what: String| format!("tensor '{name}' {what}");
    let datatype = describe::datatype(tensor.data_type)
        .ok_or_else(|| fault(format!("is of type number {}, which is not supported", tensor.data_type)))?;
    if tensor.segment.is_some() {
        return Err(fault("is a segment of another, which is not supported".to_owned()));
    }
    let count = count(&tensor.dims).ok_or_else(|| fault("has dimensions that make no sense".to_owned()))?;
    let size = count.checked_mul(datatype.size().unwrap_or(1)).filter(|size| *size <= purse.left);
    let size = size.ok_or_else(|| fault(format!("is too large: the bound for all is {} bytes", purse.limit)))?;
    purse.left -= size;
    if tensor.data_location == Some(tensor_proto::DataLocation::External as i32) {
        if datatype == DataType::Bytes {
            return Err(fault("holds strings outside the file, which the format does not allow".to_owned()));
        }
        tensor.raw_data = fetch(tensor, size, external).map_err(fault)?;
        tensor.data_location = None;
        tensor.external_data = Vec::new();
        return Ok(());
    }
    if datatype == DataType::Bytes {
        if tensor.string_data.len() as u64 != count {
            return Err(fault(format!("claims {count} strings and brings {}", tensor.string_data.len())));
        }
        return Ok(());
    }
    if tensor.raw_data.is_empty() {
        tensor.raw_data = raw(tensor, datatype, count).map_err(fault)?;
    }
    if tensor.raw_data.len() as u64 != size {
        return Err(fault(format!("claims {size} bytes and brings {}", tensor.raw_data.len())));
    }
    Ok(())
}

fn count(dims: &[i64]) -> Option<u64> {
    if dims.len() > MAX_RANK {
        return None;
    }
    let dims: Vec<u64> = dims.iter().map(|dim| u64::try_from(*dim).ok()).collect::<Option<_>>()?;
    sluicegate_core::Tensor::count(&dims)
}

fn fetch(tensor: &TensorProto, size: u64, external: &mut dyn External) -> Result<Vec<u8>, String> {
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("has an {key} of its data that is no number")),
    };
    let location = entry("location").ok_or("lies outside the file, but does not say where")?;
    let offset = number("offset")?.unwrap_or(0);
    if let Some(length) = number("length")?
        && length != size
    {
        return Err(format!("needs {size} bytes and claims {length} outside the file"));
    }
    external.fetch(location, offset, size)
}

// The lists that hold each type are named in onnx.proto3.
fn raw(tensor: &mut TensorProto, datatype: DataType, count: u64) -> Result<Vec<u8>, String> {
    let narrow = std::mem::take(&mut tensor.int32_data);
    let wide = std::mem::take(&mut tensor.int64_data);
    let unsigned = std::mem::take(&mut tensor.uint64_data);
    let single = std::mem::take(&mut tensor.float_data);
    let double = std::mem::take(&mut tensor.double_data);
    let brought = match datatype {
        DataType::Fp32 => single.len(),
        DataType::Fp64 => double.len(),
        DataType::Int64 => wide.len(),
        DataType::Uint32 | DataType::Uint64 => unsigned.len(),
        _ => narrow.len(),
    };
    if brought as u64 != count {
        return Err(format!("claims {count} elements and brings {brought}"));
    }
    let out_of_range = || "holds an element that its type cannot hold".to_owned();
    fn all<T: Copy, U, const N: usize>(
        list: &[T],
        narrow: impl Fn(T) -> Option<U>,
        bytes: impl Fn(U) -> [u8; N],
    ) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(list.len() * N);
        for value in list {
            out.extend_from_slice(&bytes(narrow(*value)?));
        }
        Some(out)
    }
    match datatype {
        DataType::Fp32 => all(&single, Some, f32::to_le_bytes),
        DataType::Fp64 => all(&double, Some, f64::to_le_bytes),
        DataType::Int64 => all(&wide, Some, i64::to_le_bytes),
        DataType::Uint64 => all(&unsigned, Some, u64::to_le_bytes),
        DataType::Uint32 => all(&unsigned, |value| u32::try_from(value).ok(), u32::to_le_bytes),
        DataType::Int32 => all(&narrow, Some, i32::to_le_bytes),
        DataType::Int16 => all(&narrow, |value| i16::try_from(value).ok(), i16::to_le_bytes),
        DataType::Int8 => all(&narrow, |value| i8::try_from(value).ok(), i8::to_le_bytes),
        DataType::Uint16 | DataType::Fp16 | DataType::Bf16 => {
            all(&narrow, |value| u16::try_from(value).ok(), u16::to_le_bytes)
        }
        DataType::Uint8 => all(&narrow, |value| u8::try_from(value).ok(), u8::to_le_bytes),
        DataType::Bool => all(&narrow, |value| Some(u8::from(value != 0)), u8::to_le_bytes),
        DataType::Bytes => None,
    }
    .ok_or_else(out_of_range)
}
