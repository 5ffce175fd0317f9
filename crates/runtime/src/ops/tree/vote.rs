//! The three tree operators: what the leaves' votes become. Where the specification is silent, the answer is
//! onnxruntime's, so that a model moves between the two without a change.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::super::attributes::{Attributes, index};
use super::super::kernel::{Kernel, Outline, input, operator, outline};
use super::super::labels::Labels;
use super::super::scores::{Post, Real, Second};
use super::super::values::{Rows, tensor};
use super::trees::{MAX_TARGETS, Trees};
use super::{Forest, ensemble, read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

#[derive(Debug)]
struct Classifier {
    trees: Trees,
    labels: Labels,
    base: Vec<f64>,
    post: Post,
    /// Two classes, and all votes are for one of them.
    one_sided: bool,
    all_positive: bool,
}

#[derive(Debug)]
struct Regressor {
    name: &'static str,
    trees: Trees,
    aggregate: Aggregate,
    base: Vec<f64>,
    post: Post,
    /// Whether the output has the input's precision; else it is single.
    keeps_precision: bool,
}

/// A target's score while the trees vote.
#[derive(Clone, Copy, Debug)]
struct Score<T> {
    value: T,
    voted: bool,
}

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(in super::super) fn classifier(context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let labels = Labels::read(attributes, "classlabels_int64s")?;
    let classes = index(i64::try_from(labels.len())?, "the number of classes")?;
    let trees = Trees::read(context, node, "class", classes)?;
    let base = read::numbers(attributes, context, "base_values")?;
    ensure!(
        base.is_empty() || base.len() == labels.len() || (base.len() == 1 && labels.len() == 2),
        "has {} base_values for {} classes",
        base.len(),
        labels.len()
    );
    let post = Post::parse(&attributes.text("post_transform", "NONE")?)?;
    let (one_sided, all_positive) = trees.sides();
    let one_sided = one_sided && labels.len() == 2;
    ensure!(!one_sided || post != Post::Probit, "PROBIT has no meaning for two classes with one score");
    Ok((operator(Classifier { trees, labels, base, post, one_sided, all_positive }), vec![]))
}

pub(in super::super) fn regressor(context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let targets = index(attributes.int("n_targets", 1), "n_targets")?;
    let trees = Trees::read(context, node, "target", targets)?;
    let base = read::numbers(attributes, context, "base_values")?;
    ensure!(base.is_empty() || base.len() == trees.targets, "has {} base_values for {targets} targets", base.len());
    let aggregate = match &*attributes.text("aggregate_function", "SUM")? {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        _ => bail!("aggregate_function is unknown; known are SUM, AVERAGE, MIN, MAX"),
    };
    let post = Post::parse(&attributes.text("post_transform", "NONE")?)?;
    let name = "TreeEnsembleRegressor";
    Ok((operator(Regressor { name, trees, aggregate, base, post, keeps_precision: false }), vec![]))
}

pub(in super::super) fn ensemble(context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let targets = index(attributes.int("n_targets", 1), "n_targets")?;
    ensure!(targets <= MAX_TARGETS, "n_targets is {targets}, more than {MAX_TARGETS}");
    let doubles =
        attributes.tensor(context, "nodes_splits")?.is_some_and(|splits| splits.datum_type() == f64::datum_type());
    let trees = if doubles {
        Trees::double(ensemble::forest(context, node, targets)?)
    } else {
        Trees::single(ensemble::forest(context, node, targets)?)
    };
    let aggregate = match attributes.int("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        number => bail!("aggregate_function {number} is unknown"),
    };
    let post = Post::numbered(attributes.int("post_transform", 0))?;
    let name = "TreeEnsemble";
    Ok((operator(Regressor { name, trees, aggregate, base: vec![], post, keeps_precision: true }), vec![]))
}

impl Classifier {
    fn rows<T: Real>(&self, forest: &Forest<T>, from: &Tensor) -> TractResult<TVec<Tensor>> {
        let rows = Rows::<T>::of(from)?;
        self.trees.enough(rows.columns)?;
        let width = self.labels.len();
        let mut winners = Vec::with_capacity(rows.rows);
        let mut out = Vec::with_capacity(rows.rows * width);
        let mut scores = vec![Score { value: T::ZERO, voted: false }; width];
        let mut written = Vec::with_capacity(width);
        for row in rows.iter() {
            scores.fill(Score { value: T::ZERO, voted: false });
            for root in &forest.roots {
                for vote in forest.reach(*root, row) {
                    if let Some(score) = scores.get_mut(vote.target as usize) {
                        score.value += vote.weight;
                        score.voted = true;
                    }
                }
            }
            let (winner, second) = self.finish(&mut scores, &mut written);
            winners.push(winner);
            self.post.apply(&mut written, second);
            out.extend_from_slice(&written);
        }
        let probabilities = tensor(&[rows.rows, width], out)?;
        Ok(tvec!(self.label(&winners)?, probabilities))
    }

    /// Adds the base values, names the winner and writes the scores that `post_transform` is to see.
    fn finish<T: Real>(&self, scores: &mut [Score<T>], written: &mut Vec<f32>) -> (usize, Second) {
        written.clear();
        let [first, second] = scores else {
            for (score, base) in scores.iter_mut().zip(&self.base) {
                score.value += T::of(*base);
                score.voted = true;
            }
            written.extend(scores.iter().map(|score| score.single()));
            return (winner(scores), Second::No);
        };
        let mut alone = !second.voted;
        match *self.base.as_slice() {
            [_, base] if second.voted => {
                second.value = T::of(base);
                second.value += first.value;
                first.value = T::of(-f64::from(second.value.single()));
            }
            [base, _] => {
                first.value += T::of(base);
                first.voted = true;
                alone = false;
            }
            [base] => first.value += T::of(base),
            _ => (),
        }
        let deciding = if second.voted { second.value } else { first.value };
        let bar = if self.one_sided && self.all_positive { T::of(0.5) } else { T::ZERO };
        let winner = usize::from(deciding > bar);
        if alone {
            written.push(first.value.single());
        } else {
            written.extend([first.single(), second.single()]);
        }
        let kind = match (self.one_sided, self.all_positive) {
            (true, false) => Second::Mirror,
            _ => Second::Complement,
        };
        (winner, kind)
    }

    // With votes for both of two classes the reference answers 1 or 0, whatever the labels are.
    fn label(&self, winners: &[usize]) -> TractResult<Tensor> {
        match &self.labels {
            Labels::Ints(labels) if labels.len() == 2 && !self.one_sided => Labels::Ints(vec![0, 1]).tensor(winners),
            labels => labels.tensor(winners),
        }
    }
}

impl<T: Real> Score<T> {
    fn single(&self) -> f32 {
        if self.voted { self.value.single() } else { 0.0 }
    }
}

fn winner<T: Real>(scores: &[Score<T>]) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (class, score) in scores.iter().enumerate().filter(|(_, score)| score.voted) {
        if best.is_none_or(|(_, top)| score.value > top) {
            best = Some((class, score.value));
        }
    }
    best.map_or(0, |(class, _)| class)
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "TreeEnsembleClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let rows = self.trees.check(outline(inputs, 0)?)?;
        Ok(tvec!(
            Outline::new(self.labels.datum(), [rows.clone()]),
            Outline::new(f32::datum_type(), [rows, self.labels.len().to_dim()]),
        ))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        match &self.trees.single {
            Some(forest) if from.datum_type() != f64::datum_type() => self.rows(forest, from),
            _ => self.rows(self.trees.wide()?, from),
        }
    }
}

