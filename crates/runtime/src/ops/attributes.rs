//! Attributes of an ONNX node, read without trust: absent lists are empty, text must be UTF-8, counts must fit.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// A node's attributes by name.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a> {
    node: &'a NodeProto,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(node: &'a NodeProto) -> Self {
        Self { node }
    }

    fn find(self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(crate) fn floats(self, name: &str) -> Vec<f32> {
        self.find(name).map_or_else(Vec::new, |attribute| attribute.floats.clone())
    }

    pub(crate) fn ints(self, name: &str) -> Vec<i64> {
        self.find(name).map_or_else(Vec::new, |attribute| attribute.ints.clone())
    }

    pub(crate) fn strings(self, name: &str) -> TractResult<Vec<String>> {
        let Some(attribute) = self.find(name) else { return Ok(Vec::new()) };
        attribute
            .strings
            .iter()
            .map(|bytes| String::from_utf8(bytes.clone()).map_err(|_| format_err!("attribute {name} is not UTF-8")))
            .collect()
    }

    pub(crate) fn int(self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.i)
    }

    pub(crate) fn float(self, name: &str, default: f32) -> f32 {
        self.find(name).map_or(default, |attribute| attribute.f)
    }

    pub(crate) fn text(self, name: &str, default: &str) -> TractResult<String> {
        match self.find(name) {
            None => Ok(default.to_owned()),
            Some(attribute) => String::from_utf8(attribute.s.clone())
                .map_err(|_| format_err!("attribute {name} of {} is not UTF-8", self.node.op_type)),
        }
    }

    /// A tensor attribute; `None` where it is absent.
    pub(crate) fn tensor(self, context: &ParsingContext, name: &str) -> TractResult<Option<Tensor>> {
        match self.find(name).and_then(|attribute| attribute.t.as_ref()) {
            None => Ok(None),
            Some(proto) => context.load_tensor(proto).map(Some).with_context(|| format!("attribute {name}")),
        }
    }

    /// The numbers of a tensor attribute as doubles; empty where it is absent.
    pub(crate) fn tensor_numbers(self, context: &ParsingContext, name: &str) -> TractResult<Vec<f64>> {
        match self.tensor(context, name)? {
            None => Ok(Vec::new()),
            Some(tensor) => {
                let cast = tensor.cast_to::<f64>()?;
                Ok(cast.try_as_plain_ram()?.as_slice::<f64>()?.to_vec())
            }
        }
    }
}

/// A count or index that must not be negative and must stay below 2^31.
pub(crate) fn index(value: i64, what: &str) -> TractResult<u32> {
    match u32::try_from(value) {
        Ok(index) if index < 1 << 31 => Ok(index),
        _ => bail!("{what} is {value}: out of range"),
    }
}
