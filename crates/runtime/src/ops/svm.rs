//! `SVMClassifier` and `SVMRegressor`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, index};
use super::kernel::{Kernel, Outline, input, operator, outline};
use super::labels::Labels;
use super::scores::{Post, Second, greatest, logistic};
use super::values::{Rows, tensor};

/// Classes above this make more pairs than a model can have coefficients for.
const MAX_CLASSES: usize = 4096;

/// The function that compares a row with a support vector.
#[derive(Clone, Copy, Debug)]
enum Similarity {
    Linear,
    Poly { gamma: f32, coef0: f32, degree: f32 },
    Rbf { gamma: f32 },
    Sigmoid { gamma: f32, coef0: f32 },
}

/// Vectors that a row is compared with.
#[derive(Debug)]
struct Vectors {
    similarity: Similarity,
    values: Vec<f32>,
    columns: usize,
}

/// One against one, by support vectors.
#[derive(Debug)]
struct Pairs {
    vectors: Vectors,
    /// `classes - 1` lines of one coefficient a support vector.
    coefficients: Vec<f32>,
    /// Where each class's support vectors begin and end.
    spans: Vec<(usize, usize)>,
    rho: Vec<f32>,
    /// A pair's sigmoid, where probabilities are asked for.
    sigmoids: Vec<(f32, f32)>,
}

#[derive(Debug)]
enum Machine {
    Pairs(Pairs),
    /// One line of coefficients a class.
    Lines {
        vectors: Vectors,
        rho: f32,
        all_positive: bool,
    },
}

#[derive(Debug)]
struct Classifier {
    machine: Machine,
    labels: Labels,
    post: Post,
}

#[derive(Debug)]
struct Regressor {
    vectors: Vectors,
    /// One weight a support vector; a single 1 where the vector is a line of coefficients.
    weights: Vec<f32>,
    rho: f32,
    one_class: bool,
}

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

pub(super) fn classifier(_context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let labels = Labels::read(attributes, "classlabels_ints")?;
    let classes = labels.len();
    ensure!((2..=MAX_CLASSES).contains(&classes), "has {classes} classes; 2 to {MAX_CLASSES} are possible");
    let post = Post::parse(&attributes.text("post_transform", "NONE")?)?;
    let rho = attributes.floats("rho");
    let coefficients = attributes.floats("coefficients");
    let per_class = attributes.ints("vectors_per_class");
    let machine = if per_class.is_empty() {
        ensure!(!rho.is_empty(), "rho is empty");
        let all_positive = coefficients.iter().all(|weight| *weight >= 0.0);
        let vectors = Vectors::new(Similarity::Linear, coefficients, classes)?;
        Machine::Lines { vectors, rho: rho.first().copied().unwrap_or_default(), all_positive }
    } else {
        Machine::Pairs(Pairs::read(attributes, classes, &per_class, coefficients, rho)?)
    };
    let single = matches!(&machine, Machine::Pairs(pairs) if pairs.sigmoids.is_empty()) && classes == 2;
    ensure!(!single || post != Post::Probit, "PROBIT has no meaning for two classes with one score");
    Ok((operator(Classifier { machine, labels, post }), vec![]))
}

pub(super) fn regressor(_context: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let post = Post::parse(&attributes.text("post_transform", "NONE")?)?;
    ensure!(post == Post::None, "post_transform of SVMRegressor is not supported");
    let coefficients = attributes.floats("coefficients");
    let rho = attributes.floats("rho").first().copied().context("rho is empty")?;
    let count = index(attributes.int("n_supports", 0), "n_supports")? as usize;
    let one_class = attributes.int("one_class", 0) != 0;
    let (vectors, weights) = if count > 0 {
        let vectors = Vectors::new(Similarity::read(attributes)?, attributes.floats("support_vectors"), count)?;
        ensure!(coefficients.len() >= count, "has {} coefficients for {count} vectors", coefficients.len());
        (vectors, coefficients)
    } else {
        (Vectors::new(Similarity::Linear, coefficients, 1)?, vec![1.0])
    };
    Ok((operator(Regressor { vectors, weights, rho, one_class }), vec![]))
}

