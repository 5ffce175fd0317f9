//! A tensor as it stands in a message: read with its data, or with the promise of binary data behind the JSON.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use sluicegate_core::{DataType, Parameters, Tensor};

use super::binary::Tail;
use super::{elements, parameters};
use crate::fault::{Fault, Read};
use crate::json::{Members, Reader};

/// Who wrote the message that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A client: what it wrote wrongly is refused.
    Client,
    /// A model server: habits that lose nothing are forgiven.
    Backend,
}

/// A tensor whose JSON is read.
pub(super) struct Draft {
    name: String,
    datatype: DataType,
    shape: Vec<u64>,
    parameters: Parameters,
    data: Data,
}

enum Data {
    /// Elements that stood in the JSON.
    Json(Bytes),
    /// So many bytes behind the JSON.
    Binary(u64),
}

/// Members of a tensor as they come, in any order.
#[derive(Default)]
struct Parts<'a> {
    name: Option<Cow<'a, str>>,
    datatype: Option<DataType>,
    shape: Option<Vec<u64>>,
    parameters: Parameters,
    data: Option<Bytes>,
    /// Where the data starts, if it came before what it takes to read it.
    later: Option<Reader<'a>>,
}

/// What a fault calls a tensor: its name, or its place while that is not known.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    name: Option<&'a str>,
    index: usize,
}

/// A reader of the tensors of one message.
pub(super) struct Tensors {
    side: Side,
    elements_left: u64,
}

/// How deep a tensor's members stand: message, list, tensor.
const OPEN: usize = 3;

impl Tensors {
    /// Of a message from `side`, which may have `elements` elements in all.
    pub(super) const fn from(side: Side, elements: u64) -> Self {
        Self { side, elements_left: elements }
    }

    /// Reads a list of tensors.
    pub(super) fn read_list(&mut self, reader: &mut Reader<'_>) -> Read<Vec<Draft>> {
        reader.expect(b'[', "expected a list of tensors")?;
        let mut drafts: Vec<Draft> = Vec::new();
        let mut first = true;
        while reader.next_element(&mut first)? {
            if drafts.len() >= reader.limits().tensors {
                return Err(reader.fault("too many tensors"));
            }
            drafts.push(self.read(reader, drafts.len())?);
        }
        Ok(drafts)
    }

    fn read(&mut self, reader: &mut Reader<'_>, index: usize) -> Read<Draft> {
        reader.expect(b'{', "expected a tensor")?;
        let mut members = Members::of(&["name", "shape", "datatype", "parameters", "data"]);
        let mut parts = Parts::default();
        let mut first = true;
        while let Some(key) = reader.next_key(&mut first)? {
            match members.note(key, reader)? {
                Some("name") => parts.name = Some(name(reader)?),
                Some("datatype") => parts.datatype = Some(datatype(reader, &parts, index)?),
                Some("shape") => parts.shape = Some(shape(reader, &parts, index)?),
                Some("parameters") => parts.parameters = parameters::read(reader, OPEN, self.side)?,
                Some(_) if parts.complete() => parts.data = Some(self.data(reader, &parts, index)?),
                Some(_) => {
                    reader.peek();
                    parts.later = Some(reader.clone());
                    reader.skip(OPEN, true)?;
                }
                None => reader.skip(OPEN, false)?,
            }
        }
        self.draft(parts, index)
    }

    fn draft(&mut self, mut parts: Parts<'_>, index: usize) -> Read<Draft> {
        if let Some(mut reader) = parts.later.take() {
            parts.data = Some(self.data(&mut reader, &parts, index)?);
        }
        let Parts { name, datatype, shape, mut parameters, data, later: _ } = parts;
        let label = Label { name: name.as_deref(), index };
        if parameters::ask_shared_memory(&parameters) {
            return Err(Fault::tensor(label, "shared memory does not reach through a gateway; send the data itself"));
        }
        let size = parameters::take_size(&mut parameters).map_err(|what| Fault::tensor(label, what))?;
        let shape = shape.ok_or_else(|| label.lacks("shape"))?;
        let data = match (data, size) {
            (Some(data), None) => Data::Json(data),
            (None, Some(size)) => {
                self.admit(&shape, label)?;
                Data::Binary(size)
            }
            (Some(_), Some(_)) => return Err(Fault::tensor(label, "it has both data and binary_data_size")),
            (None, None) => return Err(label.lacks("data, nor binary_data_size")),
        };
        let datatype = datatype.ok_or_else(|| label.lacks("datatype"))?;
        let name = name.ok_or_else(|| Label { name: None, index }.lacks("name"))?.into_owned();
        Ok(Draft { name, datatype, shape, parameters, data })
    }

