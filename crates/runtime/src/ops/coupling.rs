//! Probabilities of several classes from those of their pairs: the second method of Wu, Lin and Weng (2004), which
//! libsvm, scikit-learn and onnxruntime use, with their stopping rule.

/// Rounds after which the search ends, converged or not.
const ROUNDS: usize = 100;

/// `pairwise[i][j]` is the probability of class `i` where only `i` and `j` can be. The answer sums to one.
pub(super) fn couple(pairwise: &[Vec<f32>]) -> Vec<f32> {
    let classes = pairwise.len();
    let at = |row: usize, column: usize| pairwise.get(row).and_then(|row| row.get(column)).copied().unwrap_or_default();
    // Q of the paper: the quadratic form whose minimum on the simplex is sought.
    let form: Vec<Vec<f32>> = (0..classes)
        .map(|row| {
            (0..classes)
                .map(|column| {
                    if row == column {
                        (0..classes).filter(|other| *other != row).map(|other| at(other, row).powi(2)).sum()
                    } else {
                        -at(column, row) * at(row, column)
                    }
                })
                .collect()
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "at most some thousand classes")]
    let count = classes as f32;
    let mut found = vec![1.0 / count; classes];
    for _ in 0..ROUNDS {
        let mut slopes: Vec<f32> =
            form.iter().map(|row| row.iter().zip(&found).map(|(q, p)| q * p).sum::<f32>()).collect();
        let mut value: f32 = slopes.iter().zip(&found).map(|(slope, p)| slope * p).sum();
        let error = slopes.iter().map(|slope| (slope - value).abs()).fold(0.0, f32::max);
        if error < 0.005 / count {
            break;
        }
        for (class, row) in form.iter().enumerate() {
            let (Some(own), Some(slope)) = (row.get(class).copied(), slopes.get(class).copied()) else { continue };
            let step = (value - slope) / own;
            if let Some(p) = found.get_mut(class) {
                *p += step;
            }
            let shrink = 1.0 + step;
            value = (value + step * (step * own + 2.0 * slope)) / shrink / shrink;
            for ((slope, q), p) in slopes.iter_mut().zip(row).zip(&mut found) {
                *slope = (*slope + step * q) / shrink;
                *p /= shrink;
            }
        }
    }
    found
}
