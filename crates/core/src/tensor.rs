//! Tensors in their one canonical form: little-endian, row-major, unpadded bytes.
//!
//! The layout is that of the Open Inference Protocol's binary extension and of gRPC `raw_input_contents`, so that both
//! are slices of what arrived. BYTES elements are a little-endian `u32` length and that many bytes.

use bytes::{Buf, Bytes};

use crate::Parameters;

/// An element type of the Open Inference Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    Uint8,
    /// Unsigned, 16 bits.
    Uint16,
    /// Unsigned, 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// IEEE 754 half precision. Exists in binary form only.
    Fp16,
    /// The upper half of an FP32. Exists in binary form only.
    Bf16,
    /// IEEE 754 single precision.
    Fp32,
    /// IEEE 754 double precision.
    Fp64,
    /// A byte string of any length below 2^32.
    Bytes,
}

/// A named tensor whose bytes are known to fit its datatype and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The name the model gives this input or output.
    pub name: String,
    /// Parameters of this tensor, as the client or server sent them.
    pub parameters: Parameters,
    datatype: DataType,
    shape: Vec<u64>,
    data: Bytes,
}

/// Why bytes do not make a tensor. Says the tensor's name, never its contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The product of the dimensions, or the bytes they need, does not fit 64 bits.
    #[error("tensor '{0}': the shape has more elements than can be addressed")]
    ShapeOverflow(String),
    /// The data has another length than the shape and datatype need.
    #[error("tensor '{name}': {datatype} of shape {shape:?} needs {expected} bytes, got {actual}")]
    WrongLength {
        /// Name of the tensor.
        name: String,
        /// Its datatype.
        datatype: DataType,
        /// Its shape.
        shape: Vec<u64>,
        /// Bytes needed.
        expected: u64,
        /// Bytes given.
        actual: u64,
    },
    /// A BYTES tensor holds another number of elements than its shape says.
    #[error("tensor '{name}': BYTES of shape {shape:?} needs {expected} elements, got {actual}")]
    WrongCount {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Elements needed.
        expected: u64,
        /// Elements found.
        actual: u64,
    },
    /// A BYTES element's length prefix is cut off or reaches past the end.
    #[error("tensor '{0}': a BYTES element reaches past the end of the data")]
    TornElement(String),
    /// A BOOL byte is neither 0 nor 1.
    #[error("tensor '{0}': a BOOL byte is neither 0 nor 1")]
    NotBool(String),
}

impl DataType {
    /// Every datatype, in the order of the specification's table.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Bf16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// Reads a name from the wire. The legacy name `STRING` is taken for `BYTES`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "STRING" {
            return Some(Self::Bytes);
        }
        Self::ALL.into_iter().find(|datatype| datatype.as_str() == name)
    }

    /// Bytes of one element; `None` for BYTES.
    #[must_use]
    pub const fn size(self) -> Option<u64> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Tensor {
    /// Takes bytes that must fit `datatype` and `shape` exactly.
    ///
    /// # Errors
    /// The bytes do not fit: see [`TensorError`].
    pub fn new(name: impl Into<String>, datatype: DataType, shape: Vec<u64>, data: Bytes) -> Result<Self, TensorError> {
        let name = name.into();
        let elements = Self::count(&shape).ok_or_else(|| TensorError::ShapeOverflow(name.clone()))?;
        match datatype.size() {
            Some(size) => {
                let expected = elements.checked_mul(size).ok_or_else(|| TensorError::ShapeOverflow(name.clone()))?;
                let actual = data.len() as u64;
                if expected != actual {
                    return Err(TensorError::WrongLength { name, datatype, shape, expected, actual });
                }
                if datatype == DataType::Bool && data.iter().any(|byte| *byte > 1) {
                    return Err(TensorError::NotBool(name));
                }
            }
            None => {
                let mut actual = 0;
                for element in BytesElements::over(&data) {
                    element.ok_or_else(|| TensorError::TornElement(name.clone()))?;
                    actual += 1;
                }
                if elements != actual {
                    return Err(TensorError::WrongCount { name, shape, expected: elements, actual });
                }
            }
        }
        Ok(Self { name, parameters: Parameters::default(), datatype, shape, data })
    }

    /// Elements of a shape, or `None` where they overflow 64 bits. No dimensions: one element.
    #[must_use]
    pub fn count(shape: &[u64]) -> Option<u64> {
        if shape.contains(&0) {
            return Some(0);
        }
        shape.iter().try_fold(1_u64, |product, dimension| product.checked_mul(*dimension))
    }

    /// The element type.
    #[must_use]
    pub const fn datatype(&self) -> DataType {
        self.datatype
    }

    /// The dimensions.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// The bytes, in the canonical layout.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// Number of elements.
    #[must_use]
    pub fn elements(&self) -> u64 {
        // The constructor refused a shape that overflows.
        Self::count(&self.shape).unwrap_or(0)
    }

    /// The elements of a BYTES tensor; none for another datatype.
    pub fn bytes_elements(&self) -> impl Iterator<Item = Bytes> + '_ {
        let data = if self.datatype == DataType::Bytes { self.data.clone() } else { Bytes::new() };
        BytesElements { rest: data }.flatten()
    }

    /// The same tensor with its parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }
}

/// Walks length-prefixed elements; a torn element is yielded once as `None` and ends the walk.
#[derive(Clone, Debug)]
pub struct BytesElements {
    rest: Bytes,
}

impl BytesElements {
    /// Over data in the canonical BYTES layout.
    #[must_use]
    pub fn over(data: &Bytes) -> Self {
        Self { rest: data.clone() }
    }
}

impl Iterator for BytesElements {
    type Item = Option<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let torn = |walk: &mut Self| {
            walk.rest.clear();
            Some(None)
        };
        if self.rest.len() < 4 {
            return torn(self);
        }
        let length = self.rest.get_u32_le() as usize;
        if self.rest.len() < length {
            return torn(self);
        }
        Some(Some(self.rest.split_to(length)))
    }
}

#[cfg(test)]
mod tests;
