//! Reference files: tensors written as JSON, and how answers compare with them.

#![allow(dead_code, unreachable_pub, reason = "the example that measures latency takes a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a broken reference file ends the run")]

use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use sluicegate_core::{DataType, Tensor};

/// A reference file.
pub struct Reference {
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Expected>,
}

/// An output as the reference has it.
pub struct Expected {
    pub name: String,
    pub datatype: DataType,
    pub shape: Vec<u64>,
    pub data: Vec<Value>,
}

pub fn reference(path: &Path) -> Reference {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(&serde_json::from_str(&text).unwrap())
}

/// Reads a reference.
pub fn read(value: &Value) -> Reference {
    let outputs = value["outputs"].as_array().unwrap().iter().map(expected).collect();
    Reference { inputs: inputs(value), outputs }
}

/// A reference's inputs.
pub fn inputs(value: &Value) -> Vec<Tensor> {
    value["inputs"].as_array().unwrap().iter().map(|input| expected(input).tensor()).collect()
}

fn expected(value: &Value) -> Expected {
    let name = value["name"].as_str().unwrap().to_owned();
    if let Some(maps) = value["sequence_of_maps"].as_array() {
        // The probabilities of ZipMap's maps, in the order of the classes.
        let rows: Vec<&Vec<Value>> = maps.iter().map(|map| map.as_array().unwrap()).collect();
        let shape = vec![rows.len() as u64, rows[0].len() as u64];
        let data = rows.iter().flat_map(|row| row.iter().map(|pair| pair[1].clone())).collect();
        return Expected { name, datatype: DataType::Fp32, shape, data };
    }
    Expected {
        name,
        datatype: DataType::parse(value["datatype"].as_str().unwrap()).unwrap(),
        shape: value["shape"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect(),
        data: value["data"].as_array().unwrap().clone(),
    }
}

impl Expected {
    fn tensor(&self) -> Tensor {
        tensor(&self.name, self.datatype, &self.shape, &self.data)
    }

    /// Panics unless `tensor` is this, floats within `tolerance * max(1, |x|)`.
    pub fn compare(&self, tensor: &Tensor, tolerance: f64) {
        let name = &self.name;
        assert_eq!(tensor.name, *name);
        assert_eq!(tensor.datatype(), self.datatype, "{name}: datatype");
        assert_eq!(tensor.shape(), self.shape, "{name}: shape");
        let found = values(tensor);
        assert_eq!(found.len(), self.data.len(), "{name}: elements");
        for (place, (found, expected)) in found.iter().zip(&self.data).enumerate() {
            match (found, expected) {
                (Value::Number(left), Value::Number(right)) if left.is_f64() || right.is_f64() => {
                    let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
                    let allowed = tolerance * right.abs().max(1.0);
                    assert!((left - right).abs() <= allowed, "{name}[{place}]: {left}, expected {right}");
                }
                _ => assert_eq!(found, expected, "{name}[{place}]"),
            }
        }
    }
}

pub fn tensor(name: &str, datatype: DataType, shape: &[u64], data: &[Value]) -> Tensor {
    let mut bytes = BytesMut::new();
    for value in data {
        let float = || value.as_f64().unwrap_or(f64::NAN);
        let int = || value.as_i64().unwrap();
        match datatype {
            DataType::Bool => bytes.put_u8(u8::from(value.as_bool().unwrap())),
            DataType::Uint8 => bytes.put_u8(u8::try_from(int()).unwrap()),
            DataType::Int8 => bytes.put_i8(i8::try_from(int()).unwrap()),
            DataType::Uint16 => bytes.put_u16_le(u16::try_from(int()).unwrap()),
            DataType::Int16 => bytes.put_i16_le(i16::try_from(int()).unwrap()),
            DataType::Uint32 => bytes.put_u32_le(u32::try_from(int()).unwrap()),
            DataType::Int32 => bytes.put_i32_le(i32::try_from(int()).unwrap()),
            DataType::Uint64 => bytes.put_u64_le(value.as_u64().unwrap()),
            DataType::Int64 => bytes.put_i64_le(int()),
            DataType::Fp16 => bytes.put_u16_le(half::f16::from_f64(float()).to_bits()),
            DataType::Bf16 => bytes.put_u16_le(half::bf16::from_f64(float()).to_bits()),
            #[expect(clippy::cast_possible_truncation, reason = "written from a float")]
            DataType::Fp32 => bytes.put_f32_le(float() as f32),
            DataType::Fp64 => bytes.put_f64_le(float()),
            DataType::Bytes => {
                let text = value.as_str().unwrap();
                bytes.put_u32_le(u32::try_from(text.len()).unwrap());
                bytes.put_slice(text.as_bytes());
            }
        }
    }
    Tensor::new(name, datatype, shape.to_vec(), bytes.freeze()).unwrap()
}

/// A tensor's values as JSON; `null` stands for NaN.
pub fn values(tensor: &Tensor) -> Vec<Value> {
    fn each<const N: usize>(data: &Bytes, read: impl Fn([u8; N]) -> Value) -> Vec<Value> {
        data.chunks_exact(N).map(|chunk| read(chunk.try_into().unwrap())).collect()
    }
    let float = |value: f64| serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number);
    let data = tensor.data();
    match tensor.datatype() {
        DataType::Bool => each(data, |[byte]| Value::Bool(byte == 1)),
        DataType::Uint8 => each(data, |[byte]| byte.into()),
        DataType::Int8 => each(data, |bytes| i8::from_le_bytes(bytes).into()),
        DataType::Uint16 => each(data, |bytes| u16::from_le_bytes(bytes).into()),
        DataType::Int16 => each(data, |bytes| i16::from_le_bytes(bytes).into()),
        DataType::Uint32 => each(data, |bytes| u32::from_le_bytes(bytes).into()),
        DataType::Int32 => each(data, |bytes| i32::from_le_bytes(bytes).into()),
        DataType::Uint64 => each(data, |bytes| u64::from_le_bytes(bytes).into()),
        DataType::Int64 => each(data, |bytes| i64::from_le_bytes(bytes).into()),
        DataType::Fp16 => each(data, |bytes| float(half::f16::from_le_bytes(bytes).to_f64())),
        DataType::Bf16 => each(data, |bytes| float(half::bf16::from_le_bytes(bytes).to_f64())),
        DataType::Fp32 => each(data, |bytes| float(f32::from_le_bytes(bytes).into())),
        DataType::Fp64 => each(data, |bytes| float(f64::from_le_bytes(bytes))),
        DataType::Bytes => {
            tensor.bytes_elements().map(|element| Value::String(String::from_utf8(element.to_vec()).unwrap())).collect()
        }
    }
}

/// Bytes from their hexadecimal form.
pub fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
