//! Each file says what it is for, and no file is named after nothing.

use super::{Facts, Found};

/// Names that say nothing about what is inside.
const BAD_NAMES: &[(&str, &str)] = &[
    ("mod.rs", "name the file after its module, beside the folder"),
    ("utils.rs", "name the file after what is in it"),
    ("util.rs", "name the file after what is in it"),
    ("helpers.rs", "name the file after what is in it"),
];

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for source in &facts.sources {
        let name = source.path.rsplit('/').next().unwrap_or_default();
        if let Some((_, advice)) = BAD_NAMES.iter().find(|(bad, _)| *bad == name) {
            found.push((source.path.clone(), 1, format!("no `{name}`: {advice}")));
        }
        let first = source.text.lines().find(|line| !line.trim().is_empty());
        let headed = first.is_some_and(|line| line.strip_prefix("//!").is_some_and(|said| !said.trim().is_empty()));
        if source.is_production() && !source.is_generated() && !headed {
            let message = "begin with `//!`: what the file is for and what it must not know";
            found.push((source.path.clone(), 1, message.to_owned()));
        }
    }
    found
}
