//! `LinearClassifier` and `LinearRegressor`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, index};
use super::kernel::{Kernel, Outline, input, operator, outline};
use super::labels::Labels;
use super::scores::{Post, Second, greatest};
use super::values::{Rows, tensor};

/// One line of coefficients a target, and an intercept each.
#[derive(Debug)]
struct Lines {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    columns: usize,
}

#[derive(Debug)]
struct Classifier {
    lines: Lines,
    labels: Labels,
    post: Post,
    binary: bool,
}

#[derive(Debug)]
struct Regressor {
    lines: Lines,
    post: Post,
}

pub(super) fn classifier(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes::of(node);
    let labels = Labels::read(attributes, "classlabels_ints")?;
    let intercepts = attributes.floats("intercepts");
    let targets = if intercepts.is_empty() { labels.len() } else { intercepts.len() };
    let lines = Lines::new(attributes.floats("coefficients"), intercepts, targets)?;
    let post = Post::parse(&attributes.text("post_transform", "NONE")?)?;
    let binary = targets == 1 && labels.len() == 2;
    ensure!(!binary || post != Post::Probit, "PROBIT has no meaning for two classes with one score");
    ensure!(binary || targets == labels.len(), "has {targets} rows of coefficients for {} classes", labels.len());
    Ok((operator(Classifier { lines, labels, post, binary }), vec![]))
}

pub(super) fn regressor(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes::of(node);
    let targets = index(attributes.int("targets", 1), "targets")? as usize;
    let lines = Lines::new(attributes.floats("coefficients"), attributes.floats("intercepts"), targets)?;
    let post = Post::parse(&attributes.text("post_transform", "NONE")?)?;
    Ok((operator(Regressor { lines, post }), vec![]))
}

impl Lines {
    fn new(coefficients: Vec<f32>, mut intercepts: Vec<f32>, targets: usize) -> TractResult<Self> {
        ensure!(targets > 0, "has no targets");
        ensure!(
            !coefficients.is_empty() && coefficients.len().is_multiple_of(targets),
            "has {} coefficients, which do not divide among {targets} targets",
            coefficients.len()
        );
        let columns = coefficients.len() / targets;
        if intercepts.is_empty() {
            intercepts = vec![0.0; targets];
        }
        ensure!(intercepts.len() == targets, "has {} intercepts for {targets} targets", intercepts.len());
        Ok(Self { coefficients, intercepts, columns })
    }

    fn targets(&self) -> usize {
        self.intercepts.len()
    }

    fn scores(&self, row: &[f32], scores: &mut Vec<f32>) {
        scores.clear();
        for (line, intercept) in self.coefficients.chunks_exact(self.columns).zip(&self.intercepts) {
            let dot: f32 = line.iter().zip(row).map(|(weight, value)| weight * value).sum();
            scores.push(dot + intercept);
        }
    }

    fn check(&self, input: &Outline) -> TractResult<TDim> {
        let (rows, columns) = input.matrix()?;
        if let Some(columns) = columns.as_i64() {
            ensure!(usize::try_from(columns) == Ok(self.columns), "takes {} features, got {columns}", self.columns);
        }
        Ok(rows)
    }
}

impl Classifier {
    fn width(&self) -> usize {
        if self.binary { 2 } else { self.lines.targets() }
    }
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "LinearClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let rows = self.lines.check(outline(inputs, 0)?)?;
        Ok(tvec!(
            Outline::new(self.labels.datum(), [rows.clone()]),
            Outline::new(f32::datum_type(), [rows, self.width().to_dim()]),
        ))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = Rows::<f32>::of_width(input(inputs, 0)?, self.lines.columns)?;
        let mut classes = Vec::with_capacity(rows.rows);
        let mut out = Vec::with_capacity(rows.rows * self.width());
        let mut scores = Vec::with_capacity(self.width());
        for row in rows.iter() {
            self.lines.scores(row, &mut scores);
            classes.push(match (&*scores, self.binary) {
                ([score], true) => usize::from(*score > 0.0),
                _ => greatest(&scores),
            });
            self.post.apply(&mut scores, if self.binary { Second::Complement } else { Second::No });
            out.extend_from_slice(&scores);
        }
        Ok(tvec!(self.labels.tensor(&classes)?, tensor(&[rows.rows, self.width()], out)?))
    }
}

impl Kernel for Regressor {
    fn name(&self) -> &'static str {
        "LinearRegressor"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let rows = self.lines.check(outline(inputs, 0)?)?;
        Ok(tvec!(Outline::new(f32::datum_type(), [rows, self.lines.targets().to_dim()])))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = Rows::<f32>::of_width(input(inputs, 0)?, self.lines.columns)?;
        let mut out = Vec::with_capacity(rows.rows * self.lines.targets());
        let mut scores = Vec::with_capacity(self.lines.targets());
        for row in rows.iter() {
            self.lines.scores(row, &mut scores);
            // A single target is left alone by the reference, whatever the attribute says, but for PROBIT.
            if scores.len() > 1 || self.post == Post::Probit {
                self.post.apply(&mut scores, Second::No);
            }
            out.extend_from_slice(&scores);
        }
        Ok(tvec!(tensor(&[rows.rows, self.lines.targets()], out)?))
    }
}
