//! Relative links between the pages lead to files that exist.

use super::{Facts, Found};

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let pages = facts.tree.texts().filter(|(path, _)| path.ends_with(".md"));
    pages.flat_map(|(path, text)| broken(facts, path, text)).collect()
}

fn broken(facts: &Facts, page: &str, text: &str) -> Vec<Found> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for target in targets(line).filter(|target| !is_elsewhere(target)) {
            let file = target.split('#').next().unwrap_or_default();
            match resolve(folder, file) {
                Some(path) if path.is_empty() || facts.tree.holds(&path) => {}
                _ => found.push((page.to_owned(), number, format!("the link to {target} leads nowhere"))),
            }
        }
    }
    found
}

/// What stands in `](...)` on a line, code spans left out.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let prose = line.split('`').step_by(2);
    prose.flat_map(|text| text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()))
}

/// Links to other places, or to a heading of the same page.
fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:") || target.starts_with('#')
}

/// The path from the root; nothing if it leaves the repository.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{resolve, targets};

    #[test]
    fn links_are_found_outside_code() {
        let found: Vec<&str> = targets("see [a](b.md) and `[c](d.md)` and [e](f.md#g \"h\")").collect();
        assert_eq!(found, ["b.md", "f.md#g"]);
    }

    #[test]
    fn paths_are_resolved_within_the_repository() {
        assert_eq!(resolve("docs/adr", "../status.md").as_deref(), Some("docs/status.md"));
        assert_eq!(resolve("", "./docs/").as_deref(), Some("docs"));
        assert_eq!(resolve("docs", "../../other"), None);
    }
}