impl Similarity {
    fn read(attributes: Attributes<'_>) -> TractResult<Self> {
        let parameters = attributes.floats("kernel_params");
        let parameter = |place: usize| parameters.get(place).copied().unwrap_or_default();
        let (gamma, coef0, degree) = (parameter(0), parameter(1), parameter(2));
        Ok(match &*attributes.text("kernel_type", "LINEAR")? {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Poly { gamma, coef0, degree },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, coef0 },
            _ => bail!("kernel_type is unknown; known are LINEAR, POLY, RBF, SIGMOID"),
        })
    }

    fn of(self, left: &[f32], right: &[f32]) -> f32 {
        let dot = || left.iter().zip(right).map(|(a, b)| a * b).sum::<f32>();
        match self {
            Self::Linear => dot(),
            Self::Poly { gamma, coef0, degree } => (gamma * dot() + coef0).powf(degree),
            Self::Rbf { gamma } => {
                let distance: f32 = left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum();
                (-gamma * distance).exp()
            }
            Self::Sigmoid { gamma, coef0 } => (gamma * dot() + coef0).tanh(),
        }
    }
}

impl Vectors {
    fn new(similarity: Similarity, values: Vec<f32>, count: usize) -> TractResult<Self> {
        ensure!(
            count > 0 && !values.is_empty() && values.len().is_multiple_of(count),
            "has {} numbers for {count} vectors, which do not divide",
            values.len()
        );
        Ok(Self { similarity, columns: values.len() / count, values })
    }

    fn compare(&self, row: &[f32], found: &mut Vec<f32>) {
        found.clear();
        found.extend(self.values.chunks_exact(self.columns).map(|vector| self.similarity.of(row, vector)));
    }

    fn check(&self, input: &Outline) -> TractResult<TDim> {
        let (rows, columns) = input.matrix()?;
        if let Some(columns) = columns.as_i64() {
            ensure!(usize::try_from(columns) == Ok(self.columns), "takes {} features, got {columns}", self.columns);
        }
        Ok(rows)
    }
}

impl Pairs {
    fn read(
        attributes: Attributes<'_>,
        classes: usize,
        per_class: &[i64],
        coefficients: Vec<f32>,
        rho: Vec<f32>,
    ) -> TractResult<Self> {
        ensure!(per_class.len() == classes, "has {} vectors_per_class for {classes} classes", per_class.len());
        let mut spans = Vec::with_capacity(classes);
        let mut count = 0_usize;
        for number in per_class {
            let start = count;
            count = count.checked_add(index(*number, "vectors_per_class")? as usize).context("too many vectors")?;
            spans.push((start, count));
        }
        let pairs = classes * (classes - 1) / 2;
        let (a, b) = (attributes.floats("prob_a"), attributes.floats("prob_b"));
        ensure!(coefficients.len() >= (classes - 1).saturating_mul(count), "has too few coefficients");
        ensure!(rho.len() >= pairs, "has {} numbers in rho for {pairs} pairs of classes", rho.len());
        ensure!(a.len() == b.len() && (a.is_empty() || a.len() >= pairs), "prob_a or prob_b has another length");
        let vectors = Vectors::new(Similarity::read(attributes)?, attributes.floats("support_vectors"), count)?;
        Ok(Self { vectors, coefficients, spans, rho, sigmoids: a.into_iter().zip(b).collect() })
    }

    /// One score a pair of classes, and how often each class won.
    fn duel(&self, found: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let mut scores = Vec::with_capacity(self.rho.len());
        let mut wins = vec![0_u32; self.spans.len()];
        let mut rho = self.rho.iter();
        for (left, &span) in self.spans.iter().enumerate() {
            for (right, &other) in self.spans.iter().enumerate().skip(left + 1) {
                let mut sum = self.side(right - 1, span, found) + self.side(left, other, found);
                sum += f64::from(rho.next().copied().unwrap_or_default());
                if let Some(won) = wins.get_mut(if sum > 0.0 { left } else { right }) {
                    *won += 1;
                }
                #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is meant")]
                scores.push(sum as f32);
            }
        }
        (scores, wins)
    }

    fn side(&self, line: usize, (start, end): (usize, usize), found: &[f32]) -> f64 {
        let line = line * found.len();
        let weights = self.coefficients.get(line + start..line + end).unwrap_or(&[]);
        let found = found.get(start..end).unwrap_or(&[]);
        weights.iter().zip(found).map(|(weight, value)| f64::from(weight * value)).sum()
    }

