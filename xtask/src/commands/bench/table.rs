//! Tables and bars in Markdown.

use super::figures::Summary;

/// A table as it is filled.
pub(in crate::commands) struct Table(String);

/// Characters of the longest bar.
const BAR: f64 = 40.0;

impl Table {
    pub(in crate::commands) fn new(columns: &[&str]) -> Self {
        let rule = "---|".repeat(columns.len());
        Self(format!("| {} |\n|{rule}\n", columns.join(" | ")))
    }

    pub(in crate::commands) fn row(&mut self, cells: &[String]) {
        self.0.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    pub(in crate::commands) fn text(self) -> String {
        self.0
    }
}

/// `median [lower-upper] (least-greatest)`.
pub(super) fn spread(summary: Option<Summary>) -> String {
    summary.map_or_else(nothing, |it| {
        format!(
            "{} [{}-{}] ({}-{})",
            short(it.median),
            short(it.lower),
            short(it.upper),
            short(it.least),
            short(it.greatest)
        )
    })
}

/// `median [lower-upper]`.
pub(super) fn quartiles(summary: Option<Summary>) -> String {
    summary.map_or_else(nothing, |it| format!("{} [{}-{}]", short(it.median), short(it.lower), short(it.upper)))
}

/// A ratio, always with two digits behind the point.
pub(super) fn ratio(summary: Option<Summary>) -> String {
    summary.map_or_else(nothing, |it| format!("{:.2} [{:.2}-{:.2}]", it.median, it.lower, it.upper))
}

pub(super) fn median(summary: Option<Summary>) -> String {
    summary.map_or_else(nothing, |it| short(it.median))
}

/// A text picture of the medians.
pub(super) fn bars(rows: &[(String, Option<Summary>)]) -> String {
    let most = rows.iter().filter_map(|(_, summary)| summary.map(|it| it.median)).fold(0.0, f64::max);
    let lines = rows.iter().filter_map(|(name, summary)| {
        let median = summary.as_ref()?.median;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 40")]
        let length = (median / most.max(f64::MIN_POSITIVE) * BAR).round() as usize;
        Some(format!("{name:<12} {} {}\n", "#".repeat(length), short(median)))
    });
    format!("```text\n{}```\n", lines.collect::<String>())
}

/// Three digits, which is more than is known.
pub(super) fn short(figure: f64) -> String {
    let size = figure.abs();
    if size >= 99.95 {
        format!("{figure:.0}")
    } else if size >= 9.995 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

fn nothing() -> String {
    "-".to_owned()
}
