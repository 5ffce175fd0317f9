//! Operators that change each number by itself or by its row: `Scaler`, `Normalizer`, `Imputer`, `Binarizer`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::kernel::{Kernel, Outline, input, operator, outline};
use super::values::{matrix, numbers, tensor};

#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
enum Norm {
    Max,
    L1,
    L2,
}

#[derive(Debug)]
struct Normalizer(Norm);

#[derive(Debug)]
struct Imputer<T> {
    imputed: Vec<T>,
    replaced: T,
}

#[derive(Debug)]
struct Binarizer {
    threshold: f32,
}

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(super) fn scaler(_context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let (offset, scale) = (attributes.floats("offset"), attributes.floats("scale"));
    ensure!(!scale.is_empty() && scale.len() == offset.len(), "offset and scale must have equally many numbers");
    Ok((operator(Scaler { offset, scale }), vec![]))
}

pub(super) fn normalizer(_context: &ParsingContext, node: &NodeProto) -> Built {
    let norm = match &*Attributes::of(node).text("norm", "MAX")? {
        "MAX" => Norm::Max,
        "L1" => Norm::L1,
        "L2" => Norm::L2,
        _ => bail!("norm is unknown; known are MAX, L1, L2"),
    };
    Ok((operator(Normalizer(norm)), vec![]))
}

pub(super) fn imputer(_context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let floats = attributes.floats("imputed_value_floats");
    let ints = attributes.ints("imputed_value_int64s");
    let op = match (floats.is_empty(), ints.is_empty()) {
        (false, true) => operator(Imputer { imputed: floats, replaced: attributes.float("replaced_value_float", 0.0) }),
        (true, false) => operator(Imputer { imputed: ints, replaced: attributes.int("replaced_value_int64", 0) }),
        _ => bail!("needs imputed_value_floats or imputed_value_int64s, one of them"),
    };
    Ok((op, vec![]))
}

pub(super) fn binarizer(_context: &ParsingContext, node: &NodeProto) -> Built {
    Ok((operator(Binarizer { threshold: Attributes::of(node).float("threshold", 0.0) }), vec![]))
}

/// Refuses a list that is neither one number for all columns nor one a column.
fn fits(length: usize, input: &Outline) -> TractResult<()> {
    let columns = input.matrix()?.1;
    if let Some(columns) = columns.as_i64() {
        let one_each = usize::try_from(columns) == Ok(length);
        ensure!(length == 1 || one_each, "has {length} numbers for {columns} features");
    }
    Ok(())
}

/// The number of a list that belongs to column `column`.
fn of_column<T: Copy>(list: &[T], column: usize) -> TractResult<T> {
    let index = if list.len() == 1 { 0 } else { column };
    list.get(index).copied().with_context(|| format!("has {} numbers, but more features came", list.len()))
}

fn same(datum: DatumType, input: &Outline) -> TVec<Outline> {
    tvec!(Outline { datum, shape: input.shape.clone() })
}

impl Kernel for Scaler {
    fn name(&self) -> &'static str {
        "Scaler"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        fits(self.scale.len(), outline(inputs, 0)?)?;
        Ok(same(f32::datum_type(), outline(inputs, 0)?))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let columns = matrix(from.shape())?.1.max(1);
        let pairs = (0..columns)
            .map(|column| Ok((of_column(&self.offset, column)?, of_column(&self.scale, column)?)))
            .collect::<TractResult<Vec<_>>>()?;
        let values = numbers::<f32>(from)?;
        let out = values.iter().zip(pairs.iter().cycle()).map(|(value, (offset, scale))| (value - offset) * scale);
        Ok(tvec!(tensor(from.shape(), out.collect())?))
    }
}

impl Norm {
    fn apply(self, row: &mut [f32]) {
        match self {
            Self::Max => {
                let greatest = row.iter().copied().fold(f32::MIN, f32::max);
                if greatest != 0.0 {
                    row.iter_mut().for_each(|value| *value /= greatest);
                }
            }
            Self::L1 => {
                let sum: f32 = row.iter().map(|value| value.abs()).sum();
                if sum != 0.0 {
                    row.iter_mut().for_each(|value| *value /= sum);
                }
            }
            Self::L2 => {
                let sum: f32 = row.iter().map(|value| value * value).sum();
                if sum != 0.0 {
                    let length = sum.sqrt();
                    row.iter_mut().for_each(|value| *value /= length);
                }
            }
        }
    }
}

impl Kernel for Normalizer {
    fn name(&self) -> &'static str {
        "Normalizer"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        outline(inputs, 0)?.matrix()?;
        Ok(same(f32::datum_type(), outline(inputs, 0)?))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let columns = matrix(from.shape())?.1;
        let mut values = numbers::<f32>(from)?.into_owned();
        if columns > 0 {
            values.chunks_exact_mut(columns).for_each(|row| self.0.apply(row));
        }
        Ok(tvec!(tensor(from.shape(), values)?))
    }
}

impl<T> Kernel for Imputer<T>
where
    T: Datum + Copy + PartialEq + std::fmt::Debug,
{
    fn name(&self) -> &'static str {
        "Imputer"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        fits(self.imputed.len(), outline(inputs, 0)?)?;
        Ok(same(T::datum_type(), outline(inputs, 0)?))
    }

    #[expect(clippy::eq_op, reason = "only NaN differs from itself, and NaN may stand for a missing value")]
    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let columns = matrix(from.shape())?.1.max(1);
        let values = numbers::<T>(from)?;
        let nan_is_missing = self.replaced != self.replaced;
        let imputed = (0..columns).map(|column| of_column(&self.imputed, column)).collect::<TractResult<Vec<_>>>()?;
        let out = values.iter().zip(imputed.iter().cycle()).map(|(value, imputed)| {
            let missing = *value == self.replaced || (nan_is_missing && *value != *value);
            if missing { *imputed } else { *value }
        });
        Ok(tvec!(tensor(from.shape(), out.collect())?))
    }
}

impl Kernel for Binarizer {
    fn name(&self) -> &'static str {
        "Binarizer"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        Ok(same(f32::datum_type(), outline(inputs, 0)?))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let out = numbers::<f32>(from)?.iter().map(|value| f32::from(u8::from(*value > self.threshold))).collect();
        Ok(tvec!(tensor(from.shape(), out)?))
    }
}
