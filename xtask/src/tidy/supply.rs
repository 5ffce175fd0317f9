//! Other people's crates: under which licences, from where, and which ones never. The same as `deny.toml`, for
//! machines on which building cargo-deny costs too much.

mod mirror;
mod spdx;
mod table;

pub(super) use self::mirror::check as mirror;
use self::table::{BANS, LICENCES};
use super::metadata::Package;
use super::{Facts, Found};

const LOCK: &str = "Cargo.lock";

/// Every package has a licence, and one that the list allows.
pub(super) fn licences(facts: &Facts) -> Vec<Found> {
    let allowed = |licence: &str| LICENCES.contains(&licence);
    let mut found = Vec::new();
    for package in &facts.metadata.packages {
        let problem = match package.license.as_deref() {
            None => "states no licence".to_owned(),
            Some(expression) => match spdx::permits(expression, allowed) {
                Ok(true) => continue,
                Ok(false) => format!("is under {expression}, which LICENCES does not allow"),
                Err(reason) => format!("has a licence `{expression}` that cannot be read: {reason}"),
            },
        };
        found.push(at(facts, package, &problem));
    }
    found
}

/// Banned crates are not there, or come only through the crates named in the table.
pub(super) fn bans(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for package in facts.metadata.foreign() {
        let Some(ban) = BANS.iter().find(|ban| ban.name == package.name) else { continue };
        let parents = facts.metadata.parents(ban.name);
        let refused: Vec<&str> = parents.into_iter().filter(|parent| !ban.tolerated_from.contains(parent)).collect();
        if !refused.is_empty() {
            let problem = format!("is banned: {}; it comes through {}", ban.reason, refused.join(", "));
            found.push(at(facts, package, &problem));
        }
    }
    found
}

/// Everything is from the default registry: the one that a manifest's plain dependency means.
pub(super) fn sources(facts: &Facts) -> Vec<Found> {
    let plain = facts.metadata.own().flat_map(|package| &package.dependencies).filter(|d| d.registry.is_none());
    let default: Vec<&str> = plain.filter_map(|d| d.source.as_deref()).filter(|s| s.starts_with("registry+")).collect();
    let strange = facts
        .metadata
        .foreign()
        .filter(|package| package.source.as_deref().is_none_or(|source| !default.contains(&source)));
    strange
        .map(|package| {
            let from = package.source.as_deref().unwrap_or("a folder");
            at(facts, package, &format!("comes from {from}; only the default registry is allowed"))
        })
        .collect()
}

/// The finding's place is the package's entry in the lock file.
fn at(facts: &Facts, package: &Package, problem: &str) -> Found {
    let entry = format!("name = \"{}\"", package.name);
    let line = facts.tree.line(LOCK, |line| line == entry);
    (LOCK.to_owned(), line, format!("{} {} {problem}", package.name, package.version))
}
