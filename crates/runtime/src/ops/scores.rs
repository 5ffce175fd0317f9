//! What stands between raw scores and a classifier's or regressor's output: `post_transform` of `ai.onnx.ml`, computed
//! as onnxruntime computes it, and the second class that binary models leave out.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// The attribute `post_transform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

/// How a single score becomes two. With `LOGISTIC` both ways give both sides of the logistic function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    /// It stays alone.
    No,
    /// Taken for a probability: `[1 - s, s]`.
    Complement,
    /// Taken for a margin: `[-s, s]`.
    Mirror,
}

/// Real numbers of a tree's or a linear model's arithmetic.
pub(crate) trait Real: Datum + Copy + PartialOrd + std::ops::AddAssign {
    const ZERO: Self;
    fn of(value: f64) -> Self;
    fn single(self) -> f32;
    fn is_missing(self) -> bool;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
    fn of(value: f64) -> Self {
        value as Self
    }
    fn single(self) -> f32 {
        self
    }
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    fn of(value: f64) -> Self {
        value
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
    fn single(self) -> f32 {
        self as f32
    }
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

impl Post {
    pub(crate) fn parse(name: &str) -> TractResult<Self> {
        Ok(match name {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            _ => bail!("post_transform is unknown; known are NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO, PROBIT"),
        })
    }

    /// Numbered as `TreeEnsemble` of `ai.onnx.ml` 5 numbers them.
    pub(crate) fn numbered(number: i64) -> TractResult<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Softmax,
            2 => Self::Logistic,
            3 => Self::SoftmaxZero,
            4 => Self::Probit,
            _ => bail!("post_transform {number} is unknown"),
        })
    }

    /// Turns one row of raw scores into what is put out.
    pub(crate) fn apply(self, scores: &mut Vec<f32>, second: Second) {
        match scores.as_slice() {
            [] => (),
            [score] => *scores = self.single(*score, second),
            _ => self.several(scores),
        }
    }

    fn several(self, scores: &mut [f32]) {
        match self {
            Self::None => (),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Softmax => softmax(scores),
            Self::SoftmaxZero => softmax_zero(scores),
        }
    }

    fn single(self, score: f32, second: Second) -> Vec<f32> {
        match (self, second) {
            (Self::Probit, _) => vec![probit(score)],
            (Self::Logistic, Second::No) => vec![logistic(score)],
            (Self::Logistic, _) => vec![logistic(-score), logistic(score)],
            (_, Second::No) => vec![score],
            (_, Second::Complement) => vec![1.0 - score, score],
            (_, Second::Mirror) => vec![-score, score],
        }
    }
}

/// The index of the greatest, the first among equals.
pub(crate) fn greatest<T: PartialOrd + Copy>(scores: &[T]) -> usize {
    let mut best = 0;
    let mut top: Option<T> = None;
    for (index, score) in scores.iter().enumerate() {
        if top.is_none_or(|top| *score > top) {
            best = index;
            top = Some(*score);
        }
    }
    best
}

pub(crate) fn logistic(value: f32) -> f32 {
    let upper = 1.0 / (1.0 + (-value.abs()).exp());
    if value < 0.0 { 1.0 - upper } else { upper }
}

fn softmax(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

// Leaves scores of zero out of the sum: for them a class was never voted for.
fn softmax_zero(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::MIN, f32::max);
    let factor = (-greatest).exp();
    let mut sum = 0.0;
    for score in &mut *scores {
        if score.abs() > 1e-7 {
            *score = (*score - greatest).exp();
            sum += *score;
        } else {
            *score *= factor;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn probit(value: f32) -> f32 {
    std::f32::consts::SQRT_2 * inverse_erf(2.0 * value - 1.0)
}

// Winitzki's approximation with the constants onnxruntime uses: the two must agree, not be exact.
fn inverse_erf(value: f32) -> f32 {
    const A: f32 = 0.147;
    #[expect(clippy::approx_constant, reason = "the constant of the reference implementation")]
    const PI: f32 = 3.14159;
    let log = ((1.0 - value) * (1.0 + value)).ln();
    let half = 2.0 / (PI * A) + 0.5 * log;
    let root = (-half + (half * half - log / A).sqrt()).sqrt();
    if value < 0.0 { -root } else { root }
}
