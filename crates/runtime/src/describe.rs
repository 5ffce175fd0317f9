//! What a model says of itself: inputs, outputs and properties, read from its file. Knows the file format, no engine.

use sluicegate_core::{DataType, TensorMetadata};
use tract_onnx::pb::{GraphProto, ModelProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto};

/// The first version of the format in which an initializer need not be listed as an input.
const IR_WITH_DEFAULTS: i64 = 4;

/// A dimension of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    /// Always this long.
    Fixed(u64),
    /// Any length, but the same wherever the name stands.
    Named(String),
    /// Any length.
    Any,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) datatype: DataType,
    /// `None`: any number of dimensions.
    pub(crate) dims: Option<Vec<Dim>>,
    /// Whether an input may be left out, since the file holds a default for it.
    pub(crate) optional: bool,
}

/// A model's surface.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Description {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) properties: Vec<(String, String)>,
}

impl Description {
    /// Reads a model's surface.
    ///
    /// # Errors
    /// An input whose type the protocol does not have, in words for the operator.
    pub(crate) fn read(model: &ModelProto) -> Result<Self, String> {
        let graph = model.graph.as_ref().ok_or("the file holds no graph")?;
        let mut inputs = Vec::new();
        for info in &graph.input {
            let has_default = graph.initializer.iter().any(|tensor| tensor.name == info.name);
            if has_default && model.ir_version < IR_WITH_DEFAULTS {
                continue;
            }
            inputs.push(Port::read(info, has_default).ok_or_else(|| unreadable("input", &info.name))?);
        }
        let outputs = graph.output.iter().map(|info| Port::output(info, graph)).collect::<Result<_, _>>()?;
        Ok(Self { inputs, outputs, properties: properties(model, graph) })
    }
}

impl Port {
    fn read(info: &ValueInfoProto, optional: bool) -> Option<Self> {
        let tensor = tensor_type(info.r#type.as_ref()?)?;
        let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(Dim::read).collect());
        Some(Self { name: info.name.clone(), datatype: datatype(tensor.elem_type)?, dims, optional })
    }

    // ZipMap's sequence of maps is put out as the probabilities themselves.
    fn output(info: &ValueInfoProto, graph: &GraphProto) -> Result<Self, String> {
        let maker = graph.node.iter().find(|node| node.output.contains(&info.name));
        if maker.is_some_and(|node| node.op_type == "ZipMap") {
            let dims = Some(vec![Dim::Any, Dim::Any]);
            return Ok(Self { name: info.name.clone(), datatype: DataType::Fp32, dims, optional: false });
        }
        Self::read(info, false).ok_or_else(|| unreadable("output", &info.name))
    }

    /// For a model's metadata: -1 stands for any length.
    pub(crate) fn metadata(&self) -> TensorMetadata {
        let shape = self.dims.iter().flatten().map(|dim| match dim {
            Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
            Dim::Named(_) | Dim::Any => -1,
        });
        TensorMetadata { name: self.name.clone(), datatype: self.datatype, shape: shape.collect() }
    }
}

impl Dim {
    fn read(dimension: &tensor_shape_proto::Dimension) -> Self {
        match &dimension.value {
            Some(tensor_shape_proto::dimension::Value::DimValue(length)) => {
                u64::try_from(*length).ok().filter(|length| *length > 0).map_or(Self::Any, Self::Fixed)
            }
            Some(tensor_shape_proto::dimension::Value::DimParam(name)) if !name.is_empty() => Self::Named(name.clone()),
            _ => Self::Any,
        }
    }
}

fn unreadable(what: &str, name: &str) -> String {
    format!("{what} '{name}' is not a tensor of a type that the inference protocol has")
}

fn tensor_type(kind: &TypeProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = kind.value.as_ref()?;
    Some(tensor)
}

/// The datatype that ONNX numbers so.
pub(crate) fn datatype(number: i32) -> Option<DataType> {
    Some(match number {
        1 => DataType::Fp32,
        2 => DataType::Uint8,
        3 => DataType::Int8,
        4 => DataType::Uint16,
        5 => DataType::Int16,
        6 => DataType::Int32,
        7 => DataType::Int64,
        8 => DataType::Bytes,
        9 => DataType::Bool,
        10 => DataType::Fp16,
        11 => DataType::Fp64,
        12 => DataType::Uint32,
        13 => DataType::Uint64,
        16 => DataType::Bf16,
        _ => return None,
    })
}

fn properties(model: &ModelProto, graph: &GraphProto) -> Vec<(String, String)> {
    let mut properties: Vec<(String, String)> = Vec::new();
    for entry in &model.metadata_props {
        if !properties.iter().any(|(key, _)| *key == entry.key) {
            properties.push((entry.key.clone(), entry.value.clone()));
        }
    }
    if !properties.iter().any(|(key, _)| key == "class_names")
        && let Some(names) = class_names(graph)
    {
        properties.push(("class_names".to_owned(), names));
    }
    properties
}

/// The classes that the last classifier or ZipMap of the graph lists, as a JSON array of strings.
fn class_names(graph: &GraphProto) -> Option<String> {
    let holders = ["ZipMap", "TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier"];
    let node = graph.node.iter().rev().find(|node| holders.contains(&node.op_type.as_str()))?;
    let of = |names: &[&str]| node.attribute.iter().find(|attribute| names.contains(&attribute.name.as_str()));
    let strings = of(&["classlabels_strings"]).filter(|attribute| !attribute.strings.is_empty());
    let names: Vec<String> = match strings {
        Some(attribute) => attribute.strings.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
        None => of(&["classlabels_ints", "classlabels_int64s"])?.ints.iter().map(ToString::to_string).collect(),
    };
    serde_json::to_string(&names).ok()
}
