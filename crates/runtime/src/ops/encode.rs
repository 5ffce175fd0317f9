//! Operators between categories, numbers and columns: `OneHotEncoder`, `FeatureVectorizer`, `ArrayFeatureExtractor`,
//! `ZipMap`.

use std::collections::HashMap as Map;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, index};
use super::kernel::{Kernel, Outline, input, operator, outline, refused};
use super::values::{Rows, numbers, tensor, texts};

#[derive(Debug)]
enum Categories {
    Ints(Map<i64, usize>),
    Strings(Map<String, usize>),
}

#[derive(Debug)]
struct OneHot {
    categories: Categories,
    count: usize,
    /// Whether an unknown category is a row of zeros; else it is refused.
    zeros: bool,
}

#[derive(Debug)]
struct Vectorizer {
    widths: Vec<usize>,
}

#[derive(Debug)]
struct Extractor;

/// Puts the probabilities through as they are: the map's keys are in the model's metadata.
#[derive(Debug)]
struct ZipMap {
    classes: usize,
}

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(super) fn one_hot(_context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let strings = attributes.strings("cats_strings")?;
    let ints = attributes.ints("cats_int64s");
    let count = strings.len().max(ints.len());
    let categories = match (strings.is_empty(), ints.is_empty()) {
        (false, true) => Categories::Strings(strings.into_iter().enumerate().map(|(i, c)| (c, i)).collect()),
        (true, false) => Categories::Ints(ints.into_iter().enumerate().map(|(i, c)| (c, i)).collect()),
        _ => bail!("needs cats_int64s or cats_strings, one of them"),
    };
    Ok((operator(OneHot { categories, count, zeros: attributes.int("zeros", 1) != 0 }), vec![]))
}

pub(super) fn vectorizer(_context: &ParsingContext, node: &NodeProto) -> Built {
    let widths = Attributes::of(node)
        .ints("inputdimensions")
        .into_iter()
        .map(|width| index(width, "an input dimension").map(|width| width as usize))
        .collect::<TractResult<Vec<_>>>()?;
    ensure!(widths.len() == node.input.len(), "has {} inputdimensions for {} inputs", widths.len(), node.input.len());
    Ok((operator(Vectorizer { widths }), vec![]))
}

pub(super) fn extractor(_context: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((operator(Extractor), vec![]))
}

pub(super) fn zip_map(_context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let classes = attributes.strings("classlabels_strings")?.len().max(attributes.ints("classlabels_int64s").len());
    ensure!(classes > 0, "has no class labels");
    Ok((operator(ZipMap { classes }), vec![]))
}

impl Kernel for OneHot {
    fn name(&self) -> &'static str {
        "OneHotEncoder"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let from = outline(inputs, 0)?;
        let strings = from.datum == String::datum_type();
        ensure!(
            strings == matches!(self.categories, Categories::Strings(_)),
            "the categories are of another type than the input"
        );
        let shape = from.shape.iter().cloned().chain([self.count.to_dim()]);
        Ok(tvec!(Outline::new(f32::datum_type(), shape)))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let places: Vec<Option<usize>> = match &self.categories {
            Categories::Strings(map) => texts(from)?.iter().map(|text| map.get(text).copied()).collect(),
            Categories::Ints(map) => numbers::<i64>(from)?.iter().map(|number| map.get(number).copied()).collect(),
        };
        let mut out = vec![0.0_f32; places.len() * self.count];
        for (row, place) in out.chunks_exact_mut(self.count).zip(&places) {
            match place.and_then(|place| row.get_mut(place)) {
                Some(cell) => *cell = 1.0,
                None if self.zeros => (),
                None => return Err(refused("a category is not one the model knows")),
            }
        }
        let shape: Vec<usize> = from.shape().iter().copied().chain([self.count]).collect();
        Ok(tvec!(tensor(&shape, out)?))
    }
}