    /// Probabilities of the classes from those of the pairs.
    fn couple(&self, scores: &[f32]) -> Vec<f32> {
        let classes = self.spans.len();
        let mut pairwise = vec![vec![0.0_f32; classes]; classes];
        let mut known = scores.iter().zip(&self.sigmoids);
        for left in 0..classes {
            for right in left + 1..classes {
                let Some((score, (a, b))) = known.next() else { continue };
                let won = (1.0 - logistic(score * a + b)).clamp(1e-7, 1.0 - 1e-7);
                for (row, column, value) in [(left, right, won), (right, left, 1.0 - won)] {
                    if let Some(cell) = pairwise.get_mut(row).and_then(|row| row.get_mut(column)) {
                        *cell = value;
                    }
                }
            }
        }
        super::coupling::couple(&pairwise)
    }
}

impl Classifier {
    fn width(&self) -> usize {
        let classes = self.labels.len();
        match &self.machine {
            Machine::Pairs(pairs) if pairs.sigmoids.is_empty() && classes > 2 => classes * (classes - 1) / 2,
            Machine::Pairs(_) | Machine::Lines { .. } => classes,
        }
    }

    fn vectors(&self) -> &Vectors {
        match &self.machine {
            Machine::Pairs(pairs) => &pairs.vectors,
            Machine::Lines { vectors, .. } => vectors,
        }
    }

    fn decide(&self, found: &[f32]) -> (usize, Vec<f32>) {
        match &self.machine {
            Machine::Pairs(pairs) => {
                let (mut scores, wins) = pairs.duel(found);
                let winner = greatest(&wins);
                if pairs.sigmoids.is_empty() {
                    let second = if self.post == Post::None { Second::Mirror } else { Second::Complement };
                    self.post.apply(&mut scores, second);
                } else {
                    scores = pairs.couple(&scores);
                    self.post.apply(&mut scores, Second::No);
                }
                (winner, scores)
            }
            Machine::Lines { rho, all_positive, .. } => {
                let mut scores: Vec<f32> = found.iter().map(|value| value + rho).collect();
                let mut winner = greatest(&scores);
                // Two lines: the reference takes a clear win of either for the second class.
                let top = scores.get(winner).copied().unwrap_or_default();
                if scores.len() == 2 && (if *all_positive { top >= 0.5 } else { top > 0.0 }) {
                    winner = 1;
                }
                self.post.apply(&mut scores, Second::No);
                (winner, scores)
            }
        }
    }
}

impl Kernel for Classifier {
    fn name(&self) -> &'static str {
        "SVMClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let rows = self.vectors().check(outline(inputs, 0)?)?;
        Ok(tvec!(
            Outline::new(self.labels.datum(), [rows.clone()]),
            Outline::new(f32::datum_type(), [rows, self.width().to_dim()]),
        ))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = Rows::<f32>::of_width(input(inputs, 0)?, self.vectors().columns)?;
        let mut winners = Vec::with_capacity(rows.rows);
        let mut out = Vec::with_capacity(rows.rows * self.width());
        let mut found = Vec::new();
        for row in rows.iter() {
            self.vectors().compare(row, &mut found);
            let (winner, scores) = self.decide(&found);
            winners.push(winner);
            out.extend_from_slice(&scores);
        }
        Ok(tvec!(self.labels.tensor(&winners)?, tensor(&[rows.rows, self.width()], out)?))
    }
}

impl Kernel for Regressor {
    fn name(&self) -> &'static str {
        "SVMRegressor"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let rows = self.vectors.check(outline(inputs, 0)?)?;
        Ok(tvec!(Outline::new(f32::datum_type(), [rows, 1.to_dim()])))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = Rows::<f32>::of_width(input(inputs, 0)?, self.vectors.columns)?;
        let mut out = Vec::with_capacity(rows.rows);
        let mut found = Vec::new();
        for row in rows.iter() {
            self.vectors.compare(row, &mut found);
            let sum: f32 = found.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum();
            let score = sum + self.rho;
            out.push(match (self.one_class, score > 0.0) {
                (false, _) => score,
                (true, true) => 1.0,
                (true, false) => -1.0,
            });
        }
        Ok(tvec!(tensor(&[rows.rows, 1], out)?))
    }
}
