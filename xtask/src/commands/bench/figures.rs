//! Many rounds in a few figures.

/// What a set of figures looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) least: f64,
    pub(super) lower: f64,
    pub(super) median: f64,
    pub(super) upper: f64,
    pub(super) greatest: f64,
}

impl Summary {
    /// Median and quartiles, between two figures where none is in the middle. `None` of nothing.
    pub(super) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            least: *sorted.first()?,
            lower: quarter(&sorted, 1)?,
            median: quarter(&sorted, 2)?,
            upper: quarter(&sorted, 3)?,
            greatest: *sorted.last()?,
        })
    }
}

/// The figure that so many quarters of the others are below.
fn quarter(sorted: &[f64], quarters: usize) -> Option<f64> {
    let steps = sorted.len().checked_sub(1)? * quarters;
    let below = sorted.get(steps / 4)?;
    let above = sorted.get(steps / 4 + 1).unwrap_or(below);
    #[expect(clippy::cast_precision_loss, reason = "0 to 3")]
    let part = (steps % 4) as f64 / 4.0;
    Some(below + (above - below) * part)
}

/// What `combine` makes of each round in which both were measured.
pub(super) fn paired(
    ours: &[Option<f64>],
    theirs: &[Option<f64>],
    combine: impl Fn(f64, f64) -> f64,
) -> Option<Summary> {
    let rounds = ours.iter().zip(theirs);
    Summary::of(rounds.filter_map(|(ours, theirs)| Some(combine((*ours)?, (*theirs)?))))
}

/// The ratio round by round; not that of the medians.
pub(super) fn ratio(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Summary> {
    paired(ours, theirs, |ours, theirs| ours / theirs)
}

/// The difference round by round.
pub(super) fn added(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Summary> {
    paired(ours, theirs, |ours, theirs| ours - theirs)
}