impl Regressor {
    fn rows<T: Real + std::ops::Div<Output = T>>(&self, forest: &Forest<T>, from: &Tensor) -> TractResult<Vec<T>> {
        let rows = Rows::<T>::of(from)?;
        self.trees.enough(rows.columns)?;
        let mut out = Vec::with_capacity(rows.rows * self.trees.targets);
        let mut scores = vec![Score { value: T::ZERO, voted: false }; self.trees.targets];
        let trees = T::of(forest.roots.iter().fold(0.0, |count, _| count + 1.0));
        for row in rows.iter() {
            scores.fill(Score { value: T::ZERO, voted: false });
            for root in &forest.roots {
                for vote in forest.reach(*root, row) {
                    if let Some(score) = scores.get_mut(vote.target as usize) {
                        self.aggregate.take(score, vote.weight);
                    }
                }
            }
            for (target, score) in scores.iter().enumerate() {
                let mut value = if self.aggregate == Aggregate::Average { score.value / trees } else { score.value };
                value += self.base.get(target).map_or(T::ZERO, |base| T::of(*base));
                out.push(value);
            }
        }
        Ok(out)
    }

    /// Applies `post_transform`; the reference leaves a single target alone, except for `PROBIT`.
    fn post(&self, raw: &[f32]) -> Vec<f32> {
        let alone = self.trees.targets == 1 && self.post != Post::Probit;
        if self.post == Post::None || alone {
            return raw.to_vec();
        }
        let mut out = Vec::with_capacity(raw.len());
        let mut row = Vec::with_capacity(self.trees.targets);
        for scores in raw.chunks_exact(self.trees.targets) {
            row.clear();
            row.extend_from_slice(scores);
            self.post.apply(&mut row, Second::No);
            out.extend_from_slice(&row);
        }
        out
    }
}

impl Aggregate {
    fn take<T: Real>(self, score: &mut Score<T>, weight: T) {
        let better = match self {
            Self::Sum | Self::Average => {
                score.value += weight;
                false
            }
            Self::Min => !score.voted || weight < score.value,
            Self::Max => !score.voted || weight > score.value,
        };
        if better {
            score.value = weight;
        }
        score.voted = true;
    }
}

impl Kernel for Regressor {
    fn name(&self) -> &'static str {
        self.name
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let from = outline(inputs, 0)?;
        let rows = self.trees.check(from)?;
        let datum = if self.keeps_precision { from.datum } else { f32::datum_type() };
        Ok(tvec!(Outline::new(datum, [rows, self.trees.targets.to_dim()])))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let shape = [Rows::<f32>::of(from)?.rows, self.trees.targets];
        if let (Some(forest), true) = (&self.trees.single, from.datum_type() != f64::datum_type()) {
            let out = tensor(&shape, self.post(&self.rows(forest, from)?))?;
            let datum = if self.keeps_precision { from.datum_type() } else { f32::datum_type() };
            return Ok(tvec!(out.cast_to_dt(datum)?.into_owned()));
        }
        let raw = self.rows(self.trees.wide()?, from)?;
        if self.keeps_precision && self.post == Post::None {
            return Ok(tvec!(tensor(&shape, raw)?.cast_to_dt(from.datum_type())?.into_owned()));
        }
        let raw: Vec<f32> = raw.iter().map(|value| value.single()).collect();
        let datum = if self.keeps_precision { from.datum_type() } else { f32::datum_type() };
        Ok(tvec!(tensor(&shape, self.post(&raw))?.cast_to_dt(datum)?.into_owned()))
    }
}