impl Kernel for Vectorizer {
    fn name(&self) -> &'static str {
        "FeatureVectorizer"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let rows = outline(inputs, 0)?.matrix()?.0;
        for input in inputs {
            input.matrix()?;
        }
        let width: usize = self.widths.iter().sum();
        Ok(tvec!(Outline::new(f32::datum_type(), [rows, width.to_dim()])))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let parts = inputs.iter().map(|input| Rows::<f32>::of(input)).collect::<TractResult<Vec<_>>>()?;
        let count = parts.first().map_or(0, |part| part.rows);
        if parts.iter().any(|part| part.rows != count) {
            return Err(refused("the inputs have different numbers of rows"));
        }
        let width: usize = self.widths.iter().sum();
        let mut out = Vec::with_capacity(count * width);
        let mut walks: Vec<_> = parts.iter().map(Rows::iter).collect();
        for _ in 0..count {
            for (walk, width) in walks.iter_mut().zip(&self.widths) {
                let row = walk.next().unwrap_or(&[]);
                // A row that is too short is filled with zeros, one that is too long cut, as the reference does.
                out.extend(row.iter().copied().chain(std::iter::repeat(0.0)).take(*width));
            }
        }
        Ok(tvec!(tensor(&[count, width], out)?))
    }
}

impl Extractor {
    fn pick<T: Datum>(from: &Tensor, picks: &[usize]) -> TractResult<Tensor> {
        let columns = from.shape().last().copied().unwrap_or(1);
        let values = from.try_as_plain_ram()?.as_slice::<T>()?;
        let mut out = Vec::with_capacity(values.len().checked_div(columns).unwrap_or(0) * picks.len());
        for row in values.chunks_exact(columns.max(1)) {
            for pick in picks {
                out.push(row.get(*pick).cloned().ok_or_else(|| refused("a column is picked that is not there"))?);
            }
        }
        let outer: &[usize] =
            if from.rank() < 2 { &[1] } else { from.shape().split_last().map_or(&[], |(_, rest)| rest) };
        let shape: Vec<usize> = outer.iter().copied().chain([picks.len()]).collect();
        tensor(&shape, out)
    }
}

impl Kernel for Extractor {
    fn name(&self) -> &'static str {
        "ArrayFeatureExtractor"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let (from, picks) = (outline(inputs, 0)?, outline(inputs, 1)?);
        ensure!(!from.shape.is_empty(), "takes at least one dimension");
        let outer: TVec<TDim> = match &*from.shape {
            [_] => tvec!(1.to_dim()),
            [outer @ .., _] => outer.iter().cloned().collect(),
            [] => tvec!(),
        };
        let count: TDim = picks.shape.iter().product();
        Ok(tvec!(Outline::new(from.datum, outer.into_iter().chain([count]))))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let picks = numbers::<i64>(input(inputs, 1)?)?
            .iter()
            .map(|pick| usize::try_from(*pick).map_err(|_| refused("a column is picked that is not there")))
            .collect::<TractResult<Vec<_>>>()?;
        Ok(tvec!(match from.datum_type() {
            DatumType::F32 => Self::pick::<f32>(from, &picks)?,
            DatumType::F64 => Self::pick::<f64>(from, &picks)?,
            DatumType::I64 => Self::pick::<i64>(from, &picks)?,
            DatumType::I32 => Self::pick::<i32>(from, &picks)?,
            DatumType::Bool => Self::pick::<bool>(from, &picks)?,
            DatumType::String => Self::pick::<String>(from, &picks)?,
            other => bail!("does not take {other:?}"),
        }))
    }
}

impl Kernel for ZipMap {
    fn name(&self) -> &'static str {
        "ZipMap"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let (rows, columns) = outline(inputs, 0)?.matrix()?;
        if let Some(columns) = columns.as_i64() {
            ensure!(usize::try_from(columns) == Ok(self.classes), "has {} labels for {columns} columns", self.classes);
        }
        Ok(tvec!(Outline::new(f32::datum_type(), [rows, self.classes.to_dim()])))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = Rows::<f32>::of_width(input(inputs, 0)?, self.classes)?;
        Ok(tvec!(tensor(&[rows.rows, rows.columns], rows.data.into_owned())?))
    }
}
