//! `LabelEncoder` in its four forms: a list of strings (1), typed lists of keys and values (2), tensors of them (4).

use std::collections::HashMap as Map;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::kernel::{Kernel, Outline, input, operator, outline};
use super::values::{numbers, tensor, texts};

/// A key, made so that equal keys are equal bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Int(i64),
    Float(u64),
}

/// Values, each as wide as its kind can be; what is put out is cast to the model's own type.
#[derive(Clone, Debug)]
enum Column {
    Text(Vec<String>),
    Int(Vec<i64>),
    Float(Vec<f64>),
}

#[derive(Debug)]
struct LabelEncoder {
    places: Map<Key, usize>,
    values: Column,
    default: Column,
    out: DatumType,
}

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(super) fn label_encoder(context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    if attributes.has("classes_strings") {
        return first_form(attributes);
    }
    let (keys, _) = column(attributes, context, "keys")?;
    let (values, out) = column(attributes, context, "values")?;
    ensure!(keys.len() == values.len(), "has {} keys and {} values", keys.len(), values.len());
    let default = default(attributes, context, &values)?;
    let mut places = places(keys);
    // Until version 4, NaN was no key: nothing is equal to it.
    let version = context.model.opset_import.iter().find(|set| set.domain == "ai.onnx.ml").map_or(1, |set| set.version);
    if version < 4 {
        places.remove(&Key::float(f64::NAN));
    }
    Ok((operator(LabelEncoder { places, values, default, out }), vec![]))
}

// Version 1 maps a list of strings to their indices, or back, by the type of its input: both ways are built, and
// the shape of the graph decides which one runs.
fn first_form(attributes: Attributes<'_>) -> Built {
    let classes = attributes.strings("classes_strings")?;
    let indices = (0..).take(classes.len()).collect();
    let forward = LabelEncoder {
        places: places(Column::Text(classes)),
        values: Column::Int(indices),
        default: Column::Int(vec![attributes.int("default_int64", -1)]),
        out: i64::datum_type(),
    };
    Ok((operator(forward), vec![]))
}

fn column(attributes: Attributes<'_>, context: &ParsingContext, what: &str) -> TractResult<(Column, DatumType)> {
    let strings = format!("{what}_strings");
    let ints = format!("{what}_int64s");
    let floats = format!("{what}_floats");
    let typed = [&strings, &ints, &floats].into_iter().filter(|name| attributes.has(name)).count();
    let by_tensor = attributes.tensor(context, &format!("{what}_tensor"))?;
    ensure!(typed + usize::from(by_tensor.is_some()) == 1, "needs {what} in one type, no more and no less");
    if let Some(tensor) = by_tensor {
        return Ok((Column::of(&tensor)?, tensor.datum_type()));
    }
    Ok(if attributes.has(&strings) {
        (Column::Text(attributes.strings(&strings)?), String::datum_type())
    } else if attributes.has(&ints) {
        (Column::Int(attributes.ints(&ints)), i64::datum_type())
    } else {
        (Column::Float(attributes.floats(&floats).into_iter().map(f64::from).collect()), f32::datum_type())
    })
}

fn default(attributes: Attributes<'_>, context: &ParsingContext, values: &Column) -> TractResult<Column> {
    if let Some(tensor) = attributes.tensor(context, "default_tensor")? {
        let default = Column::of(&tensor)?;
        let alike = std::mem::discriminant(&default) == std::mem::discriminant(values);
        ensure!(default.len() == 1 && alike, "default_tensor must hold one value of the values' type");
        return Ok(default);
    }
    Ok(match values {
        Column::Text(_) => Column::Text(vec![attributes.text("default_string", "_Unused")?]),
        Column::Int(_) => Column::Int(vec![attributes.int("default_int64", -1)]),
        Column::Float(_) => Column::Float(vec![f64::from(attributes.float("default_float", -0.0))]),
    })
}

// The first of two equal keys counts.
fn places(keys: Column) -> Map<Key, usize> {
    let mut places = Map::with_capacity(keys.len());
    for (place, key) in keys.keys().into_iter().enumerate() {
        places.entry(key).or_insert(place);
    }
    places
}

impl Column {
    fn of(tensor: &Tensor) -> TractResult<Self> {
        let datum = tensor.datum_type();
        Ok(if datum == String::datum_type() {
            Self::Text(texts(tensor)?.to_vec())
        } else if datum.is_float() {
            Self::Float(numbers::<f64>(tensor)?.into_owned())
        } else {
            Self::Int(numbers::<i64>(tensor)?.into_owned())
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(column) => column.len(),
            Self::Int(column) => column.len(),
            Self::Float(column) => column.len(),
        }
    }

    fn keys(self) -> Vec<Key> {
        match self {
            Self::Text(column) => column.into_iter().map(Key::Text).collect(),
            Self::Int(column) => column.into_iter().map(Key::Int).collect(),
            Self::Float(column) => column.into_iter().map(Key::float).collect(),
        }
    }
}

impl Key {
    // All NaN are one key, and so are the two zeros.
    fn float(value: f64) -> Self {
        let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
        Self::Float(value.to_bits())
    }
}

impl LabelEncoder {
    fn pick<T: Clone>(&self, keys: &[Key], values: &[T], default: &[T]) -> TractResult<Vec<T>> {
        let found: Option<Vec<T>> = keys
            .iter()
            .map(|key| self.places.get(key).and_then(|place| values.get(*place)).or(default.first()).cloned())
            .collect();
        found.context("has no default value")
    }
}

impl Kernel for LabelEncoder {
    fn name(&self) -> &'static str {
        "LabelEncoder"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let from = outline(inputs, 0)?;
        let text = matches!(self.places.keys().next(), Some(Key::Text(_)));
        ensure!(
            self.places.is_empty() || text == (from.datum == String::datum_type()),
            "the keys are of another type than the input"
        );
        Ok(tvec!(Outline { datum: self.out, shape: from.shape.clone() }))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let keys = Column::of(from)?.keys();
        let made = match (&self.values, &self.default) {
            (Column::Text(values), Column::Text(default)) => tensor(from.shape(), self.pick(&keys, values, default)?)?,
            (Column::Int(values), Column::Int(default)) => tensor(from.shape(), self.pick(&keys, values, default)?)?,
            (Column::Float(values), Column::Float(default)) => {
                tensor(from.shape(), self.pick(&keys, values, default)?)?
            }
            _ => bail!("the default is of another type than the values"),
        };
        Ok(tvec!(made.cast_to_dt(self.out)?.into_owned()))
    }
}
