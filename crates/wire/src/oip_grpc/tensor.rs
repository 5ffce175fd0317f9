//! A tensor as it stands in a message: its description, with typed contents or with raw contents behind it.

use std::collections::HashSet;

use bytes::Bytes;
use sluicegate_core::{DataType, Parameters, Tensor};

use super::{contents, parameters};
use crate::Limits;
use crate::fault::{Fault, Read};
use crate::grpc::protobuf::{Fields, Value, not_protobuf, not_this_message, once, varint};

/// The tensors of one message as they come: descriptions and raw contents, in any order.
pub(super) struct Tensors {
    /// What the protocol calls the raw contents of this message.
    raw_name: &'static str,
    drafts: Vec<Draft>,
    raw: Vec<Bytes>,
}

struct Draft {
    name: String,
    datatype: DataType,
    shape: Vec<u64>,
    parameters: Parameters,
    contents: Option<Bytes>,
}

/// What a fault calls a tensor: its name, or its place while that is not known.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    name: Option<&'a str>,
    index: usize,
}

impl Tensors {
    /// None yet.
    pub(super) const fn new(raw_name: &'static str) -> Self {
        Self { raw_name, drafts: Vec::new(), raw: Vec::new() }
    }

    /// Adds the description of the next tensor.
    pub(super) fn describe(&mut self, message: Bytes, limits: &Limits) -> Read<()> {
        if self.drafts.len() >= limits.tensors {
            return Err(Fault::message("too many tensors"));
        }
        self.drafts.push(draft(message, self.drafts.len(), limits)?);
        Ok(())
    }

    /// Adds the next raw contents.
    pub(super) fn raw(&mut self, bytes: Bytes, limits: &Limits) -> Read<()> {
        if self.raw.len() >= limits.tensors {
            return Err(Fault::message(format!("too many {}", self.raw_name)));
        }
        self.raw.push(bytes);
        Ok(())
    }

    /// Brings both together, each name once. If any contents are raw, all are, in the order of the tensors.
    pub(super) fn finish(self, limits: &Limits) -> Read<Vec<Tensor>> {
        let Self { raw_name, drafts, raw } = self;
        let mut names = HashSet::new();
        if let Some(twice) = drafts.iter().find(|draft| !names.insert(draft.name.as_str())) {
            return Err(Fault::tensor(format_args!("tensor '{}'", twice.name), "it is given twice"));
        }
        let is_raw = !raw.is_empty();
        if is_raw {
            for (index, draft) in drafts.iter().enumerate() {
                if contents::any(draft.contents.clone().unwrap_or_default())? {
                    let what = format!("it has typed contents, but the message has {raw_name}; they do not mix");
                    return Err(Fault::tensor(draft.label(index), what));
                }
            }
            if raw.len() != drafts.len() {
                let (have, need) = (raw.len(), drafts.len());
                return Err(Fault::message(format!("{need} tensors, but {have} {raw_name}")));
            }
        }
        let mut elements_left = limits.elements;
        let mut raw = raw.into_iter();
        let mut tensors = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.into_iter().enumerate() {
            let count = draft.admit(&mut elements_left, index)?;
            tensors.push(draft.finish(raw.next(), count, index)?);
        }
        Ok(tensors)
    }
}

impl Draft {
    fn label(&self, index: usize) -> Label<'_> {
        Label { name: Some(&self.name), index }
    }

    /// Holds the declared size against the limits; answers the number of elements.
    fn admit(&self, elements_left: &mut u64, index: usize) -> Read<u64> {
        let count = Tensor::count(&self.shape)
            .ok_or_else(|| Fault::tensor(self.label(index), "the shape has more elements than can be addressed"))?;
        *elements_left = elements_left
            .checked_sub(count)
            .ok_or_else(|| Fault::tensor(self.label(index), "the message has more elements than the gateway takes"))?;
        Ok(count)
    }

    fn finish(self, raw: Option<Bytes>, count: u64, index: usize) -> Read<Tensor> {
        let data = match raw {
            Some(raw) => raw,
            None => {
                let contents = self.contents.clone().unwrap_or_default();
                contents::read(&contents, self.datatype, count, self.label(index))?
            }
        };
        Ok(Tensor::new(self.name, self.datatype, self.shape, data)?.with_parameters(self.parameters))
    }
}

fn draft(message: Bytes, index: usize, limits: &Limits) -> Read<Draft> {
    let (mut name, mut datatype, mut contents) = (None, None, None);
    let mut shape = Vec::new();
    let mut parameters = Parameters::new();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        let label = Label { name: name.as_deref(), index };
        match number {
            1 => once(&mut name, value.text(limits.name, "a tensor's name")?, "a tensor's name")?,
            2 => once(&mut datatype, read_datatype(value, label)?, "a tensor's datatype")?,
            3 => read_shape(&value, &mut shape, label, limits)?,
            4 => parameters::read(value.bytes()?, &mut parameters, limits)?,
            5 => once(&mut contents, value.bytes()?, "a tensor's contents")?,
            _ => {}
        }
    }
    let label = Label { name: name.as_deref(), index };
    // It tells of a form this protocol does not have; KServe leaves it in its answers.
    parameters.remove("binary_data_size");
    if parameters::ask_shared_memory(&parameters) {
        return Err(Fault::tensor(label, "shared memory does not reach through a gateway; send the data itself"));
    }
    let datatype = datatype.ok_or_else(|| Fault::tensor(label, "it has no datatype"))?;
    let name = name.ok_or_else(|| Fault::tensor(Label { name: None, index }, "it has no name"))?;
    Ok(Draft { name, datatype, shape, parameters, contents })
}

fn read_datatype(value: Value, label: Label<'_>) -> Read<DataType> {
    DataType::parse(&value.text(16, "a datatype")?)
        .ok_or_else(|| Fault::tensor(label, "its datatype is none of the protocol's (FP32, INT64, ...)"))
}

/// Reads dimensions, packed or one by one.
fn read_shape(value: &Value, shape: &mut Vec<u64>, label: Label<'_>, limits: &Limits) -> Read<()> {
    match value {
        Value::Varint(dimension) => push_dimension(*dimension, shape, label, limits),
        Value::Bytes(packed) => {
            let mut rest: &[u8] = packed;
            while !rest.is_empty() {
                let (dimension, length) = varint(rest).ok_or_else(not_protobuf)?;
                push_dimension(dimension, shape, label, limits)?;
                rest = rest.get(length..).unwrap_or_default();
            }
            Ok(())
        }
        _ => Err(not_this_message()),
    }
}

fn push_dimension(dimension: u64, shape: &mut Vec<u64>, label: Label<'_>, limits: &Limits) -> Read<()> {
    if shape.len() >= limits.dimensions {
        return Err(Fault::tensor(label, "its shape has too many dimensions"));
    }
    if dimension.cast_signed() < 0 {
        return Err(Fault::tensor(label, "a dimension must be a whole number from 0 on"));
    }
    shape.push(dimension);
    Ok(())
}

impl std::fmt::Display for Label<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name {
            Some(name) => write!(formatter, "tensor '{name}'"),
            None => write!(formatter, "tensor number {}", self.index.saturating_add(1)),
        }
    }
}
