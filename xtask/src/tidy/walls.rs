//! Which room may import which, and what each must never import: the edges of `cargo metadata` against the table.

mod table;

use std::collections::BTreeSet;

use self::table::{Outside, ROOMS, Room, TEST_LIBRARIES};
use super::metadata::{Dependency, Package};
use super::{Facts, Found};

/// The one crate that only tests may use.
const TESTKIT: &str = "sluicegate-testkit";

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let rooms: BTreeSet<&str> = facts.metadata.own().map(|package| package.name.as_str()).collect();
    facts.metadata.own().flat_map(|package| of_package(facts, package, &rooms)).collect()
}

fn of_package(facts: &Facts, package: &Package, rooms: &BTreeSet<&str>) -> Vec<Found> {
    let manifest = facts.metadata.manifest(package);
    let Some(room) = ROOMS.iter().find(|room| room.package() == package.name && manifest == room.manifest()) else {
        let advice = "is no room of the table in xtask/src/tidy/walls/table.rs; rooms come with a wall and an ADR";
        return vec![(manifest.to_owned(), 1, format!("package {} {advice}", package.name))];
    };
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let ours = rooms.contains(dependency.name.as_str());
        if let Some(message) = direct(room, dependency, ours) {
            let line = facts.tree.line(manifest, |line| names(line, &dependency.name));
            found.push((manifest.to_owned(), line, message));
        }
    }
    found.extend(brought_along(facts, package, room));
    found.extend(unlinted(facts, manifest));
    found
}

/// Whether a line of a manifest is the entry of this dependency.
fn names(line: &str, dependency: &str) -> bool {
    let line = line.trim_start().trim_start_matches("[dependencies.").trim_start_matches("[dev-dependencies.");
    line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=', ']']))
}

/// What is wrong with one line of the dependency tables.
fn direct(room: &Room, dependency: &Dependency, ours: bool) -> Option<String> {
    let name = dependency.name.as_str();
    let bare = name.strip_prefix("sluicegate-").unwrap_or(name);
    if dependency.is_dev() {
        let allowed = if ours { name == TESTKIT || room.rooms.contains(&bare) } else { TEST_LIBRARIES.contains(&name) };
        let known = allowed || room.imports(name);
        return (!known).then(|| {
            format!(
                "{} may not use {name} in its tests: test through the testkit, or add a library to TEST_LIBRARIES",
                room.name
            )
        });
    }
    if name == TESTKIT {
        return Some(format!("{} imports the testkit outside dev-dependencies; move it there", room.name));
    }
    if ours && !room.rooms.contains(&bare) {
        let may = if room.rooms.is_empty() { "no other room".to_owned() } else { room.rooms.join(", ") };
        return Some(format!("room {} must not import {bare}; it may import {may}", room.name));
    }
    if ours {
        return None;
    }
    if room.never.contains(&name) {
        return Some(format!("room {} must never import {name}: {}", room.name, room.because));
    }
    match room.outside {
        Outside::Only(list) if !list.contains(&name) => Some(format!(
            "room {} imports {name}, which is not on its list in xtask/src/tidy/walls/table.rs; {}",
            room.name, room.because
        )),
        _ => None,
    }
}

/// What a room must never import must not come in through a friend either.
fn brought_along(facts: &Facts, package: &Package, room: &Room) -> Vec<Found> {
    if !room.closed {
        return Vec::new();
    }
    let manifest = facts.metadata.manifest(package);
    let closure = facts.metadata.closure(package);
    let indirect = closure.iter().filter(|(name, chain)| room.never.contains(*name) && chain.len() > 2);
    indirect
        .map(|(name, chain)| {
            let friend = chain.get(1).copied().unwrap_or_default();
            let line = facts.tree.line(manifest, |line| names(line, friend));
            let way = chain.join(" -> ");
            (manifest.to_owned(), line, format!("room {} must never import {name}, but does: {way}", room.name))
        })
        .collect()
}

/// A room that does not take the workspace's lints has no lints.
fn unlinted(facts: &Facts, manifest: &str) -> Option<Found> {
    let text = facts.tree.text(manifest)?;
    let linted = text.lines().any(|line| line.trim_start().starts_with("[lints"));
    (!linted).then(|| (manifest.to_owned(), 1, "add `[lints]` with `workspace = true`".to_owned()))
}
