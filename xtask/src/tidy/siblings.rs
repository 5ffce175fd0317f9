//! Adapters do not know each other: each speaks to one outside system, and what two need is in a shared file.

use super::source::{line_at, words};
use super::{Facts, Found};

const FOLDER: &str = "crates/adapters/src/";
/// The list of a port's adapters names them all.
const TABLE: &str = "table";

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let adapters: Vec<(&str, &str)> = facts.sources.iter().filter_map(|source| place(facts, &source.path)).collect();
    let mut found = Vec::new();
    for source in &facts.sources {
        let Some((port, name)) = place(facts, &source.path) else { continue };
        if name == TABLE {
            continue;
        }
        for (other_port, other) in adapters.iter().filter(|adapter| **adapter != (port, name) && adapter.1 != TABLE) {
            let mut paths = vec![format!("crate::{other_port}::{other}")];
            if *other_port == port {
                paths.push(format!("super::{other}"));
            }
            for path in paths {
                let hits = words(&source.production, &path).map(|at| line_at(&source.production, at));
                let message = format!(
                    "adapter {port}/{name} uses adapter {other_port}/{other}; share through a file beside the ports"
                );
                found.extend(hits.map(|line| (source.path.clone(), line, message.clone())));
            }
        }
    }
    found
}

/// Port and adapter of a file `<port>/<name>.rs`; deeper files belong to the adapter whose folder they are in. A folder
/// without a table is no port, but what adapters share.
fn place<'a>(facts: &Facts, path: &'a str) -> Option<(&'a str, &'a str)> {
    let (port, rest) = path.strip_prefix(FOLDER)?.split_once('/')?;
    let name = rest.split('/').next()?.trim_end_matches(".rs");
    let is_port = facts.tree.holds(&format!("{FOLDER}{port}/{TABLE}.rs"));
    (is_port && name != "tests").then_some((port, name))
}