    fn data(&mut self, reader: &mut Reader<'_>, parts: &Parts<'_>, index: usize) -> Read<Bytes> {
        let label = parts.label(index);
        let shape = parts.shape.as_deref().ok_or_else(|| label.lacks("shape"))?;
        let datatype = parts.datatype.ok_or_else(|| label.lacks("datatype"))?;
        let count = self.admit(shape, label)?;
        if self.side == Side::Client && matches!(datatype, DataType::Fp16 | DataType::Bf16) {
            let hint = format!(
                "{datatype} has no JSON form; send it with the binary tensor data extension (binary_data_size)"
            );
            return Err(Fault::tensor(label, hint));
        }
        elements::read(reader, datatype, shape, count, label)
    }

    /// Holds a tensor's declared size against the limits; answers its number of elements.
    fn admit(&mut self, shape: &[u64], label: Label<'_>) -> Read<u64> {
        let count = Tensor::count(shape)
            .ok_or_else(|| Fault::tensor(label, "the shape has more elements than can be addressed"))?;
        self.elements_left = self
            .elements_left
            .checked_sub(count)
            .ok_or_else(|| Fault::tensor(label, "the message has more elements than the gateway takes"))?;
        Ok(count)
    }
}

impl Parts<'_> {
    const fn complete(&self) -> bool {
        self.name.is_some() && self.datatype.is_some() && self.shape.is_some()
    }

    fn label(&self, index: usize) -> Label<'_> {
        Label { name: self.name.as_deref(), index }
    }
}

impl<'a> Label<'a> {
    /// The tensor `name`.
    pub(super) const fn named(name: &'a str) -> Self {
        Self { name: Some(name), index: 0 }
    }
}

impl Label<'_> {
    fn lacks(self, what: &'static str) -> Fault {
        Fault::tensor(self, format_args!("it has no {what}"))
    }
}

impl std::fmt::Display for Label<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name {
            Some(name) => write!(formatter, "tensor '{name}'"),
            None => write!(formatter, "tensor number {}", self.index.saturating_add(1)),
        }
    }
}

impl Draft {
    /// The tensor, with its data taken from `tail` where it is binary.
    pub(super) fn finish(self, tail: &mut Tail) -> Read<Tensor> {
        let data = match self.data {
            Data::Json(data) => data,
            Data::Binary(size) => tail.take(size, format_args!("tensor '{}'", self.name))?,
        };
        Ok(Tensor::new(self.name, self.datatype, self.shape, data)?.with_parameters(self.parameters))
    }
}

/// Makes tensors of drafts, in the order of their binary data; each name once.
pub(super) fn finish(drafts: Vec<Draft>, mut tail: Tail) -> Read<Vec<Tensor>> {
    let mut names = HashSet::new();
    if let Some(twice) = drafts.iter().find(|draft| !names.insert(draft.name.as_str())) {
        return Err(Fault::tensor(format_args!("tensor '{}'", twice.name), "it is given twice"));
    }
    let tensors = drafts.into_iter().map(|draft| draft.finish(&mut tail)).collect::<Read<Vec<Tensor>>>()?;
    tail.end()?;
    Ok(tensors)
}

/// Reads a name of bounded length.
pub(super) fn name<'a>(reader: &mut Reader<'a>) -> Read<Cow<'a, str>> {
    let name = reader.string()?;
    if name.len() > reader.limits().name { Err(reader.fault("a name is too long")) } else { Ok(name) }
}

fn datatype(reader: &mut Reader<'_>, parts: &Parts<'_>, index: usize) -> Read<DataType> {
    let name = reader.string()?;
    DataType::parse(&name)
        .ok_or_else(|| Fault::tensor(parts.label(index), "its datatype is none of the protocol's (FP32, INT64, ...)"))
}

fn shape(reader: &mut Reader<'_>, parts: &Parts<'_>, index: usize) -> Read<Vec<u64>> {
    let fault = |what: &'static str| Fault::tensor(parts.label(index), what);
    if !reader.eat(b'[') {
        return Err(fault("its shape must be a list of dimensions"));
    }
    let mut shape = Vec::new();
    let mut first = true;
    while reader.next_element(&mut first)? {
        if shape.len() >= reader.limits().dimensions {
            return Err(fault("its shape has too many dimensions"));
        }
        let number = match reader.peek() {
            Some(b'-' | b'0'..=b'9') => reader.number()?.exact(),
            _ => None,
        };
        let dimension = number.and_then(|exact| u64::try_from(exact).ok());
        shape.push(dimension.ok_or_else(|| fault("a dimension must be a whole number from 0 on"))?);
    }
    Ok(shape)
}
